"""Decisions as stored: the one place that writes incidents, alerts, timelines, assignments and timers."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.domain.events.alert import Alert
from tocsin.domain.incidents.decision import Decision, Fact
from tocsin.domain.incidents.timeline import Entry
from tocsin.store.hints import Topic
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class Forgotten(Struct):
    """An incident that is no more."""

    id: str


OPEN_INCIDENTS = Command(
    "new incidents",
    """
    INSERT INTO incident (id, service_id, title, body, incident_key, status, urgency, priority_id, plan_id,
                          assigned_via, called, round, exhausted, snoozed_until, created_at, updated_at,
                          status_changed_at, status_changed_by, acknowledged_at, resolved_at, alerts_triggered,
                          alerts_total)
    SELECT id, service_id, title, body, incident_key, status, urgency, priority_id, plan_id,
           assigned_via, called, round, exhausted, snoozed_until, created_at, updated_at,
           status_changed_at, status_changed_by, acknowledged_at, resolved_at, alerts_triggered, alerts_total
      FROM json_to_recordset(%(records)s::json) AS r(
           id text, service_id text, title text, body text, incident_key text, status text, urgency text,
           priority_id text, plan_id text, assigned_via text, called int, round int, exhausted boolean,
           snoozed_until timestamptz, created_at timestamptz, updated_at timestamptz, status_changed_at timestamptz,
           status_changed_by jsonb, acknowledged_at timestamptz, resolved_at timestamptz, alerts_triggered int,
           alerts_total int)
     ORDER BY id
    """,
)
CHANGE_INCIDENTS = Command(
    "changed incidents",
    """
    UPDATE incident AS i
       SET title = r.title, status = r.status, urgency = r.urgency, priority_id = r.priority_id,
           plan_id = r.plan_id, assigned_via = r.assigned_via, called = r.called, round = r.round,
           exhausted = r.exhausted, snoozed_until = r.snoozed_until, updated_at = r.updated_at,
           status_changed_at = r.status_changed_at, status_changed_by = r.status_changed_by,
           acknowledged_at = r.acknowledged_at, resolved_at = r.resolved_at, merged_into = r.merged_into,
           alerts_triggered = r.alerts_triggered, alerts_total = r.alerts_total, version = r.version
      FROM json_to_recordset(%(records)s::json) AS r(
           id text, title text, status text, urgency text, priority_id text, plan_id text, assigned_via text,
           called int, round int, exhausted boolean, snoozed_until timestamptz, updated_at timestamptz,
           status_changed_at timestamptz, status_changed_by jsonb, acknowledged_at timestamptz,
           resolved_at timestamptz, merged_into text, alerts_triggered int, alerts_total int, version int)
     WHERE i.id = r.id
    """,
)
OPEN_ALERTS = Command(
    "new alerts",
    """
    INSERT INTO alert (id, integration_id, service_id, incident_id, dedup_key, status, severity, summary, suppressed,
                       suppressed_why, events, created_at, last_at, resolved_at, body)
    SELECT id, integration_id, service_id, incident_id, dedup_key, status, severity, summary, suppressed,
           suppressed_why, events, created_at, last_at, resolved_at, body
      FROM json_to_recordset(%(records)s::json) AS r(
           id text, integration_id text, service_id text, incident_id text, dedup_key text, status text,
           severity text, summary text, suppressed boolean, suppressed_why text, events bigint,
           created_at timestamptz, last_at timestamptz, resolved_at timestamptz, body jsonb)
    """,
)
CHANGE_ALERTS = Command(
    "changed alerts",
    """
    UPDATE alert AS a
       SET incident_id = r.incident_id, status = r.status, severity = r.severity, suppressed = r.suppressed,
           suppressed_why = r.suppressed_why, events = r.events, last_at = r.last_at, resolved_at = r.resolved_at
      FROM json_to_recordset(%(records)s::json) AS r(
           id text, incident_id text, status text, severity text, suppressed boolean, suppressed_why text,
           events bigint, last_at timestamptz, resolved_at timestamptz)
     WHERE a.id = r.id
    """,
)
RESOLVE_ALERTS = Command(
    "alerts of resolved incidents",
    """
    UPDATE alert SET status = 'resolved', resolved_at = %(now)s
     WHERE incident_id = ANY(%(ids)s) AND status = 'triggered'
    """,
)
MOVE_ALERTS = Command(
    "alerts of merged incidents",
    "UPDATE alert SET incident_id = %(into_id)s WHERE incident_id = ANY(%(ids)s)",
)
UNASSIGN = Command("assignments that ended", "DELETE FROM assignment WHERE incident_id = ANY(%(ids)s)")
ASSIGN = Command(
    "assignments",
    """
    INSERT INTO assignment (incident_id, user_id, at)
    SELECT incident_id, user_id, at
      FROM json_to_recordset(%(records)s::json) AS r(incident_id text, user_id text, at timestamptz)
    """,
)
UNACKNOWLEDGE = Command("acknowledgements that ended", "DELETE FROM acknowledgement WHERE incident_id = ANY(%(ids)s)")
ACKNOWLEDGE = Command(
    "acknowledgements",
    """
    INSERT INTO acknowledgement (incident_id, agent_kind, agent_id, at)
    SELECT incident_id, agent_kind, agent_id, at
      FROM json_to_recordset(%(records)s::json) AS r(incident_id text, agent_kind text, agent_id text, at timestamptz)
    """,
)
CLEAR_TIMERS = Command(
    "timers called off",
    """
    DELETE FROM timer AS t USING json_to_recordset(%(records)s::json) AS r(incident_id text, kind text)
     WHERE t.incident_id = r.incident_id AND t.kind = r.kind
    """,
)
SET_TIMERS = Command(
    "timers",
    """
    INSERT INTO timer (incident_id, kind, due_at)
    SELECT incident_id, kind, due_at
      FROM json_to_recordset(%(records)s::json) AS r(incident_id text, kind text, due_at timestamptz)
        ON CONFLICT (incident_id, kind) DO UPDATE SET due_at = excluded.due_at
    """,
)
POSTPONE = Command(
    "timers of an incident that cannot be worked on now",
    "UPDATE timer SET due_at = %(due_at)s WHERE incident_id = %(incident_id)s AND due_at < %(due_at)s",
)
RECALL_PAGES = Command(
    "pages called off",
    """
    UPDATE notification AS n SET state = 'cancelled', ended_why = r.why
      FROM json_to_recordset(%(records)s::json) AS r(incident_id text, why text)
     WHERE n.incident_id = r.incident_id AND n.state = 'pending'
    """,
)
WRITE_PAGES = Command(
    "pages",
    """
    INSERT INTO notification (incident_id, user_id, contact_method_id, rule_id, round, channel, urgency, rank,
                              created_at, due_at)
    SELECT incident_id, user_id, contact_method_id, rule_id, round, channel, urgency, rank, created_at, due_at
      FROM json_to_recordset(%(records)s::json) AS r(
           incident_id text, user_id text, contact_method_id text, rule_id text, round int, channel text,
           urgency text, rank smallint, created_at timestamptz, due_at timestamptz)
        ON CONFLICT DO NOTHING
    """,
)
WRITE_ENTRIES = Command(
    "log entries",
    """
    INSERT INTO log_entry (id, incident_id, service_id, at, kind, agent, channel, body)
    SELECT id, incident_id, service_id, at, kind, agent, channel, body
      FROM json_to_recordset(%(records)s::json) AS r(
           id text, incident_id text, service_id text, at timestamptz, kind text, agent jsonb, channel jsonb,
           body jsonb)
    """,
)
DESCRIBE_ENTRY = Command(
    "what a person says about how an incident was triggered",
    """
    UPDATE log_entry SET channel = channel || jsonb_build_object('kind', %(kind)s::text, 'detail', %(detail)s::text)
     WHERE id = %(id)s
    """,
)
WRITE_NOTES = Command(
    "notes",
    """
    INSERT INTO note (id, incident_id, user_id, content, channel, at)
    SELECT id, incident_id, user_id, content, channel, at
      FROM json_to_recordset(%(records)s::json) AS r(
           id text, incident_id text, user_id text, content text, channel jsonb, at timestamptz)
    """,
)
MOVE_ROUND_ROBIN = Command(
    "round-robin turns",
    """
    INSERT INTO round_robin (level_id, turn)
    SELECT level_id, turn FROM json_to_recordset(%(records)s::json) AS r(level_id text, turn bigint)
        ON CONFLICT (level_id) DO UPDATE SET turn = excluded.turn
    """,
)
TELL = Command(
    "facts of the feed",
    """
    INSERT INTO feed (kind, subject_id, body)
    SELECT kind, subject_id, body
      FROM json_to_recordset(%(records)s::json) AS r(kind text, subject_id text, body jsonb)
    """,
)


FORGET = Query(
    "resolved incidents of a service that nobody needs any more",
    """
    WITH old AS (
        DELETE FROM incident WHERE service_id = %(service_id)s AND status = 'resolved'
           AND resolved_at < tocsin_now() - %(kept_for)s::interval
        RETURNING id
    ), alerts AS (DELETE FROM alert a USING old WHERE a.incident_id = old.id)
     , entries AS (DELETE FROM log_entry e USING old WHERE e.incident_id = old.id)
     , pages AS (DELETE FROM notification n USING old WHERE n.incident_id = old.id RETURNING n.id)
     , handings AS (DELETE FROM delivery d USING pages WHERE d.notification_id = pages.id)
    SELECT id FROM old
    """,
    row=Forgotten,
)


class AlertChanges(Struct):
    """Alerts to write with decisions: new ones, and those whose state changed."""

    opened: list[Alert] = []
    changed: list[Alert] = []


class _Writer:
    """Sends the statements of one write in a single round trip, and leaves out those with nothing to say."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._statements: list[tuple[Command, dict[str, object]]] = []

    def records(self, command: Command, records: list[Any]) -> None:
        if records:
            self._statements.append((command, {"records": msgspec.json.encode(records).decode()}))

    def ids(self, command: Command, ids: list[str]) -> None:
        if ids:
            self._statements.append((command, {"ids": ids, "now": self._turn.now}))

    async def send(self) -> None:
        async with self._turn.connection.pipeline():
            for command, values in self._statements:
                await self._turn.run(command, values)


