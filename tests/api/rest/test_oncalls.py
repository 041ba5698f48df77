"""On-calls over the API: users whom levels name always, others for the stretches that their schedules give them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rest.rota import DAY_S, WEEK_S, daily, give, layer, made, now, wire
from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.domain.people.role import Role, TeamRole


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


def people(document: dict[str, object]) -> list[tuple[object, object, object]]:
    found = []
    for row in items(document, "oncalls"):
        policy, user = row["escalation_policy"], row["user"]
        assert isinstance(policy, dict)
        assert isinstance(user, dict)
        found.append((policy["summary"], row["escalation_level"], user["summary"]))
    return found


async def test_everybody_whom_a_level_names_is_on_call(at: Desk) -> None:
    ada, bo, team = await at.user("Ada"), await at.user("Bo"), await at.team("Shop")
    search = await at.policy("search", [bo])
    await at.policy("Checkout", [ada, bo], team)
    everybody = await at.done("GET", "/oncalls?total=true&earliest=true")
    assert people(everybody) == [("Checkout", 1, "Ada"), ("Checkout", 2, "Bo"), ("search", 1, "Bo")]
    assert everybody["total"] == 3
    for row in items(everybody, "oncalls"):
        assert (row["start"], row["end"], row["schedule"]) == (None, None, None)
    assert people(await at.done("GET", f"/oncalls?user_ids[]={ada}")) == [("Checkout", 1, "Ada")]
    assert people(await at.done("GET", f"/oncalls?escalation_policy_ids[]={search}")) == [("search", 1, "Bo")]
    assert people(await at.done("GET", "/oncalls?schedule_ids[]=PSCHEDULE")) == []
    page = await at.done("GET", "/oncalls?limit=1&offset=1&since=2026-01-01&until=2026-02-01")
    assert people(page) == [("Checkout", 2, "Bo")]
    assert page["more"] is True
    at.enter("walled", bo, Role.RESTRICTED_ACCESS, {team: TeamRole.OBSERVER})
    assert people(await at.done("GET", "/oncalls", by="walled")) == [("Checkout", 1, "Ada"), ("Checkout", 2, "Bo")]


async def test_the_deleted_are_not_on_call(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    await at.policy("Checkout", [ada, bo])
    await at.done("DELETE", f"/users/{ada}")
    assert people(await at.done("GET", "/oncalls")) == [("Checkout", 2, "Bo")]


async def test_includes_put_whole_resources_in_place_of_references(at: Desk) -> None:
    await at.policy("Checkout", [await at.user("Ada")])
    query = "include[]=users&include[]=escalation_policies&include[]=schedules"
    (row,) = items(await at.done("GET", f"/oncalls?{query}"), "oncalls")
    policy, user = row["escalation_policy"], row["user"]
    assert isinstance(policy, dict)
    assert isinstance(user, dict)
    assert (policy["type"], user["type"]) == ("escalation_policy", "user")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("since=2026-02-01&until=2026-01-01", 2004),
        ("since=2026-01-01&until=2026-06-01", 2004),
        ("since=yesterday", 2004),
        ("since=9999-12-31T23:59:59Z", 2004),
        ("since=0001-01-01T00:00:00%2B14:00", 2004),
        ("until=9999-12-31", 2004),
        ("time_zone=Mars/Olympus", 2001),
        ("since=2026-01-01&until=2026-01-02&time_zone=..%2F..%2Fetc", 2001),
        ("include[]=teams", 2001),
        ("limit=-1", 2001),
    ],
)
async def test_what_cannot_be_asked_is_400(at: Desk, query: str, code: int) -> None:
    assert await at.refused("GET", f"/oncalls?{query}") == (400, code)


async def calls(at: Desk, name: str, *levels: list[Json]) -> str:
    """Create a policy whose levels call these targets; return its id."""
    rules = [{"escalation_delay_in_minutes": 30, "targets": targets} for targets in levels]
    body = {"escalation_policy": {"name": name, "escalation_rules": rules}}
    return text((await at.done("POST", "/escalation_policies", body))["id"])


def by_schedule(schedule_id: str) -> Json:
    return {"id": schedule_id, "type": "schedule_reference"}


def by_user(user_id: str) -> Json:
    return {"id": user_id, "type": "user_reference"}


async def stretches(at: Desk, query: str) -> list[tuple[object, object, object]]:
    """Return who is on call from when until when."""
    return [
        (one["user"]["summary"], one["start"], one["end"])  # type: ignore[index]  # a reference to a user
        for one in items(await at.done("GET", f"/oncalls?{query}"), "oncalls")
    ]


async def test_a_schedule_gives_each_contiguous_stretch_of_a_person_a_row(at: Desk) -> None:
    ada, bo, cy = [await at.user(name) for name in ("Ada", "Bo", "Cy")]
    low = layer(ada, ada, bo, start="2035-03-05T09:00:00Z", turn_s=DAY_S)
    high = layer(cy, start="2035-03-05T00:00:00Z", turn_s=WEEK_S) | {"restrictions": [daily("12:00", 1)]}
    key = await made(at, low, high)
    policy = await calls(at, "Web", [by_schedule(key), by_user(cy)], [by_user(bo)])
    window = "since=2035-03-06T13:00:00Z&until=2035-03-07T12:30:00Z"
    assert await stretches(at, window) == [
        ("Ada", "2035-03-06T13:00:00Z", "2035-03-07T09:00:00Z"),
        ("Bo", "2035-03-07T09:00:00Z", "2035-03-07T12:00:00Z"),
        ("Cy", "2035-03-07T12:00:00Z", "2035-03-07T13:00:00Z"),
        ("Cy", None, None),
        ("Bo", None, None),
    ]
    rows = items(await at.done("GET", f"/oncalls?{window}"), "oncalls")
    assert [row["escalation_level"] for row in rows] == [1, 1, 1, 1, 2]
    assert rows[0]["schedule"]["id"] == key  # type: ignore[index]  # a reference to a schedule
    assert rows[3]["schedule"] is None
    at_one = "since=2035-03-06T10:00:00Z&until=2035-03-06T10:00:00Z&time_zone=Europe/Berlin&schedule_ids[]=" + key
    # Ada has the turns of the 5th and the 6th; Cy's hour at noon cuts them into stretches.
    assert await stretches(at, at_one) == [("Ada", "2035-03-05T14:00:00+01:00", "2035-03-06T13:00:00+01:00")]
    assert await stretches(at, f"{window}&user_ids[]={bo}") == [
        ("Bo", "2035-03-07T09:00:00Z", "2035-03-07T12:00:00Z"),
        ("Bo", None, None),
    ]
    assert await stretches(at, f"{window}&schedule_ids[]=null") == [("Cy", None, None), ("Bo", None, None)]
    assert len(await stretches(at, f"{window}&schedule_ids[]=null&schedule_ids[]={key}")) == 5
    assert await stretches(at, f"{window}&earliest=true&escalation_policy_ids[]={policy}") == [
        ("Ada", "2035-03-06T13:00:00Z", "2035-03-07T09:00:00Z"),
        ("Bo", "2035-03-07T09:00:00Z", "2035-03-07T12:00:00Z"),
        ("Cy", None, None),
        ("Bo", None, None),
    ]
    pages = [await at.done("GET", f"/oncalls?{window}&limit=2&total=true&offset={offset}") for offset in (0, 2, 4)]
    assert [people(page) for page in pages] == [people({"oncalls": rows[n : n + 2]}) for n in (0, 2, 4)]
    assert [(page["more"], page["total"]) for page in pages] == [(True, 5), (True, 5), (False, 5)]
    whole = items(await at.done("GET", f"/oncalls?{window}&include[]=schedules&limit=1"), "oncalls")[0]["schedule"]
    assert isinstance(whole, dict)
    assert (whole["type"], whole["name"]) == ("schedule", "Web")


async def test_who_does_not_go_off_call_has_no_end(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    key = await made(at, layer(ada, start="2020-01-06T00:00:00Z", turn_s=DAY_S))
    await calls(at, "Web", [by_schedule(key)])
    ((name, start, end),) = await stretches(at, "")
    assert (name, end) == ("Ada", None)
    assert text(start) < wire(await now(at) - timedelta(days=89))
    instant = await now(at)
    await give(at, key, bo, wire(instant), wire(instant + timedelta(hours=1)))
    assert await stretches(at, "") == [("Bo", wire(instant), wire(instant + timedelta(hours=1)))]
    at.house.store.clock_shift = timedelta(days=10)
    ((name, start, end),) = await stretches(at, "earliest=true")
    assert (name, start, end) == ("Ada", wire(instant + timedelta(hours=1)), None)
    past = f"since={wire(instant)}&until={wire(instant)}"
    assert [who for who, _, _ in await stretches(at, past)] == ["Bo"]


async def test_the_deleted_are_passed_over_in_schedules(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    key = await made(at, layer(ada, bo, turn_s=DAY_S))
    await calls(at, "Web", [by_schedule(key), by_schedule(await made(at, layer(bo), name="Other"))])
    await at.done("DELETE", f"/users/{ada}")
    found = await stretches(at, "since=2035-03-05T09:00:00Z&until=2035-03-09T09:00:00Z")
    assert {who for who, _, _ in found} == {"Bo"}
    assert len(found) == 3
