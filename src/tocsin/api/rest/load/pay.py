"""Pay: what people have earned on call in each team, by kind of hour and by page, as a report and as a sheet."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from tocsin.api.kit import Answer, Call, Shown, operation, shown
from tocsin.api.rest.load.load_shape import by_name, show_user
from tocsin.api.rest.load.pay_rules import manages_pay, show_rules
from tocsin.api.rest.load.sheet import Cell, sheet, wants_sheet
from tocsin.api.rest.load.window import near, window
from tocsin.domain.oncall.load import loads_of
from tocsin.domain.oncall.pay import PayLine, PayRules, pay_lines, total
from tocsin.domain.oncall.pay import shown as money
from tocsin.store.load import pay_rules
from tocsin.store.load.gather import Gathered, Wanted, gather
from tocsin.store.turn import Turn

COLUMNS = (
    "team_id",
    "team",
    "user_id",
    "user",
    "kind",
    "hours",
    "rate",
    "amount",
    "pages",
    "page_amount",
    "total",
    "currency",
)
_HOUR_S = 3600


class TeamPay(Struct, frozen=True):
    """What one team pays to whom; `managed` when the reader may see everybody's and the rules."""

    team_id: str
    name: str
    rules: PayRules
    people: Mapping[str, tuple[PayLine, ...]]
    managed: bool

    @property
    def total(self) -> Decimal:
        """Return what the team pays in all."""
        return sum((total(lines) for lines in self.people.values()), Decimal(0))


@operation("GET", "/api/pay")
async def show_pay(call: Call) -> Answer:
    """Show what people have earned from `since` to `until` in each team that has rules of pay.

    Managers of a team, admins and owners see everybody in it; everybody else sees their own lines. `team_ids[]`
    narrows it, `format=csv` or `Accept: text/csv` answer a sheet.
    """
    since, until = window(call)
    as_sheet = wants_sheet(call)
    wanted = Wanted(since=since, until=until, horizon=call.actor.horizon, team_ids=call.many("team_ids") or None)

    async def job(turn: Turn) -> tuple[Gathered, list[tuple[str, str, PayRules]]]:
        near(until, turn.now)
        paying = await pay_rules.paying(turn, horizon=wanted.horizon, team_ids=wanted.team_ids)
        return await gather(turn, wanted), paying

    gathered, paying = await call.store.read(job)
    teams = await asyncio.to_thread(_reckoned, call, gathered, paying, window=(since, until))
    if as_sheet:
        return sheet("pay", COLUMNS, _rows(gathered, teams))
    report = {
        "since": call.at(since),
        "until": call.at(until),
        "teams": [_show(call, gathered, team) for team in teams],
    }
    return shown("pay", report)


def _reckoned(
    call: Call, gathered: Gathered, paying: list[tuple[str, str, PayRules]], *, window: tuple[datetime, datetime]
) -> list[TeamPay]:
    everything = gathered.watched(*window)
    teams_of = {each.id: each.team_ids for each in gathered.schedules}
    found = []
    for team_id, name, rules in paying:
        watched = [each for each in everything if team_id in teams_of[each.id]]
        pages = [each.page for each in gathered.pages if each.team_id == team_id]
        loads = loads_of(watched, pages, gathered.workers, window=window)
        paid = {user_id: pay_lines(rules, line.seconds, line.pages) for user_id, line in loads.people.items()}
        managed = manages_pay(call.actor, team_id)
        seen = {user_id: lines for user_id, lines in paid.items() if lines and _sees(call, user_id, managed=managed)}
        if managed or seen:
            found.append(TeamPay(team_id, name, rules, seen, managed))
    return found


def _sees(call: Call, user_id: str, *, managed: bool) -> bool:
    return managed or user_id == call.actor.user_id


def _show(call: Call, gathered: Gathered, team: TeamPay) -> Shown:
    currency = team.rules.currency
    return {
        "team": call.links.reference("team", team.team_id, team.name),
        "currency": currency,
        **({"rules": show_rules(team.rules)} if team.managed else {}),
        "people": [
            {
                "user": show_user(call, gathered.people[user_id]),
                "lines": [_show_line(line, currency) for line in lines],
                "total": money(total(lines), currency),
            }
            for user_id, lines in _in_order(gathered, team)
        ],
        "total": money(team.total, currency),
    }


def _show_line(line: PayLine, currency: str) -> Shown:
    return {
        "kind": line.kind,
        "hours": round(line.seconds / _HOUR_S, 4),
        "rate": f"{line.rate:f}",
        "amount": money(line.amount, currency),
        "pages": line.pages,
        "page_amount": money(line.page_amount, currency),
        "total": money(line.total, currency),
    }


def _rows(gathered: Gathered, teams: list[TeamPay]) -> Iterator[tuple[Cell, ...]]:
    for team in teams:
        currency = team.rules.currency
        for user_id, lines in _in_order(gathered, team):
            for line in lines:
                yield (
                    team.team_id,
                    team.name,
                    user_id,
                    gathered.people[user_id].name,
                    *(str(value) for value in _show_line(line, currency).values()),
                    currency,
                )


def _in_order(gathered: Gathered, team: TeamPay) -> list[tuple[str, tuple[PayLine, ...]]]:
    return [(each, team.people[each]) for each in sorted(team.people, key=lambda one: by_name(gathered.people, one))]
