"""Log entries on the wire: one fact of a timeline, with the raw event behind it where a client asks for channels."""

from collections.abc import Sequence

import msgspec

from tocsin.api.kit import Call, Shown, parse_instant
from tocsin.api.rest.event_shape import cef_details, contexts_of, event_in
from tocsin.api.rest.incident_reference import reference_to_agent, reference_to_incident
from tocsin.api.rest.log_entry_words import Told, summary_of, user_ids_of
from tocsin.domain.incidents.agent import Agent
from tocsin.store import users
from tocsin.store.lists import log_entries
from tocsin.store.lists.log_entries import EntryRow
from tocsin.store.turn import Turn

# The channels for which PagerDuty has a name.
NOTIFICATION_TYPES = {
    "email": "email_notification",
    "push": "push_notification",
    "sms": "sms_notification",
    "voice": "phone_notification",
}
DELETED_NOTE = "(this note was deleted)"


async def show_entries(turn: Turn, call: Call, rows: Sequence[EntryRow], *, channels: bool) -> list[Shown]:
    """Return log entries as answered; their channels in full where `channels` says so."""
    ids = sorted({user_id for row in rows for user_id in user_ids_of(row.body)})
    names = {row.id: row.name for row in await turn.rows(users.NAMES, {"ids": ids})} if ids else {}
    return [_show(call, row, names, channels=channels) for row in rows]


async def whole_entries(call: Call, ids: list[str]) -> dict[str, Shown]:
    """Return these log entries as answered, by id."""

    async def job(turn: Turn) -> dict[str, Shown]:
        rows = await log_entries.shown(turn, ids)
        return {str(shown["id"]): shown for shown in await show_entries(turn, call, rows, channels=False)}

    return await call.store.read(job)


def _show(call: Call, row: EntryRow, names: dict[str, str], *, channels: bool) -> Shown:
    links = call.links
    agent = msgspec.convert(row.agent, Agent)
    summary = summary_of(row.kind, Told(agent.name, _in_zone(call, row.body), names))
    shown: Shown = {
        **links.head(f"{row.kind}_log_entry", row.id, summary),
        "created_at": call.at(row.at),
        "agent": reference_to_agent(links, agent, service_id=row.service_id, service_name=row.service_name),
        "channel": _channel(row) if channels else {"type": row.channel.get("kind", "auto")},
        "service": links.reference("service", row.service_id, row.service_name, deleted=row.service_deleted),
        "incident": reference_to_incident(links, row.incident_id, number=row.incident_number, title=row.incident_title),
        "teams": [links.reference("team", row.team_id, row.team_name)] if row.team_id else [],
        "contexts": contexts_of(event_in(row.event)),
        "event_details": _details(row),
    }
    if row.kind == "annotate":
        shown["note"] = row.note if row.note is not None else _unkept(row)
    return shown | _people(call, row, names)


def _people(call: Call, row: EntryRow, names: dict[str, str]) -> Shown:
    """Return the people whom an entry names, in the fields that clients know for its kind."""
    people = [call.links.reference("user", each, names.get(each)) for each in user_ids_of(row.body)]
    if row.kind in ("assign", "escalate"):
        return {"assignees": people}
    return {"user": people[0]} if row.kind == "notify" and people else {}


def _in_zone(call: Call, body: dict[str, object]) -> dict[str, object]:
    """Return what an entry holds with the end of a snooze as this client reads instants."""
    until = body.get("until")
    return {**body, "until": call.at(parse_instant(until))} if isinstance(until, str) else body


def _unkept(row: EntryRow) -> str | None:
    """Return what stands in the place of a note that is gone; a merge is told by its summary alone."""
    return DELETED_NOTE if row.body.get("note_id") else None


def _details(row: EntryRow) -> Shown:
    event = row.body.get("event")
    if isinstance(event, dict) and event.get("summary"):
        return {"description": event["summary"]}
    return {"description": row.incident_title} if row.kind == "trigger" else {}


def _channel(row: EntryRow) -> Shown:
    """Return the way by which an entry came, with what a tool sent or what a person said."""
    via = row.channel
    shown: Shown = {"type": via.get("kind", "auto"), "summary": via.get("summary")}
    event = event_in(row.event)
    if event is not None:
        shown |= {
            "summary": event.summary,
            "description": event.summary,
            "incident_key": event.dedup_key,
            "details": event.details,
            "cef_details": cef_details(event),
        }
    elif via.get("detail"):
        shown["details"] = via["detail"]
    if row.kind == "notify" and (kind := NOTIFICATION_TYPES.get(str(row.body.get("channel")))):
        shown["notification"] = {"type": kind, "status": row.body.get("receipt")}
    return shown
