"""Teams as kept: their names, who is in them, and what belongs to them."""

from datetime import datetime

from msgspec import Struct, structs
from psycopg.errors import UniqueViolation

from tocsin.domain.people.permission import Subject
from tocsin.domain.people.role import TeamRole
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed, Stretch
from tocsin.store.pages import Count, page
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

STILL_ON_CALL = "User cannot be removed as they belong to an escalation policy on this team"
"""Terraform's provider compares this text, letter by letter, to take the user off the policies first."""


class TeamRow(Struct, frozen=True):
    """A team with everything an answer shows."""

    id: str
    name: str
    description: str | None
    parent_id: str | None
    parent_name: str | None
    created_at: datetime

    def subject(self) -> Subject:
        """Say what this is to the permission table."""
        return Subject("team", team_id=self.id)


class MemberRow(Struct, frozen=True):
    """A person in a team."""

    user_id: str
    name: str
    role: str


class Lineage(Struct, frozen=True):
    """A team and the one above it."""

    id: str
    parent_id: str | None


class PolicyTeam(Struct, frozen=True):
    """An escalation policy and the team it belongs to."""

    id: str
    name: str
    team_id: str | None

    def subject(self) -> Subject:
        """Say what this is to the permission table."""
        return Subject("escalation_policy", team_id=self.team_id)


class What(Struct, frozen=True):
    """What kind of thing, and its name."""

    kind: str
    name: str


_TEAMS = """
    SELECT t.id, t.name, t.description, t.parent_id, p.name AS parent_name, t.created_at
    FROM team t LEFT JOIN team p ON p.id = t.parent_id
"""
_WANTED = """
    WHERE (%(horizon)s::text[] IS NULL OR t.id = ANY(%(horizon)s::text[]))
      AND (%(query)s::text IS NULL OR strpos(lower(t.name), lower(%(query)s::text)) > 0)
"""

_COUNTED = "SELECT count(*) AS n FROM team t"

BY_ID = Query(
    "team with this id",
    f"{_TEAMS} WHERE t.id = %(id)s AND (%(horizon)s::text[] IS NULL OR t.id = ANY(%(horizon)s::text[]))",
    TeamRow,
)
LIST = Query(
    "teams by name", f"{_TEAMS} {_WANTED} ORDER BY lower(t.name), t.id LIMIT %(limit)s OFFSET %(offset)s", TeamRow
)
COUNT = Query("count of teams", f"{_COUNTED} {_WANTED}", Count)
LINEAGES = Query("which team is under which", "SELECT id, parent_id FROM team WHERE parent_id IS NOT NULL", Lineage)
_OF_TEAM = """
    FROM team_member m JOIN app_user u ON u.id = m.user_id WHERE m.team_id = %(id)s
"""
MEMBERS = Query(
    "members of this team",
    f"""SELECT m.user_id, u.name, m.role {_OF_TEAM}
    ORDER BY lower(u.name), u.id LIMIT %(limit)s OFFSET %(offset)s""",
    MemberRow,
)
MEMBER_COUNT = Query("count of the members of this team", f"SELECT count(*) AS n {_OF_TEAM}", Count)
IN_THE_WAY = Query(
    "what still belongs to this team",
    """
    SELECT 'escalation policy' AS kind, name FROM escalation_policy WHERE team_id = %(id)s
    UNION ALL
    SELECT 'schedule' AS kind, s.name FROM schedule s JOIN schedule_team t ON t.schedule_id = s.id
     WHERE t.team_id = %(id)s
    UNION ALL
    SELECT 'team' AS kind, name FROM team WHERE parent_id = %(id)s
    LIMIT 1
    """,
    What,
)
POLICY_OF_MEMBER = Query(
    "escalation policy of this team that calls this user",
    """
    SELECT 'escalation policy' AS kind, p.name FROM escalation_policy p
    JOIN escalation_level l ON l.policy_id = p.id JOIN escalation_target t ON t.level_id = l.id
    WHERE p.team_id = %(id)s AND t.kind = 'user' AND t.target_id = %(user_id)s
    LIMIT 1
    """,
    What,
)
POLICY = Query(
    "escalation policy with this id",
    """
    SELECT id, name, team_id FROM escalation_policy
    WHERE id = %(id)s AND (%(horizon)s::text[] IS NULL OR team_id = ANY(%(horizon)s::text[]))
    """,
    PolicyTeam,
)
ADD = Command(
    "add a team",
    """
    INSERT INTO team (id, name, description, parent_id, created_at)
    VALUES (%(id)s, %(name)s, %(description)s, %(parent_id)s, %(created_at)s)
    """,
)
CHANGE = Command(
    "change a team",
    "UPDATE team SET name = %(name)s, description = %(description)s, parent_id = %(parent_id)s WHERE id = %(id)s",
)
DELETE = Command("delete a team", "DELETE FROM team WHERE id = %(id)s")
JOIN = Command(
    "put a user into a team, or change the role there",
    """
    INSERT INTO team_member (team_id, user_id, role) VALUES (%(id)s, %(user_id)s, %(role)s)
    ON CONFLICT (team_id, user_id) DO UPDATE SET role = EXCLUDED.role
    """,
)
LEAVE = Command("take a user out of a team", "DELETE FROM team_member WHERE team_id = %(id)s AND user_id = %(user_id)s")
GIVE_POLICY = Command(
    "give an escalation policy to a team, or to none",
    "UPDATE escalation_policy SET team_id = %(team_id)s WHERE id = %(id)s",
)


