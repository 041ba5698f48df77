"""Decisions: an incident as it becomes, and everything that has to be written about it."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.incident import Acknowledgement, Incident, Situation, Status, Terms, TimerKind
from tocsin.domain.incidents.order import By
from tocsin.domain.incidents.timeline import Entry, EntryKind
from tocsin.domain.oncall.crew import Crew
from tocsin.domain.oncall.policy import Policy


class Page(Struct, frozen=True):
    """One reason to tell one person once: the row that the delivery loop works on."""

    incident_id: str
    user_id: str
    contact_method_id: str
    rule_id: str
    round: int
    channel: str
    urgency: str
    rank: int
    created_at: datetime
    due_at: datetime


class Note(Struct, frozen=True):
    """A note that a person wrote on the timeline."""

    id: str
    incident_id: str
    user_id: str | None
    content: str
    channel: Via
    at: datetime


class Fact(Struct, frozen=True):
    """One line of the feed: what happened, for screens, webhooks and caches."""

    kind: str
    subject_id: str
    body: dict[str, object]


class Decision(Struct):
    """An incident while orders are applied to it: its state, and what is to be written with it.

    One decision takes any number of orders in turn; each sees what the one before left. `new_id` gives ids for
    log entries, so that chance stays an argument.
    """

    now: datetime
    crew: Crew
    new_id: Callable[[], str]
    incident: Incident
    plan: Policy
    terms: Terms
    assignees: tuple[str, ...]
    acknowledgements: tuple[Acknowledgement, ...]
    timers: dict[str, datetime]
    created: bool = False
    people_changed: bool = False
    acknowledgements_changed: bool = False
    set_timers: dict[str, datetime] = field(default_factory=dict)
    cleared_timers: set[str] = field(default_factory=set)
    pages_recalled: str | None = None
    alerts_resolved: bool = False
    pages: list[Page] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    @classmethod
    def on(cls, situation: Situation, crew: Crew, now: datetime, new_id: Callable[[], str]) -> "Decision":
        """Begin to decide about an incident that was read."""
        return cls(
            now=now,
            crew=crew,
            new_id=new_id,
            incident=replace(situation.incident, version=situation.incident.version + 1, updated_at=now),
            plan=situation.plan,
            terms=situation.terms,
            assignees=situation.assignees,
            acknowledgements=situation.acknowledgements,
            timers=dict(situation.timers),
        )

    @property
    def open(self) -> bool:
        """Say whether the incident is not resolved."""
        return self.incident.status is not Status.RESOLVED

    def log(self, kind: EntryKind, by: By, body: dict[str, object] | None = None) -> None:
        """Add a log entry to the timeline."""
        self.log_as(kind, by.agent, by.via, body)

    def log_as(self, kind: EntryKind, agent: Agent, via: Via, body: dict[str, object] | None = None) -> None:
        """Add a log entry by this agent and way."""
        incident = self.incident
        self.entries.append(
            Entry(self.new_id(), incident.id, incident.service_id, self.now, kind, agent, via, body or {})
        )

    def tell(self, kind: str, agent: Agent, body: dict[str, object] | None = None) -> None:
        """Add a fact to the feed."""
        incident = self.incident
        told: dict[str, object] = {"status": incident.status, "service_id": incident.service_id, "agent": agent}
        self.facts.append(Fact(f"incident.{kind}", incident.id, told | (body or {})))

    def become(self, status: Status, agent: Agent) -> None:
        """Change the status, remembering when and by whom."""
        incident = self.incident
        if incident.status is not status:
            incident.status = status
            incident.status_changed_at = self.now
        incident.status_changed_by = agent

    def set_timer(self, kind: TimerKind, due_at: datetime) -> None:
        """Make this kind due at an instant, in place of an earlier one."""
        self.timers[kind] = due_at
        self.set_timers[kind] = due_at
        self.cleared_timers.discard(kind)

    def clear_timer(self, kind: TimerKind) -> None:
        """Forget what was due of this kind."""
        if self.timers.pop(kind, None) is not None:
            self.cleared_timers.add(kind)
        self.set_timers.pop(kind, None)

    def recall_pages(self, why: str) -> None:
        """Call off every page that has not left, those of this decision included."""
        self.pages_recalled = why
        self.pages.clear()

    def assign(self, user_ids: tuple[str, ...]) -> None:
        """Give the incident to these people and to nobody else."""
        if user_ids != self.assignees:
            self.assignees = user_ids
            self.people_changed = True

    def acknowledged_by(self, acknowledgements: tuple[Acknowledgement, ...]) -> None:
        """Set who has acknowledged."""
        if acknowledgements != self.acknowledgements:
            self.acknowledgements = acknowledgements
            self.acknowledgements_changed = True
