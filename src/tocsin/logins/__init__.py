"""Logins: finding out who is calling, and the ways to prove it; being a file in this folder is being a way in."""

from collections.abc import Mapping
from functools import cache, partial
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol

import structlog

from tocsin.domain.people.actor import Actor
from tocsin.ground.clock import seconds
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.store import sessions, tokens
from tocsin.store.tokens import hash_of
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("logins")

__all__ = ["COOKIE", "HOST_COOKIE", "Authenticator", "Login", "cookie_of", "discovered"]

HOST_COOKIE = "__Host-tocsin"  # over https: browsers then take it only from this host, secure, for every path
COOKIE = "tocsin"  # over plain http on the loopback, where the prefix cannot be had
CSRF_HEADER = "x-csrf-token"

FRESH_FOR_S = 1.0  # seconds an answer is believed: how long a revoked token may still work
MOST_REMEMBERED = 10_000  # answers; beyond it all are forgotten, which costs one read each
_MOST_TOKEN = 256  # characters; a longer credential is none of ours and is not even hashed
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OUR_OWN = frozenset({"same-origin", "none"})


class Login(Protocol):
    """One way to prove who one is at the login page."""

    kind: str
    says: str

    async def prove(self, store: Store, said: Mapping[str, str]) -> str | None:
        """Return the id of the user who proved to be it with these fields of a form, or None."""


@cache
def discovered() -> dict[str, Login]:
    """Return every way in of this folder by its kind."""
    found: list[Login] = [
        import_module(f"{__name__}.{room.name}").LOGIN for room in iter_modules(__path__) if room.name[0] != "_"
    ]
    return {login.kind: login for login in found}


class Authenticator:
    """Finds out who sent a request, from its headers alone.

    An `Authorization` header decides by itself: `Token token=…` and `Bearer …` carry the same secrets. Without one
    a session cookie counts, and then everything but reading needs the session's CSRF token in `X-CSRF-Token` and
    must not come from another site.
    """

    def __init__(self, store: Store) -> None:
        """Look people up in this store."""
        self._store = store
        self._known: dict[bytes, tuple[float, Actor | None]] = {}

    async def __call__(self, headers: Mapping[str, str], method: str) -> Actor | None:
        """Do as `from_headers` does; this is how the doors call it."""
        return await self.from_headers(headers, method)

    async def from_headers(self, headers: Mapping[str, str], method: str = "GET") -> Actor | None:
        """Return who sent these headers (names in lower case), or None when nobody known did.

        Raises `Refused` (forbidden) when a browser's session is valid but the request may have been forged by
        another site.
        """
        authorization = headers.get("authorization")
        if authorization is not None:
            clear = credential(authorization)
            return None if clear is None else await self._by_token(clear)
        clear = cookie_of(headers.get("cookie", ""))
        return None if clear is None else await self._by_session(clear, headers, method)

    async def _by_token(self, clear: str) -> Actor | None:
        name, now_s = hash_of(clear), seconds()
        until_s, actor = self._known.get(name, (0.0, None))
        if until_s > now_s:
            return actor
        actor, used = await self._store.read(partial(_found, name))
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[name] = (now_s + FRESH_FOR_S, actor)
        if used is not None:
            await self._note_use(used)
        return actor

    async def _note_use(self, token_id: str) -> None:
        """Write when a token was last used; a store that only reads just now must not turn callers away."""
        try:
            await self._store.work(lambda turn: turn.run(tokens.USED, {"id": token_id}))
        except StoreUnavailable:
            log.warning("token.use_not_noted", token_id=token_id)

    async def _by_session(self, clear: str, headers: Mapping[str, str], method: str) -> Actor | None:
        session = await self._store.read(lambda turn: sessions.find(turn, clear))
        if session is None:
            return None
        if method.upper() not in _SAFE:
            if headers.get("sec-fetch-site", "same-origin") not in _OUR_OWN:
                raise Refused(Why.FORBIDDEN, "This request came from another site; open the page here and try again.")
            if not sessions.csrf_fits(headers.get(CSRF_HEADER, ""), session.csrf_hash):
                raise Refused(Why.FORBIDDEN, "Send the session's token in X-CSRF-Token, or use an API token.")
        if session.stale:
            await self._store.work(lambda turn: sessions.seen(turn, clear))
        return session.actor


def credential(authorization: str) -> str | None:
    """Return the secret of an `Authorization` header in either spelling, or None when it carries none of ours."""
    scheme, _, rest = authorization.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "token":
        name, _, value = rest.partition("=")
        rest = value.strip().strip('"') if name.strip().lower() == "token" else ""
    elif scheme.lower() != "bearer":
        return None
    return rest if 0 < len(rest) <= _MOST_TOKEN else None


def cookie_of(header: str) -> str | None:
    """Return the session's secret out of a `Cookie` header, or None; the bound cookie wins over the plain one."""
    try:
        jar = SimpleCookie(header)
    except CookieError:
        return None
    for name in (HOST_COOKIE, COOKIE):
        if name in jar and 0 < len(jar[name].value) <= _MOST_TOKEN:
            return jar[name].value
    return None


async def _found(name: bytes, turn: Turn) -> tuple[Actor | None, str | None]:
    """Return who is behind a token's hash, and the token's id when its use is to be noted."""
    row = await turn.maybe(tokens.BY_HASH, {"hash": name})
    actor = None if row is None else await tokens.actor_of(turn, row)
    if row is None or actor is None:
        return None, None
    noted = row.used_at is not None and turn.now - row.used_at < tokens.USE_NOTED_EVERY
    return actor, None if noted else row.id
