"""API tokens: made once, shown once, kept as a hash, and dead within a second of being revoked."""

import hashlib
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.domain.people.actor import Actor
from tocsin.domain.people.role import Role
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id, new_token
from tocsin.ground.text import squash
from tocsin.store import actors, audit
from tocsin.store.config import bump_config
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

HINT = 4  # characters of a token that stay visible, so that people can tell tokens apart
USE_NOTED_EVERY = timedelta(minutes=1)  # so that a busy token does not write a row with each request
LONGEST_NAME = 255  # characters


class TokenDraft(Struct, frozen=True, kw_only=True):
    """A token to be made: of a person when `user_id` is given, else of the account with the rights of an admin."""

    name: str
    user_id: str | None = None
    read_only: bool = False
    valid_until: datetime | None = None


class TokenRow(Struct, frozen=True):
    """A token as people may see it."""

    id: str
    hint: str
    name: str
    user_id: str | None
    read_only: bool
    created_at: datetime
    used_at: datetime | None
    valid_until: datetime | None
    revoked_at: datetime | None


BY_HASH = Query(
    "live token with this hash",
    """
    SELECT id, hint, name, user_id, read_only, created_at, used_at, valid_until, revoked_at
    FROM api_token
    WHERE hash = %(hash)s AND revoked_at IS NULL AND (valid_until IS NULL OR valid_until > tocsin_now())
    """,
    TokenRow,
)
BY_ID = Query(
    "token with this id",
    """
    SELECT id, hint, name, user_id, read_only, created_at, used_at, valid_until, revoked_at
    FROM api_token WHERE id = %(id)s
    """,
    TokenRow,
)
ALL = Query(
    "tokens of a person or of everybody",
    """
    SELECT id, hint, name, user_id, read_only, created_at, used_at, valid_until, revoked_at
    FROM api_token
    WHERE revoked_at IS NULL AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s::text)
    ORDER BY created_at, id LIMIT %(limit)s OFFSET %(offset)s
    """,
    TokenRow,
)
ADD = Command(
    "keep a token's hash",
    """
    INSERT INTO api_token (id, hash, hint, name, user_id, read_only, valid_until)
    VALUES (%(id)s, %(hash)s, %(hint)s, %(name)s, %(user_id)s, %(read_only)s, %(valid_until)s)
    """,
)
REVOKE = Command(
    "revoke a token", "UPDATE api_token SET revoked_at = tocsin_now() WHERE id = %(id)s AND revoked_at IS NULL"
)
USED = Command(
    "note that a token is in use, once a minute at most",
    """
    UPDATE api_token SET used_at = tocsin_now()
    WHERE id = %(id)s AND (used_at IS NULL OR used_at <= tocsin_now() - interval '1 minute')
    """,
)


def hash_of(clear: str) -> bytes:
    """Return what is kept of a secret with enough chance in it to need no slow hash."""
    return hashlib.sha256(clear.encode("utf-8", "replace")).digest()


async def create(turn: Turn, by: Actor, draft: TokenDraft) -> tuple[str, str]:
    """Make a token and return (its id, the token itself), which nobody can ever see again.

    Raises `Refused` (invalid) for a name that is empty or too long, (not found) for an unknown person. Whether
    `by` may do it is asked before.
    """
    name = squash(draft.name)
    if not 0 < len(name) <= LONGEST_NAME:
        raise Refused(Why.INVALID, f"Name must have 1 to {LONGEST_NAME} characters.")
    if draft.user_id is not None:
        await turn.one(actors.PERSON, {"user_id": draft.user_id})
    token_id, clear = new_id(), new_token(of_user=draft.user_id is not None)
    values = {
        "id": token_id,
        "hash": hash_of(clear),
        "hint": clear[-HINT:],
        "name": name,
        "user_id": draft.user_id,
        "read_only": draft.read_only,
        "valid_until": draft.valid_until,
    }
    await turn.run(ADD, values)
    until = draft.valid_until.isoformat() if draft.valid_until else None
    change = {"name": name, "user_id": draft.user_id, "read_only": draft.read_only, "valid_until": until}
    await audit.record(turn, by, "create", ("token", token_id), change)
    await bump_config(turn)
    return token_id, clear


async def find(turn: Turn, clear: str) -> Actor | None:
    """Return who a token stands for, or None when it is unknown, revoked, over, or its person has left."""
    row = await turn.maybe(BY_HASH, {"hash": hash_of(clear)})
    return None if row is None else await actor_of(turn, row)


async def actor_of(turn: Turn, row: TokenRow) -> Actor | None:
    """Return who a live token stands for, or None when its person has left."""
    if row.user_id is None:
        return Actor(
            kind="token",
            id=row.id,
            name=row.name,
            role=Role.ADMIN,
            read_only=row.read_only,
            method="api_token",
            token_hint=row.hint,
        )
    return await actors.person(turn, row.user_id, method="api_token", read_only=row.read_only, token_hint=row.hint)


async def listed(turn: Turn, *, user_id: str | None, limit: int, offset: int = 0) -> list[TokenRow]:
    """Return live tokens, oldest first: those of one person, or all when `user_id` is None."""
    return await turn.rows(ALL, {"user_id": user_id, "limit": limit, "offset": offset})


async def get(turn: Turn, token_id: str) -> TokenRow:
    """Return one token, revoked or not; raise `Refused` (not found) when there is none."""
    return await turn.one(BY_ID, {"id": token_id})


async def revoke(turn: Turn, by: Actor, token_id: str) -> None:
    """Revoke a token for good; raise `Refused` (not found) when there is no live one of this id."""
    if not await turn.run(REVOKE, {"id": token_id}):
        raise Refused(Why.NOT_FOUND, "There is no token with this id.")
    await audit.record(turn, by, "delete", ("token", token_id), {})
    await bump_config(turn)
