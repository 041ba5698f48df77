"""Escalation policies as kept: levels and targets, who uses them, and which of them a reader may see."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct
from psycopg.errors import ForeignKeyViolation, UniqueViolation

from tocsin.domain.oncall.policy import Level, Policy, Strategy, Target, TargetKind
from tocsin.domain.people.permission import Subject
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.teams import TeamRow
from tocsin.store.turn import Turn

HandoffNotices = Literal["if_has_services", "always"]


class PolicyFacts(Struct, frozen=True):
    """A policy as the engine needs it."""

    id: str
    name: str
    repeats: int
    levels: list[object]


class PolicyRow(Struct, frozen=True):
    """A policy with everything an answer shows."""

    id: str
    name: str
    description: str | None
    repeats: int
    handoff_notices: str
    team_id: str | None
    team_name: str | None
    levels: list[object]
    services: list[object]

    def subject(self) -> Subject:
        """Return what this row is to the permission table."""
        return Subject("escalation_policy", team_id=self.team_id)

    def users_of_it(self) -> tuple["Named", ...]:
        """Return the services that call by this policy."""
        return msgspec.convert(self.services, tuple[Named, ...])


class Wanted(Struct, frozen=True, kw_only=True):
    """Which policies a list asks for; None or empty means all. `horizon` holds the teams its reader may see."""

    horizon: list[str] | None = None
    query: str | None = None
    team_ids: list[str] | None = None
    user_ids: list[str] | None = None
    descending: bool = False


class Draft(Struct, frozen=True, kw_only=True):
    """A policy to be written."""

    policy: Policy
    description: str | None
    handoff_notices: HandoffNotices
    team_id: str | None


class Named(Struct, frozen=True):
    """An object by its id and name."""

    id: str
    name: str


class TargetShown(Struct, frozen=True):
    """A target with the name it has now, and the instant at which the user was deleted.

    `shape` says how a schedule was made: "layers", version 2 of the wire, or "rotations", version 3.
    """

    kind: TargetKind
    id: str
    name: str | None = None
    deleted_at: datetime | None = None
    shape: Literal["layers", "rotations"] | None = None


class LevelShown(Struct, frozen=True):
    """A level as the database tells it."""

    id: str
    position: int
    delay_s: int
    strategy: Strategy
    targets: tuple[TargetShown, ...]


class Id(Struct, frozen=True):
    """An id."""

    id: str


_LEVELS = """
    coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'id', l.id, 'position', l.position, 'delay_s', l.delay_s, 'strategy', l.strategy,
            'targets', coalesce((
                SELECT jsonb_agg(jsonb_build_object(
                    'kind', t.kind, 'id', t.target_id, 'name', coalesce(u.name, h.name), 'deleted_at', u.deleted_at,
                    'shape', h.kind
                ) ORDER BY t.position)
                FROM escalation_target t LEFT JOIN app_user u ON t.kind = 'user' AND u.id = t.target_id
                    LEFT JOIN schedule h ON t.kind = 'schedule' AND h.id = t.target_id
                WHERE t.level_id = l.id), '[]')
        ) ORDER BY l.position)
        FROM escalation_level l WHERE l.policy_id = p.id), '[]') AS levels"""

_SHOWN = f"""
SELECT p.id, p.name, p.description, p.repeats, p.handoff_notices, p.team_id, team.name AS team_name, {_LEVELS},
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name) ORDER BY lower(s.name), s.id)
              FROM service s WHERE s.escalation_policy_id = p.id), '[]') AS services
