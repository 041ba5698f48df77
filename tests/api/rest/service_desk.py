"""A service desk: the real API over a fresh database, and the people who call it in tests of services and policies."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.contract.validator import checking
from tocsin.api.kit import application, discovered
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.role import Role, TeamRole
from tocsin.store.directory import Directory
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store, Turn

Json = dict[str, object]
PUBLIC_URL = "https://acme.tocsin.example"
ADMIN = Actor(kind="token", id="PTOKEN", name="Account token", role=Role.ADMIN, method="api_token")
ANSWERED = {200, 201, 204}


@dataclass(frozen=True)
class Config:
    """The settings that the API reads."""

    public_url: str = PUBLIC_URL
    rest_calls_per_minute: int = 0


@dataclass
class House:
    """What an operation may reach; `actors` says who comes with which token."""

    store: Store
    keyring: Keyring
    config: Config
    actors: dict[str, Actor]
    resolved: list[tuple[str, str]]
    directory: Directory = field(default_factory=Directory)

    async def authenticate(self, headers: Mapping[str, str], method: str) -> Actor | None:
        """Know people by their token."""
        del method
        return self.actors.get(headers.get("authorization", "").removeprefix("Token token="))

    async def resolve_open_incidents(self, turn: Turn, service_id: str, actor: Actor) -> None:
        """Note that somebody asked for it."""
        del turn
        self.resolved.append((service_id, actor.id))


class Desk:
    """Sends requests as somebody and reads the answers; each one is compared with the contract."""

    def __init__(self, house: House, client: httpx2.AsyncClient) -> None:
        """Use this house through this client."""
        self.house = house
        self.client = client

    async def ask(self, method: str, path: str, body: object = None, *, by: str = "admin") -> tuple[int, Json]:
        """Return the status and the document that somebody is answered; an empty one when there is none."""
        headers = {"authorization": f"Token token={by}"}
        response = await self.client.request(method, path, json=body, headers=headers)
        assert "location" not in response.headers
        return response.status_code, response.json() if response.content else {}

    async def done(self, method: str, path: str, body: object = None, *, by: str = "admin") -> Json:
        """Return the only resource in an answer that must be a good one, or a list's whole answer."""
        status, document = await self.ask(method, path, body, by=by)
        assert status in ANSWERED, document
        if len(document) == 1:
            (inner,) = document.values()
            assert isinstance(inner, dict)
            return inner
        return document

    async def refused(self, method: str, path: str, body: object = None, *, by: str = "admin") -> tuple[int, int]:
        """Return the status and PagerDuty's code of a refusal, whose envelope must be whole."""
        status, document = await self.ask(method, path, body, by=by)
        error = document["error"]
        assert isinstance(error, dict)
        assert error["errors"]
        return status, error["code"]

    async def user(self, name: str, role: str = "user") -> str:
        """Create a user and return the id."""
        body = {"user": {"type": "user", "name": name, "email": f"{name.lower()}@acme.example", "role": role}}
        return text((await self.done("POST", "/users", body))["id"])

    async def team(self, name: str) -> str:
        """Create a team and return the id."""
        return text((await self.done("POST", "/teams", {"team": {"type": "team", "name": name}}))["id"])

    async def policy(self, name: str, user_ids: list[str], team_id: str | None = None) -> str:
        """Create an escalation policy with a level for each user and return the id."""
        rules = [
            {"escalation_delay_in_minutes": 30, "targets": [{"id": user_id, "type": "user_reference"}]}
            for user_id in user_ids
        ]
        teams = [{"id": team_id, "type": "team_reference"}] if team_id else []
        body = {"escalation_policy": {"name": name, "escalation_rules": rules, "teams": teams}}
        return text((await self.done("POST", "/escalation_policies", body))["id"])

    async def service(self, name: str, policy_id: str) -> str:
        """Create a service and return the id."""
        policy = {"id": policy_id, "type": "escalation_policy_reference"}
        return text(
            (await self.done("POST", "/services", {"service": {"name": name, "escalation_policy": policy}}))["id"]
        )

    def enter(self, token: str, user_id: str, role: Role, team_roles: dict[str, TeamRole] | None = None) -> None:
        """Let a person come with this token."""
        self.house.actors[token] = Actor(
            kind="user", id=user_id, name=token, role=role, team_roles=team_roles or {}, method="api_token"
        )


def text(value: object) -> str:
    """Return what must be a text."""
    assert isinstance(value, str)
    return value


def items(document: Json, name: str) -> list[Json]:
    """Return what must be a list of objects."""
    value = document[name]
    assert isinstance(value, list)
    return value


@asynccontextmanager
async def desk(database: str, key_file: Path) -> AsyncIterator[Desk]:
    """Open the real API over this database."""
    store = Store(database, connections=4)
    await store.open()
    try:
        keyring = await Keyring.load(store, key_file)
        house = House(store, keyring, Config(), {"admin": ADMIN}, [])
        app = application(house, discovered("tocsin.api.rest"))
        transport = httpx2.ASGITransport(app)
        hooks = {"response": [checking]}
        async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL, event_hooks=hooks) as client:
            yield Desk(house, client)
    finally:
        await store.close()
