"""Warnings about calendars: those that could not be read for a day, and the names in them that nobody answers to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from tocsin.domain.oncall.calendar import Unmatched
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class Stale(Struct, frozen=True):
    """A calendar whose last good copy is more than a day old, and why no newer one came."""

    calendar_id: str
    schedule_id: str
    layer_id: str
    name: str
    since: datetime
    failure: str | None


class Strangers(Struct, frozen=True):
    """A calendar with entries that lead to nobody."""

    calendar_id: str
    schedule_id: str
    layer_id: str
    name: str
    texts: tuple[Unmatched, ...]


class StrangerRow(Struct, frozen=True):
    """The row behind `Strangers`."""

    calendar_id: str
    schedule_id: str
    layer_id: str
    name: str
    unmatched: list[dict[str, Any]]


# The second condition holds when no node reads calendars at all.
STALE = Query(
    "calendars that could not be read for a day",
    """
    SELECT id AS calendar_id, schedule_id, layer_id, name, coalesce(good_at, created_at) AS since, failure
      FROM calendar
     WHERE (%(schedule_ids)s::text[] IS NULL OR schedule_id = ANY(%(schedule_ids)s::text[]))
       AND ((state <> 'good' AND coalesce(good_at, created_at) < %(now)s::timestamptz - interval '24 hours')
            OR due_at < %(now)s::timestamptz - interval '24 hours')
     ORDER BY schedule_id, id
    """,
    Stale,
)
STRANGERS = Query(
    "calendars with entries that lead to nobody",
    """
    SELECT id AS calendar_id, schedule_id, layer_id, name, unmatched FROM calendar
     WHERE (%(schedule_ids)s::text[] IS NULL OR schedule_id = ANY(%(schedule_ids)s::text[])) AND unmatched <> '[]'
     ORDER BY schedule_id, id
    """,
    StrangerRow,
)


async def stale(turn: Turn, schedule_ids: Sequence[str] | None = None) -> list[Stale]:
    """Return the calendars of these schedules, or of all, that nobody could read for more than a day."""
    ids = None if schedule_ids is None else list(schedule_ids)
    return await turn.rows(STALE, {"schedule_ids": ids, "now": turn.now})


async def unmatched(turn: Turn, schedule_ids: Sequence[str] | None = None) -> list[Strangers]:
    """Return the calendars of these schedules, or of all, with entries that lead to nobody, and their texts."""
    ids = None if schedule_ids is None else list(schedule_ids)
    rows = await turn.rows(STRANGERS, {"schedule_ids": ids})
    return [
        Strangers(row.calendar_id, row.schedule_id, row.layer_id, row.name, texts_of(row.unmatched)) for row in rows
    ]


def texts_of(rows: Sequence[dict[str, Any]]) -> tuple[Unmatched, ...]:
    """Return the texts that lead to nobody, as a row keeps them."""
    return tuple(Unmatched(str(row["text"]), int(row["count"])) for row in rows)
