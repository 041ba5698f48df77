"""A browser for tests: real HTTP requests through the pages' ASGI application, and a clipboard that keeps answers."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx2

from tocsin.domain.paging.answer_link import Answer, AnswerLink, sign
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store
from tocsin.web import AnswerResult, IncidentView, Pages

NOON = datetime(2026, 11, 24, 2, 12, tzinfo=UTC)


@dataclass
class Clipboard:
    """Stands where the engine stands: it has one incident and writes down every answer."""

    status: str = "triggered"
    by: str | None = None
    by_you: bool = False
    title: str = "Disk full"
    here: bool = True
    given: list[tuple[str, str, str]] = field(default_factory=list)

    async def look(self, incident_id: str, user_id: str) -> IncidentView | None:
        if not self.here:
            return None
        return IncidentView(
            number=1042,
            title=self.title,
            service="Payments",
            status=self.status,
            urgency="high",
            created_at=NOON - timedelta(minutes=5),
            user_name="Bo Larsen",
            time_zone="Europe/Berlin",
            status_by=self.by,
            status_by_you=self.by_you,
            status_at=NOON,
        )

    async def answer(self, incident_id: str, user_id: str, action: Answer) -> AnswerResult:
        self.given.append((incident_id, user_id, action))
        if not self.here:
            return AnswerResult(outcome="gone")
        if self.status == "resolved":
            return AnswerResult(outcome="already_resolved", by=self.by, by_you=self.by_you, at=NOON)
        if self.status == "acknowledged" and action == "acknowledge":
            return AnswerResult(outcome="already_acknowledged", by=self.by, by_you=self.by_you, at=NOON)
        self.status = "acknowledged" if action == "acknowledge" else "resolved"
        self.by, self.by_you = "Bo Larsen", True
        return AnswerResult(outcome="acknowledged" if action == "acknowledge" else "resolved", by_you=True)


@dataclass
class Desk:
    """The pages, the browser in front of them, and what stands behind."""

    store: Store
    keyring: Keyring
    pages: Pages
    clipboard: Clipboard

    def browser(self, base: str = "http://127.0.0.1:8080", source: str = "192.0.2.1") -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.pages, client=(source, 5000), raise_app_exceptions=True)
        return httpx2.AsyncClient(transport=transport, base_url=base)

    async def link(self, action: Answer = "acknowledge", *, valid_for: timedelta = timedelta(hours=1)) -> str:
        now = await self.store.read(_instant)
        link = AnswerLink(incident_id="Q1", user_id="U1", action=action, valid_until=now + valid_for)
        return "/answer/" + sign(self.keyring.derive("answer-link"), link)


async def _instant(turn: object) -> datetime:
    now = getattr(turn, "now", None)
    assert isinstance(now, datetime)
    return now
