"""Integrations: the tools' doors into a service, each with the routing key that opens it."""

import msgspec
from msgspec import UNSET

from tocsin.api.kit import Answer, Call, allow, gone, listed, operation, reach, shown
from tocsin.api.receivers import KEY_COLUMN, SECRET_COLUMN, TABLE
from tocsin.api.rest.difference import differences
from tocsin.api.rest.include import include, whole_services
from tocsin.api.rest.integration_shape import IntegrationBody, Wish, fresh, show_integration, signing_secret, wished
from tocsin.api.senders import sender_of
from tocsin.domain.people.permission import Subject, Verb
from tocsin.domain.services.integration import routing_key_hash
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id, new_routing_key
from tocsin.ground.page import Listed
from tocsin.store import integrations, pages, services
from tocsin.store.audit import record
from tocsin.store.config import bump_config
from tocsin.store.integrations import Draft, IntegrationRow, integration_of
from tocsin.store.turn import Turn

KIND = "integration"
ADDRESS = "{{ url }}"  # where a guide has the integration's address
INCLUDES = frozenset({"services", "vendors"})


@operation("GET", "/api/integrations")
async def list_integrations(call: Call) -> Answer:
    """List the integrations of all services that the caller may see, by name; our own addition to the API.

    `query` looks into names; `service_ids[]`, `team_ids[]` and `vendor_ids[]` choose.
    """
    stretch = call.stretch()
    chosen = {name: call.many(name) or None for name in ("service_ids", "team_ids", "vendor_ids")}
    values = {**chosen, "query": call.text("query"), "horizon": call.actor.horizon}

    async def job(turn: Turn) -> Listed[IntegrationRow]:
        return await pages.page(turn, integrations.LIST, values, stretch=stretch, count=integrations.COUNT)

    page = await call.store.read(job)
    return listed("integrations", [show_integration(call, row) for row in page.rows], page=page, stretch=stretch)


@operation("POST", "/services/{id}/integrations")
async def create_integration(call: Call) -> Answer:
    """Open a door into a service; the answer holds its routing key."""
    body = call.body(IntegrationBody, wrap=KIND)
    integration_id, routing_key = new_id(), new_routing_key()
    empty = fresh(integration_id, call.path["id"])
    wish = wished(body, empty)
    secret = signing_secret(body, empty, wish)
    draft = Draft(
        integration=wish.integration,
        vendor_id=wish.vendor_id,
        routing_key_hash=routing_key_hash(routing_key),
        routing_key_sealed=_sealed(call, routing_key, integration_id, KEY_COLUMN),
        signing_secret_sealed=_sealed(call, secret, integration_id, SECRET_COLUMN) if isinstance(secret, str) else None,
    )

    async def job(turn: Turn) -> IntegrationRow:
        service = await turn.maybe(services.SERVICE, {"id": call.path["id"], "horizon": call.actor.horizon})
        if service is None:
            raise Refused(Why.NOT_FOUND, "There is no service with this id, or you cannot see it.")
        allow(call.actor, Verb.CREATE, Subject(KIND, team_id=service.team_id))
        await integrations.create(turn, draft)
        await record(turn, call.actor, "create", (KIND, integration_id), differences({}, _facts(wish)))
        await bump_config(turn)
        return await _reached(turn, call, integration_id, Verb.READ)

    row = await call.store.work(job)
    return shown(KIND, show_integration(call, row), status=201)


@operation("GET", "/services/{id}/integrations/{integration_id}")
async def show_one_integration(call: Call) -> Answer:
    """Show an integration."""
    includes = call.includes(INCLUDES)
    key = call.path["integration_id"]
    row = await call.store.read(lambda turn: _reached(turn, call, key, Verb.READ))
    shape = show_integration(call, row)
    await include(call, [shape], includes, {"services": ("service", whole_services)})
    return shown(KIND, shape)


@operation("GET", "/api/integrations/{id}/guide")
async def show_guide(call: Call) -> Answer:
    """Tell how the tool is set up to reach this integration, with its address filled in, as Markdown; our own."""

    async def job(turn: Turn) -> IntegrationRow:
        return await reach(turn, call.actor, query=integrations.BY_ID, key=call.path["id"], to=Verb.UPDATE)

    row = await call.store.read(job)
    sender, address = sender_of(row.vendor_id), show_integration(call, row)["webhook_url"]
    if sender is None:
        raise Refused(Why.NOT_FOUND, "There is no guide: this integration has no vendor that sends webhooks.")
    return shown("guide", {"markdown": sender.manifest.guide.strip().replace(ADDRESS, str(address))})


@operation("PUT", "/services/{id}/integrations/{integration_id}")
async def update_integration(call: Call) -> Answer:
    """Change the name, kind, vendor or signing secret of an integration; its key stays."""
    body = call.body(IntegrationBody, wrap=KIND)
    key = call.path["integration_id"]

    async def job(turn: Turn) -> IntegrationRow:
        row = await _reached(turn, call, key, Verb.UPDATE)
        before = Wish(integration_of(row), row.vendor_id)
        wish = wished(body, before)
        secret = signing_secret(body, before, wish)
        await integrations.update(turn, wish.integration, wish.vendor_id)
        changes = differences(_facts(before), _facts(wish))
        if secret is not UNSET:
            sealed = None if secret is None else _sealed(call, secret, key, SECRET_COLUMN)
            await integrations.update_secret(turn, key, sealed)
            changes["signed"] = {"before": row.signed, "after": secret is not None}
        await record(turn, call.actor, "update", (KIND, key), changes)
        await bump_config(turn)
        return await _reached(turn, call, key, Verb.READ)

    row = await call.store.work(job)
    return shown(KIND, show_integration(call, row))


@operation("DELETE", "/services/{id}/integrations/{integration_id}")
async def delete_integration(call: Call) -> Answer:
    """Close a door into a service; the official specification leaves this out, its clients do not."""
    key = call.path["integration_id"]

    async def job(turn: Turn) -> None:
        row = await _reached(turn, call, key, Verb.DELETE)
        before = Wish(integration_of(row), row.vendor_id)
        await integrations.delete(turn, key)
        await record(turn, call.actor, "delete", (KIND, key), differences(_facts(before), {}))
        await bump_config(turn)

    await call.store.work(job)
    return gone()


async def _reached(turn: Turn, call: Call, key: str, verb: Verb) -> IntegrationRow:
    values = {"id": key, "service_id": call.path["id"], "horizon": call.actor.horizon}
    row = await turn.maybe(integrations.INTEGRATION, values)
    if row is None:
        raise Refused(Why.NOT_FOUND, "There is no such integration on this service, or you cannot see it.")
    allow(call.actor, verb, row.subject())
    return row


def _sealed(call: Call, clear: str, integration_id: str, column: str) -> bytes:
    return call.house.keyring.seal(clear.encode(), table=TABLE, row_id=integration_id, column=column)


def _facts(wish: Wish) -> dict[str, object]:
    facts: dict[str, object] = msgspec.to_builtins(wish.integration)
    return {**facts, "vendor_id": wish.vendor_id}
