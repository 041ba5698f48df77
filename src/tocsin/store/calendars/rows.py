"""Calendars that tell a layer's shifts: added, shown, changed and removed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from psycopg.types.json import Jsonb

from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

TABLE = "calendar"
SEALED = "url_sealed"  # an address often holds a secret of its own, so it is sealed with the keyring


class CalendarRow(Struct, frozen=True):
    """A calendar with everything an answer shows; `uploaded` when it has no address to be fetched from."""

    id: str
    schedule_id: str
    layer_id: str
    name: str
    uploaded: bool
    host: str | None
    by_summary: dict[str, Any]
    refresh_s: int
    state: str
    entries: int
    shifts: int
    unmatched: list[dict[str, Any]]
    tried_at: datetime | None
    good_at: datetime | None
    failure: str | None
    due_at: datetime
    fence: int
    created_at: datetime


class CalendarDraft(Struct, frozen=True, kw_only=True):
    """A calendar to be kept; without `url_sealed` it is an uploaded one."""

    id: str
    schedule_id: str
    layer_id: str
    name: str
    url_sealed: bytes | None
    host: str | None
    by_summary: Mapping[str, str]
    refresh_for: timedelta


_CALENDARS = """
    SELECT c.id, c.schedule_id, c.layer_id, c.name, c.url_sealed IS NULL AS uploaded, c.host, c.by_summary,
           c.refresh_s, c.state, c.entries, c.shifts, c.unmatched, c.tried_at, c.good_at, c.failure, c.due_at,
           c.fence, c.created_at
      FROM calendar c
"""
_OF_SCHEDULES = " WHERE c.schedule_id = %(schedule_id)s"

BY_ID = Query("calendar with this id", f"{_CALENDARS} WHERE c.id = %(id)s", CalendarRow)
LOCKED = Query("calendar with this id", f"{_CALENDARS} WHERE c.id = %(id)s FOR UPDATE", CalendarRow)
LIST = Query(
    "calendars of a schedule, oldest first",
    f"{_CALENDARS} {_OF_SCHEDULES} ORDER BY c.created_at, c.id LIMIT %(limit)s::int OFFSET %(offset)s::int",
    CalendarRow,
)
COUNT = Query(
    "how many calendars a schedule has",
    "SELECT count(*) AS n FROM calendar c WHERE c.schedule_id = %(schedule_id)s",
    Count,
)
ADD = Command(
    "keep a calendar",
    """
    INSERT INTO calendar (id, schedule_id, layer_id, name, url_sealed, host, by_summary, refresh_s, due_at, created_at)
    VALUES (%(id)s, %(schedule_id)s, %(layer_id)s, %(name)s, %(url_sealed)s, %(host)s, %(by_summary)s, %(refresh_s)s,
            %(now)s, %(now)s)
    """,
)
# Whatever was under way for the calendar as it was before must not be written over this: the fence goes on.
CHANGE = Command(
    "change what a calendar is and read it anew",
    """
    UPDATE calendar SET name = %(name)s, url_sealed = %(url_sealed)s, host = %(host)s, by_summary = %(by_summary)s,
           refresh_s = %(refresh_s)s, etag = NULL, modified = NULL, read_at = NULL, due_at = %(now)s, fence = fence + 1
     WHERE id = %(id)s
    """,
)
HASTEN = Command(
    "read a calendar at once, whether or not it changed",
    "UPDATE calendar SET due_at = %(now)s, read_at = NULL, fence = fence + 1 WHERE id = %(id)s",
)
REMOVE = Command("remove a calendar", "DELETE FROM calendar WHERE id = %(id)s")


class SealedUrl(Struct, frozen=True):
    """The sealed address of a calendar."""

    url_sealed: bytes | None


URL = Query("address of a calendar", "SELECT url_sealed FROM calendar WHERE id = %(id)s", SealedUrl)


async def add(turn: Turn, draft: CalendarDraft) -> None:
    """Keep a new calendar, to be read at once."""
    await turn.run(ADD, _columns(turn, draft))


async def change(turn: Turn, draft: CalendarDraft) -> None:
    """Change a calendar, to be read at once; its last good copy stays until then."""
    await turn.run(CHANGE, _columns(turn, draft))


def _columns(turn: Turn, draft: CalendarDraft) -> dict[str, object]:
    return {
        "id": draft.id,
        "schedule_id": draft.schedule_id,
        "layer_id": draft.layer_id,
        "name": draft.name,
        "url_sealed": draft.url_sealed,
        "host": draft.host,
        "by_summary": Jsonb(dict(draft.by_summary)),
        "refresh_s": int(draft.refresh_for.total_seconds()),
        "now": turn.now,
    }
