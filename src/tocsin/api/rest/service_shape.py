"""Services on the wire: how they are shown."""

import msgspec

from tocsin.api.kit import Call, Shown
from tocsin.domain.services.service import Service, status_of
from tocsin.domain.services.support_hours import SupportHours
from tocsin.domain.services.urgency_rule import Always, Raise, UrgencyRule
from tocsin.store.services import IntegrationShown, ServiceRow, service_of


def show_service(call: Call, row: ServiceRow, *, auto_pause: bool = False) -> Shown:
    """Return the service as it is answered; how it pauses transient alerts only where that was asked for."""
    links, service = call.links, service_of(row)
    grouping = row.alert_grouping
    shown: Shown = {
        **links.head("service", row.id, row.name),
        "name": row.name,
        "description": row.description,
        "created_at": call.at(row.created_at),
        "status": _status(row),
        "last_incident_timestamp": call.at(row.last_incident_at) if row.last_incident_at else None,
        "escalation_policy": links.reference("escalation_policy", row.escalation_policy_id, row.policy_name),
        "teams": [links.reference("team", row.team_id, row.team_name)] if row.team_id else [],
        "integrations": _integrations(call, row),
        "addons": [],
        "response_play": None,
        "fallback_user": _fallback(call, row),
        **_timeouts(row),
        **_urgencies(service),
        "alert_creation": "create_alerts_and_incidents",
        "alert_grouping_parameters": grouping,
        **_legacy_grouping(grouping),
    }
    if auto_pause:
        kept = row.auto_pause or {"enabled": False, "timeout": 0}
        shown["auto_pause_notifications_parameters"] = {**kept, "recommended_timeout": None}
    return shown


def show_hours(hours: SupportHours | None) -> Shown | None:
    """Return support hours as they are answered."""
    if hours is None:
        return None
    return {
        "type": "fixed_time_per_day",
        "time_zone": hours.time_zone,
        "days_of_week": list(hours.days),
        "start_time": hours.start.isoformat(timespec="seconds"),
        "end_time": hours.end.isoformat(timespec="seconds"),
    }


def show_rule(rule: UrgencyRule) -> Shown:
    """Return an urgency rule as it is answered."""
    if isinstance(rule, Always):
        return {"type": "constant", "urgency": rule.urgency}
    return {
        "type": "use_support_hours",
        "during_support_hours": {"type": "constant", "urgency": rule.during},
        "outside_support_hours": {"type": "constant", "urgency": rule.outside},
    }


def _status(row: ServiceRow) -> str:
    return status_of(
        disabled=row.disabled,
        in_maintenance=row.in_maintenance,
        triggered=row.triggered,
        acknowledged=row.acknowledged,
    )


def _integrations(call: Call, row: ServiceRow) -> list[Shown]:
    return [
        call.links.reference(f"{one.kind}_inbound_integration", one.id, one.name, under=f"/services/{row.id}")
        for one in msgspec.convert(row.integrations, list[IntegrationShown])
    ]


def _fallback(call: Call, row: ServiceRow) -> Shown | None:
    if row.fallback_user_id is None:
        return None
    return call.links.reference("user", row.fallback_user_id, row.fallback_user_name)


def _timeouts(row: ServiceRow) -> Shown:
    return {
        "acknowledgement_timeout": row.acknowledgement_timeout_s,
        "auto_resolve_timeout": row.auto_resolve_timeout_s,
    }


def _urgencies(service: Service) -> Shown:
    return {
        "incident_urgency_rule": show_rule(service.urgency_rule),
        "support_hours": show_hours(service.support_hours),
        "scheduled_actions": [_show_raise(planned) for planned in service.raises],
    }


def _show_raise(planned: Raise) -> Shown:
    at = {"type": "named_time", "name": f"support_hours_{planned.at}"}
    return {"type": "urgency_change", "at": at, "to_urgency": "high"}


def _legacy_grouping(grouping: dict[str, object] | None) -> Shown:
    """Return the two older fields that say a part of the grouping parameters once more."""
    kind = (grouping or {}).get("type")
    config = (grouping or {}).get("config")
    timeout = config.get("timeout") if kind == "time" and isinstance(config, dict) else None
    return {"alert_grouping": kind if kind in ("time", "intelligent") else None, "alert_grouping_timeout": timeout}
