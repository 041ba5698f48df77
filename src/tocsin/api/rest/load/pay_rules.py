"""Rules of pay over the API: what a team gives for each kind of hour on call and for each page."""

from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType, structs

from tocsin.api.kit import Answer, Call, Shown, gone, operation, shown
from tocsin.domain.oncall.hours import KINDS
from tocsin.domain.oncall.pay import PayRules, Rates
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Verb, grade
from tocsin.domain.people.role import STAKEHOLDERS, Grade, TeamRole
from tocsin.ground.errors import Refused, Why
from tocsin.store import audit, teams
from tocsin.store.load import pay_rules
from tocsin.store.turn import Turn

KEY = "pay_rules"


class RulesBody(Struct, frozen=True):
    """Rules as clients write them, whole: a rate that is not given is 0."""

    currency: str
    rates: Rates = Rates()
    minimum_per_page: Decimal | UnsetType | None = UNSET
    page_minutes: int | UnsetType | None = UNSET
    rounding_minutes: int | UnsetType | None = UNSET


def manages_pay(actor: Actor, team_id: str, verb: Verb = Verb.READ) -> bool:
    """Say whether somebody may see (or set) what a team pays: its managers, admins and owners.

    A manager of the whole account's configuration is no manager of a team's pay unless the team says so.
    """
    if actor.read_only and verb is not Verb.READ:
        return False
    if grade(actor, None) is Grade.GOVERNS:
        return True
    return actor.team_roles.get(team_id) is TeamRole.MANAGER and actor.role not in STAKEHOLDERS


@operation("GET", "/api/teams/{id}/pay_rules")
async def show_pay_rules(call: Call) -> Answer:
    """Show how a team pays."""

    async def job(turn: Turn) -> Answer:
        team_id = await _team(turn, call, Verb.READ)
        rules = (await pay_rules.of_teams(turn, [team_id])).get(team_id)
        if rules is None:
            raise Refused(Why.NOT_FOUND, "The team has no rules of pay.")
        return shown(KEY, show_rules(rules))

    return await call.store.read(job)


@operation("PUT", "/api/teams/{id}/pay_rules")
async def set_pay_rules(call: Call) -> Answer:
    """Set how a team pays, whole; money is decimal text such as `"12.50"`."""
    rules = _written(call.body(RulesBody, wrap=KEY))

    async def job(turn: Turn) -> Answer:
        team_id = await _team(turn, call, Verb.UPDATE)
        before = (await pay_rules.of_teams(turn, [team_id])).get(team_id)
        await pay_rules.keep(turn, team_id, rules)
        change = {KEY: {"before": show_rules(before) if before else None, "after": show_rules(rules)}}
        await audit.record(turn, call.actor, "update", ("team", team_id), change)
        return shown(KEY, show_rules(rules))

    return await call.store.work(job)


@operation("DELETE", "/api/teams/{id}/pay_rules")
async def drop_pay_rules(call: Call) -> Answer:
    """Take a team's rules of pay away."""

    async def job(turn: Turn) -> Answer:
        team_id = await _team(turn, call, Verb.UPDATE)
        before = (await pay_rules.of_teams(turn, [team_id])).get(team_id)
        await pay_rules.drop(turn, team_id)
        change = {KEY: {"before": show_rules(before) if before else None, "after": None}}
        await audit.record(turn, call.actor, "update", ("team", team_id), change)
        return gone()

    return await call.store.work(job)


def show_rules(rules: PayRules) -> Shown:
    """Return rules with money as text."""
    return {
        "currency": rules.currency,
        "rates": {kind: f"{rules.rates.of(kind):f}" for kind in KINDS},
        "minimum_per_page": f"{rules.minimum_per_page:f}",
        "page_minutes": rules.page_minutes,
        "rounding_minutes": rules.rounding_minutes,
    }


async def _team(turn: Turn, call: Call, verb: Verb) -> str:
    values = {"id": call.path["id"], "horizon": call.actor.horizon}
    team = await turn.one(teams.BY_ID, values)
    if not manages_pay(call.actor, team.id, verb):
        raise Refused(Why.FORBIDDEN, "What a team pays is for its managers and for admins to see and to set.")
    return team.id


def _written(body: RulesBody) -> PayRules:
    fields = ("minimum_per_page", "page_minutes", "rounding_minutes")
    given = {name: value for name in fields if (value := getattr(body, name)) not in (UNSET, None)}
    rules = structs.replace(PayRules(currency=body.currency, rates=body.rates), **given)
    if faults := rules.faults():
        raise Refused(Why.INVALID, faults[0], faults)
    return rules
