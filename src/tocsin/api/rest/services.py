"""Services: the technical things that can break, kept and shown in PagerDuty's shape."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec
from msgspec import structs

from tocsin.api.kit import Answer, Call, Shown, allow, gone, listed, operation, reach, shown
from tocsin.api.rest.difference import differences
from tocsin.api.rest.include import Load, include, whole_policies, whole_teams
from tocsin.api.rest.integration_shape import show_integration
from tocsin.api.rest.policy_shape import descending
from tocsin.api.rest.service_body import ServiceBody, drafted, fresh
from tocsin.api.rest.service_shape import show_service
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import integrations, policies, services
from tocsin.store.audit import record
from tocsin.store.config import bump_config
from tocsin.store.services import Draft, ServiceRow, service_of
from tocsin.store.turn import Turn

KIND = "service"
AUTO_PAUSE = "auto_pause_notifications_parameters"
INCLUDES = frozenset({"escalation_policies", "teams", "integrations", AUTO_PAUSE})


@runtime_checkable
class Resolver(Protocol):
    """A house that can resolve what is open on a service that goes away."""

    async def resolve_open_incidents(self, turn: Turn, service_id: str, actor: Actor) -> None:
        """Resolve every open incident of this service, in this transaction."""


@operation("GET", "/services")
async def list_services(call: Call) -> Answer:
    """List the services that the caller may see, by name."""
    stretch = call.stretch()
    includes = call.includes(INCLUDES)
    wanted = services.Wanted(
        horizon=call.actor.horizon,
        query=call.text("query"),
        name=call.text("name"),
        team_ids=call.many("team_ids") or None,
        descending=descending(call),
    )
    page = await call.store.read(lambda turn: services.page(turn, wanted, stretch))
    return listed("services", await _shown(call, page.rows, includes), page=page, stretch=stretch)


@operation("GET", "/services/{id}")
async def show_one_service(call: Call) -> Answer:
    """Show a service."""
    includes = call.includes(INCLUDES)
    row = await call.store.read(lambda turn: _reached(turn, call, Verb.READ))
    return shown(KIND, (await _shown(call, [row], includes))[0])


@operation("POST", "/services")
async def create_service(call: Call) -> Answer:
    """Create a service."""
    includes = call.includes(INCLUDES)
    body = call.body(ServiceBody, wrap=KIND)
    empty = fresh(new_id())

    async def job(turn: Turn) -> ServiceRow:
        draft = await _checked(turn, call.actor, empty, drafted(body, empty))
        allow(call.actor, Verb.CREATE, Subject(KIND, team_id=draft.service.team_id))
        await services.create(turn, draft)
        return await _written(turn, call.actor, None, draft)

    row = await call.store.work(job)
    return shown(KIND, (await _shown(call, [row], includes))[0], status=201)


@operation("PUT", "/services/{id}")
async def update_service(call: Call) -> Answer:
    """Change a service; what is open keeps its urgency and its plan."""
    includes = call.includes(INCLUDES)
    body = call.body(ServiceBody, wrap=KIND)

    async def job(turn: Turn) -> ServiceRow:
        await turn.maybe(services.LOCK, {"id": call.path["id"]})
        before = draft_of(await _reached(turn, call, Verb.UPDATE))
        draft = await _checked(turn, call.actor, before, drafted(body, before))
        allow(call.actor, Verb.UPDATE, Subject(KIND, team_id=draft.service.team_id))
        await services.update(turn, draft)
        return await _written(turn, call.actor, before, draft)

    row = await call.store.work(job)
    return shown(KIND, (await _shown(call, [row], includes))[0])


@operation("DELETE", "/services/{id}")
async def delete_service(call: Call) -> Answer:
    """Remove a service with its integrations; what is open on it is resolved first."""

    async def job(turn: Turn) -> None:
        before = draft_of(await _reached(turn, call, Verb.DELETE))
        service_id = before.service.id
        if isinstance(call.house, Resolver):
            await call.house.resolve_open_incidents(turn, service_id, call.actor)
        await services.delete(turn, service_id)
        await record(turn, call.actor, "delete", (KIND, service_id), differences(_facts(before), {}))
        await bump_config(turn)

    await call.store.work(job)
    return gone()


def draft_of(row: ServiceRow) -> Draft:
    """Return what is kept, as something that could be written."""
    return Draft(
        service=service_of(row),
        description=row.description,
        alert_grouping=row.alert_grouping,
        auto_pause=row.auto_pause,
    )


async def _reached(turn: Turn, call: Call, verb: Verb) -> ServiceRow:
    return await reach(turn, call.actor, query=services.SERVICE, key=call.path["id"], to=verb)


async def _written(turn: Turn, actor: Actor, before: Draft | None, draft: Draft) -> ServiceRow:
    """Record what was written, wake whoever keeps a copy, and return the service as it is now."""
    old = {} if before is None else _facts(before)
    resource = (KIND, draft.service.id)
    await record(turn, actor, "create" if before is None else "update", resource, differences(old, _facts(draft)))
    await bump_config(turn)
    return await turn.one(services.SERVICE, {"id": draft.service.id, "horizon": None})


async def _checked(turn: Turn, actor: Actor, before: Draft, draft: Draft) -> Draft:
    """Return the draft with the team of its policy; raise `Refused` (invalid) when it names what is not there."""
    service, old = draft.service, before.service
    key = {"id": service.escalation_policy_id, "horizon": actor.horizon}
    policy = await turn.maybe(policies.POLICY, key)
    if policy is None:
        raise Refused(Why.INVALID, "Escalation policy not found")
    new = service.fallback_user_id if service.fallback_user_id != old.fallback_user_id else None
    if new is not None and not await turn.rows(policies.USERS_PRESENT, {"ids": [new]}):
        raise Refused(Why.INVALID, "Fallback user not found")
    return structs.replace(draft, service=structs.replace(service, team_id=policy.team_id))


def _facts(draft: Draft) -> dict[str, object]:
    facts = msgspec.to_builtins(draft)
    service = facts.pop("service")
    return {**facts, **service}


async def _shown(call: Call, rows: Sequence[ServiceRow], includes: frozenset[str]) -> list[Shown]:
    shapes = [show_service(call, row, auto_pause=AUTO_PAUSE in includes) for row in rows]
    await include(call, shapes, includes, LOADS)
    return shapes


async def _whole_integrations(call: Call, ids: list[str]) -> dict[str, Shown]:
    values = {"ids": ids, "horizon": call.actor.horizon}
    rows = await call.store.read(lambda turn: turn.rows(integrations.INTEGRATIONS_SHOWN, values))
    return {row.id: show_integration(call, row) for row in rows}


LOADS: dict[str, tuple[str, Load]] = {
    "escalation_policies": ("escalation_policy", whole_policies),
    "teams": ("teams", whole_teams),
    "integrations": ("integrations", _whole_integrations),
}
