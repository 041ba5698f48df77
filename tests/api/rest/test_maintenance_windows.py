"""Maintenance windows over the API: planned, changed, called off, and never rewritten afterwards."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.domain.people.role import Role, TeamRole
from tocsin.ground.clock import utc_now
from tocsin.store.directory import Directory
from tocsin.store.turn import Turn

HOUR = timedelta(hours=1)


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


@pytest.fixture
async def service(at: Desk) -> str:
    return await at.service("Checkout", await at.policy("Platform", [await at.user("Ada")], await at.team("Platform")))


def window(start: timedelta, end: timedelta, *service_ids: str) -> Json:
    now = utc_now()
    services = [{"id": service_id, "type": "service_reference"} for service_id in service_ids]
    return {
        "maintenance_window": {
            "type": "maintenance_window",
            "start_time": (now + start).isoformat(),
            "end_time": (now + end).isoformat(),
            "description": "Moving racks",
            "services": services,
        }
    }


def instant(value: object) -> datetime:
    return datetime.fromisoformat(text(value))


async def test_one_that_should_have_begun_begins_now(at: Desk, service: str) -> None:
    made = await at.done("POST", "/maintenance_windows", window(-HOUR, HOUR, service))
    assert abs(instant(made["start_time"]) - utc_now()) < timedelta(minutes=1)
    assert made["sequence_number"] == 1
    assert made["summary"] == made["description"] == "Moving racks"
    assert made["created_by"] is None
    assert [one["type"] for one in items(made, "services")] == ["service_reference"]
    assert [one["summary"] for one in items(made, "teams")] == ["Platform"]
    assert (await at.done("GET", f"/services/{service}"))["status"] == "maintenance"


async def test_the_engine_finds_the_windows_that_hold_an_instant(at: Desk, service: str) -> None:
    made = await at.done("POST", "/maintenance_windows", window(-HOUR, HOUR, service))

    async def holding(turn: Turn) -> list[str | None]:
        directory = Directory()
        await directory.refresh(turn)
        return [await directory.quiet(turn, each) for each in (service, "PNONE")]

    assert await at.house.store.read(holding) == ["maintenance", None]
    at.house.store.clock_shift = instant(made["end_time"]) - utc_now() + timedelta(seconds=1)
    assert await at.house.store.read(holding) == [None, None]


@pytest.mark.parametrize(("start", "end", "code"), [(1, 1, 2004), (2, 1, 2004), (-2, -1, 2004)])
async def test_one_without_a_length_is_refused(at: Desk, service: str, start: int, end: int, code: int) -> None:
    body = window(start * HOUR, end * HOUR, service)
    assert await at.refused("POST", "/maintenance_windows", body) == (400, code)


@pytest.mark.parametrize(
    "fields", [{"services": []}, {"services": [{"id": "PNONE"}]}, {"start_time": "soon"}, {"end_time": 7}]
)
async def test_what_is_not_a_window_is_400(at: Desk, service: str, fields: Json) -> None:
    body = window(HOUR, 2 * HOUR, service)
    inner = body["maintenance_window"]
    assert isinstance(inner, dict)
    status, _ = await at.refused("POST", "/maintenance_windows", {"maintenance_window": {**inner, **fields}})
    assert status == 400


async def test_one_to_come_is_forgotten_and_one_under_way_ends(at: Desk, service: str) -> None:
    to_come = await at.done("POST", "/maintenance_windows", window(HOUR, 2 * HOUR, service))
    under_way = await at.done("POST", "/maintenance_windows", window(-HOUR, HOUR, service))
    assert await at.ask("DELETE", f"/maintenance_windows/{to_come['id']}") == (204, {})
    assert await at.refused("GET", f"/maintenance_windows/{to_come['id']}") == (404, 2100)
    assert await at.ask("DELETE", f"/maintenance_windows/{under_way['id']}") == (204, {})
    ended = await at.done("GET", f"/maintenance_windows/{under_way['id']}")
    assert instant(ended["end_time"]) <= utc_now()
    assert await at.refused("DELETE", f"/maintenance_windows/{under_way['id']}") == (405, 5003)
    longer = {"maintenance_window": {"end_time": (utc_now() + HOUR).isoformat()}}
    assert await at.refused("PUT", f"/maintenance_windows/{under_way['id']}", longer) == (405, 5003)


async def test_the_start_of_one_under_way_stays_when_it_is_changed(at: Desk, service: str) -> None:
    made = await at.done("POST", "/maintenance_windows", window(-HOUR, HOUR, service))
    body = window(HOUR, 3 * HOUR, service)
    changed = await at.done("PUT", f"/maintenance_windows/{made['id']}", body)
    assert changed["start_time"] == made["start_time"]
    assert instant(changed["end_time"]) > instant(made["end_time"])
    later = {"maintenance_window": {"description": None}}
    assert (await at.done("PUT", f"/maintenance_windows/{made['id']}", later))["description"] is None


async def test_lists_are_filtered_by_stage_service_and_team(at: Desk, service: str) -> None:
    other = await at.service("Search", await at.policy("Search", [await at.user("Bo")]))
    await at.done("POST", "/maintenance_windows", window(HOUR, 2 * HOUR, service))
    await at.done("POST", "/maintenance_windows", window(-HOUR, HOUR, other, service))
    ended = await at.done("POST", "/maintenance_windows", window(-HOUR, 2 * HOUR, other))
    await at.done("DELETE", f"/maintenance_windows/{ended['id']}")

    async def numbers(query: str) -> list[object]:
        found = await at.done("GET", f"/maintenance_windows?{query}")
        return [one["sequence_number"] for one in items(found, "maintenance_windows")]

    assert sorted(map(str, await numbers(""))) == ["1", "2", "3"]
    assert await numbers("filter=future") == [1]
    assert await numbers("filter=ongoing") == [2]
    assert await numbers("filter=past") == [3]
    assert await numbers("filter=open") == [1, 2]
    assert await numbers(f"service_ids[]={service}") == [1, 2]
    assert await numbers("query=RACKS&limit=1") == [1]
    team = text((await at.done("GET", "/teams"))["teams"][0]["id"])  # type: ignore[index]  # a list by contract
    assert await numbers(f"team_ids[]={team}") == [1, 2]
    assert await at.refused("GET", "/maintenance_windows?filter=soon") == (400, 2001)
    page = await at.done("GET", "/maintenance_windows?limit=1&total=true")
    assert [page[name] for name in ("limit", "offset", "more", "total")] == [1, 0, True, 3]


async def test_responders_may_plan_and_strangers_see_nothing(at: Desk, service: str) -> None:
    user, other = await at.user("Eve"), await at.team("Other")
    at.enter("responder", user, Role.LIMITED_USER)
    at.enter("observer", user, Role.OBSERVER)
    at.enter("walled", user, Role.RESTRICTED_ACCESS, {other: TeamRole.MANAGER})
    body = window(HOUR, 2 * HOUR, service)
    made = await at.done("POST", "/maintenance_windows", body, by="responder")
    creator = made["created_by"]
    assert isinstance(creator, dict)
    assert (creator["id"], creator["type"]) == (user, "user_reference")
    query = "include[]=users&include[]=services&include[]=teams"
    whole = await at.done("GET", f"/maintenance_windows/{made['id']}?{query}", by="observer")
    creator = whole["created_by"]
    assert isinstance(creator, dict)
    assert creator["type"] == "user"
    assert items(whole, "services")[0]["type"] == "service"
    assert items(whole, "teams")[0]["type"] == "team"
    assert await at.refused("POST", "/maintenance_windows", body, by="observer") == (403, 2010)
    assert await at.refused("DELETE", f"/maintenance_windows/{made['id']}", by="observer") == (403, 2010)
    assert await at.refused("GET", f"/maintenance_windows/{made['id']}", by="walled") == (404, 2100)
    assert await at.refused("POST", "/maintenance_windows", body, by="walled") == (400, 2001)
    assert items(await at.done("GET", "/maintenance_windows", by="walled"), "maintenance_windows") == []
