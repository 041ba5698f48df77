"""Alert lists: the alerts of one incident, as answers show them and as a change begins with them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tocsin.domain.events.alert import Alert
from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.pages import Count
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class AlertRow(Struct, frozen=True):
    """An alert with the names around it; `body` is the event that opened it."""

    id: str
    incident_id: str | None
    integration_id: str
    service_id: str
    dedup_key: str
    status: str
    severity: str
    summary: str
    suppressed: bool
    events: int
    created_at: datetime
    resolved_at: datetime | None
    body: str
    incident_number: int | None
    incident_title: str | None
    service_name: str
    service_deleted: bool
    integration_name: str | None
    integration_kind: str | None


class LockedAlert(Struct, frozen=True):
    """An alert that nobody else can change until the transaction ends."""

    id: str
    integration_id: str
    service_id: str
    dedup_key: str
    status: Literal["triggered", "resolved"]
    severity: str
    summary: str
    created_at: datetime
    last_at: datetime
    incident_id: str | None
    suppressed: bool
    suppressed_why: str | None
    events: int
    resolved_at: datetime | None


class FirstEntry(Struct, frozen=True):
    """The log entry with which an alert came to its incident."""

    alert_id: str
    id: str
    agent: dict[str, Any]


_COLUMNS = """
SELECT a.id, a.incident_id, a.integration_id, a.service_id, a.dedup_key, a.status, a.severity, a.summary,
       a.suppressed, a.events, a.created_at, a.resolved_at, a.body::text AS body, i.number AS incident_number,
       i.title AS incident_title, coalesce(s.name, 'a deleted service') AS service_name,
       s.id IS NULL AS service_deleted, g.name AS integration_name, g.kind AS integration_kind
  FROM alert a
  LEFT JOIN incident i ON i.id = a.incident_id
  LEFT JOIN service s ON s.id = a.service_id
  LEFT JOIN integration g ON g.id = a.integration_id"""
_SHOWN = f"{_COLUMNS} WHERE a.incident_id = %(incident_id)s"
_WANTED = """
   AND (%(statuses)s::text[] IS NULL OR a.status = ANY(%(statuses)s::text[]))
   AND (%(key)s::text IS NULL OR a.dedup_key = %(key)s::text)"""
_STRETCH = "LIMIT %(limit)s::int OFFSET %(offset)s::int"

_SORTS = {
    "created_at:asc": "a.created_at, a.id",
    "created_at:desc": "a.created_at DESC, a.id DESC",
    "resolved_at:asc": "a.resolved_at NULLS FIRST, a.id",
    "resolved_at:desc": "a.resolved_at DESC NULLS LAST, a.id DESC",
}
NEWEST = "created_at:desc"
LISTS = {
    order: Query(f"alerts of this incident by {order}", f"{_SHOWN} {_WANTED} ORDER BY {by} {_STRETCH}", AlertRow)
    for order, by in _SORTS.items()
}
COUNT = Query(
    "how many alerts this incident has",
    f"SELECT count(*) AS n FROM alert a WHERE a.incident_id = %(incident_id)s {_WANTED}",  # noqa: S608 - joined from constants of this file only
    Count,
)
BY_IDS = Query("alerts with these ids, of this incident", f"{_SHOWN} AND a.id = ANY(%(ids)s::text[])", AlertRow)
ANYWHERE = Query("alerts with these ids", f"{_COLUMNS} WHERE a.id = ANY(%(ids)s::text[])", AlertRow)
LOCKED = Query(
    "alerts of this incident, locked in the order of their ids",
    """
    SELECT id, integration_id, service_id, dedup_key, status, severity, summary, created_at, last_at, incident_id,
           suppressed, suppressed_why, events, resolved_at
      FROM alert WHERE incident_id = %(incident_id)s AND id = ANY(%(ids)s::text[]) ORDER BY id FOR UPDATE
    """,
    LockedAlert,
)
FIRST_ENTRIES = Query(
    "log entries with which these alerts came to their incident",
    """
    SELECT DISTINCT ON (l.body ->> 'alert_id') l.body ->> 'alert_id' AS alert_id, l.id, l.agent
      FROM log_entry l
     WHERE l.incident_id = ANY(%(incident_ids)s::text[]) AND l.kind = 'trigger'
       AND l.body ->> 'alert_id' = ANY(%(alert_ids)s::text[])
     ORDER BY l.body ->> 'alert_id', l.id
    """,
    FirstEntry,
)


async def page(turn: Turn, values: Mapping[str, object], stretch: Stretch, order: str) -> Listed[AlertRow]:
    """Return a stretch of the alerts of an incident; `values` are incident_id, statuses and key."""
    return await pages.page(turn, LISTS[order], values, stretch=stretch, count=COUNT)


async def first_entries(turn: Turn, rows: tuple[AlertRow, ...]) -> dict[str, FirstEntry]:
    """Return by alert id the log entry with which it came; none for an alert that came from another incident."""
    values = {"incident_ids": [row.incident_id for row in rows], "alert_ids": [row.id for row in rows]}
    return {row.alert_id: row for row in await turn.rows(FIRST_ENTRIES, values)} if rows else {}


async def locked(turn: Turn, incident_id: str, ids: list[str]) -> dict[str, Alert]:
    """Lock alerts of an incident that is locked already, and return them by id, without their first event."""
    rows = await turn.rows(LOCKED, {"incident_id": incident_id, "ids": ids})
    return {row.id: Alert(**msgspec.structs.asdict(row)) for row in rows}
