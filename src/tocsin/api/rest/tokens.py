"""API tokens: how programs prove who they are; our own addition, for PagerDuty has no path for it."""

from datetime import datetime

from msgspec import Struct

from tocsin.api.kit import Answer, Call, Shown, allow, gone, listed, operation, reach, shown
from tocsin.api.kit.answer import CREATED
from tocsin.domain.people.permission import Subject, Verb, may_grant
from tocsin.domain.people.role import Role
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed
from tocsin.store import tokens, users
from tocsin.store.tokens import TokenDraft, TokenRow
from tocsin.store.turn import Turn


class TokenBody(Struct, frozen=True):
    """What a client says about a token it wants; without a user it is the account's."""

    name: str
    user_id: str | None = None
    read_only: bool = False
    valid_until: datetime | None = None


@operation("GET", "/api/tokens")
async def list_tokens(call: Call) -> Answer:
    """List the live tokens that the caller may see, oldest first, each by its last characters."""
    stretch = call.stretch()
    everybody = call.flag("all")
    owner = None if everybody else call.actor.user_id
    allow(call.actor, Verb.READ, Subject("token", owner_id=owner))

    async def job(turn: Turn) -> Answer:
        rows = await tokens.listed(turn, user_id=owner, limit=stretch.limit + 1, offset=stretch.offset)
        page = Listed(tuple(rows[: stretch.limit]), more=len(rows) > stretch.limit, total=None)
        return listed("tokens", [_face(call, row) for row in page.rows], page=page, stretch=stretch)

    return await call.store.read(job)


@operation("POST", "/api/tokens")
async def create_token(call: Call) -> Answer:
    """Make a token and show it this once; only a hash of it is kept."""
    wanted = call.body(TokenBody, wrap="token")
    if wanted.valid_until is not None and wanted.valid_until.tzinfo is None:
        raise Refused(Why.BAD_DATE, "valid_until needs an offset, such as 2027-01-31T08:00:00Z.")
    allow(call.actor, Verb.CREATE, Subject("token", owner_id=wanted.user_id))
    draft = TokenDraft(
        name=wanted.name, user_id=wanted.user_id, read_only=wanted.read_only, valid_until=wanted.valid_until
    )

    async def job(turn: Turn) -> Answer:
        await _check_person(turn, call, wanted.user_id)
        token_id, clear = await tokens.create(turn, call.actor, draft)
        row = await tokens.get(turn, token_id)
        return shown("token", _face(call, row) | {"token": clear}, status=CREATED)

    return await call.store.work(job)


@operation("DELETE", "/api/tokens/{id}")
async def revoke_token(call: Call) -> Answer:
    """Revoke a token for good."""

    async def job(turn: Turn) -> Answer:
        row = await tokens.get(turn, call.path["id"])
        allow(call.actor, Verb.DELETE, Subject("token", owner_id=row.user_id))
        await tokens.revoke(turn, call.actor, row.id)
        return gone()

    return await call.store.work(job)


async def _check_person(turn: Turn, call: Call, user_id: str | None) -> None:
    """Refuse a token that would reach further than its maker: nobody but an owner makes an owner's token."""
    if user_id is None or user_id == call.actor.user_id:
        return
    user = await reach(turn, call.actor, query=users.BY_ID, key=user_id, to=Verb.READ)
    if not may_grant(call.actor, Role(user.role), Role(user.role)):
        raise Refused(Why.FORBIDDEN, f"The role of {call.actor.name} does not allow making tokens of this user.")


def _face(call: Call, row: TokenRow) -> Shown:
    user = None if row.user_id is None else call.links.reference("user", row.user_id, None)
    return {
        "id": row.id,
        "type": "token",
        "name": row.name,
        "hint": row.hint,
        "read_only": row.read_only,
        "user": user,
        "created_at": call.at(row.created_at),
        "used_at": None if row.used_at is None else call.at(row.used_at),
        "valid_until": None if row.valid_until is None else call.at(row.valid_until),
    }
