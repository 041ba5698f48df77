"""Writing schedules: create, change, delete; each version is kept with who made it."""

from typing import Any

from msgspec import Struct
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.people.actor import Actor
from tocsin.ground.errors import Refused, Why
from tocsin.store.config import bump_config
from tocsin.store.query import Command, Query
from tocsin.store.schedules.document import members_of, written
from tocsin.store.schedules.rows import Kind
from tocsin.store.turn import Turn

IN_USE = "Schedule can't be deleted if it's being used by escalation policies"
IN_USE_BY_INCIDENTS = (
    "Schedule can't be deleted if it's being used by an escalation policy snapshot with open incidents"
)
"""Terraform's provider compares both texts, letter by letter, to take the schedule out of the way first."""


class Draft(Struct, frozen=True, kw_only=True):
    """A schedule to be written; its overrides and custom shifts are not looked at."""

    schedule: Schedule
    description: str | None
    kind: Kind
    team_ids: tuple[str, ...]


class Written(Struct, frozen=True):
    """The version that a schedule got, and whether it differs from the one before in what versions keep."""

    version: int
    changed: bool


class Id(Struct, frozen=True):
    """An id."""

    id: str


HOLD = Query(
    "schedule with this id",
    "SELECT id FROM schedule WHERE id = %(id)s::text FOR UPDATE",
    Id,
)
CREATE = Command(
    "add a schedule",
    """
    INSERT INTO schedule (id, name, description, kind, time_zone, document, created_at)
    VALUES (%(id)s, %(name)s, %(description)s, %(kind)s, %(time_zone)s, %(document)s::jsonb, %(now)s)
    """,
)
# What stays as it was makes no version: a client that writes the same again leaves no trace in the history.
UPDATE = Query(
    "schedule with this id",
    """
    WITH before AS (
        SELECT version, (name, kind, time_zone, document) IS DISTINCT FROM
               (%(name)s::text, %(kind)s::text, %(time_zone)s::text, %(document)s::jsonb) AS changed
          FROM schedule WHERE id = %(id)s::text FOR UPDATE)
    UPDATE schedule SET name = %(name)s, description = %(description)s, kind = %(kind)s, time_zone = %(time_zone)s,
           document = %(document)s::jsonb, version = before.version + before.changed::int
      FROM before WHERE id = %(id)s
    RETURNING schedule.version, before.changed
    """,
    Written,
)
# A turn that waited for the row began before the version that it replaces: time never runs backwards in a history.
END_VERSION = Command(
    "end the version of a schedule that held until now",
    """
    UPDATE schedule_version SET valid_until = greatest(%(now)s::timestamptz, valid_from)
     WHERE schedule_id = %(id)s AND valid_until IS NULL
    """,
)
KEEP_VERSION = Command(
    "keep a version of a schedule",
    """
    INSERT INTO schedule_version (schedule_id, version, valid_from, actor, name, time_zone, kind, document)
    SELECT s.id, s.version,
           greatest(%(now)s::timestamptz,
                    (SELECT max(v.valid_until) FROM schedule_version v WHERE v.schedule_id = s.id)),
           %(actor)s, s.name, s.time_zone, s.kind, s.document
      FROM schedule s WHERE s.id = %(id)s
    """,
)
LEAVE_TEAMS = Command("take a schedule out of its teams", "DELETE FROM schedule_team WHERE schedule_id = %(id)s")
JOIN_TEAMS = Command(
    "give a schedule to teams",
    "INSERT INTO schedule_team (schedule_id, team_id) SELECT DISTINCT %(id)s::text, unnest(%(team_ids)s::text[])",
)
FORGET_USERS = Command("forget whom a schedule names", "DELETE FROM schedule_user WHERE schedule_id = %(id)s")
NAME_USERS = Command(
    "note whom a schedule names",
    "INSERT INTO schedule_user (schedule_id, user_id) SELECT %(id)s::text, unnest(%(user_ids)s::text[])",
)
CALLED_BY = Query(
    "level that calls by this schedule",
    "SELECT level_id AS id FROM escalation_target WHERE kind = 'schedule' AND target_id = %(id)s::text LIMIT 1",
    Id,
)
FROZEN_IN = Query(
    "frozen plans that call by this schedule",
    "SELECT id FROM plan WHERE document @> %(calls)s::jsonb",
    Id,
)
OPEN_UNDER = Query(
    "open incident that calls by one of these plans",
    "SELECT id FROM incident WHERE status <> 'resolved' AND plan_id = ANY(%(plan_ids)s::text[]) LIMIT 1",
    Id,
)
DELETE = Command("remove a schedule", "DELETE FROM schedule WHERE id = %(id)s")
END_OVERRIDES = Command(
    "end the overrides of a schedule",
    """
    UPDATE schedule_override SET removed_at = greatest(%(now)s::timestamptz, created_at)
     WHERE schedule_id = %(id)s AND removed_at IS NULL
    """,
)
END_CUSTOM_SHIFTS = Command(
    "end the custom shifts of a schedule",
    """
    UPDATE custom_shift SET removed_at = greatest(%(now)s::timestamptz, created_at)
     WHERE schedule_id = %(id)s AND removed_at IS NULL
    """,
)