async def write_decisions(turn: Turn, decisions: list[Decision], alerts: AlertChanges | None = None) -> None:
    """Write what was decided: incidents first, then alerts, people, timers, pages, timeline and feed.

    The order of the statements is the product's order of locks (incident, alert, timer, notification).
    """
    writer = _Writer(turn)
    writer.records(OPEN_INCIDENTS, [each.incident for each in decisions if each.created])
    writer.records(CHANGE_INCIDENTS, [each.incident for each in decisions if not each.created])
    if alerts is not None:
        writer.records(CHANGE_ALERTS, alerts.changed)  # first: one of them may free the dedup key of a new one
        writer.records(OPEN_ALERTS, alerts.opened)
    writer.ids(RESOLVE_ALERTS, [each.incident.id for each in decisions if each.alerts_resolved])
    _write_people(writer, decisions)
    _write_timers(writer, decisions)
    recalled = [each for each in decisions if each.pages_recalled is not None and not each.created]
    writer.records(RECALL_PAGES, [{"incident_id": each.incident.id, "why": each.pages_recalled} for each in recalled])
    writer.records(WRITE_PAGES, [page for each in decisions for page in each.pages])
    writer.records(WRITE_ENTRIES, [entry for each in decisions for entry in each.entries])
    writer.records(WRITE_NOTES, [note for each in decisions for note in each.notes])
    _write_turns(writer, decisions)
    writer.records(TELL, [fact for each in decisions for fact in each.facts])
    await writer.send()
    _hint(turn, decisions)


