"""Service: a technical thing that can break, whom it calls, and how its incidents end by themselves."""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from tocsin.domain.services.support_hours import SupportHours
from tocsin.domain.services.urgency_rule import Raise, UrgencyRule, next_raise

ServiceStatus = Literal["active", "warning", "critical", "maintenance", "disabled"]


class Service(Struct, frozen=True):
    """A service as configured; a timeout of None means that nothing happens by itself.

    `fallback_user_id` is called when the policy finds nobody on call. A disabled service opens no incidents.
    """

    id: str
    name: str
    escalation_policy_id: str
    team_id: str | None
    acknowledgement_timeout: timedelta | None
    auto_resolve_timeout: timedelta | None
    urgency_rule: UrgencyRule
    support_hours: SupportHours | None
    raises: tuple[Raise, ...]
    fallback_user_id: str | None
    disabled: bool


def next_urgency_change(service: Service, at: datetime) -> datetime | None:
    """Return the next instant after `at` at which the service raises its open incidents to high urgency."""
    return next_raise(service.support_hours, service.raises, at)


def status_of(*, disabled: bool, in_maintenance: bool, triggered: bool, acknowledged: bool) -> ServiceStatus:
    """Return how a service is doing: nobody sets it, it follows from what is switched, planned and open.

    `triggered` and `acknowledged` say whether the service has an open incident in that state.
    """
    if disabled:
        return "disabled"
    if in_maintenance:
        return "maintenance"
    if triggered:
        return "critical"
    return "warning" if acknowledged else "active"
