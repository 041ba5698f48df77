"""Incidents as stored: reading them with all that belongs to them, locked for a change."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.domain.incidents.agent import Agent
from tocsin.domain.incidents.incident import Acknowledgement, Incident, Status
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class IncidentRow(Struct):
    """A row of `incident`, in the order of the fields of `Incident`."""

    id: str
    service_id: str
    title: str
    status: str
    urgency: str
    plan_id: str
    assigned_via: str
    created_at: datetime
    updated_at: datetime
    status_changed_at: datetime
    status_changed_by: dict[str, Any]
    number: int
    body: str | None
    incident_key: str | None
    priority_id: str | None
    called: int
    round: int
    exhausted: bool
    snoozed_until: datetime | None
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    merged_into: str | None
    alerts_triggered: int
    alerts_total: int
    version: int


class CompanyRow(Struct):
    """Who has an incident, who acknowledged it, and what is due for it, as JSON lists."""

    id: str
    assignees: list[str]
    acknowledgements: list[dict[str, Any]]
    timers: dict[str, str]


LOCKED = Query(
    "incidents, locked in the order of their ids",
    """
    SELECT id, service_id, title, status, urgency, plan_id, assigned_via, created_at, updated_at, status_changed_at,
           status_changed_by, number, body, incident_key, priority_id, called, round, exhausted, snoozed_until,
           acknowledged_at, resolved_at, merged_into, alerts_triggered, alerts_total, version
      FROM incident WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE
    """,
    row=IncidentRow,
)
LOCKED_IF_FREE = Query(
    "incidents that nobody else is changing, locked in the order of their ids",
    """
    SELECT id, service_id, title, status, urgency, plan_id, assigned_via, created_at, updated_at, status_changed_at,
           status_changed_by, number, body, incident_key, priority_id, called, round, exhausted, snoozed_until,
           acknowledged_at, resolved_at, merged_into, alerts_triggered, alerts_total, version
      FROM incident WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE SKIP LOCKED
    """,
    row=IncidentRow,
)
COMPANY = Query(
    "who has incidents, who acknowledged them, and what is due",
    """
    SELECT i.id,
           coalesce((SELECT json_agg(a.user_id ORDER BY a.at, a.user_id) FROM assignment a
                      WHERE a.incident_id = i.id), '[]'::json) AS assignees,
           coalesce((SELECT json_agg(json_build_object('agent_kind', k.agent_kind, 'agent_id', k.agent_id, 'at', k.at)
                                     ORDER BY k.at) FROM acknowledgement k
                      WHERE k.incident_id = i.id), '[]'::json) AS acknowledgements,
           coalesce((SELECT json_object_agg(t.kind, t.due_at) FROM timer t
                      WHERE t.incident_id = i.id), '{}'::json) AS timers
      FROM unnest(%(ids)s::text[]) AS i(id)
    """,
    row=CompanyRow,
)


class OpenRow(Struct):
    """An open incident of a service."""

    id: str


OPEN_OF_SERVICE = Query(
    "open incidents of a service",
    "SELECT id FROM incident WHERE service_id = %(service_id)s AND status <> 'resolved' ORDER BY id",
    row=OpenRow,
)


class Company(Struct):
    """Who has an incident, who acknowledged it, and what is due for it."""

    assignees: tuple[str, ...]
    acknowledgements: tuple[Acknowledgement, ...]
    timers: dict[str, datetime]


NOBODY = Company((), (), {})


async def lock(turn: Turn, ids: list[str], *, if_free: bool = False) -> dict[str, Incident]:
    """Lock incidents in the order of their ids and return them by id; `if_free` leaves out those being changed."""
    rows = await turn.rows(LOCKED_IF_FREE if if_free else LOCKED, {"ids": ids})
    return {row.id: incident_of(row) for row in rows}


def incident_of(row: IncidentRow) -> Incident:
    """Return the incident of this row."""
    return Incident(
        row.id,
        row.service_id,
        row.title,
        Status(row.status),
        row.urgency,
        row.plan_id,
        row.assigned_via,
        row.created_at,
        row.updated_at,
        row.status_changed_at,
        msgspec.convert(row.status_changed_by, Agent),
        row.number,
        row.body,
        row.incident_key,
        row.priority_id,
        row.called,
        row.round,
        row.exhausted,
        row.snoozed_until,
        row.acknowledged_at,
        row.resolved_at,
        row.merged_into,
        row.alerts_triggered,
        row.alerts_total,
        row.version,
    )


async def company(turn: Turn, ids: list[str]) -> dict[str, Company]:
    """Return who has these locked incidents, who acknowledged them and what is due, by id."""
    return {
        row.id: Company(
            tuple(row.assignees),
            tuple(msgspec.convert(each, Acknowledgement) for each in row.acknowledgements),
            {kind: datetime.fromisoformat(at) for kind, at in row.timers.items()},
        )
        for row in await turn.rows(COMPANY, {"ids": ids})
    }