async def listed(
    turn: Turn, stretch: Stretch, *, horizon: list[str] | None, query: str | None = None
) -> Listed[TeamRow]:
    """Return a stretch of the teams by name."""
    return await page(turn, LIST, {"horizon": horizon, "query": query}, stretch=stretch, count=COUNT)


async def members(turn: Turn, team_id: str, stretch: Stretch) -> Listed[MemberRow]:
    """Return a stretch of the people in a team by name."""
    return await page(turn, MEMBERS, {"id": team_id}, stretch=stretch, count=MEMBER_COUNT)


async def parents(turn: Turn) -> dict[str, str | None]:
    """Return for every team that is under another one which one that is."""
    return {row.id: row.parent_id for row in await turn.rows(LINEAGES)}


async def add(turn: Turn, team: TeamRow) -> None:
    """Write a new team; raise `Refused` (conflict) when the name is taken."""
    await _write(turn, ADD, team)


async def change(turn: Turn, team: TeamRow) -> None:
    """Write what became of a team; raise `Refused` (conflict) when the name is taken."""
    await _write(turn, CHANGE, team)


async def delete(turn: Turn, team_id: str) -> None:
    """Delete a team; raise `Refused` (team not empty) while policies, services or other teams belong to it."""
    if thing := await turn.maybe(IN_THE_WAY, {"id": team_id}):
        raise Refused(Why.TEAM_NOT_EMPTY, f"The {thing.kind} {thing.name} belongs to this team: move it first.")
    await turn.run(DELETE, {"id": team_id})


async def join(turn: Turn, team_id: str, user_id: str, *, role: TeamRole) -> None:
    """Put a user into a team, or change the role that the user has there."""
    await turn.run(JOIN, {"id": team_id, "user_id": user_id, "role": role.value})


async def leave(turn: Turn, team_id: str, user_id: str) -> None:
    """Take a user out of a team; raise `Refused` when it is not in it, or when a policy of the team calls it."""
    if await turn.maybe(POLICY_OF_MEMBER, {"id": team_id, "user_id": user_id}):
        raise Refused(Why.IN_USE, STILL_ON_CALL)
    if not await turn.run(LEAVE, {"id": team_id, "user_id": user_id}):
        raise Refused(Why.NOT_FOUND, "The user is not in this team.")


async def _write(turn: Turn, command: Command, team: TeamRow) -> None:
    try:
        await turn.run(command, structs.asdict(team))
    except UniqueViolation as failure:
        raise Refused(Why.CONFLICT, "Name has already been taken") from failure