FROM escalation_policy p LEFT JOIN team ON team.id = p.team_id
WHERE (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))"""  # noqa: S608 - joined from constants of this file only

_FILTER = """
  AND (%(query)s::text IS NULL OR strpos(lower(p.name), lower(%(query)s::text)) > 0)
  AND (%(team_ids)s::text[] IS NULL OR p.team_id = ANY(%(team_ids)s::text[]))
  AND (%(user_ids)s::text[] IS NULL OR EXISTS (
        SELECT FROM escalation_target t JOIN escalation_level l ON l.id = t.level_id
        WHERE l.policy_id = p.id AND t.kind = 'user' AND t.target_id = ANY(%(user_ids)s::text[])))"""

POLICIES_BY_ID = Query(
    "the escalation policies with these ids, as the engine needs them",
    f"SELECT p.id, p.name, p.repeats, {_LEVELS} FROM escalation_policy p "  # noqa: S608 - constants of this file only
    "WHERE p.id = ANY(%(ids)s::text[])",
    PolicyFacts,
)

POLICY = Query("escalation policy with this id", f"{_SHOWN} AND p.id = %(id)s::text", PolicyRow)

POLICIES_SHOWN = Query(
    "the escalation policies with these ids, as answers show them",
    f"{_SHOWN} AND p.id = ANY(%(ids)s::text[])",
    PolicyRow,
)

# The page is cut before anything is gathered around its rows, so that a deep one costs little more than the first.
_WANTED = f"""FROM escalation_policy p
WHERE (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[])) {_FILTER}"""
_CUT = "LIMIT %(limit)s::int OFFSET %(offset)s::int"

UPWARD = Query(
    "a page of escalation policies by name",
    f"""{_SHOWN} AND p.id IN (SELECT p.id {_WANTED} ORDER BY lower(p.name), p.id {_CUT})
ORDER BY lower(p.name), p.id""",
    PolicyRow,
)

DOWNWARD = Query(
    "a page of escalation policies by name, last first",
    f"""{_SHOWN} AND p.id IN (SELECT p.id {_WANTED} ORDER BY lower(p.name) DESC, p.id DESC {_CUT})
ORDER BY lower(p.name) DESC, p.id DESC""",
    PolicyRow,
)

COUNT = Query("how many escalation policies a list has", f"SELECT count(*) AS n {_WANTED}", Count)

LOCK = Query(
    "escalation policy with this id, held against other writers",
    "SELECT id FROM escalation_policy WHERE id = %(id)s::text FOR UPDATE",
    Id,
)

USERS_PRESENT = Query(
    "those of these users who exist and are not deleted, held so that they stay until this is written",
    "SELECT id, name FROM app_user WHERE id = ANY(%(ids)s::text[]) AND deleted_at IS NULL ORDER BY id FOR SHARE",
    Named,
)

SCHEDULES_PRESENT = Query(
    "those of these schedules that exist and that the reader may see, held so that they stay until this is written",
    """SELECT s.id, s.name FROM schedule s
WHERE s.id = ANY(%(ids)s::text[]) AND (%(horizon)s::text[] IS NULL OR EXISTS (
    SELECT FROM schedule_team st WHERE st.schedule_id = s.id AND st.team_id = ANY(%(horizon)s::text[])))
ORDER BY s.id FOR SHARE OF s""",
    Named,
)

TEAMS_SHOWN = Query(
    "those of these teams that exist and that the reader may see, as answers show them",
    """SELECT t.id, t.name, t.description, t.parent_id, parent.name AS parent_name, t.created_at
FROM team t LEFT JOIN team parent ON parent.id = t.parent_id
WHERE t.id = ANY(%(ids)s::text[]) AND (%(horizon)s::text[] IS NULL OR t.id = ANY(%(horizon)s::text[]))""",
    TeamRow,
)

SERVICES_USING = Query(
    "a few services that use this escalation policy",
    "SELECT id, name FROM service WHERE escalation_policy_id = %(id)s::text ORDER BY lower(name), id LIMIT 5",
    Named,
)

INSERT = Command(
    "add an escalation policy",
    """INSERT INTO escalation_policy (id, name, description, repeats, handoff_notices, team_id)
VALUES (%(id)s, %(name)s, %(description)s, %(repeats)s, %(handoff_notices)s, %(team_id)s)""",
)

UPDATE = Command(
    "change an escalation policy",
    """UPDATE escalation_policy SET name = %(name)s, description = %(description)s, repeats = %(repeats)s,
    handoff_notices = %(handoff_notices)s, team_id = %(team_id)s WHERE id = %(id)s""",
)

DELETE = Command("remove an escalation policy", "DELETE FROM escalation_policy WHERE id = %(id)s")

DELETE_LEVELS = Command("remove the levels of a policy", "DELETE FROM escalation_level WHERE policy_id = %(id)s")

INSERT_LEVELS = Command(
    "add the levels of a policy",
    """INSERT INTO escalation_level (id, policy_id, position, delay_s, strategy)
