"""Services on the wire: how they are read from a request."""

from datetime import time, timedelta
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tocsin.api.kit.zones import zone_named
from tocsin.api.rest.grouping_body import GroupingBody, Minutes, grouping_of
from tocsin.api.rest.policy_shape import Description, Name, Reference
from tocsin.domain.services.service import Service
from tocsin.domain.services.support_hours import SupportHours
from tocsin.domain.services.urgency_rule import Always, ByHours, Measure, Raise, UrgencyRule
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import squash
from tocsin.store.services import Draft

_LONGEST_TIMEOUT_S = 365 * 24 * 3600  # seconds; an incident that nobody touches for a year has no timeout

Timeout = Annotated[int, Meta(ge=0, le=_LONGEST_TIMEOUT_S)]


WallTime = Annotated[str, Meta(max_length=16)]  # "09:00" or "09:00:00"


class MeasureBody(Struct):
    """An urgency inside a rule."""

    urgency: Measure = "high"


class RuleBody(Struct):
    """How urgent incidents are."""

    type: Literal["constant", "use_support_hours"] = "constant"
    urgency: Measure | None = None
    during_support_hours: MeasureBody | None = None
    outside_support_hours: MeasureBody | None = None


class HoursBody(Struct):
    """Support hours, Monday = 1."""

    time_zone: str
    days_of_week: list[int]
    start_time: WallTime
    end_time: WallTime
    type: Literal["fixed_time_per_day"] = "fixed_time_per_day"


class MomentBody(Struct):
    """A named time."""

    name: Literal["support_hours_start", "support_hours_end"]


class ActionBody(Struct):
    """A planned rise of urgency."""

    at: MomentBody
    type: Literal["urgency_change"] = "urgency_change"
    to_urgency: Literal["high"] = "high"


class PauseBody(Struct):
    """How long alerts that look transient wait; 0 lets the product choose."""

    enabled: bool = False
    timeout: Literal[0, 120, 180, 300, 600, 900] | None = None


