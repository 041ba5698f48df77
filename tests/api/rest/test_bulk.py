"""No request about schedules costs seconds: too dense is refused at save, too long before anything is drawn."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rest.rota import DAY_S, MONDAY, daily, entries, give, layer, made, now, schedule, wire
from tests.api.rest.service_desk import Desk, desk, items
from tocsin.api.rest.calendars.file import BACK, LEAST_AHEAD, MOST_ENTRIES, fitting
from tocsin.domain.oncall.bounds import MOST_SHOWN
from tocsin.domain.oncall.bulk import most_shifts
from tocsin.store.schedules import rows

HOUR_S = 3_600
YEAR = "since=2035-03-05T00:00:00Z&until=2036-03-05T00:00:00Z"
LONGEST_STILL_S = 0.5  # between two beats of the loop, on a busy machine


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "key") as opened:
        yield opened


async def test_turns_of_a_minute_are_refused_before_anybody_draws_them(at: Desk) -> None:
    ada = await at.user("Ada")
    minutes = schedule(layer(ada, turn_s=60))
    for method, path in (("POST", "/schedules/preview"), ("POST", "/schedules")):
        status, document = await at.ask(method, path, minutes)
        assert status == 400
        assert "A turn must last 3600 to" in str(document)


async def test_a_schedule_with_more_shifts_a_day_than_people_can_take_is_refused(at: Desk) -> None:
    ada = await at.user("Ada")
    status, document = await at.ask("POST", "/schedules", schedule(*(layer(ada, turn_s=HOUR_S) for _ in range(21))))
    assert status == 400
    assert "at most 500 shifts a day" in str(document)


@pytest.mark.parametrize("path", ["/schedules/{key}?", "/schedules/{key}/users?", "/api/schedules/{key}/history?"])
async def test_a_year_of_hourly_turns_is_asked_for_in_parts(at: Desk, path: str) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    key = await made(at, *(layer(ada, bo, start="2020-03-05T09:00:00Z", turn_s=HOUR_S) for _ in range(2)))
    status, document = await at.ask("GET", path.format(key=key) + YEAR)
    assert status == 400
    assert f"at most {MOST_SHOWN} shifts" in str(document)
    assert "ask for a shorter window" in str(document)
    assert (await at.ask("GET", path.format(key=key) + "since=2035-03-05T00:00Z&until=2035-04-05T00:00Z"))[0] == 200


async def test_a_list_of_dense_schedules_is_asked_for_in_parts(at: Desk) -> None:
    ada = await at.user("Ada")
    for number in range(3):
        hourly = [layer(ada, start="2020-03-05T09:00:00Z", turn_s=HOUR_S) for _ in range(5)]
        await made(at, *hourly, name=f"Dense {number}")
    quarter = "since=2035-03-05T00:00:00Z&until=2035-06-05T00:00:00Z"
    status, document = await at.ask("GET", f"/schedules?include[]=final_schedule&{quarter}")
    assert status == 400
    assert "fewer schedules" in str(document)
    assert (await at.ask("GET", f"/schedules?{quarter}"))[0] == 200, "names alone hold no shifts"
    assert (await at.ask("GET", f"/schedules?include[]=final_schedule&limit=1&{quarter}"))[0] == 200


async def test_the_largest_answer_leaves_the_others_their_turn(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    key = await made(at, *(layer(ada, bo, start="2020-03-05T09:00:00Z", turn_s=HOUR_S) for _ in range(20)))
    still = 0.0

    async def beat() -> None:
        nonlocal still
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            still = max(still, loop.time() - before)

    beating = asyncio.create_task(beat())
    raw = await at.client.get(
        f"/schedules/{key}?since=2035-03-05T00:00:00Z&until=2035-03-25T00:00:00Z",
        headers={"authorization": "Token token=admin"},
    )
    beating.cancel()
    assert raw.status_code == 200
    assert still < LONGEST_STILL_S


async def test_an_uncut_past_entry_is_overridden_where_an_override_lay_before_the_window(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    began = await now(at)
    key = await made(at, layer(ada, start=wire(began - timedelta(days=30)), turn_s=60 * DAY_S))
    await give(at, key, bo, wire(began), wire(began + timedelta(days=1)))
    at.house.store.clock_shift = timedelta(days=6)
    since, until = wire(began + timedelta(days=2)), wire(began + timedelta(days=3))
    shown = await at.done("GET", f"/schedules/{key}?since={since}&until={until}&overflow=true")
    (only,) = entries(shown["final_schedule"])
    assert (only[0], only[2]) == (wire(began + timedelta(days=1)), "Ada")


async def test_a_feed_tells_as_many_days_ahead_as_one_file_holds(at: Desk) -> None:
    ada = await at.user("Ada")
    key = await made(at, *(layer(ada, start="2020-03-05T09:00:00Z", turn_s=HOUR_S) for _ in range(10)))
    kept = (await at.house.store.read(lambda turn: rows.load(turn, [key])))[key].schedule
    since, until = fitting([kept], MONDAY - BACK, MONDAY + timedelta(days=366))
    assert MONDAY + LEAST_AHEAD <= until < MONDAY + timedelta(days=366)
    assert most_shifts(kept, since, until) <= MOST_ENTRIES


async def test_warnings_are_told_after_the_commit(at: Desk) -> None:
    ada = await at.user("Ada")
    body = schedule({**layer(ada, start="2020-03-05T09:00:00Z"), "restrictions": [daily("09:00:00", 8)]})
    raw = await at.client.post("/schedules", json=body, headers={"authorization": "Token token=admin"})
    assert raw.status_code == 201
    assert "Nobody is on call" in raw.headers["tocsin-warnings"]
    assert len(items((await at.ask("GET", "/schedules"))[1], "schedules")) == 1
