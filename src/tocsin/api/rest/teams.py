"""Teams: groups of people, and the escalation policies that belong to them."""

from collections.abc import Mapping

from msgspec import UNSET, Struct, UnsetType, structs

from tocsin.api.kit import Answer, Call, allow, gone, listed, operation, reach, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.difference import differences
from tocsin.api.rest.faces import show_team
from tocsin.domain.people.permission import Subject, Verb
from tocsin.domain.people.team import checked_description, checked_name, is_above
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import audit, teams
from tocsin.store.config import bump_config
from tocsin.store.teams import TeamRow
from tocsin.store.turn import Turn

_INCLUDES = frozenset({"privileges"})


class ParentBody(Struct, frozen=True):
    """The team above: its id counts."""

    id: str


class TeamBody(Struct, frozen=True):
    """What a client may write about a team."""

    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    parent: ParentBody | UnsetType | None = UNSET


@operation("GET", "/teams")
async def list_teams(call: Call) -> Answer:
    """List teams by name; `query` looks into names."""
    stretch = call.stretch()

    async def job(turn: Turn) -> Answer:
        page = await teams.listed(turn, stretch, horizon=call.actor.horizon, query=call.text("query"))
        return listed("teams", [show_team(call, team) for team in page.rows], page=page, stretch=stretch)

    return await call.store.read(job)


@operation("POST", "/teams")
async def create_team(call: Call) -> Answer:
    """Create a team."""
    wanted = call.body(TeamBody, wrap="team")
    allow(call.actor, Verb.CREATE, Subject("team"))

    async def job(turn: Turn) -> Answer:
        blank = TeamRow(id=new_id(), name="", description=None, parent_id=None, parent_name=None, created_at=turn.now)
        team = await _written(turn, call, blank, wanted)
        await teams.add(turn, team)
        await _record(turn, call, "create", team.id, change=differences({}, structs.asdict(team)))
        return shown("team", show_team(call, team), status=CREATED)

    return await call.store.work(job)


@operation("GET", "/teams/{id}")
async def show_one(call: Call) -> Answer:
    """Show a team."""
    call.includes(_INCLUDES)
    team = await call.store.read(lambda turn: _team(turn, call, Verb.READ))
    return shown("team", show_team(call, team))


@operation("PUT", "/teams/{id}")
async def update_team(call: Call) -> Answer:
    """Change what is given of a team and leave the rest."""
    wanted = call.body(TeamBody, wrap="team")

    async def job(turn: Turn) -> Answer:
        before = await _team(turn, call, Verb.UPDATE)
        team = await _written(turn, call, before, wanted)
        if change := differences(structs.asdict(before), structs.asdict(team)):
            await teams.change(turn, team)
            await _record(turn, call, "update", team.id, change=change)
        return shown("team", show_team(call, team))

    return await call.store.work(job)


@operation("DELETE", "/teams/{id}")
async def delete_team(call: Call) -> Answer:
    """Delete a team to which nothing belongs any more; its members stay users.

    `reassignment_team` must exist when it is given. Incidents follow their service's escalation policy, and a
    team with policies is not deleted, so there is nothing left to move.
    """

    async def job(turn: Turn) -> Answer:
        team = await _team(turn, call, Verb.DELETE)
        if other := call.text("reassignment_team"):
            values = {"id": other, "horizon": call.actor.horizon}
            if await turn.maybe(teams.BY_ID, values) is None:
                raise Refused(Why.INVALID, "reassignment_team is not a team.")
        await teams.delete(turn, team.id)
        await _record(turn, call, "delete", team.id, change=differences(structs.asdict(team), {}))
        return gone()

    return await call.store.work(job)


@operation("PUT", "/teams/{id}/escalation_policies/{escalation_policy_id}")
async def add_policy(call: Call) -> Answer:
    """Give an escalation policy to a team; it belongs to one team at most."""

    async def job(turn: Turn) -> Answer:
        team = await _team(turn, call, Verb.UPDATE)
        await _give(turn, call, team.id)
        return gone()

    return await call.store.work(job)


@operation("DELETE", "/teams/{id}/escalation_policies/{escalation_policy_id}")
async def remove_policy(call: Call) -> Answer:
    """Take an escalation policy away from a team."""

    async def job(turn: Turn) -> Answer:
        team = await _team(turn, call, Verb.UPDATE)
        policy = await turn.one(teams.POLICY, _policy(call))
        if policy.team_id != team.id:
            raise Refused(Why.NOT_FOUND, "The escalation policy does not belong to this team.")
        await _give(turn, call, None)
        return gone()

    return await call.store.work(job)


async def _team(turn: Turn, call: Call, verb: Verb) -> TeamRow:
    return await reach(turn, call.actor, query=teams.BY_ID, key=call.path["id"], to=verb)


def _policy(call: Call) -> dict[str, object]:
    return {"id": call.path["escalation_policy_id"], "horizon": call.actor.horizon}


async def _give(turn: Turn, call: Call, team_id: str | None) -> None:
    key = call.path["escalation_policy_id"]
    policy = await reach(turn, call.actor, query=teams.POLICY, key=key, to=Verb.UPDATE)
    await turn.run(teams.GIVE_POLICY, {"id": policy.id, "team_id": team_id})
    change = {"team_id": {"before": policy.team_id, "after": team_id}}
    await audit.record(turn, call.actor, "update", ("escalation_policy", policy.id), change)
    await bump_config(turn)


async def _written(turn: Turn, call: Call, before: TeamRow, wanted: TeamBody) -> TeamRow:
    name = before.name if isinstance(wanted.name, UnsetType) else wanted.name
    text = before.description if isinstance(wanted.description, UnsetType) else wanted.description
    team = structs.replace(before, name=checked_name(name), description=checked_description(text))
    if isinstance(wanted.parent, UnsetType):
        return team
    if wanted.parent is None:
        return structs.replace(team, parent_id=None, parent_name=None)
    parent = await turn.maybe(teams.BY_ID, {"id": wanted.parent.id, "horizon": call.actor.horizon})
    if parent is None:
        raise Refused(Why.INVALID, "parent is not a team.")
    if is_above(await teams.parents(turn), team.id, parent.id):
        raise Refused(Why.INVALID, "A team cannot be under itself.")
    return structs.replace(team, parent_id=parent.id, parent_name=parent.name)


async def _record(turn: Turn, call: Call, action: audit.Action, team_id: str, *, change: Mapping[str, object]) -> None:
    await audit.record(turn, call.actor, action, ("team", team_id), change)
    await bump_config(turn)
