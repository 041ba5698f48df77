"""Password: logging in with an e-mail address and a password that only its owner knows."""

import asyncio
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog

from tocsin.domain.people import password as passwords
from tocsin.domain.people.password import HASH_BYTES, SALT_BYTES
from tocsin.store import sessions
from tocsin.store.turn import Store

log = structlog.get_logger("logins")

_AT_ONCE = 2  # hashes computed side by side: each takes 64 MiB, and a flood of logins must not take all memory
_HASHING = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="password")

_NOBODY = passwords.unmatchable(secrets.token_bytes(SALT_BYTES), secrets.token_bytes(HASH_BYTES))


class Password:
    """Checks a password against its Argon2id hash, and takes as long for people who do not exist."""

    kind = "password"
    says = "E-mail address and password."

    async def prove(self, store: Store, said: Mapping[str, str]) -> str | None:
        """Return the id of the user with this `email` and `password`, or None; the reason is not told apart.

        A hash made with older parameters is replaced on the way.
        """
        email, password = said.get("email", "").strip(), said.get("password", "")
        row = await store.read(lambda turn: turn.maybe(sessions.PASSWORD, {"email": email}))
        kept = row.password_hash if row is not None and row.password_hash else None
        loop = asyncio.get_running_loop()
        fits = await loop.run_in_executor(_HASHING, _fits, password, kept)
        if row is None or kept is None or not fits:
            return None
        if passwords.outdated(kept):
            await self._renew(store, row.id, password)
        return row.id

    async def _renew(self, store: Store, user_id: str, password: str) -> None:
        values = {"user_id": user_id, "password_hash": await self.keep(password)}
        await store.work(lambda turn: turn.run(sessions.SET_PASSWORD, values))
        log.info("password.renewed", user_id=user_id)

    async def keep(self, password: str) -> str:
        """Return what is to be stored in place of a new password."""
        salt = secrets.token_bytes(SALT_BYTES)
        return await asyncio.get_running_loop().run_in_executor(_HASHING, passwords.hashed, password, salt)


def _fits(password: str, kept: str | None) -> bool:
    return passwords.matches(password, kept or _NOBODY)


LOGIN = Password()
