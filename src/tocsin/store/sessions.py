"""Sessions: who is logged in with a browser, until when, and the token that proves a form came from us."""

import base64
import hashlib
import hmac
from datetime import timedelta

from msgspec import Struct

from tocsin.domain.people.actor import Actor
from tocsin.ground.ids import new_secret
from tocsin.ground.text import one_line, repair, trim
from tocsin.store import actors
from tocsin.store.query import Command, Query
from tocsin.store.tokens import hash_of
from tocsin.store.turn import Turn

LIFE = timedelta(days=30)  # since the login, whatever happens: a stolen laptop is not a key for ever
IDLE = timedelta(days=7)  # without a request; longer than a week off is a reason to ask again
LONGEST_AGENT = 200  # characters of the browser's name


class NewSession(Struct, frozen=True):
    """A fresh session: the secret for the cookie and the CSRF token for forms and scripts."""

    clear: str
    csrf: str


class SessionRow(Struct, frozen=True):
    """A live session."""

    user_id: str
    csrf_hash: bytes
    stale: bool


class SessionActor(Struct, frozen=True):
    """Who is behind a cookie, and what their CSRF token hashes to."""

    actor: Actor
    csrf_hash: bytes
    stale: bool


class PasswordRow(Struct, frozen=True):
    """What a login with a password is checked against."""

    id: str
    password_hash: str | None


ADD = Command(
    "begin a session",
    """
    INSERT INTO session (hash, user_id, csrf_hash, agent, valid_until)
    VALUES (%(hash)s, %(user_id)s, %(csrf_hash)s, %(agent)s, %(valid_until)s)
    """,
)
LIVE = Query(
    "live session",
    """
    SELECT user_id, csrf_hash, seen_at < tocsin_now() - interval '1 hour' AS stale FROM session
    WHERE hash = %(hash)s AND valid_until > tocsin_now() AND seen_at > tocsin_now() - %(idle)s::interval
    """,
    SessionRow,
)
SEEN = Command("note that a session is in use", "UPDATE session SET seen_at = tocsin_now() WHERE hash = %(hash)s")
END = Command("end a session", "DELETE FROM session WHERE hash = %(hash)s")
END_ALL = Command("end every session of a person", "DELETE FROM session WHERE user_id = %(user_id)s")
SWEEP = Command(
    "remove sessions that are over",
    "DELETE FROM session WHERE valid_until <= tocsin_now() OR seen_at <= tocsin_now() - %(idle)s::interval",
)
PASSWORD = Query(
    "user with this e-mail address",
    "SELECT id, password_hash FROM app_user WHERE lower(email) = lower(%(email)s) AND deleted_at IS NULL",
    PasswordRow,
)
SET_PASSWORD = Command(
    "replace a password's hash",
    "UPDATE app_user SET password_hash = %(password_hash)s WHERE id = %(user_id)s AND deleted_at IS NULL",
)


def csrf_of(clear: str) -> str:
    """Return the CSRF token that belongs to a session's secret; it cannot be turned back into the secret."""
    digest = hmac.digest(clear.encode("utf-8", "replace"), b"tocsin csrf", hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def csrf_fits(csrf: str, csrf_hash: bytes) -> bool:
    """Return whether this is the CSRF token of the session; takes the same time for any wrong one."""
    return hmac.compare_digest(hash_of(csrf), csrf_hash)


async def create(turn: Turn, user_id: str, agent: str = "") -> NewSession:
    """Begin a session of this person; only hashes of both secrets are kept."""
    clear = new_secret()
    csrf = csrf_of(clear)
    await turn.run(
        ADD,
        {
            "hash": hash_of(clear),
            "user_id": user_id,
            "csrf_hash": hash_of(csrf),
            "agent": trim(one_line(repair(agent)), LONGEST_AGENT),
            "valid_until": turn.now + LIFE,
        },
    )
    return NewSession(clear, csrf)


async def find(turn: Turn, clear: str) -> SessionActor | None:
    """Return who is behind a session's secret, or None when it is unknown, over, idle, or its person has left."""
    row = await turn.maybe(LIVE, {"hash": hash_of(clear), "idle": IDLE})
    if row is None:
        return None
    actor = await actors.person(turn, row.user_id, method="browser")
    return None if actor is None else SessionActor(actor, row.csrf_hash, row.stale)


async def seen(turn: Turn, clear: str) -> None:
    """Note that a session is in use; asked for once an hour."""
    await turn.run(SEEN, {"hash": hash_of(clear)})


async def end(turn: Turn, clear: str) -> None:
    """End one session."""
    await turn.run(END, {"hash": hash_of(clear)})


async def end_all(turn: Turn, user_id: str) -> int:
    """End every session of a person, after a new password or when they leave, and return how many."""
    return await turn.run(END_ALL, {"user_id": user_id})


async def sweep(turn: Turn) -> int:
    """Remove sessions that are over and return how many; the keeper calls it now and then."""
    return await turn.run(SWEEP, {"idle": IDLE})
