"""Incidents on the wire: how they are shown, and what stands in the place of their references when it is asked for."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tocsin.api.kit import Call, Links, Shown
from tocsin.api.rest.incident_reference import (
    reference_to_agent,
    reference_to_entry,
    reference_to_incident,
    summary_of,
)
from tocsin.api.rest.include import Load, include, whole_policies, whole_services, whole_teams, whole_users
from tocsin.api.rest.log_entry_shape import whole_entries
from tocsin.api.rest.priorities import show_priority
from tocsin.domain.incidents.incident import TimerKind
from tocsin.ground.limits import MOST_MERGED_ALERTS
from tocsin.store.lists.incidents_shown import Acknowledged, IncidentShown

LIST_INCLUDES = frozenset({
    "acknowledgers", "agents", "assignees", "body", "conference_bridge", "escalation_policies",
    "first_trigger_log_entries", "priorities", "services", "teams", "users",
})  # fmt: skip
INCLUDES = LIST_INCLUDES | {"custom_fields"}
LOADS: dict[str, tuple[str, Load]] = {
    "services": ("service", whole_services),
    "escalation_policies": ("escalation_policy", whole_policies),
    "teams": ("teams", whole_teams),
    "first_trigger_log_entries": ("first_trigger_log_entry", whole_entries),
}
# What is due for an incident, as clients name it: the end of a snooze is the end of an acknowledgement.
ACTIONS = {
    TimerKind.ESCALATE: "escalate",
    TimerKind.UNACKNOWLEDGE: "unacknowledge",
    TimerKind.UNSNOOZE: "unacknowledge",
    TimerKind.AUTO_RESOLVE: "resolve",
    TimerKind.URGENCY: "urgency_change",
}


def show_incident(call: Call, row: IncidentShown) -> Shown:
    """Return the incident as it is answered, with references to what is around it."""
    links = call.links
    team = [links.reference("team", row.team_id, row.team_name)] if row.team_id else []
    service = links.reference("service", row.service_id, row.service_name, deleted=row.service_deleted)
    return {
        **links.head("incident", row.id, summary_of(row.number, row.title)),
        "incident_number": row.number,
        "title": row.title,
        "description": row.title,
        "created_at": call.at(row.created_at),
        "updated_at": call.at(row.updated_at),
        "status": row.status,
        "incident_key": row.incident_key,
        "urgency": row.urgency,
        "service": service,
        "escalation_policy": _policy(links, row),
        "teams": team,
        "impacted_services": [dict(service)],
        "priority": show_priority(call, ranked) if (ranked := row.ranked()) is not None else None,
        "alert_counts": {
            "all": row.alerts_total,
            "triggered": row.alerts_triggered,
            "resolved": row.alerts_total - row.alerts_triggered,
        },
        "is_mergeable": row.merged_into is None and row.alerts_total < MOST_MERGED_ALERTS,
        "incident_type": {"name": "incident_default"},
        "alert_grouping": None,
        **_people(call, row),
        **_course(call, row),
        "incidents_responders": [],
        "responder_requests": [],
    }


def _policy(links: Links, row: IncidentShown) -> Shown | None:
    if row.policy_id is None:
        return None
    return links.reference("escalation_policy", row.policy_id, row.policy_name, deleted=row.policy_deleted)


def _people(call: Call, row: IncidentShown) -> Shown:
    links = call.links
    return {
        "assigned_via": row.assigned_via,
        "assignments": [
            {"at": call.at(one.at), "assignee": links.reference("user", one.id, one.name, deleted=one.deleted)}
            for one in row.assignees()
        ],
        "acknowledgements": [
            {"at": call.at(one.at), "acknowledger": _acknowledger(links, row, one)} for one in row.acknowledgers()
        ],
        "last_status_change_by": reference_to_agent(
            links, row.changed_by(), service_id=row.service_id, service_name=row.service_name
        ),
    }


def _acknowledger(links: Links, row: IncidentShown, one: Acknowledged) -> Shown:
    """Return who acknowledged: a person, or else the service, by which clients mean its tools too."""
    if one.kind == "user":
        return links.reference("user", one.id, one.name)
    return links.reference("service", row.service_id, row.service_name)


def _course(call: Call, row: IncidentShown) -> Shown:
    first = row.first_entry()
    merged = None
    if row.merged_into is not None:
        into = reference_to_incident(call.links, row.merged_into, number=row.merged_number, title=row.merged_title)
        merged = {"type": "merge_resolve_reason", "incident": into}
    return {
        "last_status_change_at": call.at(row.status_changed_at),
        "resolved_at": call.at(row.resolved_at) if row.resolved_at else None,
        "resolve_reason": merged,
        "pending_actions": pending(call, row.due()),
        "first_trigger_log_entry": (
            reference_to_entry(call.links, "trigger", first.id, f"Triggered by {first.agent.name}") if first else None
        ),
    }


def pending(call: Call, due: Mapping[str, datetime]) -> list[Shown]:
    """Return what is due for an incident, the soonest first."""
    actions: list[Shown] = []
    for kind, at in sorted(due.items(), key=lambda item: item[1]):
        action = ACTIONS[TimerKind(kind)]
        shown: Shown = {"type": action, "at": call.at(at)}
        if action == "urgency_change":
            shown["to"] = "high"
        actions.append(shown)
    return actions


async def shown_incidents(call: Call, rows: Sequence[IncidentShown], includes: frozenset[str]) -> list[Shown]:
    """Return these incidents as answered, with whole resources where `includes` asks for them."""
    shapes = [show_incident(call, row) for row in rows]
    await include(call, shapes, includes, LOADS)
    if places := _places_of_people(shapes, includes):
        await _fill(call, places)
    for shape, row in zip(shapes, rows, strict=True):
        if "body" in includes:
            shape["body"] = {"type": "incident_body", "details": row.body}
        if "conference_bridge" in includes:
            shape["conference_bridge"] = None
        if "custom_fields" in includes:
            shape["custom_fields"] = []
    return shapes


def _places_of_people(shapes: Iterable[Shown], includes: frozenset[str]) -> list[tuple[Shown, str]]:
    """Return where references to users stand that are to become whole: a dictionary and its key."""
    places: list[tuple[Shown, str]] = []
    for shape in shapes:
        if includes & {"assignees", "users"}:
            places.extend((one, "assignee") for one in _dicts(shape["assignments"]))
        if includes & {"acknowledgers", "users"}:
            places.extend((one, "acknowledger") for one in _dicts(shape["acknowledgements"]))
        if includes & {"agents", "users"}:
            places.append((shape, "last_status_change_by"))
    return places


async def _fill(call: Call, places: Sequence[tuple[Shown, str]]) -> None:
    references = [(holder, key, found) for holder, key in places if isinstance(found := holder[key], dict)]
    ids = {str(found["id"]) for _, _, found in references if found["type"] == "user_reference"}
    whole = await whole_users(call, sorted(ids)) if ids else {}
    for holder, key, found in references:
        if found["type"] == "user_reference":
            holder[key] = whole.get(str(found["id"]), found)


def _dicts(value: object) -> list[Shown]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
