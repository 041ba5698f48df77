"""Absences over the API: who may say them, who may know why, and the shifts that fall into them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec import Struct

from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tests.town.seed import layer_of, schedule_of, seed_override, seed_schedule
from tocsin.domain.people.role import Role, TeamRole
from tocsin.ground.clock import utc_now
from tocsin.store.config import config_stamp
from tocsin.store.covers import absences_of
from tocsin.store.query import Query

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


class Made(Struct, frozen=True):
    """An audit record."""

    action: str


MADE = Query("audit records of absences", "SELECT action FROM audit WHERE resource_kind = 'absence' ORDER BY id", Made)


@dataclass
class Crew:
    """Ada and Bo, who take turns of a week in two schedules, and the desk that serves them."""

    at: Desk
    team: str
    ada: str
    bo: str
    start: datetime

    def body(self, first: float, last: float, **more: object) -> Json:
        """Return an absence between these days after the start of the first turn."""
        start, end = self.start + first * DAY, self.start + last * DAY
        return {"absence": {"start": start.isoformat(), "end": end.isoformat(), **more}}


@pytest.fixture
async def crew(database: str, tmp_path: Path) -> AsyncIterator[Crew]:
    async with desk(database, tmp_path / "master.key") as at:
        team = await at.team("Platform")
        ada, bo = await at.user("Ada"), await at.user("Bo")
        await at.done("PUT", f"/teams/{team}/users/{ada}", {"role": "responder"})
        at.enter("ada", ada, Role.OBSERVER)
        at.enter("bo", bo, Role.LIMITED_USER)
        at.enter("lead", bo, Role.LIMITED_USER, {team: TeamRole.MANAGER})
        start = (utc_now() - DAY).replace(microsecond=0)
        for name, members in (("Platform", (ada, bo)), ("Search", (bo, ada))):
            layer = layer_of(f"P{name.upper()}L", members, start=start, turn=WEEK)
            schedule = schedule_of(f"P{name.upper()}", layer, name=name)
            await seed_schedule(at.house.store, schedule, team_ids=[team])
        yield Crew(at, team, ada, bo, start)


def stretches(document: Json, start: datetime) -> list[tuple[str, int, int]]:
    """Return the conflicts as schedule, first and last day."""
    found = []
    for one in items(document, "conflicts"):
        schedule = one["schedule"]
        assert isinstance(schedule, dict)
        first, last = (datetime.fromisoformat(text(one[name])) - start for name in ("start", "end"))
        found.append((str(schedule["summary"]), first.days, last.days))
    return found


async def test_an_absence_names_the_shifts_in_it_each_ready_to_be_asked_cover_for(crew: Crew) -> None:
    made = await crew.at.done("POST", f"/api/users/{crew.ada}/absences", crew.body(5, 10, kind="holiday"), by="ada")
    assert (made["kind"], made["summary"]) == ("holiday", "Ada is away")
    assert stretches(made, crew.start) == [("Platform", 5, 7), ("Search", 7, 10)]
    ready = items(made, "conflicts")[0]["cover_request"]
    assert (await crew.at.done("POST", "/api/cover_requests", {"cover_request": ready}, by="ada"))["state"] == "open"
    day = crew.start + 5 * DAY
    await seed_override(crew.at.house.store, "PPLATFORM", crew.bo, day, day + DAY)
    again = await crew.at.done("GET", f"/api/users/{crew.ada}/absences/{made['id']}", by="ada")
    assert stretches(again, crew.start) == [("Platform", 6, 7), ("Search", 7, 10)], "what was covered is none any more"


async def test_an_absence_makes_no_node_read_its_configuration_anew(crew: Crew) -> None:
    before = await crew.at.house.store.read(config_stamp)
    path = f"/api/users/{crew.ada}/absences"
    made = await crew.at.done("POST", path, crew.body(5, 10), by="ada")
    await crew.at.done("PUT", f"{path}/{made['id']}", crew.body(6, 10), by="ada")
    await crew.at.ask("DELETE", f"{path}/{made['id']}", by="ada")
    assert await crew.at.house.store.read(config_stamp) == before, "nobody's paging depends on it"


async def test_what_has_passed_is_no_conflict(crew: Crew) -> None:
    made = await crew.at.done("POST", f"/api/users/{crew.ada}/absences", crew.body(-10, 3), by="ada")
    assert stretches(made, crew.start) == [("Platform", 1, 3)]
    assert made["kind"] == "other"
    past = await crew.at.done("POST", f"/api/users/{crew.ada}/absences", crew.body(-10, -3), by="ada")
    assert past["conflicts"] == []


async def test_it_is_changed_and_forgotten_and_all_of_it_is_on_record(crew: Crew) -> None:
    path = f"/api/users/{crew.ada}/absences"
    made = await crew.at.done("POST", path, crew.body(5, 10, note="  the \x00 coast "), by="ada")
    one = f"{path}/{made['id']}"
    changed = await crew.at.done("PUT", one, {"absence": {"kind": "training", "note": None}}, by="ada")
    assert (changed["kind"], changed["note"], changed["start"]) == ("training", None, made["start"])
    assert await crew.at.refused("PUT", one, crew.body(5, 5), by="ada") == (400, 2001)
    assert await crew.at.refused("PUT", f"/api/users/{crew.bo}/absences/{made['id']}", crew.body(5, 6), by="bo") == (
        404,
        2100,
    )
    assert await crew.at.ask("DELETE", one, by="ada") == (204, {})
    assert await crew.at.refused("GET", one, by="ada") == (404, 2100)
    records = await crew.at.house.store.read(lambda turn: turn.rows(MADE))
    assert [record.action for record in records] == ["create", "update", "delete"]


async def test_managers_of_a_team_of_theirs_and_administrators_say_it_for_others(crew: Crew) -> None:
    path = f"/api/users/{crew.ada}/absences"
    assert await crew.at.refused("POST", path, crew.body(5, 10), by="bo") == (403, 2010)
    made = await crew.at.done("POST", path, crew.body(5, 10, kind="sick", note="flu"), by="lead")
    assert (await crew.at.done("POST", path, crew.body(15, 20), by="admin"))["kind"] == "other"
    for by, kind, note in (("lead", "sick", "flu"), ("ada", "sick", "flu"), ("bo", None, None)):
        shown = await crew.at.done("GET", f"{path}/{made['id']}", by=by)
        assert (shown["kind"], shown["note"]) == (kind, note), "why somebody is away is not everybody's business"
    assert await crew.at.refused("DELETE", f"{path}/{made['id']}", by="bo") == (403, 2010)
    assert await crew.at.refused("POST", "/api/users/PNONE/absences", crew.body(5, 10)) == (404, 2100)


async def test_lists_are_cut_by_time_person_and_team_and_show_only_what_one_may_see(crew: Crew) -> None:
    await crew.at.done("POST", f"/api/users/{crew.ada}/absences", crew.body(5, 10))
    await crew.at.done("POST", f"/api/users/{crew.bo}/absences", crew.body(6, 7))

    async def of(query: str, by: str = "admin") -> list[object]:
        found = items(await crew.at.done("GET", f"/api/absences?{query}", by=by), "absences")
        return [str(one["summary"]).removesuffix(" is away") for one in found]

    def day(number: float) -> str:
        return (crew.start + number * DAY).isoformat().replace("+00:00", "Z")

    assert await of("") == ["Ada", "Bo"]
    assert await of(f"since={day(7)}") == ["Ada"]
    assert await of(f"until={day(5)}") == []
    assert await of(f"team_ids[]={crew.team}") == ["Ada"]
    assert await of(f"user_ids[]={crew.bo}") == ["Bo"]
    crew.at.enter("walled", crew.bo, Role.RESTRICTED_ACCESS, {})
    assert await of("", by="walled") == ["Bo"]
    own = await crew.at.done("GET", f"/api/users/{crew.ada}/absences?total=true")
    assert own["total"] == 1


async def test_all_conflicts_of_a_stretch_are_listed_and_paged(crew: Crew) -> None:
    await crew.at.done("POST", f"/api/users/{crew.ada}/absences", crew.body(5, 10))
    await crew.at.done("POST", f"/api/users/{crew.bo}/absences", crew.body(6, 7))
    found = await crew.at.done("GET", "/api/absences/conflicts")
    assert stretches(found, crew.start) == [("Platform", 5, 7), ("Search", 6, 7), ("Search", 7, 10)]
    page = await crew.at.done("GET", "/api/absences/conflicts?limit=1&offset=2&total=true")
    assert [page[name] for name in ("more", "total")] == [False, 3]
    assert stretches(page, crew.start) == [("Search", 7, 10)]
    day = (crew.start + 8 * DAY).isoformat().replace("+00:00", "Z")
    assert len(items(await crew.at.done("GET", f"/api/absences/conflicts?since={day}"), "conflicts")) == 1
    assert len(items(await crew.at.done("GET", f"/api/absences/conflicts?until={day}"), "conflicts")) == 3
    for query in (f"until={crew.start.isoformat()[:10]}", "since=2027-01-01&until=2029-01-01", "since=soon"):
        assert (await crew.at.refused("GET", f"/api/absences/conflicts?{query}"))[0] == 400


async def test_schedules_out_of_sight_are_not_named_to_others(crew: Crew) -> None:
    hidden = schedule_of("PHIDDEN", layer_of("PHIDDENL", (crew.ada,), start=crew.start, turn=WEEK), name="Hidden")
    await seed_schedule(crew.at.house.store, hidden)
    await crew.at.done("POST", f"/api/users/{crew.ada}/absences", crew.body(5, 6))
    for by, user_id, expected in (("walled", crew.bo, ["Platform"]), ("own", crew.ada, ["Hidden", "Platform"])):
        crew.at.enter(by, user_id, Role.RESTRICTED_ACCESS, {crew.team: TeamRole.OBSERVER})
        found = await crew.at.done("GET", "/api/absences/conflicts", by=by)
        assert [name for name, _, _ in stretches(found, crew.start)] == expected


async def test_what_is_no_absence_is_refused_in_words(crew: Crew) -> None:
    path = f"/api/users/{crew.ada}/absences"
    wrongs: tuple[object, ...] = (
        {"absence": {"start": crew.start.isoformat()}},
        {"absence": {"start": "soon", "end": "later"}},
        {"absence": {"start": 7, "end": []}},
        crew.body(10, 5),
        crew.body(0, 800),
        crew.body(5, 10, kind="strike"),
        crew.body(5, 10, note="x" * 1001),
        {"absence": None},
        [],
    )
    for wrong in wrongs:
        assert (await crew.at.refused("POST", path, wrong))[0] == 400, wrong


async def test_whoever_looks_ahead_reads_who_is_away(crew: Crew) -> None:
    await crew.at.done("POST", f"/api/users/{crew.ada}/absences", crew.body(5, 10, kind="sick"))
    since, until = crew.start, crew.start + 30 * DAY
    (away,) = await crew.at.house.store.read(lambda turn: absences_of(turn, None, since, until))
    assert (away.user_id, away.kind, away.start) == (crew.ada, "sick", crew.start + 5 * DAY)
    assert await crew.at.house.store.read(lambda turn: absences_of(turn, [crew.bo], since, until)) == []
