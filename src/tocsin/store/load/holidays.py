"""Holidays as kept: calendars of free days, whose they are, and the last good copy of each."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct, structs
from psycopg.errors import UniqueViolation

from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.config import bump_config
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

READ_ANEW_AFTER = timedelta(days=1)
TRY_AGAIN_AFTER = timedelta(hours=1)
TABLE, SEALED = "holiday_calendar", "url_sealed"  # where the keyring finds the sealed addresses
_BACK, _AHEAD = timedelta(days=731), timedelta(days=1096)  # two years of reports back, three years of plans ahead


class CalendarRow(Struct, frozen=True):
    """A calendar of holidays. `state` is waiting (never read yet), good, or failed (the copy is an older one)."""

    id: str
    name: str
    country: str | None
    host: str | None
    state: str
    last_error: str | None
    last_ok_at: datetime | None
    due_at: datetime
    created_at: datetime
    days: int


class Source(Struct, frozen=True):
    """What a calendar is read from: a sealed address, or the text that was uploaded; the text is the last good copy."""

    id: str
    url_sealed: bytes | None
    text: str | None
    etag: str | None


class Holiday(Struct, frozen=True):
    """A free day and what it is called."""

    day: date
    name: str


class Answer(Struct, frozen=True):
    """A yes or no."""

    yes: bool


class DayOf(Struct, frozen=True):
    """A free day of a user."""

    user_id: str
    day: date


class Draft(Struct, frozen=True, kw_only=True):
    """A calendar to be written: from an address on a host, or from a text; from neither it stays as it is."""

    id: str
    name: str
    country: str | None = None
    url_sealed: bytes | None = None
    host: str | None = None
    text: str | None = None


_SHOWN = """SELECT c.id, c.name, c.country, c.host, c.state, c.last_error, c.last_ok_at, c.due_at, c.created_at,
       (SELECT count(*) FROM holiday h WHERE h.calendar_id = c.id) AS days FROM holiday_calendar c"""
_WANTED = "WHERE (%(query)s::text IS NULL OR strpos(lower(c.name), lower(%(query)s::text)) > 0)"

BY_ID = Query("holiday calendar with this id", f"{_SHOWN} WHERE c.id = %(id)s", CalendarRow)
LIST = Query(
    "a page of holiday calendars by name",
    f"{_SHOWN} {_WANTED} ORDER BY lower(c.name), c.id LIMIT %(limit)s::int OFFSET %(offset)s::int",
    CalendarRow,
)
COUNT = Query(
    "count of holiday calendars",
    f"SELECT count(*) AS n FROM holiday_calendar c {_WANTED}",  # noqa: S608 - joined from constants of this file only
    Count,
)
OF_TEAM = Query(
    "holiday calendars of this team",
    f"""{_SHOWN} JOIN holiday_of_team o ON o.calendar_id = c.id WHERE o.team_id = %(id)s
    ORDER BY lower(c.name), c.id""",
    CalendarRow,
)
OF_USER = Query(
    "holiday calendars of this user",
    f"""{_SHOWN} JOIN holiday_of_user o ON o.calendar_id = c.id WHERE o.user_id = %(id)s
    ORDER BY lower(c.name), c.id""",
    CalendarRow,
)
DAYS = Query(
    "holidays of this calendar in a stretch of time",
    """
    SELECT day, name FROM holiday WHERE calendar_id = %(id)s AND day >= %(since)s::date AND day < %(until)s::date
    ORDER BY day, name
    """,
    Holiday,
)
# A person's own calendars; whoever has none follows those of their teams.
FREE_DAYS = Query(
    "holidays of these users in a stretch of time",
    """
    SELECT DISTINCT o.user_id, h.day FROM (
        SELECT u.user_id, u.calendar_id FROM holiday_of_user u WHERE u.user_id = ANY(%(ids)s::text[])
         UNION
        SELECT m.user_id, t.calendar_id FROM team_member m JOIN holiday_of_team t ON t.team_id = m.team_id
         WHERE m.user_id = ANY(%(ids)s::text[])
           AND NOT EXISTS (SELECT FROM holiday_of_user own WHERE own.user_id = m.user_id)
    ) AS o JOIN holiday h ON h.calendar_id = o.calendar_id
     WHERE h.day >= %(since)s::date AND h.day < %(until)s::date
    """,
    DayOf,
)
ANY_DUE = Query(
    "whether a holiday calendar is to be read anew",
    "SELECT EXISTS (SELECT FROM holiday_calendar WHERE due_at <= tocsin_now()) AS yes",
    Answer,
)
DUE = Query(
    "holiday calendars that are to be read anew",
    """
    SELECT id, url_sealed, text, etag FROM holiday_calendar WHERE due_at <= %(now)s
    ORDER BY due_at LIMIT %(most)s::int FOR UPDATE SKIP LOCKED
    """,
    Source,
)
ADD = Command(
    "add a holiday calendar",
    """
    INSERT INTO holiday_calendar (id, name, country, url_sealed, host, text, state, due_at, created_at)
    VALUES (%(id)s, %(name)s, %(country)s, %(url_sealed)s, %(host)s, %(text)s, 'waiting', %(now)s, %(now)s)
    """,
)
CHANGE = Command(
    "change a holiday calendar; from neither an address nor a text it stays with what it has",
    """
    UPDATE holiday_calendar SET name = %(name)s, country = %(country)s, due_at = %(now)s,
           etag = CASE WHEN %(host)s::text IS NULL AND %(text)s::text IS NULL THEN etag END,
           url_sealed = CASE WHEN %(host)s::text IS NULL AND %(text)s::text IS NULL THEN url_sealed
                             ELSE %(url_sealed)s::bytea END,
           host = CASE WHEN %(host)s::text IS NULL AND %(text)s::text IS NULL THEN host ELSE %(host)s::text END,
           text = coalesce(%(text)s::text, text)
     WHERE id = %(id)s
    """,
)
DELETE = Command("delete a holiday calendar", "DELETE FROM holiday_calendar WHERE id = %(id)s")
POSTPONE = Command(
    "say when these holiday calendars are to be read again",
    "UPDATE holiday_calendar SET due_at = %(due_at)s WHERE id = ANY(%(ids)s::text[])",
)
HURRY = Command(
    "read a holiday calendar anew as soon as can be", "UPDATE holiday_calendar SET due_at = %(now)s WHERE id = %(id)s"
)
SUCCEED = Command(
    "keep a good copy of a holiday calendar",
    """
    UPDATE holiday_calendar SET state = 'good', last_error = NULL, last_ok_at = %(now)s, due_at = %(due_at)s,
           text = coalesce(%(text)s::text, text), etag = %(etag)s
     WHERE id = %(id)s AND url_sealed IS NOT DISTINCT FROM %(url_sealed)s::bytea
    """,
)
FAIL = Command(
    "say why a holiday calendar could not be read",
    """
    UPDATE holiday_calendar SET state = CASE WHEN last_ok_at IS NULL THEN 'waiting' ELSE 'failed' END,
           last_error = %(error)s, due_at = %(due_at)s
     WHERE id = %(id)s
    """,
)
FORGET = Command(
    "take away the holidays that are read anew",
    "DELETE FROM holiday WHERE calendar_id = %(id)s AND day >= %(since)s::date",
)
FILL = Command(
    "write holidays",
    """
    INSERT INTO holiday (calendar_id, day, name)
    SELECT %(id)s::text, d.day, d.name FROM unnest(%(days)s::date[], %(names)s::text[]) AS d (day, name)
    ON CONFLICT DO NOTHING
    """,
)
GIVE_TEAM = Command(
    "give a holiday calendar to a team",
    "INSERT INTO holiday_of_team (calendar_id, team_id) VALUES (%(calendar_id)s, %(id)s) ON CONFLICT DO NOTHING",
)
TAKE_TEAM = Command(
    "take a holiday calendar from a team",
    "DELETE FROM holiday_of_team WHERE calendar_id = %(calendar_id)s AND team_id = %(id)s",
)
GIVE_USER = Command(
    "give a holiday calendar to a user",
    "INSERT INTO holiday_of_user (calendar_id, user_id) VALUES (%(calendar_id)s, %(id)s) ON CONFLICT DO NOTHING",
)
TAKE_USER = Command(
    "take a holiday calendar from a user",
    "DELETE FROM holiday_of_user WHERE calendar_id = %(calendar_id)s AND user_id = %(id)s",
)


def span(now: datetime) -> tuple[date, date]:
    """Return the days that are read of a calendar at this instant; older ones stay as they were."""
    return (now - _BACK).date(), (now + _AHEAD).date()


async def page(turn: Turn, stretch: Stretch, *, query: str | None = None) -> Listed[CalendarRow]:
    """Return a stretch of the calendars by name."""
    return await pages.page(turn, LIST, {"query": query}, stretch=stretch, count=COUNT)


async def add(turn: Turn, draft: Draft) -> None:
    """Write a calendar, to be read at once; raise `Refused` (invalid) when the name is taken."""
    await _write(turn, ADD, draft)


async def change(turn: Turn, draft: Draft) -> None:
    """Write what became of a calendar, to be read at once; raise `Refused` (invalid) when the name is taken."""
    await _write(turn, CHANGE, draft)


async def delete(turn: Turn, calendar_id: str) -> None:
    """Delete a calendar; its days are no holidays any more, in the past neither."""
    await turn.run(DELETE, {"id": calendar_id})
    await bump_config(turn)


async def hurry(turn: Turn, calendar_id: str) -> None:
    """Have a calendar read anew as soon as can be."""
    await turn.run(HURRY, {"id": calendar_id, "now": turn.now})


async def take_due(turn: Turn, most: int) -> list[Source]:
    """Return calendars that are to be read anew, and leave them to the caller for the time of one try."""
    due = await turn.rows(DUE, {"now": turn.now, "most": most})
    await turn.run(POSTPONE, {"ids": [each.id for each in due], "due_at": turn.now + TRY_AGAIN_AFTER})
    return due


async def succeed(turn: Turn, calendar_id: str, days: Sequence[tuple[date, str]], copy: Source) -> None:
    """Keep what was read; `copy` says from where, and holds the text (None: as before) and its entity tag.

    Nothing is kept when the calendar has another address by now, or is no more.
    """
    values = {"id": calendar_id, "now": turn.now, "due_at": turn.now + READ_ANEW_AFTER}
    kept = {"url_sealed": copy.url_sealed, "text": copy.text, "etag": copy.etag}
    if not await turn.run(SUCCEED, {**values, **kept}):
        return
    since, _ = span(turn.now)
    await turn.run(FORGET, {"id": calendar_id, "since": since})
    fresh = [day for day in days if day[0] >= since]
    await turn.run(FILL, {"id": calendar_id, "days": [day for day, _ in fresh], "names": [name for _, name in fresh]})
    await bump_config(turn)


async def fail(turn: Turn, calendar_id: str, error: str) -> None:
    """Say why a calendar could not be read; its last good copy stays."""
    await turn.run(FAIL, {"id": calendar_id, "error": error, "due_at": turn.now + TRY_AGAIN_AFTER})


async def free_days(
    turn: Turn, user_ids: Iterable[str], since: datetime, until: datetime
) -> dict[str, frozenset[date]]:
    """Return the holidays of these users; a day more on each side, because their days begin at other instants."""
    values = {"ids": sorted(set(user_ids)), "since": (since - timedelta(days=1)).date()}
    found: dict[str, set[date]] = {}
    for row in await turn.rows(FREE_DAYS, {**values, "until": (until + timedelta(days=2)).date()}):
        found.setdefault(row.user_id, set()).add(row.day)
    return {user_id: frozenset(days) for user_id, days in found.items()}


async def _write(turn: Turn, command: Command, draft: Draft) -> None:
    try:
        await turn.run(command, {**structs.asdict(draft), "now": turn.now})
    except UniqueViolation as failure:
        raise Refused(Why.INVALID, "Name has already been taken") from failure
    await bump_config(turn)
