"""The incident room of a test: a desk with a service that calls Ann, then Bo, and a tool that reports trouble."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from tests.api.desk import Caller, Desk, DeskHouse, DeskSettings
from tocsin.domain.events.event import Action, Event, Image, Link
from tocsin.engine.correlate import correlate
from tocsin.engine.escalate import escalate
from tocsin.store import priorities
from tocsin.store.directory import Directory
from tocsin.store.keyring import Keyring
from tocsin.store.query import Command
from tocsin.store.turn import Store, Turn

Json = dict[str, Any]

ACCEPT = Command(
    "an accepted event",
    "INSERT INTO inbox (lane, integration_id, kind, body) VALUES (1, %(integration_id)s, 'event', %(body)s)",
)
HAND_OVER = Command("pages handed over", "UPDATE notification SET state = 'handed', handed_at = tocsin_now()")


@dataclass(frozen=True)
class Room:
    """The desk, its people, and the ids of what they look after."""

    desk: Desk
    directory: Directory
    ann: Caller
    bo: Caller
    account: httpx2.AsyncClient
    team_id: str
    policy_id: str
    service_id: str
    integration_id: str

    @property
    def store(self) -> Store:
        return self.desk.store

    async def fire(self, key: str, action: Action = Action.TRIGGER, summary: str = "Disk is full") -> None:
        """Let the tool send an event, and let it be worked on."""
        event = Event(
            action=action,
            dedup_key=key,
            summary=summary,
            source="db1",
            details={"free": "0 %"},
            links=(Link("https://example.org/run", "Runbook"),),
            images=(Image("https://example.org/graph.png"),),
        )
        body = msgspec.json.encode(event).decode()
        await self.store.work(lambda turn: turn.run(ACCEPT, {"integration_id": self.integration_id, "body": body}))
        await self.store.work(lambda turn: correlate(turn, self.directory, most=100))

    async def wait(self, time: timedelta) -> None:
        """Let time pass, and let happen what became due."""
        self.store.clock_shift += time
        await self.store.work(lambda turn: escalate(turn, self.directory, most=100))

    async def opened(self, key: str) -> Json:
        """Return the incident that an event with this key opens."""
        await self.fire(key)
        return one(await self.ann.api.get(f"/incidents?incident_key={key}"), "incidents")

    async def reported(self, title: str = "Shop is slow", **more: object) -> Json:
        """Return an incident that Ann reports."""
        answer = await self.ann.api.post("/incidents", json={"incident": self.report(title, **more)})
        assert answer.status_code == 201, answer.text
        incident: Json = answer.json()["incident"]
        return incident

    def report(self, title: str, **more: object) -> Json:
        """Return the body of a report."""
        service = {"id": self.service_id, "type": "service_reference"}
        return {"type": "incident", "title": title, "service": service, **more}

    async def update(self, incident_id: str, *, by: Caller | None = None, **change: object) -> httpx2.Response:
        """Ask for a change of an incident."""
        body = {"incident": {"type": "incident_reference", **change}}
        return await (by or self.ann).api.put(f"/incidents/{incident_id}", json=body)

    async def changed(self, incident_id: str, *, by: Caller | None = None, **change: object) -> Json:
        """Change an incident and return it."""
        answer = await self.update(incident_id, by=by, **change)
        assert answer.status_code == 200, answer.text
        assert list(answer.json()) == ["incident"]
        incident: Json = answer.json()["incident"]
        return incident


def one(answer: httpx2.Response, key: str) -> Json:
    """Return the only item of a list."""
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()[key]
    item: Json = found
    return item


def code(answer: httpx2.Response) -> tuple[int, int]:
    """Return the status and PagerDuty's code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


def person(caller: Caller) -> Json:
    """Return a reference to a person."""
    return {"id": caller.id, "type": "user_reference"}


async def _made(api: httpx2.AsyncClient, path: str, key: str, body: Json) -> Json:
    answer = await api.post(path, json={key: body})
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()[key]
    return made


@asynccontextmanager
async def room(database: str, key_file: Path) -> AsyncIterator[Room]:
    """Open the real API over this database, with a small organisation."""
    store = Store(database, connections=4)
    await store.open()
    try:
        house = DeskHouse(store, await Keyring.load(store, key_file), DeskSettings())
        desk = Desk(house)

        async def seed(turn: Turn) -> int:
            return await priorities.seed(turn)

        await store.work(seed)
        account = await desk.account()
        ann, bo = await desk.person("Ann"), await desk.person("Bo")
        for caller in (ann, bo):
            method = {"type": "email_contact_method", "label": "Work", "address": caller.email}
            await _made(account, f"/users/{caller.id}/contact_methods", "contact_method", method)
        team = await _made(account, "/teams", "team", {"type": "team", "name": "Shop"})
        rules = [{"escalation_delay_in_minutes": 5, "targets": [person(caller)]} for caller in (ann, bo)]
        teams = [{"id": team["id"], "type": "team_reference"}]
        policy_body: Json = {"type": "escalation_policy", "name": "Night", "escalation_rules": rules, "teams": teams}
        policy = await _made(account, "/escalation_policies", "escalation_policy", policy_body)
        service_body: Json = {
            "type": "service",
            "name": "Checkout",
            "escalation_policy": {"id": policy["id"], "type": "escalation_policy_reference"},
            "acknowledgement_timeout": 1800,
            "auto_resolve_timeout": 14400,
        }
        service = await _made(account, "/services", "service", service_body)
        integration_body: Json = {"type": "events_api_v2_inbound_integration", "name": "Alertmanager"}
        path = f"/services/{service['id']}/integrations"
        integration = await _made(account, path, "integration", integration_body)
        yield Room(desk, house.directory, ann, bo, account, team["id"], policy["id"], service["id"], integration["id"])
    finally:
        await store.close()
