"""The incident: what people answer; triggered, acknowledged or resolved."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from tocsin.domain.incidents.agent import Agent
from tocsin.domain.oncall.policy import Policy


class Status(StrEnum):
    """The three states of an incident, in PagerDuty's words."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class TimerKind(StrEnum):
    """What can be due for an incident; at most one of each kind."""

    ESCALATE = "escalate"
    UNACKNOWLEDGE = "unacknowledge"
    UNSNOOZE = "unsnooze"
    AUTO_RESOLVE = "auto_resolve"
    URGENCY = "urgency"


# Several kinds may be due at once, as after downtime. What ends an incident goes first, and calling people last, so
# that nobody is called for something that was over.
DUE_ORDER: Final = (
    TimerKind.AUTO_RESOLVE,
    TimerKind.URGENCY,
    TimerKind.UNSNOOZE,
    TimerKind.UNACKNOWLEDGE,
    TimerKind.ESCALATE,
)


class Incident(Struct):
    """The row of an incident, hot fields included. `called` and `round` count calls of people, see `Call`."""

    id: str
    service_id: str
    title: str
    status: Status
    urgency: str
    plan_id: str
    assigned_via: str
    created_at: datetime
    updated_at: datetime
    status_changed_at: datetime
    status_changed_by: Agent
    number: int = 0
    body: str | None = None
    incident_key: str | None = None
    priority_id: str | None = None
    called: int = 0
    round: int = 0
    exhausted: bool = False
    snoozed_until: datetime | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    merged_into: str | None = None
    alerts_triggered: int = 0
    alerts_total: int = 0
    version: int = 1


class Acknowledgement(Struct, frozen=True):
    """Who acknowledged, and when."""

    agent_kind: str
    agent_id: str
    at: datetime


class Terms(Struct, frozen=True):
    """What a service's configuration says about its incidents, as of the transaction."""

    service_id: str
    service_name: str
    acknowledgement_timeout: timedelta | None = None
    auto_resolve_timeout: timedelta | None = None

    @property
    def agent(self) -> Agent:
        """Return the service as the doer of what its own rules do."""
        return Agent("service", self.service_id, self.service_name)


class Situation(Struct):
    """An incident with everything that belongs to it, locked and read in one transaction."""

    incident: Incident
    plan: Policy
    terms: Terms
    assignees: tuple[str, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    timers: dict[str, datetime] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Say whether the incident is not resolved."""
        return self.incident.status is not Status.RESOLVED
