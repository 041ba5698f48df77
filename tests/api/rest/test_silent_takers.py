"""Silent takers: nobody is put on call without a word who has no way to hear that they are paged."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from tests.api.rest.cover_crew import PATH, WEEK, Crew, a_crew
from tests.api.rest.rota import layer, made, now, wire
from tests.api.rest.rotations.rotation_room import custom_shift, override, room
from tests.api.rest.service_desk import Desk, desk
from tocsin.store.query import Command

SILENT = "{} has no contact method that works."
DISABLE = Command(
    "switch the contact methods of a person",
    "UPDATE contact_method SET enabled = %(on)s WHERE user_id = %(user_id)s",
)


async def _hears(at: Desk, user_id: str, *, on: bool) -> None:
    await at.house.store.work(lambda turn: turn.run(DISABLE, {"user_id": user_id, "on": on}))


async def _sent(at: Desk, method: str, path: str, body: Mapping[str, object]) -> httpx2.Response:
    answer = await at.client.request(method, path, json=body, headers={"authorization": "Token token=admin"})
    assert answer.status_code in (200, 201), answer.text
    return answer


def _warnings(answer: httpx2.Response) -> list[str]:
    told = json.loads(answer.headers.get("tocsin-warnings", "[]"))
    assert isinstance(told, list)
    return told


@pytest.fixture
async def crew(database: str, tmp_path: Path) -> AsyncIterator[Crew]:
    async with a_crew(database, tmp_path) as opened:
        yield opened


async def test_a_cover_is_not_given_to_somebody_whom_no_page_would_reach(crew: Crew) -> None:
    """The asker is warned, the taker is told what to do, and may accept as soon as it is done."""
    await _hears(crew.at, crew.cy, on=False)
    request = await crew.asked(asked=[crew.cy])
    assert SILENT.format("Cy") in str(request["warnings"])
    path = f"{PATH}/{request['id']}"
    status, refusal = await crew.at.ask("POST", f"{path}/accept", by="cy")
    assert (status, "Cy has no contact method that works" in str(refusal)) == (400, True)
    assert "add one" in str(refusal)
    assert await crew.who(crew.start + WEEK) == (crew.bo,), "whoever had the turn still has it"
    assert (await crew.at.done("GET", path))["state"] == "open"
    await _hears(crew.at, crew.cy, on=True)
    assert (await crew.at.done("POST", f"{path}/accept", by="cy"))["state"] == "accepted"


async def test_a_swap_does_not_happen_when_the_asker_could_not_be_paged_in_return(crew: Crew) -> None:
    back = {"schedule_id": "PSCHED", "turn": await crew.turn_of(crew.start + 2 * WEEK)}
    request = await crew.asked(asked=[crew.cy], in_return=back)
    await _hears(crew.at, crew.bo, on=False)
    status, refusal = await crew.at.ask("POST", f"{PATH}/{request['id']}/accept", by="cy")
    assert (status, "Bo has no contact method that works" in str(refusal)) == (400, True)
    assert [await crew.who(crew.start + week * WEEK) for week in (1, 2)] == [(crew.bo,), (crew.cy,)]


async def test_an_override_warns_of_whoever_could_not_hear_of_it(database: str, tmp_path: Path) -> None:
    async with desk(database, tmp_path / "master.key") as at:
        ada, bo = [await at.user(name) for name in ("Ada", "Bo")]
        key = await made(at, layer(ada))
        start = await now(at) + timedelta(days=1)
        stretch = {"start": wire(start), "end": wire(start + timedelta(hours=2))}
        bodies = [{**stretch, "user": {"id": user_id, "type": "user_reference"}} for user_id in (ada, bo, bo)]
        path = f"/schedules/{key}/overrides"
        assert _warnings(await _sent(at, "POST", path, {"overrides": bodies})) == []
        await _hears(at, bo, on=False)
        assert _warnings(await _sent(at, "POST", path, {"overrides": bodies})) == [SILENT.format("Bo")]
        assert _warnings(await _sent(at, "POST", path, {"override": bodies[1]})) == [SILENT.format("Bo")]


async def test_an_override_of_a_rotation_and_a_custom_shift_warn_as_well(database: str, tmp_path: Path) -> None:
    """When they are written, and when they are given to somebody else."""
    async with room(database, tmp_path / "master.key") as there:
        ada, bo = [await there.at.user(name) for name in ("Ada", "Bo")]
        await _hears(there.at, bo, on=False)
        start, end = "2035-03-06T09:00:00Z", "2035-03-06T12:00:00Z"
        (shift,) = await there.put_on(custom_shift(ada, start, end))
        body = {"custom_shifts": [custom_shift(bo, start, end)]}
        assert _warnings(await _sent(there.at, "POST", f"{there.path}/custom_shifts", body)) == [SILENT.format("Bo")]
        given = override({"custom_shift_id": shift["id"]}, (ada, bo), start, end)
        answer = await _sent(there.at, "POST", f"{there.path}/overrides", {"overrides": [given]})
        assert _warnings(answer) == [SILENT.format("Bo")]
        changed = f"{there.path}/overrides/{answer.json()['overrides'][0]['id']}"
        assert _warnings(await _sent(there.at, "PUT", changed, {"override": given})) == [SILENT.format("Bo")]
        (other,) = await there.put_on(custom_shift(ada, "2035-03-07T09:00:00Z", "2035-03-07T12:00:00Z"))
        moved = {"custom_shift": custom_shift(bo, "2035-03-07T09:00:00Z", "2035-03-07T12:00:00Z")}
        answer = await _sent(there.at, "PUT", f"{there.path}/custom_shifts/{other['id']}", moved)
        assert _warnings(answer) == [SILENT.format("Bo")]