async def hold(turn: Turn, schedule_id: str) -> None:
    """Keep other writers from this schedule until the transaction ends; raise `Refused` (not found)."""
    await turn.one(HOLD, {"id": schedule_id})


async def create(turn: Turn, draft: Draft, actor: Actor) -> None:
    """Write a new schedule; raise `Refused` (invalid) when its name is taken."""
    try:
        await turn.run(CREATE, {**_columns(draft), "now": turn.now})
    except UniqueViolation as taken:
        raise _name_taken() from taken
    await _write_around(turn, draft)
    await _keep_version(turn, draft.schedule.id, actor)
    await bump_config(turn)


async def update(turn: Turn, draft: Draft, actor: Actor) -> None:
    """Write a schedule anew: names, zone, layers, off-hours and teams; what is laid over it stays.

    Raises `Refused`: not found, or invalid when its name is taken.
    """
    try:
        done = await turn.one(UPDATE, _columns(draft))
    except UniqueViolation as taken:
        raise _name_taken() from taken
    await turn.run(LEAVE_TEAMS, {"id": draft.schedule.id})
    await turn.run(FORGET_USERS, {"id": draft.schedule.id})
    await _write_around(turn, draft)
    if done.changed:
        await _keep_version(turn, draft.schedule.id, actor)
    await bump_config(turn)


async def delete(turn: Turn, schedule_id: str) -> None:
    """Remove a schedule; its history stays.

    Raises `Refused`: not found, or in use while a policy calls by it, or the frozen plan of an open incident.
    """
    await hold(turn, schedule_id)
    if await turn.maybe(CALLED_BY, {"id": schedule_id}):
        raise Refused(Why.IN_USE, IN_USE)
    calls = {"levels": [{"targets": [{"kind": "schedule", "id": schedule_id}]}]}
    plans = [plan.id for plan in await turn.rows(FROZEN_IN, {"calls": Jsonb(calls)})]
    if plans and await turn.maybe(OPEN_UNDER, {"plan_ids": plans}):
        raise Refused(Why.IN_USE, IN_USE_BY_INCIDENTS)
    for command in (END_VERSION, END_OVERRIDES, END_CUSTOM_SHIFTS, DELETE):
        await turn.run(command, {"id": schedule_id, "now": turn.now})
    await bump_config(turn)


def who(actor: Actor) -> Jsonb:
    """Return an actor as histories keep it."""
    told: dict[str, Any] = {"kind": actor.kind, "id": actor.id, "name": actor.name}
    return Jsonb(told)


def _columns(draft: Draft) -> dict[str, object]:
    return {
        "id": draft.schedule.id,
        "name": draft.schedule.name,
        "description": draft.description,
        "kind": draft.kind,
        "time_zone": draft.schedule.time_zone,
        "document": written(draft.schedule),
    }


async def _write_around(turn: Turn, draft: Draft) -> None:
    """Write the rows around a schedule that repeat what it says, for look-ups."""
    schedule = draft.schedule
    if draft.team_ids:
        await turn.run(JOIN_TEAMS, {"id": schedule.id, "team_ids": list(draft.team_ids)})
    if named := members_of(schedule.layers):
        await turn.run(NAME_USERS, {"id": schedule.id, "user_ids": sorted(named)})


async def _keep_version(turn: Turn, schedule_id: str, actor: Actor) -> None:
    await turn.run(END_VERSION, {"id": schedule_id, "now": turn.now})
    await turn.run(KEEP_VERSION, {"id": schedule_id, "now": turn.now, "actor": who(actor)})


def _name_taken() -> Refused:
    return Refused(Why.INVALID, "Name has already been taken")
