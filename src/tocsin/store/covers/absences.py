"""Absences as kept: when people are away, and which shifts they have then."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.absence import MOST_ABSENCES, Absence, AbsenceKind, Clash, conflicts
from tocsin.domain.oncall.schedule import Shift
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.covers.people import Sight, shifts_of
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class AbsenceRow(Struct, frozen=True):
    """An absence with everything an answer shows."""

    id: str
    user_id: str
    user_name: str
    start_at: datetime
    end_at: datetime
    kind: str
    note: str | None
    created_by: str | None
    created_at: datetime
    team_ids: list[str]

    def absence(self) -> Absence:
        """Return it as the rules see it."""
        return Absence(
            id=self.id,
            user_id=self.user_id,
            start=self.start_at,
            end=self.end_at,
            kind=msgspec.convert(self.kind, AbsenceKind),
            note=self.note,
        )


class Away(Struct, frozen=True, kw_only=True):
    """A shift that somebody has while away, and the id and name of the schedule by which they have it."""

    row: AbsenceRow
    schedule: tuple[str, str]
    clash: Clash


class Wanted(Struct, frozen=True, kw_only=True):
    """Which absences a list asks for; None means all.

    A reader sees the absences of members of the teams in `horizon`, and those of `reader`.
    """

    horizon: list[str] | None = None
    reader: str | None = None
    ids: list[str] | None = None
    user_ids: list[str] | None = None
    team_ids: list[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


_FROM = "FROM absence a JOIN app_user u ON u.id = a.user_id AND u.deleted_at IS NULL WHERE"
_SHOWN = f"""SELECT a.id, a.user_id, u.name AS user_name, a.start_at, a.end_at, a.kind, a.note, a.created_by,
    a.created_at,
    ARRAY(SELECT m.team_id FROM team_member m WHERE m.user_id = a.user_id ORDER BY 1)::text[] AS team_ids
{_FROM}"""  # noqa: S608 - joined from constants of this file only
_IN_TEAMS = "EXISTS (SELECT FROM team_member m WHERE m.user_id = a.user_id AND m.team_id = ANY({}))"
_FILTER = f"""(%(horizon)s::text[] IS NULL OR a.user_id = %(reader)s::text
       OR {_IN_TEAMS.format("%(horizon)s::text[]")})
  AND (%(ids)s::text[] IS NULL OR a.id = ANY(%(ids)s::text[]))
  AND (%(user_ids)s::text[] IS NULL OR a.user_id = ANY(%(user_ids)s::text[]))
  AND (%(team_ids)s::text[] IS NULL OR {_IN_TEAMS.format("%(team_ids)s::text[]")})
  AND (%(since)s::timestamptz IS NULL OR a.end_at > %(since)s::timestamptz)
  AND (%(until)s::timestamptz IS NULL OR a.start_at < %(until)s::timestamptz)"""

ABSENCES = Query(
    "absences in the order of time",
    f"{_SHOWN} {_FILTER} ORDER BY a.start_at, a.id LIMIT %(limit)s::int OFFSET %(offset)s::int",
    AbsenceRow,
)
ALL = Query("all absences that are wanted", f"{_SHOWN} {_FILTER} ORDER BY a.start_at, a.id", AbsenceRow)
COUNT = Query("how many absences a list has", f"SELECT count(*) AS n {_FROM} {_FILTER}", Count)
HELD = Query(
    "absence with this id, until the transaction ends",
    f"{_SHOWN} a.id = %(id)s::text AND a.user_id = %(user_id)s::text FOR UPDATE OF a",
    AbsenceRow,
)
TO_COME = Query(
    "how many absences of a person are not over",
    "SELECT count(*) AS n FROM absence WHERE user_id = %(user_id)s AND end_at > tocsin_now()",
    Count,
)
ADD = Command(
    "add an absence",
    """
    INSERT INTO absence (id, user_id, start_at, end_at, kind, note, created_by, created_at)
    VALUES (%(id)s, %(user_id)s, %(start)s, %(end)s, %(kind)s, %(note)s, %(created_by)s, %(now)s)
    """,
)
CHANGE = Command(
    "change an absence",
    "UPDATE absence SET start_at = %(start)s, end_at = %(end)s, kind = %(kind)s, note = %(note)s WHERE id = %(id)s",
)
DELETE = Command("delete an absence", "DELETE FROM absence WHERE id = %(id)s")


async def page(turn: Turn, wanted: Wanted, stretch: Stretch) -> Listed[AbsenceRow]:
    """Return a stretch of the absences wanted, in the order of time."""
    return await pages.page(turn, ABSENCES, msgspec.structs.asdict(wanted), stretch=stretch, count=COUNT)


async def every(turn: Turn, wanted: Wanted) -> list[AbsenceRow]:
    """Return all absences wanted, in the order of time."""
    return await turn.rows(ALL, msgspec.structs.asdict(wanted))


async def held(turn: Turn, user_id: str, absence_id: str) -> AbsenceRow:
    """Return an absence of this person and keep other writers from it; raise `Refused` (not found)."""
    return await turn.one(HELD, {"id": absence_id, "user_id": user_id})


async def absences_of(turn: Turn, user_ids: Collection[str] | None, since: datetime, until: datetime) -> list[Absence]:
    """Return when these people, or all of them, are away in a stretch: for coverage, proposals and warnings."""
    ids = None if user_ids is None else sorted(user_ids)
    return [row.absence() for row in await every(turn, Wanted(user_ids=ids, since=since, until=until))]


async def add(turn: Turn, absence: Absence, created_by: str | None) -> None:
    """Write a new absence; raise `Refused` (too many) when the person has too many to come."""
    if (await turn.one(TO_COME, {"user_id": absence.user_id})).n >= MOST_ABSENCES:
        raise Refused(Why.TOO_MANY, f"A person has at most {MOST_ABSENCES} absences to come: delete some first.")
    await turn.run(ADD, {**msgspec.structs.asdict(absence), "created_by": created_by, "now": turn.now})


async def change(turn: Turn, absence: Absence) -> None:
    """Write what became of an absence."""
    await turn.run(CHANGE, msgspec.structs.asdict(absence))


async def delete(turn: Turn, absence_id: str) -> None:
    """Forget an absence."""
    await turn.run(DELETE, {"id": absence_id})


async def clashes(
    turn: Turn, rows: Sequence[AbsenceRow], since: datetime, until: datetime, *, sight: Sight
) -> list[Away]:
    """Return the shifts that these people have while away, from `since` to `until`, by all schedules in sight."""
    told = {row.id: row for row in rows}
    away = [row.absence() for row in rows]
    by_schedule: dict[tuple[str, str], list[Shift]] = {}
    for held in await shifts_of(turn, {row.user_id for row in rows}, since, until):
        by_schedule.setdefault((held.schedule_id, held.schedule_name), []).append(held.shift)
    seen = await sight.of(turn, {schedule_id for schedule_id, _ in by_schedule})
    found = [
        Away(row=told[clash.absence.id], schedule=schedule, clash=clash)
        for schedule, shifts in by_schedule.items()
        for clash in conflicts(away, shifts)
        if schedule[0] in seen or clash.absence.user_id == sight.reader
    ]
    return sorted(found, key=lambda one: (one.clash.start, one.schedule[1], one.row.user_name))