SELECT l.id, %(policy_id)s::text, l.position, l.delay_s, l.strategy
FROM jsonb_to_recordset(%(levels)s::jsonb) AS l (id text, position smallint, delay_s integer, strategy text)""",
)

INSERT_TARGETS = Command(
    "add the targets of the levels of a policy",
    """INSERT INTO escalation_target (level_id, position, kind, target_id)
SELECT l.id, t.position - 1, t.target ->> 'kind', t.target ->> 'id'
FROM jsonb_to_recordset(%(levels)s::jsonb) AS l (id text, targets jsonb),
    jsonb_array_elements(l.targets) WITH ORDINALITY AS t (target, position)""",
)


def levels_of(told: list[object]) -> tuple[LevelShown, ...]:
    """Return the levels that a row tells."""
    return msgspec.convert(told, tuple[LevelShown, ...])


def policy_of(facts: PolicyFacts | PolicyRow) -> Policy:
    """Return the policy that a row tells."""
    levels = tuple(
        Level(
            id=level.id,
            position=level.position,
            delay=timedelta(seconds=level.delay_s),
            strategy=level.strategy,
            targets=tuple(Target(target.kind, target.id) for target in level.targets),
        )
        for level in levels_of(facts.levels)
    )
    return Policy(id=facts.id, name=facts.name, repeats=facts.repeats, levels=levels)


async def page(turn: Turn, wanted: Wanted, stretch: Stretch) -> Listed[PolicyRow]:
    """Return a stretch of the policies wanted, ordered by name."""
    query = DOWNWARD if wanted.descending else UPWARD
    return await pages.page(turn, query, msgspec.structs.asdict(wanted), stretch=stretch, count=COUNT)


async def create(turn: Turn, draft: Draft) -> None:
    """Write a new policy; raise `Refused` (invalid) when its name is taken."""
    try:
        await turn.run(INSERT, _columns(draft))
    except UniqueViolation as taken:
        raise _name_taken() from taken
    await _write_levels(turn, draft.policy)


async def update(turn: Turn, draft: Draft) -> None:
    """Write a policy anew, its levels included; raise `Refused` (invalid) when its name is taken.

    A level that keeps its id keeps its place in the round-robin.
    """
    try:
        await turn.run(UPDATE, _columns(draft))
    except UniqueViolation as taken:
        raise _name_taken() from taken
    await turn.run(DELETE_LEVELS, {"id": draft.policy.id})
    await _write_levels(turn, draft.policy)


async def delete(turn: Turn, policy_id: str) -> None:
    """Remove a policy; raise `Refused` (in use) while services call by it."""
    using = await turn.rows(SERVICES_USING, {"id": policy_id})
    if using:
        names = ", ".join(service.name for service in using)
        raise Refused(Why.IN_USE, f"Escalation policy can't be deleted while services use it: {names}.")
    try:
        await turn.run(DELETE, {"id": policy_id})
    except ForeignKeyViolation as used:
        raise Refused(Why.IN_USE, "Escalation policy can't be deleted while services use it.") from used


def _columns(draft: Draft) -> dict[str, object]:
    return {
        "id": draft.policy.id,
        "name": draft.policy.name,
        "description": draft.description,
        "repeats": draft.policy.repeats,
        "handoff_notices": draft.handoff_notices,
        "team_id": draft.team_id,
    }


async def _write_levels(turn: Turn, policy: Policy) -> None:
    levels = [
        LevelShown(
            id=level.id,
            position=level.position,
            delay_s=int(level.delay.total_seconds()),
            strategy=level.strategy,
            targets=tuple(TargetShown(target.kind, target.id) for target in level.targets),
        )
        for level in policy.levels
    ]
    told = msgspec.json.encode(levels).decode()
    await turn.run(INSERT_LEVELS, {"policy_id": policy.id, "levels": told})
    await turn.run(INSERT_TARGETS, {"levels": told})


def _name_taken() -> Refused:
    return Refused(Why.INVALID, "Name has already been taken")
