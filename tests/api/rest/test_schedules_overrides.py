"""Overrides over the API: given in both forms, listed, taken back; by whom, and never in the past."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rest.rota import DAY_S, entries, give, hours, layer, made, now, wire
from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.domain.people.role import Role, TeamRole


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


def given(user_id: str, start: str, end: str) -> Json:
    return {"start": start, "end": end, "user": {"id": user_id, "type": "user_reference"}}


async def added(at: Desk, key: str, *overrides: Json) -> list[Json]:
    """Add overrides in the form of today and return what became of each."""
    headers = {"authorization": "Token token=admin"}
    answer = await at.client.post(f"/schedules/{key}/overrides", json={"overrides": overrides}, headers=headers)
    assert answer.status_code == 201, answer.text
    outcomes: list[Json] = answer.json()
    return outcomes


async def test_several_at_once_each_with_its_own_outcome(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    key = await made(at, layer(ada, start="2020-01-06T09:00:00Z", turn_s=DAY_S), zone="Europe/Berlin")
    outcomes = await added(
        at,
        key,
        given(bo, "2035-03-05T10:00:00", "2035-03-05T12:00:00"),
        {**given(bo, "2035-03-06T10:00:00", "2035-03-06T12:00:00"), "time_zone": "UTC"},
        given(bo, "2035-03-07T10:00:00Z", "2035-03-07T10:00:00Z"),
        given(bo, "2015-03-07T10:00:00Z", "2015-03-07T11:00:00Z"),
        given("PNOBODY", "2035-03-08T10:00:00Z", "2035-03-08T11:00:00Z"),
        given(bo, "some day", "2035-03-08T11:00:00Z"),
        given(bo, "2035-03-08T11:00:00Z", "9999-12-31T23:59:59Z"),
    )
    assert [one["status"] for one in outcomes] == [201, 201, 400, 400, 400, 400, 400]
    assert [one["errors"] for one in outcomes[2:5]] == [
        ["Override must end after its start"],
        ["Override must end in the future"],
        ["User PNOBODY not found"],
    ]
    first, second = (one["override"] for one in outcomes[:2])
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["start"], second["start"]) == ("2035-03-05T10:00:00+01:00", "2035-03-06T11:00:00+01:00")
    shown = await at.done("GET", f"/schedules/{key}?since=2035-03-05T09:00&until=2035-03-05T13:00")
    assert [who for _, _, who in entries(shown["final_schedule"])] == ["Ada", "Bo", "Ada"]

    async def listed(query: str) -> list[Json]:
        status, document = await at.ask("GET", f"/schedules/{key}/overrides?{query}")
        assert status == 200, document
        return items(document, "overrides")

    window = "since=2035-03-05T11:00:00&until=2035-03-20"
    cut, whole = await listed(window), await listed(f"{window}&overflow=true&editable=true")
    assert [one["id"] for one in cut] == [one["id"] for one in whole] == [first["id"], second["id"]]
    assert (cut[0]["start"], whole[0]["start"]) == ("2035-03-05T11:00:00+01:00", "2035-03-05T10:00:00+01:00")
    assert await listed("since=2035-04-01&until=2035-04-20") == []
    for query, code in (("since=2035-04-01", 2003), ("", 2003), ("since=2035-04-02&until=2035-04-01", 2004)):
        assert await at.refused("GET", f"/schedules/{key}/overrides?{query}") == (400, code)


async def test_the_youngest_of_two_holds_and_the_older_form_works(at: Desk) -> None:
    ada, bo, cy = [await at.user(name) for name in ("Ada", "Bo", "Cy")]
    key = await made(at, layer(ada, start="2020-01-06T09:00:00Z", turn_s=DAY_S))
    status, one = await give(at, key, bo, "2035-03-05T10:00Z", "2035-03-05T14:00Z")
    assert status == 201
    assert sorted(one) == ["end", "id", "start", "user"]
    await added(at, key, given(cy, "2035-03-05T11:00Z", "2035-03-05T12:00Z"))
    shown = await at.done("GET", f"/schedules/{key}?since=2035-03-05T10:00Z&until=2035-03-05T14:00Z")
    assert [who for _, _, who in entries(shown["final_schedule"])] == ["Bo", "Cy", "Bo"]
    path = f"/schedules/{key}/overrides"
    bodies: list[object] = [{}, [], None, {"override": {}}, {"override": []}, {"overrides": None}]
    bodies += [{"overrides": []}, {"overrides": {}}, {"overrides": [{}]}, {"overrides": [None]}, {"overrides": "x"}]
    for body in bodies:
        status, _ = await at.ask("POST", path, body)
        assert status == 400, body
    both = {"overrides": [given(bo, "2035-03-05T10:00Z", "2035-03-05T14:00Z")], "override": given(bo, "2035", "2036")}
    assert await at.refused("POST", path, both) == (400, 2003)
    status, _ = await give(at, key, bo, "2015-03-05", "2015-03-06")
    assert status == 400
    assert await at.refused("POST", path, {"overrides": [given(bo, "2035-03-05", "2035-03-06")] * 251}) == (400, 2001)


async def test_three_ways_to_take_one_back(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    key = await made(at, layer(ada, start="2020-01-06T09:00:00Z", turn_s=DAY_S))
    instant = await now(at)
    outcomes = await added(
        at,
        key,
        given(bo, wire(instant - hours(1)), wire(instant + hours(2))),
        given(bo, wire(instant + hours(24)), wire(instant + hours(26))),
    )
    running, coming = (one["override"] for one in outcomes)
    assert isinstance(running, dict)
    assert isinstance(coming, dict)
    assert text(running["start"]) >= wire(instant)  # the hour that has passed stays as it was
    path = f"/schedules/{key}/overrides"
    assert await at.ask("DELETE", f"{path}/{coming['id']}") == (204, {})
    assert await at.refused("DELETE", f"{path}/{coming['id']}") == (404, 2100)
    at.house.store.clock_shift = timedelta(hours=1)
    status, document = await at.ask("DELETE", f"{path}/{running['id']}")
    assert status == 200
    left = document["override"]
    assert isinstance(left, dict)
    assert wire(instant + hours(1)) <= text(left["end"]) <= wire(instant + hours(1.1))
    at.house.store.clock_shift = timedelta(hours=1, seconds=5)
    assert await at.refused("DELETE", f"{path}/{running['id']}") == (400, 2001)
    window = f"since={wire(instant - hours(2))}&until={wire(instant + hours(9))}"
    shown = await at.done("GET", f"/schedules/{key}?{window}")
    assert entries(shown["overrides_subschedule"]) == [(running["start"], left["end"], "Bo")]
    _, document = await at.ask("GET", f"{path}?{window}&editable=true")
    assert items(document, "overrides") == []


async def test_responders_may_and_observers_may_not(at: Desk) -> None:
    ada, bo, team = await at.user("Ada"), await at.user("Bo"), await at.team("Web")
    key = await made(at, layer(ada, start="2020-01-06T09:00:00Z", turn_s=DAY_S))
    path = f"/schedules/{key}/overrides"
    hours_of_bo = (bo, "2035-03-05T10:00Z", "2035-03-05T14:00Z")
    at.enter("watcher", bo, Role.OBSERVER)
    at.enter("responder", bo, Role.LIMITED_USER)
    at.enter("walled", bo, Role.RESTRICTED_ACCESS, {team: TeamRole.RESPONDER})
    assert (await give(at, key, *hours_of_bo, by="watcher"))[0] == 403
    assert (await give(at, key, *hours_of_bo, by="walled"))[0] == 404
    _, one = await give(at, key, *hours_of_bo, by="responder")
    assert await at.refused("DELETE", f"{path}/{one['id']}", by="watcher") == (403, 2010)
    assert await at.ask("DELETE", f"{path}/{one['id']}", by="responder") == (204, {})
    await at.done("PUT", f"/schedules/{key}", {"schedule": {"teams": [{"id": team}]}})
    _, one = await give(at, key, *hours_of_bo, by="walled")
    assert await at.ask("DELETE", f"{path}/{one['id']}", by="walled") == (204, {})
