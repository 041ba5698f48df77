"""Orders: everything that can be asked of an incident, whoever asks."""

from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.incident import TimerKind
from tocsin.domain.oncall.policy import Policy


class By(Struct, frozen=True):
    """Who gives an order and by which way. `strict` orders are refused when they change nothing; events are not."""

    agent: Agent
    via: Via
    strict: bool = True


class Acknowledge(Struct, frozen=True):
    """Somebody looks after it: no further calls until the acknowledgement times out."""

    by: By


class Resolve(Struct, frozen=True):
    """It is over; its alerts are resolved with it. `resolution` becomes a note."""

    by: By
    resolution: str | None = None


class Reopen(Struct, frozen=True):
    """It is not over after all: call people from the first level on, or those named."""

    by: By
    user_ids: tuple[str, ...] = ()


class Reassign(Struct, frozen=True):
    """Other people should have it; they are called now and the plan no longer runs."""

    by: By
    user_ids: tuple[str, ...]


class Replan(Struct, frozen=True):
    """Another escalation policy should run from its first level on."""

    by: By
    plan_id: str
    plan: Policy


class Escalate(Struct, frozen=True):
    """Call the next level, or the one named (counted from 1)."""

    by: By
    level: int | None = None


class Snooze(Struct, frozen=True):
    """Acknowledge it and call people again after a while."""

    by: By
    duration: timedelta


class Rename(Struct, frozen=True):
    """Give it another title."""

    by: By
    title: str


class SetUrgency(Struct, frozen=True):
    """Change how people are woken; raising it starts the high-urgency rules of those who have it."""

    by: By
    urgency: str


class SetPriority(Struct, frozen=True):
    """Change how much the business cares; None takes the priority away."""

    by: By
    priority_id: str | None
    name: str | None


class Annotate(Struct, frozen=True):
    """Write a note on the timeline."""

    by: By
    note_id: str
    content: str


class AlertTriggered(Struct, frozen=True):
    """A tool reported trouble: a new alert of this incident, or one it already has (`events` of it so far)."""

    by: By
    alert_id: str
    events: int
    urgency: str
    details: dict[str, object]


class AlertResolved(Struct, frozen=True):
    """One of its alerts is over; with the last one the incident is."""

    by: By
    alert_id: str


class Absorb(Struct, frozen=True):
    """Take over the alerts of merged incidents."""

    by: By
    incident_ids: tuple[str, ...]
    alerts_triggered: int
    alerts_total: int


class Vanish(Struct, frozen=True):
    """Be resolved because its alerts went over into another incident."""

    by: By
    into_id: str


class AlertsMoved(Struct, frozen=True):
    """Some of its alerts went to another incident, or came from one (positive counts)."""

    by: By
    triggered: int
    total: int


class Due(Struct, frozen=True):
    """A timer of this kind ran out."""

    kind: TimerKind


class Unreachable(Struct, frozen=True):
    """Every page of the running round failed for good: call the next level now."""

    round: int
    why: str


class Revive(Struct, frozen=True):
    """The auditor found an open incident for which nothing was due any more: call people now."""

    why: str


Order = (
    Acknowledge
    | Resolve
    | Reopen
    | Reassign
    | Replan
    | Escalate
    | Snooze
    | Rename
    | SetUrgency
    | SetPriority
    | Annotate
    | AlertTriggered
    | AlertResolved
    | Absorb
    | Vanish
    | AlertsMoved
    | Due
    | Unreachable
    | Revive
)


class Opening(Struct, frozen=True):
    """Everything that a new incident starts with."""

    by: By
    title: str
    urgency: str
    plan_id: str
    body: str | None = None
    incident_key: str | None = None
    priority_id: str | None = None
    user_ids: tuple[str, ...] = ()
    alert_id: str | None = None
    raise_urgency_at: datetime | None = None
    details: dict[str, object] | None = None
