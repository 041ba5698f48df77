"""Contact methods: the addresses at which a user can be reached."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tocsin.api.kit import Answer, Call, allow, gone, operation, reach, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.difference import differences
from tocsin.api.rest.faces import CHANNEL_OF_WIRE, show_method
from tocsin.domain.paging.contact_method import checked_address, checked_label
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id, new_secret
from tocsin.store import audit, contact_methods, users
from tocsin.store.config import bump_config
from tocsin.store.contact_methods import ContactMethodRow
from tocsin.store.turn import Turn

CHANNELS = ("email", "sms", "voice", "push", "whatsapp", "webhook")
_Code = Annotated[int, Meta(ge=1, le=999)]


class ContactMethodBody(Struct, frozen=True):
    """What a client may write about a contact method."""

    type: str | UnsetType = UNSET
    label: str | UnsetType | None = UNSET
    address: str | UnsetType = UNSET
    country_code: _Code | UnsetType | None = UNSET
    send_short_email: bool | UnsetType | None = UNSET


@operation("GET", "/users/{id}/contact_methods")
async def list_contact_methods(call: Call) -> Answer:
    """List a user's contact methods, oldest first; the list is never cut."""

    async def job(turn: Turn) -> Answer:
        user_id = await _owner(turn, call, Verb.READ)
        rows = await turn.rows(contact_methods.OF_USERS, {"ids": [user_id]})
        return shown("contact_methods", [show_method(call, row) for row in rows])

    return await call.store.read(job)


@operation("POST", "/users/{id}/contact_methods")
async def create_contact_method(call: Call) -> Answer:
    """Give a user another contact method; a webhook's signing secret is answered this once."""
    wanted = call.body(ContactMethodBody, wrap="contact_method")
    channel = _channel(wanted.type)

    async def job(turn: Turn) -> Answer:
        user_id = await _owner(turn, call, Verb.CREATE)
        method = _written(_blank(turn, user_id, channel), wanted)
        secret = new_secret() if channel == "webhook" else None
        await contact_methods.add(turn, method, secret_sealed=_sealed(call, method.id, secret))
        change = differences({}, structs.asdict(method))
        await audit.record(turn, call.actor, "create", ("contact_method", method.id), change)
        await bump_config(turn)
        resource = show_method(call, method)
        return shown("contact_method", resource | {"secret": secret} if secret else resource, status=CREATED)

    return await call.store.work(job)


@operation("GET", "/users/{id}/contact_methods/{contact_method_id}")
async def show_contact_method(call: Call) -> Answer:
    """Show a contact method of a user."""

    async def job(turn: Turn) -> Answer:
        return shown("contact_method", show_method(call, await _reached(turn, call, Verb.READ)))

    return await call.store.read(job)


@operation("PUT", "/users/{id}/contact_methods/{contact_method_id}")
async def update_contact_method(call: Call) -> Answer:
    """Change the label or the address of a contact method; its channel stays."""
    wanted = call.body(ContactMethodBody, wrap="contact_method")

    async def job(turn: Turn) -> Answer:
        before = await _reached(turn, call, Verb.UPDATE)
        if not isinstance(wanted.type, UnsetType) and _channel(wanted.type) != before.channel:
            raise Refused(Why.INVALID, "The type of a contact method cannot change: create another one.")
        method = _written(before, wanted)
        if change := differences(structs.asdict(before), structs.asdict(method)):
            await contact_methods.change(turn, method)
            await audit.record(turn, call.actor, "update", ("contact_method", method.id), change)
            await bump_config(turn)
        return shown("contact_method", show_method(call, method))

    return await call.store.work(job)


@operation("DELETE", "/users/{id}/contact_methods/{contact_method_id}")
async def delete_contact_method(call: Call) -> Answer:
    """Delete a contact method and the notification rules that use it."""

    async def job(turn: Turn) -> Answer:
        method = await _reached(turn, call, Verb.DELETE)
        await turn.run(contact_methods.DELETE, {"id": method.id})
        change = differences(structs.asdict(method), {})
        await audit.record(turn, call.actor, "delete", ("contact_method", method.id), change)
        await bump_config(turn)
        return gone()

    return await call.store.work(job)


async def _owner(turn: Turn, call: Call, verb: Verb) -> str:
    user = await reach(turn, call.actor, query=users.BY_ID, key=call.path["id"], to=Verb.READ)
    allow(call.actor, verb, Subject("contact_method", owner_id=user.id))
    return user.id


async def _reached(turn: Turn, call: Call, verb: Verb) -> ContactMethodRow:
    user_id = await _owner(turn, call, verb)
    return await turn.one(contact_methods.BY_ID, {"id": call.path["contact_method_id"], "user_id": user_id})


def _channel(kind: str | UnsetType) -> str:
    """Return the channel behind a client's type, with or without `_reference`."""
    if isinstance(kind, UnsetType):
        raise Refused(Why.MISSING, "contact_method.type is missing.")
    name = kind.removesuffix("_reference")
    channel = CHANNEL_OF_WIRE.get(name, name.removesuffix("_contact_method"))
    if channel not in CHANNELS or not name.endswith("_contact_method"):
        raise Refused(Why.INVALID, f"There are no contact methods of the type {kind[:64]}.")
    return channel


def _blank(turn: Turn, user_id: str, channel: str) -> ContactMethodRow:
    return ContactMethodRow(
        id=new_id(),
        user_id=user_id,
        channel=channel,
        label="",
        address="",
        country_code=None,
        short_email=False,
        enabled=True,
        blacklisted=False,
        created_at=turn.now,
    )


def _written(before: ContactMethodRow, wanted: ContactMethodBody) -> ContactMethodRow:
    code = before.country_code if isinstance(wanted.country_code, UnsetType) else wanted.country_code
    address = before.address if isinstance(wanted.address, UnsetType) else wanted.address
    label = before.label if isinstance(wanted.label, UnsetType) else wanted.label
    short = before.short_email if isinstance(wanted.send_short_email, UnsetType) else wanted.send_short_email
    reached = checked_address(before.channel, address, code)
    return structs.replace(
        before,
        label=checked_label(label or before.channel.capitalize()),
        address=reached.address,
        country_code=reached.country_code,
        short_email=bool(short),
    )


def _sealed(call: Call, method_id: str, secret: str | None) -> bytes | None:
    if secret is None:
        return None
    return call.house.keyring.seal(secret.encode(), table="contact_method", row_id=method_id, column="secret_sealed")
