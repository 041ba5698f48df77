"""Members: who is in a team, and as what."""

from msgspec import UNSET, Struct, UnsetType

from tocsin.api.kit import Answer, Call, Shown, gone, listed, operation, reach
from tocsin.api.rest.faces import around, show_user
from tocsin.domain.people.permission import Verb
from tocsin.domain.people.role import TeamRole
from tocsin.domain.people.team import DEFAULT_ROLE
from tocsin.ground.errors import Refused, Why
from tocsin.store import audit, teams, users
from tocsin.store.config import bump_config
from tocsin.store.teams import MemberRow
from tocsin.store.turn import Turn

_INCLUDES = frozenset({"users"})


class MemberBody(Struct, frozen=True):
    """As what a user joins a team."""

    role: str | UnsetType | None = UNSET


@operation("GET", "/teams/{id}/members")
async def list_members(call: Call) -> Answer:
    """List the people in a team by name."""
    stretch, includes = call.stretch(), call.includes(_INCLUDES)

    async def job(turn: Turn) -> Answer:
        team = await reach(turn, call.actor, query=teams.BY_ID, key=call.path["id"], to=Verb.READ)
        page = await teams.members(turn, team.id, stretch)
        people = await _people(turn, call, page.rows, full="users" in includes)
        shown = [{"user": people[member.user_id], "role": member.role} for member in page.rows]
        return listed("members", shown, page=page, stretch=stretch)

    return await call.store.read(job)


@operation("PUT", "/teams/{id}/users/{user_id}")
async def join_team(call: Call) -> Answer:
    """Put a user into a team, or change what the user is there; without a role, a manager."""
    role = _role(call)

    async def job(turn: Turn) -> Answer:
        team = await reach(turn, call.actor, query=teams.BY_ID, key=call.path["id"], to=Verb.UPDATE)
        user = await reach(turn, call.actor, query=users.BY_ID, key=call.path["user_id"], to=Verb.READ)
        await teams.join(turn, team.id, user.id, role=role)
        change = {f"members.{user.id}": {"after": role.value}}
        await audit.record(turn, call.actor, "update", ("team", team.id), change)
        await bump_config(turn)
        return gone()

    return await call.store.work(job)


@operation("DELETE", "/teams/{id}/users/{user_id}")
async def leave_team(call: Call) -> Answer:
    """Take a user out of a team, unless an escalation policy of the team calls the user."""

    async def job(turn: Turn) -> Answer:
        team = await reach(turn, call.actor, query=teams.BY_ID, key=call.path["id"], to=Verb.UPDATE)
        user_id = call.path["user_id"]
        await teams.leave(turn, team.id, user_id)
        change = {f"members.{user_id}": {"after": None}}
        await audit.record(turn, call.actor, "update", ("team", team.id), change)
        await bump_config(turn)
        return gone()

    return await call.store.work(job)


async def _people(turn: Turn, call: Call, members: tuple[MemberRow, ...], *, full: bool) -> dict[str, Shown]:
    if not full:
        return {row.user_id: call.links.reference("user", row.user_id, row.name) for row in members}
    rows = await turn.rows(users.BY_IDS, {"ids": [row.user_id for row in members]})
    near = await around(turn, call, rows)
    return {row.id: show_user(call, row, near) for row in rows}


def _role(call: Call) -> TeamRole:
    if not call.raw.strip():
        return DEFAULT_ROLE
    text = call.body(MemberBody).role
    if isinstance(text, UnsetType) or text is None:
        return DEFAULT_ROLE
    try:
        return TeamRole(text)
    except ValueError as failure:
        raise Refused(Why.INVALID, f"role is one of {', '.join(TeamRole)}.") from failure
