"""The front desk of a test: the real API over a real database, with callers of every role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2
from msgspec import Struct

from tests.contract.validator import checking
from tocsin.api.rest import rest_app
from tocsin.domain.people.actor import SYSTEM, Actor
from tocsin.domain.people.role import Role
from tocsin.ground.ids import new_id
from tocsin.store import tokens, users
from tocsin.store.directory import Directory
from tocsin.store.keyring import Keyring
from tocsin.store.tokens import TokenDraft
from tocsin.store.turn import Store, Turn
from tocsin.store.users import UserRow

PUBLIC_URL = "https://tocsin.example"


class DeskSettings(Struct):
    """The settings that the API reads."""

    public_url: str = PUBLIC_URL
    rest_calls_per_minute: int = 0


@dataclass(frozen=True)
class DeskHouse:
    """As much of the house as the API sees."""

    store: Store
    keyring: Keyring
    config: DeskSettings
    directory: Directory = field(default_factory=Directory)

    async def authenticate(self, headers: Mapping[str, str], method: str) -> Actor | None:
        """Find the caller by token, in both spellings of the header."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        clear = {"token": secret.removeprefix("token="), "bearer": secret}.get(scheme.lower())
        return None if clear is None else await self.store.read(lambda turn: tokens.find(turn, clear))


class Desk:
    """Hands out clients for callers of every kind; each answer is compared with the contract."""

    def __init__(self, house: DeskHouse) -> None:
        self.house = house
        self.store = house.store
        self.app = rest_app(house)

    def client(self, token: str | None, headers: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
        """Return a client that sends this token."""
        known = {} if token is None else {"authorization": f"Token token={token}"}
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app, raise_app_exceptions=True),
            base_url=PUBLIC_URL,
            headers={**known, **(headers or {})},
            event_hooks={"response": [checking]},
        )

    async def account(self, *, read_only: bool = False) -> httpx2.AsyncClient:
        """Return a client with an account's token: an admin who is no person."""
        draft = TokenDraft(name="suite", read_only=read_only)
        _, clear = await self.store.work(lambda turn: tokens.create(turn, SYSTEM, draft))
        return self.client(clear)

    async def person(self, name: str, role: Role = Role.USER) -> Caller:
        """Return a new user with a token of their own, and without any contact method."""

        async def job(turn: Turn) -> tuple[UserRow, str]:
            row = UserRow(
                id=new_id(), name=name, email=f"{name.lower()}@example.org", role=role.value, time_zone="Etc/UTC",
                locale="en", color="purple", job_title=None, description=None, created_at=turn.now,
            )  # fmt: skip
            await users.add(turn, row)
            _, clear = await tokens.create(turn, SYSTEM, TokenDraft(name=name, user_id=row.id))
            return row, clear

        row, clear = await self.store.work(job)
        return Caller(row.id, row.email, self.client(clear))


@dataclass(frozen=True)
class Caller:
    """A person who calls the API."""

    id: str
    email: str
    api: httpx2.AsyncClient
