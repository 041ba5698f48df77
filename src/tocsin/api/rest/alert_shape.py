"""Alerts on the wire: how they are shown, with the event that opened them."""

from tocsin.api.kit import Call, Shown
from tocsin.api.rest.event_shape import cef_details, contexts_of, event_in
from tocsin.api.rest.incident_reference import reference_to_entry, reference_to_incident
from tocsin.store.lists.alerts import AlertRow, FirstEntry

KIND = "alert"
SUFFIX = "_inbound_integration"


def show_alert(call: Call, row: AlertRow, first: FirstEntry | None) -> Shown:
    """Return the alert as it is answered."""
    links = call.links
    under = f"/incidents/{row.incident_id}" if row.incident_id else ""
    incident = None
    if row.incident_id is not None:
        incident = reference_to_incident(links, row.incident_id, number=row.incident_number, title=row.incident_title)
    return {
        **links.head(KIND, row.id, row.summary, under=under),
        "created_at": call.at(row.created_at),
        "resolved_at": call.at(row.resolved_at) if row.resolved_at else None,
        "status": row.status,
        "alert_key": row.dedup_key,
        "severity": row.severity,
        "suppressed": row.suppressed,
        "service": links.reference("service", row.service_id, row.service_name, deleted=row.service_deleted),
        "integration": _integration(call, row),
        "incident": incident,
        "first_trigger_log_entry": (
            reference_to_entry(links, "trigger", first.id, f"Triggered by {first.agent.get('name')}") if first else None
        ),
        "body": _body(row),
    }


def _integration(call: Call, row: AlertRow) -> Shown:
    kind = f"{(row.integration_kind or 'events_api_v2').removesuffix(SUFFIX)}{SUFFIX}"
    name = row.integration_name or "a deleted integration"
    gone = row.integration_name is None
    return call.links.reference(kind, row.integration_id, name, under=f"/services/{row.service_id}", deleted=gone)


def _body(row: AlertRow) -> Shown | None:
    event = event_in(row.body)
    if event is None:
        return None
    return {
        "type": "alert_body",
        "contexts": contexts_of(event),
        "details": event.details,
        "cef_details": cef_details(event),
    }