async def write_entries(turn: Turn, entries: list[Entry], facts: list[Fact] | None = None) -> None:
    """Write log entries that belong to no change of state, such as what became of a page."""
    writer = _Writer(turn)
    writer.records(WRITE_ENTRIES, entries)
    writer.records(TELL, facts or [])
    await writer.send()
    turn.hints.add(Topic.FEED)


async def postpone(turn: Turn, incident_id: str, duration: timedelta) -> None:
    """Make what is due for an incident due again later, because it could not be done."""
    await turn.run(POSTPONE, {"incident_id": incident_id, "due_at": turn.now + duration})


async def forget(turn: Turn, service_id: str, kept_for: timedelta) -> int:
    """Delete the resolved incidents of a service of our own that are older than this; return how many."""
    return len(await turn.rows(FORGET, {"service_id": service_id, "kept_for": kept_for}))


async def describe_entry(turn: Turn, entry_id: str, *, kind: str, detail: str) -> None:
    """Write how an incident was triggered by hand: the kind of channel, and what the person says about it."""
    await turn.run(DESCRIBE_ENTRY, {"id": entry_id, "kind": kind, "detail": detail})


async def move_alerts(turn: Turn, from_ids: list[str], into_id: str) -> None:
    """Give all alerts of these locked incidents to another one."""
    await turn.run(MOVE_ALERTS, {"ids": from_ids, "into_id": into_id})


