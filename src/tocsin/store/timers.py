"""Timers: which incidents have something due, and when the next one will."""

from datetime import datetime

from msgspec import Struct

from tocsin.store.query import Query


class DueRow(Struct):
    """Something that is due for an incident."""

    incident_id: str
    kind: str
    due_at: datetime


class NextRow(Struct):
    """The instant at which the next timer is due; None when there is none."""

    due_at: datetime | None
    now: datetime


DUE_TIMERS = Query(
    "timers that are due, oldest first",
    """
    SELECT incident_id, kind, due_at FROM timer WHERE due_at <= tocsin_now()
     ORDER BY due_at LIMIT %(most)s OFFSET %(passed_over)s
    """,
    row=DueRow,
)
NEXT_TIMER = Query(
    "when the next timer is due", "SELECT min(due_at) AS due_at, tocsin_now() AS now FROM timer", row=NextRow
)
