"""History of schedules: what held at a past instant, by which version, and who made each version."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.history import Version
from tocsin.domain.oncall.schedule import Schedule
from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.pages import Count
from tocsin.store.query import Query
from tocsin.store.schedules.document import Told, readable
from tocsin.store.schedules.laid import EFFECTIVE, KNOWN_AT, Laid, laid_of
from tocsin.store.schedules.rows import RECENT
from tocsin.store.turn import Turn


class VersionRow(Struct, frozen=True):
    """A version of a schedule as kept."""

    schedule_id: str
    number: int
    valid_since: datetime
    valid_until: datetime | None
    name: str
    time_zone: str
    document: str


class Author(Struct, frozen=True):
    """Who made a version."""

    kind: str
    id: str
    name: str


class ChangeRow(Struct, frozen=True):
    """A version of a schedule, who made it, and the one before."""

    schedule_id: str
    number: int
    valid_since: datetime
    valid_until: datetime | None
    actor: dict[str, object]
    name: str
    time_zone: str
    document: str
    name_before: str | None
    time_zone_before: str | None
    document_before: str | None


class Change(Struct, frozen=True, kw_only=True):
    """A version of a schedule as somebody made it: layers and off-hours, without what was laid over it."""

    number: int
    valid_since: datetime
    valid_until: datetime | None
    author: Author
    schedule: Schedule
    before: Schedule | None


_VERSION = """v.schedule_id, v.version AS number, v.valid_from AS valid_since, v.valid_until"""

AS_OF = Query(
    "versions of these schedules that held at an instant",
    f"""
    SELECT {_VERSION}, v.name, v.time_zone, v.document::text AS document FROM schedule_version v
     WHERE v.schedule_id = ANY(%(ids)s::text[]) AND v.valid_from <= %(at)s::timestamptz
       AND (v.valid_until IS NULL OR v.valid_until > %(at)s::timestamptz)
    """,  # noqa: S608 - joined from constants of this file only
    VersionRow,
)
# Whole seconds, as everything that a schedule tells; a version that was replaced within its second held nowhere.
VERSIONS = Query(
    "versions of this schedule that held in a stretch of time",
    """
    SELECT * FROM (
        SELECT schedule_id, version AS number, date_trunc('second', valid_from) AS valid_since,
               date_trunc('second', valid_until) AS valid_until, name, time_zone, document::text AS document
          FROM schedule_version WHERE schedule_id = %(id)s::text) AS v
     WHERE v.valid_since < %(until)s::timestamptz AND v.valid_since IS DISTINCT FROM v.valid_until
       AND (v.valid_until IS NULL OR v.valid_until > %(since)s::timestamptz)
     ORDER BY v.number
    """,
    VersionRow,
)
CHANGES = Query(
    "a page of versions of this schedule, newest first",
    f"""
    SELECT {_VERSION}, v.actor, v.name, v.time_zone, v.document::text AS document,
           b.name AS name_before, b.time_zone AS time_zone_before, b.document::text AS document_before
      FROM schedule_version v
      LEFT JOIN schedule_version b ON b.schedule_id = v.schedule_id AND b.version = v.version - 1
     WHERE v.schedule_id = %(id)s::text ORDER BY v.version DESC LIMIT %(limit)s::int OFFSET %(offset)s::int
    """,  # noqa: S608 - joined from constants of this file only
    ChangeRow,
)
CHANGE_COUNT = Query(
    "how many versions a schedule has", "SELECT count(*) AS n FROM schedule_version WHERE schedule_id = %(id)s", Count
)


async def as_of(turn: Turn, ids: Iterable[str], at: datetime, *, since: datetime | None = None) -> dict[str, Version]:
    """Return those of these schedules that there were at an instant, as configured and overridden then, by id.

    They hold the overrides and custom shifts that end after `since`, two days before the instant when it is not given:
    enough for who is on call then. Whoever asks for the real edges of shifts gives `HORIZON` before it.
    """
    wanted = list(ids)
    rows = await turn.rows(AS_OF, {"ids": wanted, "at": at})
    values = {"ids": wanted, "at": at, "since": since or at - RECENT}
    laid = laid_of(await turn.rows(KNOWN_AT, values))
    return {row.schedule_id: _version(row, laid.get(row.schedule_id)) for row in rows}


async def versions(turn: Turn, schedule_id: str, since: datetime, until: datetime) -> list[Version]:
    """Return the versions of a schedule that held somewhere in [`since`, `until`), oldest first.

    Each holds every override and custom shift of the stretch for as long as it was known: one that was made
    while it ran begins when it was made, one that was removed ends when it was removed. So each instant of the
    stretch finds in its version who really was on call, whatever was changed since.
    """
    values = {"id": schedule_id, "since": since, "until": until}
    rows = await turn.rows(VERSIONS, values)
    laid = laid_of(await turn.rows(EFFECTIVE, values)).get(schedule_id)
    return [_version(row, laid) for row in rows]


async def changes(turn: Turn, schedule_id: str, stretch: Stretch) -> Listed[Change]:
    """Return a stretch of the versions of a schedule with who made each, newest first."""
    page = await pages.page(turn, CHANGES, {"id": schedule_id}, stretch=stretch, count=CHANGE_COUNT)
    return Listed(tuple(_change(row) for row in page.rows), page.more, page.total)


def _version(row: VersionRow, laid: Laid | None) -> Version:
    over = laid or Laid([], [])
    told = Told(row.schedule_id, row.name, row.time_zone, row.document)
    schedule, _ = readable(told, over.overrides, over.custom_shifts)
    return Version(number=row.number, valid_since=row.valid_since, valid_until=row.valid_until, schedule=schedule)


def _change(row: ChangeRow) -> Change:
    before = None
    if row.name_before is not None and row.time_zone_before is not None and row.document_before is not None:
        before, _ = readable(Told(row.schedule_id, row.name_before, row.time_zone_before, row.document_before))
    return Change(
        number=row.number,
        valid_since=row.valid_since,
        valid_until=row.valid_until,
        author=msgspec.convert(row.actor, Author),
        schedule=readable(Told(row.schedule_id, row.name, row.time_zone, row.document))[0],
        before=before,
    )
