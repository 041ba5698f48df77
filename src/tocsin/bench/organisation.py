"""Organisation: the people, policies and services of a bench, made over the program's own API."""

from typing import Any

import msgspec
from msgspec import Struct

from tocsin.bench.line import Line, open_line, request
from tocsin.bench.program import Program, ProgramFailed
from tocsin.store import setup
from tocsin.store.turn import Store

_OWNER = "owner@bench.example"
_NO_PASSWORD = "!"  # noqa: S105 - no password at all: nobody logs in to a bench
_OK_FROM, _OK_BELOW = 200, 300
_DELAY_MIN = 60  # until the next level, and until the pages of calm people: longer than any bench

Json = dict[str, Any]


class Person(Struct, frozen=True):
    """Somebody who can be called."""

    id: str
    email: str


class Shop(Struct, frozen=True):
    """A service and the routing key of its integration."""

    id: str
    routing_key: str


class Organisation:
    """Asks the program's API on the owner's behalf."""

    def __init__(self, port: int, token: str) -> None:
        """Ask on this port with this token."""
        self._port = port
        self.headers = (("authorization", f"Token token={token}"), ("accept", "application/json"))
        self._line: Line | None = None

    async def person(self, name: str, *, webhook: str, at_once: bool = True) -> Person:
        """Make a user who is paged by a webhook: at once, or so late that no bench lives to see it."""
        email = f"{name}@bench.example"
        user = {"type": "user", "name": name, "email": email, "role": "user"}
        person = Person((await self.do("POST", "/users", {"user": user}))["user"]["id"], email)
        path = f"/users/{person.id}/contact_methods"
        for method in (await self.do("GET", path))["contact_methods"]:
            await self.do("DELETE", f"{path}/{method['id']}")
        method = {"type": "webhook_contact_method", "label": "Webhook", "address": webhook}
        made = (await self.do("POST", path, {"contact_method": method}))["contact_method"]
        rule = {
            "type": "assignment_notification_rule",
            "start_delay_in_minutes": 0 if at_once else _DELAY_MIN,
            "urgency": "high",
            "contact_method": {"id": made["id"], "type": made["type"]},
        }
        await self.do("POST", f"/users/{person.id}/notification_rules", {"notification_rule": rule})
        return person

    async def shop(self, name: str, *people: Person) -> Shop:
        """Make a service whose policy calls these people, each on a level of their own."""
        levels = [
            {
                "escalation_delay_in_minutes": _DELAY_MIN,
                "targets": [{"id": person.id, "type": "user_reference"}],
            }
            for person in people
        ]
        policy = {"type": "escalation_policy", "name": name, "escalation_rules": levels}
        policy_id = (await self.do("POST", "/escalation_policies", {"escalation_policy": policy}))["escalation_policy"][
            "id"
        ]
        service = {
            "type": "service",
            "name": name,
            "escalation_policy": {"id": policy_id, "type": "escalation_policy_reference"},
            "acknowledgement_timeout": None,
            "auto_resolve_timeout": None,
        }
        made = (await self.do("POST", "/services", {"service": service}))["service"]
        wanted = {"type": "events_api_v2_inbound_integration", "name": "Bench"}
        path = f"/services/{made['id']}/integrations"
        integration = (await self.do("POST", path, {"integration": wanted}))["integration"]
        return Shop(made["id"], integration["integration_key"])

    async def do(self, method: str, path: str, body: Json | None = None) -> Json:
        """Return the document of a good answer. Raises `ProgramFailed` with any other."""
        if self._line is None:
            self._line = await open_line(self._port)
        content = b"" if body is None else msgspec.json.encode(body)
        status, said = await self._line.ask(request(method, path, body=content, headers=self.headers))
        if not _OK_FROM <= status < _OK_BELOW:
            raise ProgramFailed(f"{method} {path} was answered {status}: {said.decode('utf-8', 'replace')}")
        return msgspec.json.decode(said, type=Json) if said else {}

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()


async def found(program: Program) -> Organisation:
    """Make the owner of a fresh program, as its set-up page does, and return who asks on their behalf."""
    if program.setup_token is None:
        raise ProgramFailed("The program belongs to somebody already.")
    token = program.setup_token
    owner = setup.Owner(name="Owner", email=_OWNER, time_zone="Etc/UTC", password_hash=_NO_PASSWORD)
    store = Store(program.dsn, connections=2)
    await store.open()
    try:
        claimed = await store.work(lambda turn: setup.claim(turn, token, owner))
    finally:
        await store.close()
    return Organisation(program.port, claimed.api_token)