class ServiceBody(Struct):
    """A service as clients write it; absent fields keep what is there. `fallback_user` is ours."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    escalation_policy: Reference | UnsetType = UNSET
    acknowledgement_timeout: Timeout | UnsetType | None = UNSET
    auto_resolve_timeout: Timeout | UnsetType | None = UNSET
    status: Literal["active", "warning", "critical", "maintenance", "disabled"] | UnsetType = UNSET
    incident_urgency_rule: RuleBody | UnsetType | None = UNSET
    support_hours: HoursBody | UnsetType | None = UNSET
    scheduled_actions: list[ActionBody] | UnsetType | None = UNSET
    alert_grouping_parameters: GroupingBody | UnsetType | None = UNSET
    alert_grouping: Literal["time", "intelligent"] | UnsetType | None = UNSET
    alert_grouping_timeout: Minutes | UnsetType | None = UNSET
    auto_pause_notifications_parameters: PauseBody | UnsetType | None = UNSET
    fallback_user: Reference | UnsetType | None = UNSET


def fresh(service_id: str) -> Draft:
    """Return an empty service to be filled by a body.

    A timeout that a new service does not name is off, as PagerDuty has it whatever its documents say.
    """
    service = Service(
        id=service_id,
        name="",
        escalation_policy_id="",
        team_id=None,
        acknowledgement_timeout=None,
        auto_resolve_timeout=None,
        urgency_rule=Always("high"),
        support_hours=None,
        raises=(),
        fallback_user_id=None,
        disabled=False,
    )
    return Draft(service=service, description=None, alert_grouping=None, auto_pause=None)


def drafted(body: ServiceBody, before: Draft) -> Draft:
    """Return what is to be written: what was there, changed by what the body says.

    Raises `Refused` (missing, invalid). That the policy and the fallback user exist is for the caller to check.
    """
    old = before.service
    name = squash(old.name if body.name is UNSET else body.name)
    policy_id = old.escalation_policy_id if body.escalation_policy is UNSET else body.escalation_policy.id
    if not name:
        raise Refused(Why.MISSING, "Name can't be blank")
    if not policy_id:
        raise Refused(Why.MISSING, "Escalation policy can't be blank")
    service = structs.replace(_urgent(body, old), name=name, escalation_policy_id=policy_id)
    return Draft(
        service=structs.replace(
            service,
            acknowledgement_timeout=_timeout(body.acknowledgement_timeout, old.acknowledgement_timeout),
            auto_resolve_timeout=_timeout(body.auto_resolve_timeout, old.auto_resolve_timeout),
            fallback_user_id=_fallback(body, old),
            disabled=old.disabled if body.status is UNSET else body.status == "disabled",
        ),
        description=before.description if body.description is UNSET else body.description,
        alert_grouping=_grouping(body, before),
        auto_pause=_pause(body, before),
    )


def _urgent(body: ServiceBody, old: Service) -> Service:
    """Return the service with the hours, urgency and planned rises that the body says."""
    hours = _hours(body, old)
    raises = old.raises
    if body.scheduled_actions is not UNSET:
        raises = tuple(dict.fromkeys(_raise(action) for action in body.scheduled_actions or ()))
    elif hours is None:
        raises = ()
    if raises and hours is None:
        raise Refused(Why.INVALID, "Scheduled actions need support hours.")
    return structs.replace(old, support_hours=hours, raises=raises, urgency_rule=_rule(body, old, hours))


def _hours(body: ServiceBody, old: Service) -> SupportHours | None:
    said = body.support_hours
    if said is UNSET:
        rule = body.incident_urgency_rule
        # A rule that is constant from now on takes the hours with it, unless they are sent beside it.
        return None if isinstance(rule, RuleBody) and rule.type == "constant" else old.support_hours
    if said is None:
        return None
    hours = SupportHours(
        time_zone=zone_named(said.time_zone).key,
        days=tuple(said.days_of_week),
        start=_wall(said.start_time, "start_time"),
        end=_wall(said.end_time, "end_time"),
    )
    if faults := hours.faults():
        raise Refused(Why.INVALID, faults[0], faults)
    return hours


def _wall(text: str, name: str) -> time:
    try:
        return time.fromisoformat(text).replace(tzinfo=None, microsecond=0)
    except ValueError as failure:
        raise Refused(Why.INVALID, f"Support hours: {name} is a time such as 09:00:00.") from failure


def _rule(body: ServiceBody, old: Service, hours: SupportHours | None) -> UrgencyRule:
    said, kept = body.incident_urgency_rule, old.urgency_rule
    if said is UNSET or said is None:
        return kept if isinstance(kept, Always) else ByHours(_needed(hours), kept.during, kept.outside)
    if said.type == "constant":
        return Always(said.urgency or "high")
    during, outside = said.during_support_hours, said.outside_support_hours
    return ByHours(
        _needed(hours),
        during=during.urgency if during else "high",
        outside=outside.urgency if outside else "high",
    )


def _needed(hours: SupportHours | None) -> SupportHours:
    if hours is None:
        raise Refused(Why.INVALID, "An urgency rule that uses support hours needs support hours.")
    return hours


def _raise(action: ActionBody) -> Raise:
    return Raise("start" if action.at.name == "support_hours_start" else "end")


def _timeout(said: int | UnsetType | None, kept: timedelta | None) -> timedelta | None:
    if said is UNSET:
        return kept
    return timedelta(seconds=said) if said else None


def _fallback(body: ServiceBody, old: Service) -> str | None:
    if body.fallback_user is UNSET:
        return old.fallback_user_id
    return body.fallback_user.id if body.fallback_user else None


def _grouping(body: ServiceBody, before: Draft) -> dict[str, object] | None:
    """Return the grouping that the body says; the older pair of fields counts only where the newer is absent."""
    said = body.alert_grouping_parameters
    if said is UNSET:
        if body.alert_grouping is UNSET or body.alert_grouping is None:
            return before.alert_grouping
        minutes = None if body.alert_grouping_timeout is UNSET else body.alert_grouping_timeout
        return grouping_of(GroupingBody.older(body.alert_grouping, minutes))
    return None if said is None else grouping_of(said)


def _pause(body: ServiceBody, before: Draft) -> dict[str, object] | None:
    said = body.auto_pause_notifications_parameters
    if said is UNSET:
        return before.auto_pause
    return None if said is None else {"enabled": said.enabled, "timeout": said.timeout or 0}
