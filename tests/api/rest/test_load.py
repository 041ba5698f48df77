"""Load over the API: hours, nights and pages by person, the past by versions, the future by plan, and the sheet."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta

import httpx2
import pytest

from tests.api.desk import Desk
from tests.api.rest.load_room import DAY, Json, iso, made, monday_after, now, page, schedule, team
from tocsin.domain.oncall.schedule import Override
from tocsin.domain.people.actor import SYSTEM
from tocsin.domain.people.role import Role
from tocsin.ground.ids import new_id
from tocsin.store.schedules import overrides


async def _load(api: httpx2.AsyncClient, since: datetime, until: datetime, more: str = "") -> Json:
    answer = await api.get(f"/api/load?since={iso(since)}&until={iso(until)}{more}")
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["load"]
    found = answer.json()["load"]
    assert isinstance(found, dict)
    return found


def _by_name(lines: object) -> dict[str, Json]:
    assert isinstance(lines, list)
    return {line["user"]["summary"]: line for line in lines}


async def test_coming_weeks_are_counted_by_the_plan(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await desk.person("Ada"), await desk.person("Bo")
    monday = monday_after(await now(desk))
    await schedule(desk, "PNIGHT", [ada.id, bo.id], monday, turn=7 * DAY)
    load = await _load(api, monday, monday + 14 * DAY)
    people = _by_name(load["people"])
    assert people["Ada"]["hours"] == {"business": 50, "evening": 20, "night": 70, "weekend": 28, "holiday": 0}
    assert people["Ada"]["total_hours"] == 168
    assert people["Ada"]["weighted_hours"] == 50 + 30 + 140 + 56 == people["Bo"]["load"]
    assert (people["Ada"]["share"], people["Ada"]["fair_share"]) == (0.5, 0.5)
    assert (people["Ada"]["shifts"], people["Ada"]["weekends"], people["Ada"]["longest_run_of_nights"]) == (1, 1, 7)
    total = load["total"]
    assert isinstance(total, dict)
    assert total["total_hours"] == 336


async def test_the_past_is_told_by_the_schedule_as_it_was(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo, cy = await desk.person("Ada"), await desk.person("Bo"), await desk.person("Cy")
    begun = (await now(desk)).replace(hour=0, minute=0, second=0) - 30 * DAY
    desk.store.clock_shift = -30 * DAY - timedelta(hours=25)
    await schedule(desk, "PPAST", [ada.id], begun, turn=DAY)
    covered = Override(id=new_id(), start=begun + DAY, end=begun + 2 * DAY, user_id=bo.id)
    await desk.store.work(lambda turn: overrides.add(turn, "PPAST", covered, SYSTEM))
    desk.store.clock_shift = timedelta()
    later = (await now(desk)) + DAY
    covering = Override(id=new_id(), start=later, end=later + DAY, user_id=cy.id)
    await desk.store.work(lambda turn: overrides.add(turn, "PPAST", covering, SYSTEM))
    people = _by_name((await _load(api, begun, begun + 10 * DAY))["people"])
    assert {name: line["total_hours"] for name, line in people.items()} == {"Ada": 216, "Bo": 24}
    ahead = _by_name((await _load(api, later - DAY, later + 2 * DAY))["people"])
    assert {name: line["total_hours"] for name, line in ahead.items()} == {"Ada": 48, "Cy": 24}


async def test_pages_count_once_by_incident_and_person(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada = await desk.person("Ada")
    today = (await now(desk)).replace(hour=0, minute=0, second=0)
    desk.store.clock_shift = -10 * DAY
    await schedule(desk, "PPAGED", [ada.id], today - 9 * DAY)
    desk.store.clock_shift = timedelta()
    await page(desk, 1, ada.id, today - 3 * DAY + timedelta(hours=3), schedule_id="PPAGED", team_id=None)
    await page(desk, 2, ada.id, today - 2 * DAY + timedelta(hours=3), schedule_id="PPAGED", team_id=None)
    load = await _load(api, today - 5 * DAY, today, "&include[]=people")
    line = _by_name(load["people"])["Ada"]
    assert (line["total_pages"], line["pages"], line["weighted_pages"]) == (
        2,
        {"business": 0, "evening": 0, "night": 2, "weekend": 0, "holiday": 0},
        4,
    )
    schedules = load["schedules"]
    assert isinstance(schedules, list)
    assert _by_name(schedules[0]["people"])["Ada"]["total_pages"] == 2
    assert _by_name((await _load(api, today - 2 * DAY, today))["people"])["Ada"]["total_pages"] == 1
    between = today - 3 * DAY + timedelta(hours=3, seconds=30)  # the first incident was handed again after it
    assert _by_name((await _load(api, between, today))["people"])["Ada"]["total_pages"] == 1


async def test_reports_are_narrowed_and_teams_have_totals(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await desk.person("Ada"), await desk.person("Bo")
    web, shop = await team(api, "Web"), await team(api, "Shop")
    monday = monday_after(await now(desk))
    await schedule(desk, "PWEB", [ada.id], monday, team_ids=[web])
    await schedule(desk, "PSHOP", [bo.id], monday, team_ids=[web, shop])
    everything = await _load(api, monday, monday + DAY)
    teams = everything["teams"]
    assert isinstance(teams, list)
    assert {each["team"]["summary"]: each["total_hours"] for each in teams} == {"Web": 48, "Shop": 24}
    assert set(_by_name((await _load(api, monday, monday + DAY, f"&team_ids[]={shop}"))["people"])) == {"Bo"}
    assert set(_by_name((await _load(api, monday, monday + DAY, "&schedule_ids[]=PWEB"))["people"])) == {"Ada"}


async def test_restricted_people_see_their_teams(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await desk.person("Ada"), await desk.person("Bo")
    guest = await desk.person("Guest", Role.RESTRICTED_ACCESS)
    web = await team(api, "Web")
    assert (await api.put(f"/teams/{web}/users/{guest.id}", json={"role": "observer"})).status_code == 204
    monday = monday_after(await now(desk))
    await schedule(desk, "PWEB", [ada.id], monday, team_ids=[web])
    await schedule(desk, "POTHER", [bo.id], monday)
    load = await _load(guest.api, monday, monday + DAY)
    assert set(_by_name(load["people"])) == {"Ada"}
    schedules = load["schedules"]
    assert isinstance(schedules, list)
    assert [each["schedule"]["id"] for each in schedules] == ["PWEB"]


@pytest.mark.parametrize("headers", [{"accept": "text/csv"}, {}])
async def test_the_sheet_is_csv_that_runs_nothing(api: httpx2.AsyncClient, desk: Desk, headers: dict[str, str]) -> None:
    evil = await desk.person("Eve")
    name = {"user": {"name": '=HYPERLINK("http://bad.example","x"), Eve'}}
    assert (await api.put(f"/users/{evil.id}", json=name)).status_code == 200
    monday = monday_after(await now(desk))
    await schedule(desk, "PEVE", [evil.id], monday)
    more = "" if headers else "&format=csv"
    answer = await api.get(f"/api/load?since={iso(monday)}&until={iso(monday + DAY)}{more}", headers=headers)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert 'filename="load.csv"' in answer.headers["content-disposition"]
    assert answer.text.count("\r\n") == 3
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["schedule"] for row in rows] == ["", "PEVE"]
    assert rows[0]["user"] == '\'=HYPERLINK("http://bad.example","x"), Eve'
    assert (rows[0]["hours"], rows[0]["hours_business"], rows[0]["weighted_hours"]) == ("24.0", "10.0", "36.0")


async def test_weights_are_of_the_account_and_of_teams(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, watcher = await desk.person("Ada"), await desk.person("Wat", Role.OBSERVER)
    web = await team(api, "Web")
    monday = monday_after(await now(desk))
    await schedule(desk, "PWEB", [ada.id], monday, team_ids=[web])
    first = (await api.get("/api/load_weights")).json()["load_weights"]
    assert first == {"business": 1, "evening": 1.5, "night": 2, "weekend": 2, "holiday": 3, "page_minutes": 60}
    changed = await made(api, "/api/load_weights", "load_weights", {"night": 4, "page_minutes": 30}, method="PUT")
    assert (changed["night"], changed["evening"], changed["page_minutes"]) == (4, 1.5, 30)
    path = f"/api/teams/{web}/load_weights"
    assert (await api.get(path)).json()["load_weights"]["night"] == 4
    await made(api, path, "load_weights", {"night": 1, "evening": 1}, method="PUT")
    line = _by_name((await _load(api, monday, monday + DAY))["people"])["Ada"]
    assert line["weighted_hours"] == 24
    assert (await api.delete(path)).status_code == 204
    assert _by_name((await _load(api, monday, monday + DAY))["people"])["Ada"]["weighted_hours"] == 10 + 6 + 40
    for body in ({"night": -1}, {"night": "x"}, {"page_minutes": 5000}, {"holiday": 1.234}):
        refused = await api.put("/api/load_weights", json={"load_weights": body})
        assert refused.status_code == 400, refused.text
    assert (await watcher.api.get("/api/load_weights")).status_code == 200
    for forbidden in ("/api/load_weights", path):
        answer = await watcher.api.put(forbidden, json={"load_weights": {"night": 9}})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("", "since"),
        ("since=2026-03-01T00:00Z", "until"),
        ("since=2026-03-02T00:00Z&until=2026-03-01T00:00Z", "until"),
        ("since=2026-03-02T00:00Z&until=2028-03-01T00:00Z", "366"),
        ("since=2096-03-02T00:00Z&until=2096-03-03T00:00Z", "now"),
        ("since=0001-01-01T00:00Z&until=0001-02-01T00:00Z", "1970"),
        ("since=9999-12-01T00:00Z&until=9999-12-31T00:00Z", "2100"),
        ("since=x&until=2126-03-03T00:00Z", "since"),
        ("since=2026-03-02T00:00Z&until=2026-03-03T00:00Z&format=xls", "csv"),
        ("since=2026-03-02T00:00Z&until=2026-03-03T00:00Z&include[]=all", "include"),
    ],
)
async def test_wrong_questions_are_told_what_to_do(api: httpx2.AsyncClient, query: str, word: str) -> None:
    answer = await api.get(f"/api/load?{query}")
    assert answer.status_code == 400
    assert word in str(answer.json()["error"]["errors"])
