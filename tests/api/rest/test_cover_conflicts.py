"""Cover in conflict: what moves under it is brought up, stays in force, and is kept or withdrawn by people."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from tests.api.rest.cover_crew import DAY, PATH, WEEK, Crew, a_crew
from tests.api.rest.service_desk import items, text
from tocsin.domain.oncall.schedule import Override
from tocsin.store.covers import in_conflict, look_again
from tocsin.store.schedules import overrides, write
from tocsin.store.turn import Turn


@pytest.fixture
async def crew(database: str, tmp_path: Path) -> AsyncIterator[Crew]:
    async with a_crew(database, tmp_path) as opened:
        yield opened


async def test_a_schedule_that_moves_brings_the_cover_up_and_nothing_else_changes(crew: Crew) -> None:
    made = await crew.asked(asked=[crew.cy])
    await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy")
    assert await crew.rewrite(crew.layer(crew.ada, crew.bo, crew.cy)) == 0
    assert await crew.rewrite(crew.layer(crew.bo, crew.ada, crew.cy)) == 1
    (found,) = items(await crew.at.done("GET", f"{PATH}?state=conflict"), "cover_requests")
    sentences = found["conflicts"]
    assert isinstance(sentences, list)
    sentence = text(sentences[0])
    assert sentence.startswith("Bo no longer has this turn from ")
    assert sentence.endswith("; the schedule has Ada there.")
    assert await crew.who(crew.start + WEEK) == (crew.cy,), "never fewer people than before"
    (waiting,) = await crew.at.house.store.read(lambda turn: in_conflict(turn, None))
    assert waiting.id == made["id"]
    assert await crew.at.house.store.read(lambda turn: in_conflict(turn, ["PNONE"])) == []
    told = [one for one in await crew.told() if one.title == "A cover no longer fits"]
    assert sorted(one.user_id for one in told) == sorted([crew.bo, crew.cy])
    assert sentence.partition(" from ")[0] in told[0].words
    assert await crew.rewrite(crew.layer(crew.bo, crew.ada, crew.cy)) == 0, "told once"
    assert await crew.rewrite(crew.layer()) == 1
    assert (await crew.at.done("GET", f"{PATH}/{made['id']}"))["state"] == "accepted", "the turn came back"


async def test_a_conflict_is_kept_until_something_else_moves(crew: Crew) -> None:
    made = await crew.asked(asked=[crew.cy])
    path = f"{PATH}/{made['id']}"
    await crew.at.done("POST", f"{path}/accept", by="cy")
    assert await crew.at.refused("POST", f"{path}/keep", by="cy") == (400, 2001)
    await crew.rewrite(crew.layer(crew.bo, crew.ada, crew.cy))
    kept = await crew.at.done("POST", f"{path}/keep", by="cy")
    assert (kept["state"], kept["conflicts"]) == ("accepted", [])
    assert await crew.rewrite(crew.layer(crew.bo, crew.ada, crew.cy)) == 0
    assert await crew.who(crew.start + WEEK) == (crew.cy,)
    assert await crew.rewrite(crew.layer(crew.bo, crew.cy, crew.ada)) == 1, "somebody else has it now: asked anew"
    ended = await crew.at.done("POST", f"{path}/withdraw", by="cy")
    assert ended["state"] == "withdrawn"
    assert await crew.who(crew.start + WEEK) == (crew.cy,), "which is what the schedule says"


async def test_an_override_that_somebody_takes_away_ends_its_cover(crew: Crew) -> None:
    made = await crew.asked(asked=[crew.cy])
    await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy")

    async def take_away(turn: Turn) -> int:
        for each in await turn.rows(overrides.OF_COVERS, {"cover_ids": [made["id"]]}):
            await overrides.remove(turn, each.schedule_id, each.override_id)
        return await look_again(turn, None)

    assert await crew.at.house.store.work(take_away) == 1
    assert (await crew.at.done("GET", f"{PATH}/{made['id']}"))["state"] == "withdrawn"


async def test_an_override_that_somebody_shortens_is_a_conflict(crew: Crew) -> None:
    turn_start = crew.start + WEEK
    made = await crew.asked(asked=[crew.cy], end=(turn_start + 3 * WEEK).isoformat())
    back = {"schedule_id": "PSCHED", "turn": await crew.turn_of(crew.start + 2 * WEEK)}
    await crew.at.done("POST", f"{PATH}/{made['id']}/withdraw", by="bo")
    made = await crew.asked(asked=[crew.cy], in_return=back)
    await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy")

    async def shorten(turn: Turn) -> int:
        first = (await turn.rows(overrides.OF_COVERS, {"cover_ids": [made["id"]]}))[0]
        override: Override = await overrides.found(turn, first.schedule_id, first.override_id)
        await overrides.change(turn, first.schedule_id, structs.replace(override, end=override.start + DAY))
        return await look_again(turn, ["PSCHED"])

    assert await crew.at.house.store.work(shorten) == 1
    shown = await crew.at.done("GET", f"{PATH}/{made['id']}")
    assert str(shown["conflicts"]).startswith("['The override that gave Cy the time from ")


async def test_an_open_request_for_a_turn_that_moved_is_a_conflict_that_nobody_can_accept(crew: Crew) -> None:
    made = await crew.asked(asked=[crew.cy])
    assert await crew.rewrite(crew.layer(crew.bo, crew.ada, crew.cy)) == 1
    assert await crew.at.refused("POST", f"{PATH}/{made['id']}/accept", by="cy") == (400, 2001)
    assert await crew.at.refused("POST", f"{PATH}/{made['id']}/keep", by="bo") == (400, 2001)
    assert await crew.at.house.store.read(lambda turn: in_conflict(turn, None)) == [], "nothing was accepted"
    assert await crew.rewrite(crew.layer()) == 1
    assert (await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy"))["state"] == "accepted"


async def test_a_schedule_that_is_removed_takes_its_cover_along(crew: Crew) -> None:
    made = await crew.asked(asked=[crew.cy])
    await crew.at.done("POST", f"{PATH}/{made['id']}/accept", by="cy")

    async def remove(turn: Turn) -> int:
        await write.delete(turn, "PSCHED")
        return await look_again(turn, None)

    assert await crew.at.house.store.work(remove) == 1
    shown = await crew.at.done("GET", f"{PATH}/{made['id']}")
    assert shown["state"] == "withdrawn"
    schedule = shown["schedule"]
    assert isinstance(schedule, dict)
    assert schedule["html_url"] is None, "it leads nowhere"
