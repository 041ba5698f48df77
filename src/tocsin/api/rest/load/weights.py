"""Weights over the API: how heavy each kind of hour is, for the account and for single teams."""

from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType, structs

from tocsin.api.kit import Answer, Call, allow, gone, operation, reach, shown
from tocsin.api.rest.difference import differences
from tocsin.api.rest.load.load_shape import show_weights
from tocsin.domain.oncall.load import Weights
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.store import audit, teams
from tocsin.store.load import weights
from tocsin.store.turn import Turn

KEY = "load_weights"


class WeightsBody(Struct, frozen=True):
    """Weights as clients write them; absent ones stay as they are."""

    business: Decimal | UnsetType = UNSET
    evening: Decimal | UnsetType = UNSET
    night: Decimal | UnsetType = UNSET
    weekend: Decimal | UnsetType = UNSET
    holiday: Decimal | UnsetType = UNSET
    page_minutes: int | UnsetType = UNSET


@operation("GET", "/api/load_weights")
async def show_account_weights(call: Call) -> Answer:
    """Show the weights that hold where no team has its own."""
    found = await call.store.read(weights.of_account)
    return shown(KEY, show_weights(found))


@operation("PUT", "/api/load_weights")
async def update_account_weights(call: Call) -> Answer:
    """Change what is given of the account's weights and leave the rest."""
    body = call.body(WeightsBody, wrap=KEY)
    allow(call.actor, Verb.UPDATE, Subject("setting"))

    async def job(turn: Turn) -> Answer:
        before = await weights.of_account(turn)
        after = _written(body, before)
        await weights.keep(turn, after)
        change = differences(show_weights(before), show_weights(after))
        await audit.record(turn, call.actor, "update", ("setting", KEY), change)
        return shown(KEY, show_weights(after))

    return await call.store.work(job)


@operation("GET", "/api/teams/{id}/load_weights")
async def show_team_weights(call: Call) -> Answer:
    """Show the weights of a team: its own, or the account's."""

    async def job(turn: Turn) -> Answer:
        team = await reach(turn, call.actor, query=teams.BY_ID, key=call.path["id"], to=Verb.READ)
        return shown(KEY, show_weights(await _of_team(turn, team.id)))

    return await call.store.read(job)


@operation("PUT", "/api/teams/{id}/load_weights")
async def update_team_weights(call: Call) -> Answer:
    """Give a team weights of its own; what is not given stays as it is for the team now."""
    body = call.body(WeightsBody, wrap=KEY)

    async def job(turn: Turn) -> Answer:
        team = await reach(turn, call.actor, query=teams.BY_ID, key=call.path["id"], to=Verb.UPDATE)
        before = await _of_team(turn, team.id)
        after = _written(body, before)
        await weights.keep(turn, after, team.id)
        change = {KEY: {"before": show_weights(before), "after": show_weights(after)}}
        await audit.record(turn, call.actor, "update", ("team", team.id), change)
        return shown(KEY, show_weights(after))

    return await call.store.work(job)


@operation("DELETE", "/api/teams/{id}/load_weights")
async def drop_team_weights(call: Call) -> Answer:
    """Let a team follow the account's weights again."""

    async def job(turn: Turn) -> Answer:
        team = await reach(turn, call.actor, query=teams.BY_ID, key=call.path["id"], to=Verb.UPDATE)
        before = await _of_team(turn, team.id)
        await weights.drop(turn, team.id)
        change = {KEY: {"before": show_weights(before), "after": None}}
        await audit.record(turn, call.actor, "update", ("team", team.id), change)
        return gone()

    return await call.store.work(job)


async def _of_team(turn: Turn, team_id: str) -> Weights:
    own = await weights.of_teams(turn, [team_id])
    return own[team_id] if team_id in own else await weights.of_account(turn)


def _written(body: WeightsBody, before: Weights) -> Weights:
    given = {name: value for name, value in structs.asdict(body).items() if value is not UNSET}
    after = structs.replace(before, **given)
    if faults := after.faults():
        raise Refused(Why.INVALID, faults[0], faults)
    return after
