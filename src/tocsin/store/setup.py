"""Set-up: the first run, when nobody has an account yet and a printed token makes its holder the owner."""

import hmac
import re
from datetime import timedelta
from zoneinfo import available_timezones

from msgspec import Struct
from psycopg.types.json import Jsonb

from tocsin.domain.people.actor import Actor
from tocsin.domain.people.role import Role
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id, new_secret
from tocsin.ground.text import repair, squash
from tocsin.store import audit, tokens
from tocsin.store.config import bump_config
from tocsin.store.query import Command, Query
from tocsin.store.turn import Store, Turn

VALID_FOR = timedelta(hours=24)  # a token printed yesterday may stand in somebody's log; a restart prints a new one
LONGEST_NAME = 100  # characters of a person's name, as the REST API has it
_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,190}")


class Owner(Struct, frozen=True, kw_only=True):
    """The first person: who they are, and the PHC string of the password they chose."""

    name: str
    email: str
    time_zone: str
    password_hash: str


class Claimed(Struct, frozen=True):
    """What the set-up made: the owner and the first API token, which is shown once."""

    user_id: str
    api_token: str


class Answer(Struct, frozen=True):
    """A yes or no."""

    yes: bool


class SetupRow(Struct, frozen=True):
    """The hash of the printed token, and whether it is still young enough."""

    hash: str | None
    fresh: bool | None


OWNER_EXISTS = Query(
    "owner",
    "SELECT EXISTS (SELECT 1 FROM app_user WHERE role = 'owner' AND deleted_at IS NULL) AS yes",
    Answer,
)
KEEP_TOKEN = Command(
    "keep the hash of a set-up token",
    """
    INSERT INTO setting (key, value) VALUES ('setup_token', %(value)s)
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value
    """,
)
TOKEN = Query(
    "set-up token",
    """
    SELECT value ->> 'hash' AS hash, (value ->> 'until')::timestamptz > tocsin_now() AS fresh
    FROM setting WHERE key = 'setup_token' FOR UPDATE
    """,
    SetupRow,
)
DROP_TOKEN = Command("forget the set-up token", "DELETE FROM setting WHERE key = 'setup_token'")
ADD_OWNER = Command(
    "add the owner",
    """
    INSERT INTO app_user (id, name, email, role, time_zone, password_hash)
    VALUES (%(id)s, %(name)s, %(email)s, 'owner', %(time_zone)s, %(password_hash)s)
    """,
)
ADD_METHOD = Command(
    "add the owner's e-mail address as a contact method",
    """
    INSERT INTO contact_method (id, user_id, channel, label, address)
    VALUES (%(id)s, %(user_id)s, 'email', 'Default', %(email)s)
    """,
)
ADD_RULE = Command(
    "page the owner at once",
    """
    INSERT INTO notification_rule (id, user_id, contact_method_id, urgency, start_delay_s)
    VALUES (%(id)s, %(user_id)s, %(method_id)s, %(urgency)s, 0)
    """,
)


async def needed(turn: Turn) -> bool:
    """Return whether this installation still waits for its owner."""
    return not (await turn.one(OWNER_EXISTS)).yes


async def prepare(store: Store) -> str | None:
    """Return a fresh set-up token to be printed at the start, or None when there is an owner already.

    Only its hash is kept; the token printed by an earlier start stops working.
    """
    clear = new_secret()

    async def job(turn: Turn) -> bool:
        if not await needed(turn):
            await turn.run(DROP_TOKEN)
            return False
        value = {"hash": tokens.hash_of(clear).hex(), "until": (turn.now + VALID_FOR).isoformat()}
        await turn.run(KEEP_TOKEN, {"value": Jsonb(value)})
        return True

    return clear if await store.work(job) else None


async def check(turn: Turn, clear: str) -> None:
    """Return silently when this set-up token is the printed one.

    Raises `Refused`: (conflict) when the set-up is over, (unauthenticated) when the token is wrong or too old. The
    token's row stays locked until the end of the turn, so that two people cannot both use it.
    """
    row = await turn.maybe(TOKEN)
    if not await needed(turn):
        raise Refused(Why.CONFLICT, "This installation is set up already. Log in, or ask its owner for an account.")
    if row is None or not hmac.compare_digest((row.hash or "").encode(), tokens.hash_of(clear.strip()).hex().encode()):
        raise Refused(Why.UNAUTHENTICATED, "This is not the set-up token. The last start of the program printed it.")
    if not row.fresh:
        raise Refused(Why.UNAUTHENTICATED, "This set-up token is too old. Restart the program; it prints a new one.")


async def claim(turn: Turn, clear: str, owner: Owner) -> Claimed:
    """Make the holder of the set-up token the owner, with a first API token; works once.

    Raises `Refused` as `check` does, and (invalid) with every fault of the details at once.
    """
    await check(turn, clear)
    owner = checked(owner)
    user_id, method_id = new_id(), new_id()
    await turn.run(
        ADD_OWNER,
        {
            "id": user_id,
            "name": owner.name,
            "email": owner.email,
            "time_zone": owner.time_zone,
            "password_hash": owner.password_hash,
        },
    )
    await turn.run(ADD_METHOD, {"id": method_id, "user_id": user_id, "email": owner.email})
    for urgency in ("high", "low"):
        await turn.run(ADD_RULE, {"id": new_id(), "user_id": user_id, "method_id": method_id, "urgency": urgency})
    await turn.run(DROP_TOKEN)
    actor = Actor(kind="user", id=user_id, name=owner.name, role=Role.OWNER, method="browser")
    await audit.record(turn, actor, "set_up", ("user", user_id), {"name": owner.name, "email": owner.email})
    _, api_token = await tokens.create(turn, actor, tokens.TokenDraft(name="First token", user_id=user_id))
    await bump_config(turn)
    return Claimed(user_id, api_token)


def checked(owner: Owner) -> Owner:
    """Return the details tidied; raise `Refused` (invalid) with each fault."""
    name, email, zone = squash(repair(owner.name)), owner.email.strip(), owner.time_zone.strip() or "Etc/UTC"
    faults = []
    if not 0 < len(name) <= LONGEST_NAME:
        faults.append(f"The name needs 1 to {LONGEST_NAME} characters.")
    if not _EMAIL.fullmatch(email):
        faults.append("The e-mail address is not one.")
    if zone not in available_timezones() | {"Etc/UTC"}:
        faults.append("The time zone is not known; write it like Europe/Berlin.")
    if faults:
        raise Refused(Why.INVALID, faults[0], tuple(faults))
    return Owner(name=name, email=email, time_zone=zone, password_hash=owner.password_hash)
