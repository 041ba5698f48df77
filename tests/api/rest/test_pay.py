"""Pay over the API: rules of a team, what people earned by them to the cent, who may see it, and the sheet."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from decimal import Decimal

import httpx2
import pytest

from tests.api.desk import Caller, Desk
from tests.api.rest.load_room import DAY, Json, iso, items, made, monday_after, now, page, schedule, summary, team
from tocsin.domain.people.role import Role

RULES: Json = {
    "currency": "EUR",
    "rates": {"business": "2.50", "night": "7.33", "weekend": "5"},
    "minimum_per_page": "10",
    "page_minutes": 30,
    "rounding_minutes": 15,
}


async def _pay(api: httpx2.AsyncClient, since: datetime, until: datetime, more: str = "") -> list[Json]:
    answer = await api.get(f"/api/pay?since={iso(since)}&until={iso(until)}{more}")
    assert answer.status_code == 200, answer.text
    found = answer.json()["pay"]["teams"]
    assert isinstance(found, list)
    return found


async def _lead(api: httpx2.AsyncClient, desk: Desk, team_id: str, role: Role = Role.LIMITED_USER) -> Caller:
    """A person who is a manager of a team and a responder elsewhere."""
    lead = await desk.person("Lea", role)
    assert (await api.put(f"/teams/{team_id}/users/{lead.id}", json={"role": "manager"})).status_code == 204
    return lead


async def test_rules_are_set_shown_and_taken_away(api: httpx2.AsyncClient, desk: Desk) -> None:
    web = await team(api, "Web")
    path = f"/api/teams/{web}/pay_rules"
    assert (await api.get(path)).status_code == 404
    rules = await made(api, path, "pay_rules", RULES, method="PUT")
    assert rules["rates"] == {"business": "2.50", "evening": "0", "night": "7.33", "weekend": "5", "holiday": "0"}
    assert (rules["minimum_per_page"], rules["page_minutes"], rules["rounding_minutes"]) == ("10", 30, 15)
    assert (await api.get(path)).json()["pay_rules"] == rules
    assert (await api.delete(path)).status_code == 204
    assert (await api.delete(path)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "euro"},
        {"currency": None},
        {"rates": {"night": "-1"}},
        {"rates": {"night": "NaN"}},
        {"rates": {"night": "1e9"}},
        {"rates": {"night": "0.00001"}},
        {"rates": []},
        {"minimum_per_page": "lots"},
        {"page_minutes": -1},
        {"rounding_minutes": 100_000},
    ],
)
async def test_rules_that_cannot_be_are_refused(api: httpx2.AsyncClient, change: Json) -> None:
    web = await team(api, "Web")
    answer = await api.put(f"/api/teams/{web}/pay_rules", json={"pay_rules": {**RULES, **change}})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["errors"]


async def test_hours_and_pages_are_paid_by_the_team_that_called(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada = await desk.person("Ada")
    web, shop = await team(api, "Web"), await team(api, "Shop")
    await made(api, f"/api/teams/{web}/pay_rules", "pay_rules", RULES, method="PUT")
    await made(api, f"/api/teams/{shop}/pay_rules", "pay_rules", {"currency": "JPY"}, method="PUT")
    monday = monday_after(await now(desk)) - 14 * DAY
    desk.store.clock_shift = -20 * DAY
    await schedule(desk, "PWEB", [ada.id], monday, team_ids=[web])
    desk.store.clock_shift = timedelta()
    await page(desk, 1, ada.id, monday + timedelta(hours=3), schedule_id="PWEB", team_id=web)
    await page(desk, 2, ada.id, monday + timedelta(hours=9), schedule_id="PWEB", team_id=shop)
    (shop_pay, web_pay) = await _pay(api, monday, monday + DAY)
    assert summary(shop_pay["team"]) == "Shop"
    (person,) = items(web_pay, "people")
    lines = {str(line["kind"]): line for line in items(person, "lines")}
    assert {kind: (line["hours"], line["amount"], line["pages"]) for kind, line in lines.items()} == {
        "business": (10, "25.00", 0),
        "evening": (4, "0.00", 0),
        "night": (10, "73.30", 1),
    }
    assert (lines["night"]["page_amount"], person["total"], web_pay["total"]) == ("10.00", "108.30", "108.30")
    (_, web_too) = await _pay(api, monday, monday + 7 * DAY, f"&team_ids[]={web}&team_ids[]={shop}")
    assert summary(web_too["team"]) == "Web"
    (only_shop,) = await _pay(api, monday, monday + 7 * DAY, f"&team_ids[]={shop}")
    ((paged,),) = (items(person, "lines") for person in items(only_shop, "people"))
    assert (paged["pages"], paged["hours"], paged["total"]) == (1, 0, "0")


async def test_who_may_see_and_set_it(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await desk.person("Ada", Role.LIMITED_USER), await desk.person("Bo")
    web, shop = await team(api, "Web"), await team(api, "Shop")
    lead = await _lead(api, desk, web)
    assert (await api.put(f"/teams/{web}/users/{ada.id}", json={"role": "responder"})).status_code == 204
    for each in (web, shop):
        await made(api, f"/api/teams/{each}/pay_rules", "pay_rules", RULES, method="PUT")
    monday = monday_after(await now(desk))
    await schedule(desk, "PWEB", [ada.id, bo.id], monday, team_ids=[web])
    await schedule(desk, "PSHOP", [bo.id], monday, team_ids=[shop])
    for person, expected in (
        (ada, {"Web": ["Ada"]}),
        (bo, {"Web": ["Bo"], "Shop": ["Bo"]}),
        (lead, {"Web": ["Ada", "Bo"]}),
    ):
        teams = await _pay(person.api, monday, monday + 2 * DAY)
        seen = {summary(each["team"]): [summary(one["user"]) for one in items(each, "people")] for each in teams}
        assert seen == expected
        assert all(("rules" in each) == (person is lead) for each in teams)
    assert len(await _pay(api, monday, monday + 2 * DAY)) == 2
    path = f"/api/teams/{web}/pay_rules"
    assert (await lead.api.put(path, json={"pay_rules": RULES})).status_code == 200
    assert (await bo.api.get(path)).status_code == 403
    assert (await bo.api.put(path, json={"pay_rules": RULES})).status_code == 403
    assert (await lead.api.delete(f"/api/teams/{shop}/pay_rules")).status_code == 403
    reader = await desk.account(read_only=True)
    assert (await reader.put(path, json={"pay_rules": RULES})).status_code == 403
    guest = await desk.person("Guest", Role.RESTRICTED_ACCESS)
    assert (await guest.api.get(path)).status_code == 404
    assert await _pay(guest.api, monday, monday + 2 * DAY) == []


async def test_the_sheet_adds_up(api: httpx2.AsyncClient, desk: Desk) -> None:
    people = [await desk.person(name) for name in ("Ada", "Bo", "Cy")]
    web = await team(api, "Web")
    await made(api, f"/api/teams/{web}/pay_rules", "pay_rules", RULES, method="PUT")
    monday = monday_after(await now(desk))
    await schedule(desk, "PWEB", [each.id for each in people], monday, turn=timedelta(hours=13), team_ids=[web])
    until = monday + timedelta(days=11, hours=7, minutes=13)
    (report,) = await _pay(api, monday, until)
    answer = await api.get(f"/api/pay?since={iso(monday)}&until={iso(until)}&format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert answer.headers["content-type"].startswith("text/csv")
    written = sum(Decimal(row["amount"]) + Decimal(row["page_amount"]) for row in rows)
    assert written == sum(Decimal(row["total"]) for row in rows) == Decimal(str(report["total"]))
    assert {row["currency"] for row in rows} == {"EUR"}
    assert {row["user"] for row in rows} == {"Ada", "Bo", "Cy"}
