"""Alerts as stored: the open one behind each dedup key."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.domain.events.alert import Alert
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class OpenAlertRow(Struct):
    """An open alert, without the event that opened it."""

    id: str
    integration_id: str
    service_id: str
    dedup_key: str
    severity: str
    summary: str
    created_at: datetime
    last_at: datetime
    incident_id: str | None
    suppressed: bool
    suppressed_why: str | None
    events: int


OPEN_ALERTS_OF_KEYS = Query(
    "open alerts with these dedup keys",
    """
    SELECT a.id, a.integration_id, a.service_id, a.dedup_key, a.severity, a.summary, a.created_at, a.last_at,
           a.incident_id, a.suppressed, a.suppressed_why, a.events
      FROM json_to_recordset(%(keys)s::json) AS k(integration_id text, dedup_key text)
      JOIN alert a ON a.integration_id = k.integration_id AND a.dedup_key = k.dedup_key COLLATE "C"
     WHERE a.status = 'triggered'
    """,
    row=OpenAlertRow,
)


async def open_alerts(turn: Turn, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Alert]:
    """Return the open alerts behind these pairs of integration id and dedup key."""
    records = [{"integration_id": integration_id, "dedup_key": dedup_key} for integration_id, dedup_key in keys]
    if not records:
        return {}
    rows = await turn.rows(OPEN_ALERTS_OF_KEYS, {"keys": msgspec.json.encode(records).decode()})
    return {
        (row.integration_id, row.dedup_key): Alert(
            id=row.id,
            integration_id=row.integration_id,
            service_id=row.service_id,
            dedup_key=row.dedup_key,
            status="triggered",
            severity=row.severity,
            summary=row.summary,
            created_at=row.created_at,
            last_at=row.last_at,
            incident_id=row.incident_id,
            suppressed=row.suppressed,
            suppressed_why=row.suppressed_why,
            events=row.events,
        )
        for row in rows
    }
