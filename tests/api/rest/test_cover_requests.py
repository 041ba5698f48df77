"""Cover requests over the API: asked, taken, swapped, declined, taken back, and brought up when the schedule moves."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.api.rest.cover_crew import DAY, HOUR, MADE, PATH, WEEK, Crew, a_crew, named
from tests.api.rest.service_desk import Json, items, text
from tests.town.seed import layer_of, schedule_of, seed_override, seed_schedule
from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.people.role import Role, TeamRole
from tocsin.ground.clock import utc_now
from tocsin.store.schedules import overrides


@pytest.fixture
async def crew(database: str, tmp_path: Path) -> AsyncIterator[Crew]:
    async with a_crew(database, tmp_path) as opened:
        yield opened


async def test_everybody_else_of_the_schedule_is_asked_and_told(crew: Crew) -> None:
    made = await crew.asked(note="My sister marries")
    assert made["state"] == "open"
    assert [turn["turn"] for turn in items(made, "turns")] == [await crew.turn_of(crew.start + WEEK)]
    assert sorted(named(one, "user") for one in items(made, "asked")) == sorted([crew.ada, crew.cy])
    told = await crew.told()
    assert sorted(one.user_id for one in told) == sorted([crew.ada, crew.cy])
    assert told[0].title == "Bo asks for cover"
    assert "My sister marries" in told[0].words
    assert "UTC" in told[0].words
    assert told[0].url_path == f"/app/cover/{made['id']}"
    assert await crew.who(crew.start + WEEK) == (crew.bo,)


async def test_the_first_who_accepts_has_it(crew: Crew) -> None:
    made = await crew.asked()
    taken = await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy")
    assert taken["state"] == "accepted"
    assert named(taken, "taker") == crew.cy
    assert await crew.who(crew.start + WEEK) == (crew.cy,)
    assert await crew.who(crew.start + WEEK - HOUR) == (crew.ada,)
    assert await crew.at.refused("POST", f"{PATH}/{made['id']}/accept", by="ada") == (400, 2001)
    assert [one.title for one in await crew.told() if one.user_id == crew.bo] == ["Cy covers for you"]
    records = await crew.at.house.store.read(lambda turn: turn.rows(MADE))
    assert [record.action for record in records] == ["create", "update"]


async def test_of_two_who_accept_at_once_one_has_it(crew: Crew) -> None:
    made = await crew.asked()
    path = f"{PATH}/{made['id']}/accept"
    answers = await asyncio.gather(*(crew.at.ask("POST", path, by=who) for who in ("ada", "cy")))
    assert sorted(status for status, _ in answers) == [200, 400]
    found = await crew.at.house.store.read(lambda turn: turn.rows(overrides.OF_COVERS, {"cover_ids": [made["id"]]}))
    assert len(found) == 1


async def test_part_of_a_turn_is_covered_and_the_rest_is_not(crew: Crew) -> None:
    start = crew.start + WEEK + DAY
    turn = await crew.turn_of(start)
    made = await crew.asked(turn=turn, start=start.isoformat(), end=(start + 3 * HOUR).isoformat(), asked=[crew.cy])
    await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy")
    hours = [await crew.who(start + hour * HOUR) for hour in (-1, 0, 2, 3)]
    assert hours == [(crew.bo,), (crew.cy,), (crew.cy,), (crew.bo,)]


async def test_a_swap_happens_whole(crew: Crew) -> None:
    back = {"schedule_id": "PSCHED", "turn": await crew.turn_of(crew.start + 2 * WEEK)}
    made = await crew.asked(asked=[crew.cy], in_return=back)
    returned = made["in_return"]
    assert isinstance(returned, dict)
    assert returned["start"] == (crew.start + 2 * WEEK).isoformat().replace("+00:00", "Z")
    assert "In return Bo takes Platform" in (await crew.told())[0].words
    await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy")
    assert [await crew.who(crew.start + week * WEEK) for week in range(4)] == [
        (crew.ada,),
        (crew.cy,),
        (crew.bo,),
        (crew.ada,),
    ]
    withdrawn = await crew.at.done("POST", f"{PATH}/{made['id']}/withdraw", by="bo")
    assert withdrawn["state"] == "withdrawn"
    assert [await crew.who(crew.start + week * WEEK) for week in (1, 2)] == [(crew.bo,), (crew.cy,)]
    assert [one.title for one in await crew.told() if one.user_id == crew.cy][-1] == "A cover has ended"


async def test_a_swap_that_no_longer_fits_on_one_side_does_not_happen_at_all(crew: Crew) -> None:
    back = {"schedule_id": "PSCHED", "turn": await crew.turn_of(crew.start + 2 * WEEK)}
    made = await crew.asked(asked=[crew.cy], in_return=back)
    third = crew.start + 2 * WEEK
    await seed_override(crew.at.house.store, "PSCHED", crew.ada, third, third + DAY)
    assert await crew.at.refused("POST", f"{PATH}/{made['id']}/accept", by="cy") == (400, 2001)
    assert await crew.who(crew.start + WEEK) == (crew.bo,)


async def test_when_all_have_declined_the_asker_hears_of_it(crew: Crew) -> None:
    made = await crew.asked()
    assert (await crew.at.done("POST", f"{PATH}/{made['id']}/decline", by="cy"))["state"] == "open"
    assert (await crew.at.done("POST", f"{PATH}/{made['id']}/decline", by="ada"))["state"] == "declined"
    assert [one.title for one in await crew.told() if one.user_id == crew.bo] == ["Nobody could cover for you"]
    assert await crew.at.refused("POST", f"{PATH}/{made['id']}/accept", by="cy") == (400, 2001)


async def test_only_those_who_were_asked_answer_and_only_the_asker_withdraws(crew: Crew) -> None:
    made = await crew.asked(asked=[crew.cy])
    for verb, who in (("accept", "ada"), ("accept", "bo"), ("decline", "dee"), ("withdraw", "cy"), ("keep", "dee")):
        assert await crew.at.refused("POST", f"{PATH}/{made['id']}/{verb}", by=who) == (403, 2010), (verb, who)
    assert (await crew.at.refused("POST", f"{PATH}/{made['id']}/accept"))[0] == 400
    assert (await crew.at.done("POST", f"{PATH}/{made['id']}/withdraw", by="bo"))["state"] == "withdrawn"
    assert await crew.at.refused("POST", f"{PATH}/{made['id']}/withdraw", by="bo") == (400, 2001)


async def test_managers_and_administrators_ask_for_others_and_nobody_else(crew: Crew) -> None:
    assert await crew.at.refused("POST", PATH, crew.body(asker_id=crew.bo), by="ada") == (403, 2010)
    crew.at.enter("lead", crew.ada, Role.RESTRICTED_ACCESS, {crew.team: TeamRole.MANAGER})
    made = await crew.asked(by="lead", asker_id=crew.bo)
    assert named(made, "asker") == crew.bo
    assert named(made, "created_by") == crew.ada
    await crew.at.done("POST", f"{PATH}/{made['id']}/withdraw", by="admin")
    assert (await crew.asked(by="admin", asker_id=crew.bo))["created_by"] is None
    assert await crew.at.refused("POST", PATH, crew.body(), by="admin") == (400, 2003)


WRONG: tuple[Json, ...] = (
    {"schedule_id": "PNONE"},
    {"schedule_id": None},
    {"schedule_id": 7},
    {"start": None},
    {"start": "soon"},
    {"end": "2027-13-01"},
    {"start": None, "end": None, "turn": "PNONE"},
    {"asked": ["PNONE"]},
    {"asked": "bo"},
    {"asked": ["x"] * 201},
    {"in_return": {"schedule_id": "PSCHED", "turn": "x"}},
    {"in_return": []},
    {"note": "x" * 25_001},
    {"note": ["\x00"]},
    {"asker_id": ""},
    {"turn": {"$ne": 1}},
)


async def test_what_is_no_request_is_refused_in_words(crew: Crew) -> None:
    for wrong in WRONG:
        by = "admin" if "asker_id" in wrong else "bo"
        status, _ = await crew.at.refused("POST", PATH, crew.body(**wrong), by=by)
        assert status == 400, wrong


async def test_who_is_not_on_call_cannot_ask_and_who_is_cannot_take(crew: Crew) -> None:
    assert await crew.at.refused("POST", PATH, crew.body(), by="ada") == (400, 2001)
    assert await crew.at.refused("POST", PATH, crew.body(asked=[crew.bo]), by="bo") == (400, 2001)
    first = crew.start + WEEK
    await seed_override(crew.at.house.store, "PSCHED", crew.cy, first, first + DAY)
    body = crew.body(asked=[crew.cy], start=first.isoformat(), end=(first + 2 * DAY).isoformat())
    made = await crew.at.done("POST", PATH, body, by="bo")
    assert made["start"] == (first + DAY).isoformat().replace("+00:00", "Z"), "only what Bo really has is asked for"
    assert await crew.at.refused("POST", PATH, crew.body(), by="bo") == (400, 2001), (
        "the same time is asked for already"
    )


async def test_a_request_expires_when_its_time_begins_and_a_running_turn_when_it_ends(crew: Crew) -> None:
    made = await crew.asked()
    running = await crew.at.done("POST", PATH, crew.body(start=crew.start.isoformat(), asked=[crew.bo]), by="ada")
    assert running["expires_at"] == running["end"] == made["start"]
    crew.at.house.store.clock_shift = 2 * DAY
    taken = await crew.at.done("POST", f"{PATH}/{running['id']}/accept", by="bo")
    assert datetime.fromisoformat(text(taken["start"])) > utc_now() + DAY, "what has passed of it was not taken"
    crew.at.house.store.clock_shift = WEEK
    assert (await crew.at.done("GET", f"{PATH}/{made['id']}"))["state"] == "expired"
    assert await crew.at.refused("POST", f"{PATH}/{made['id']}/accept", by="cy") == (400, 2001)
    assert [one["id"] for one in items(await crew.at.done("GET", f"{PATH}?state=expired"), "cover_requests")] == [
        made["id"]
    ]


async def test_lists_are_filtered_and_paged_and_strangers_see_nothing(crew: Crew) -> None:
    first = await crew.asked(asked=[crew.cy])
    half = crew.body(start=crew.start.isoformat(), end=(crew.start + 2 * DAY).isoformat(), asked=[crew.bo])
    second = await crew.at.done("POST", PATH, half, by="ada")
    await crew.at.done("POST", f"{PATH}/{second['id']}/decline", by="bo")

    async def ids(query: str, by: str = "admin") -> list[object]:
        return [one["id"] for one in items(await crew.at.done("GET", f"{PATH}?{query}", by=by), "cover_requests")]

    assert await ids("") == [second["id"], first["id"]]
    assert await ids("state=open") == [first["id"]]
    assert await ids("state[]=open&state[]=declined&limit=1") == [second["id"]]
    assert await ids("mine=true", by="cy") == [first["id"]]
    assert await ids("schedule_ids[]=PNONE") == []
    page = await crew.at.done("GET", f"{PATH}?total=true&limit=1&offset=1")
    assert [page[name] for name in ("total", "more", "offset")] == [2, False, 1]
    assert await crew.at.refused("GET", f"{PATH}?state=lost") == (400, 2001)
    assert await crew.at.refused("GET", f"{PATH}?mine=1") == (400, 2001)
    crew.at.enter("walled", await crew.at.user("Eve"), Role.RESTRICTED_ACCESS, {})
    assert await ids("", by="walled") == []
    assert await crew.at.refused("GET", f"{PATH}/{first['id']}", by="walled") == (404, 2100)
    assert await crew.at.refused("POST", PATH, crew.body(), by="walled") == (400, 2001)
    crew.at.enter("member", crew.cy, Role.RESTRICTED_ACCESS, {})
    assert await ids("", by="member") == [first["id"]], "whoever was asked sees it"


async def test_the_taker_is_warned_of_absence_of_other_schedules_and_of_long_days(crew: Crew) -> None:
    start = crew.start + WEEK
    other = layer_of("POTHERL", (crew.cy,), start=start - 10 * HOUR, turn=WEEK, end=start + 4 * HOUR)
    await seed_schedule(crew.at.house.store, schedule_of("POTHER", other, name="Search"))
    away = {"absence": {"start": (start + DAY).isoformat(), "end": (start + 2 * DAY).isoformat(), "kind": "sick"}}
    await crew.at.done("POST", f"/api/users/{crew.cy}/absences", away, by="cy")
    made = await crew.asked(asked=[crew.cy], end=(start + 30 * HOUR).isoformat())
    warnings = made["warnings"]
    assert isinstance(warnings, list)
    assert [words.partition(" from ")[0] for words in warnings] == [
        "Cy is absent",
        "Cy is on call in Search at that time.",
        "Cy would be on call for more than 16 of the 24 hours",
    ]
    assert "sick" not in str(made)
    assert (await crew.at.done("GET", f"{PATH}/{made['id']}", by="cy"))["warnings"] == warnings
    taken = await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy")
    assert taken["warnings"] == warnings, "nothing of it forbids it"


async def test_a_running_cover_that_is_withdrawn_ends_now(crew: Crew) -> None:
    made = await crew.asked(asked=[crew.cy])
    await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy")
    crew.at.house.store.clock_shift = WEEK
    now = utc_now() + WEEK
    await crew.at.done("POST", f"{PATH}/{made['id']}/withdraw", by="bo")
    assert await crew.who(now - HOUR) == (crew.cy,)
    assert await crew.who(now + timedelta(seconds=30)) == (crew.bo,)


async def test_people_in_parallel_are_replaced_by_name(crew: Crew) -> None:
    start = crew.start
    layers = [
        layer_of("PL1", (crew.ada, crew.bo), start=start, turn=WEEK),
        layer_of("PL2", (crew.cy,), start=start, turn=WEEK),
    ]
    parallel = Schedule(id="PPAR", name="Both", time_zone="Etc/UTC", stacked=False, layers=tuple(layers))
    await seed_schedule(crew.at.house.store, parallel)
    dee = crew.at.house.actors["dee"].id
    body = crew.body(schedule_id="PPAR", asked=[dee])
    made = await crew.at.done("POST", PATH, body, by="bo")
    await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="dee")
    assert sorted(await crew.who(start + WEEK, "PPAR")) == sorted([dee, crew.cy])