def _write_people(writer: _Writer, decisions: list[Decision]) -> None:
    changed = [each for each in decisions if each.people_changed]
    writer.ids(UNASSIGN, [each.incident.id for each in changed if not each.created])
    writer.records(
        ASSIGN,
        [
            {"incident_id": each.incident.id, "user_id": user_id, "at": each.now}
            for each in changed
            for user_id in each.assignees
        ],
    )
    changed = [each for each in decisions if each.acknowledgements_changed]
    writer.ids(UNACKNOWLEDGE, [each.incident.id for each in changed if not each.created])
    writer.records(
        ACKNOWLEDGE,
        [
            {"incident_id": each.incident.id, "agent_kind": mark.agent_kind, "agent_id": mark.agent_id, "at": mark.at}
            for each in changed
            for mark in each.acknowledgements
        ],
    )


def _write_timers(writer: _Writer, decisions: list[Decision]) -> None:
    writer.records(
        CLEAR_TIMERS,
        [
            {"incident_id": each.incident.id, "kind": kind}
            for each in decisions
            if not each.created
            for kind in sorted(each.cleared_timers)
        ],
    )
    writer.records(
        SET_TIMERS,
        [
            {"incident_id": each.incident.id, "kind": kind, "due_at": due_at}
            for each in decisions
            for kind, due_at in sorted(each.set_timers.items())
        ],
    )


def _write_turns(writer: _Writer, decisions: list[Decision]) -> None:
    moved: dict[str, int] = {}
    for decision in decisions:
        moved |= {level_id: decision.crew.turns[level_id] for level_id in decision.crew.moved_turns}
    writer.records(MOVE_ROUND_ROBIN, [{"level_id": level_id, "turn": turn} for level_id, turn in sorted(moved.items())])


def _hint(turn: Turn, decisions: list[Decision]) -> None:
    turn.hints.add(Topic.FEED)
    if any(decision.set_timers for decision in decisions):
        turn.hints.add(Topic.TIMERS)
    if any(decision.pages for decision in decisions):
        turn.hints.add(Topic.PAGES)


def soonest(decisions: list[Decision]) -> datetime | None:
    """Return the earliest instant at which a timer of these decisions is due."""
    return min((due_at for each in decisions for due_at in each.set_timers.values()), default=None)
