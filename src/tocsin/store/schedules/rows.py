"""Schedules as answers show them and as the engine asks them, many at a time."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.oncall.tolerant import TolerantTimeline
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Subject, grade
from tocsin.ground.errors import Refused, Why
from tocsin.store import users
from tocsin.store.policies import Named
from tocsin.store.query import Query
from tocsin.store.schedules.document import Told, members_of, readable
from tocsin.store.schedules.laid import Laid, present
from tocsin.store.turn import Turn
from tocsin.store.users import NamedUser

Kind = Literal["layers", "rotations"]
"""How a schedule was made: with layers, version 2 of the wire, or with rotations, version 3."""

RECENT = timedelta(days=2)  # overrides that ended longer ago are history: no hand-off of today reaches back to them


class ScheduleRow(Struct, frozen=True):
    """A schedule with its team and the policies that call by it, before anything is laid over it."""

    id: str
    name: str
    time_zone: str
    document: str
    description: str | None
    kind: str
    version: int
    created_at: datetime
    team_ids: list[str]
    teams: list[object]
    policies: list[object]


class Kept(Struct, frozen=True, kw_only=True):
    """A schedule with everything an answer shows.

    `teams` and `policies` are those that the reader may see, `team_ids` all that it belongs to. `users` is
    everybody who is named in it, deleted or not. `fault` says why its document could not be read, if it could not: its
    layers are not known then.
    """

    schedule: Schedule
    description: str | None
    kind: Kind
    version: int
    created_at: datetime
    team_ids: tuple[str, ...]
    teams: tuple[Named, ...]
    policies: tuple[Named, ...]
    users: tuple[NamedUser, ...]
    fault: str | None = None

    def require_readable(self) -> None:
        """Raise `Refused` (invalid) where the stored layers could not be read: a change in part would lose them."""
        if self.fault is not None:
            raise Refused(
                Why.INVALID,
                "The stored layers of this schedule cannot be read, so they cannot be changed in part: "
                "write the schedule anew with all its layers, or delete it and make another one.",
            )

    def timeline(self) -> TolerantTimeline:
        """Return who is on call by it; what cannot be read of it calls nobody."""
        return TolerantTimeline(self.schedule, self.fault)

    def subject(self, actor: Actor | None = None) -> Subject:
        """Say what this is to the permission table; of several teams the one counts where the actor may do most."""
        if actor is None or not self.team_ids:
            return Subject("schedule", team_id=next(iter(self.team_ids), None))
        return Subject("schedule", team_id=max(self.team_ids, key=lambda team_id: grade(actor, team_id)))


WANTED_TEAMS = """(%(horizon)s::text[] IS NULL OR EXISTS (
        SELECT FROM schedule_team st WHERE st.schedule_id = s.id AND st.team_id = ANY(%(horizon)s::text[])))"""
"""Holds for the schedules that a reader with this horizon may see; the row is called `s`."""

SHOWN = Query(
    "the schedules with these ids that the reader may see",
    f"""
    SELECT s.id, s.name, s.time_zone, s.document::text AS document, s.description, s.kind, s.version, s.created_at,
           ARRAY(SELECT st.team_id FROM schedule_team st WHERE st.schedule_id = s.id ORDER BY 1)::text[] AS team_ids,
           coalesce((SELECT jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name) ORDER BY lower(t.name), t.id)
                       FROM schedule_team st JOIN team t ON t.id = st.team_id WHERE st.schedule_id = s.id
                        AND (%(horizon)s::text[] IS NULL OR t.id = ANY(%(horizon)s::text[]))), '[]') AS teams,
           coalesce((SELECT jsonb_agg(jsonb_build_object('id', p.id, 'name', p.name) ORDER BY lower(p.name), p.id)
                       FROM escalation_policy p WHERE p.id IN (
                            SELECT l.policy_id FROM escalation_target g JOIN escalation_level l ON l.id = g.level_id
                             WHERE g.kind = 'schedule' AND g.target_id = s.id)
                        AND (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))),
                    '[]') AS policies
      FROM schedule s WHERE s.id = ANY(%(ids)s::text[]) AND {WANTED_TEAMS}
    """,  # noqa: S608 - joined from constants of this file only
    ScheduleRow,
)

BARE = Query(
    "the schedules with these ids, as the engine needs them",
    "SELECT id, name, time_zone, document::text AS document FROM schedule WHERE id = ANY(%(ids)s::text[])",
    Told,
)


async def load(
    turn: Turn, ids: Iterable[str], *, since: datetime | None = None, horizon: list[str] | None = None
) -> dict[str, Kept]:
    """Return those of these schedules that exist and that the reader may see, by id.

    They hold the overrides and custom shifts that end after `since`, two days ago when it is not given.
    """
    rows = await turn.rows(SHOWN, {"ids": list(ids), "horizon": horizon})
    laid = await present(turn, [row.id for row in rows], since or turn.now - RECENT)
    schedules = {row.id: _schedule_of(row, laid.get(row.id)) for row in rows}
    named = {each: named_in(schedule) for each, (schedule, _) in schedules.items()}
    known = await _users(turn, {user_id for ids in named.values() for user_id in ids})
    return {
        row.id: _kept(row, schedules[row.id], [known[each] for each in named[row.id] if each in known]) for row in rows
    }


async def timelines(turn: Turn, ids: Iterable[str], *, since: datetime | None = None) -> dict[str, Timeline]:
    """Return who is on call by those of these schedules that exist: two statements, however many they are.

    Overrides and custom shifts that ended before `since` are left out, two days ago when it is not given. One that
    cannot be read has nobody by its layers, and takes nothing from the others.
    """
    rows = await turn.rows(BARE, {"ids": list(ids)})
    laid = await present(turn, [row.id for row in rows], since or turn.now - RECENT) if rows else {}
    found: dict[str, Timeline] = {}
    for row in rows:
        over = laid.get(row.id) or Laid([], [])
        found[row.id] = TolerantTimeline(*readable(row, over.overrides, over.custom_shifts))
    return found


def named_in(schedule: Schedule) -> tuple[str, ...]:
    """Return the ids of everybody whom a schedule names, in its layers or in what is laid over them."""
    found: set[str | None] = set(members_of(schedule.layers))
    for override in schedule.overrides:
        found |= {override.user_id, override.replaced_user_id}
    found |= {shift.user_id for shift in schedule.custom_shifts}
    return tuple(sorted(user_id for user_id in found if user_id is not None))


async def _users(turn: Turn, ids: set[str]) -> dict[str, NamedUser]:
    if not ids:
        return {}
    return {user.id: user for user in await turn.rows(users.NAMES, {"ids": sorted(ids)})}


def _schedule_of(row: ScheduleRow, laid: Laid | None) -> tuple[Schedule, str | None]:
    over = laid or Laid([], [])
    told = Told(row.id, row.name, row.time_zone, row.document)
    return readable(told, over.overrides, over.custom_shifts, stacked=row.kind != "rotations")


def _kept(row: ScheduleRow, read: tuple[Schedule, str | None], people: Sequence[NamedUser]) -> Kept:
    return Kept(
        schedule=read[0],
        fault=read[1],
        description=row.description,
        kind="rotations" if row.kind == "rotations" else "layers",
        version=row.version,
        created_at=row.created_at,
        team_ids=tuple(row.team_ids),
        teams=msgspec.convert(row.teams, tuple[Named, ...]),
        policies=msgspec.convert(row.policies, tuple[Named, ...]),
        users=tuple(sorted(people, key=lambda user: (user.name.lower(), user.id))),
    )
