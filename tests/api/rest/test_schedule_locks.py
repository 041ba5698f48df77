"""Locks of schedules: strangers neither wait for one nor hold one, and two who write at once come one by one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.rest.cover_crew import PATH, Crew, a_crew
from tests.api.rest.rota import layer, made, schedule
from tests.api.rest.rotations.rotation_room import custom_shift, room
from tests.api.rest.service_desk import Desk, Json, desk
from tocsin.domain.people.role import Role
from tocsin.store.schedules import write
from tocsin.store.turn import Turn

PATIENCE_S = 2.0  # seconds: who does not wait for the lock is answered in some milliseconds


@pytest.fixture
async def crew(database: str, tmp_path: Path) -> AsyncIterator[Crew]:
    async with a_crew(database, tmp_path) as opened:
        yield opened


async def _while_held(at: Desk, key: str, *asked: tuple[str, str, Json]) -> list[tuple[int, Json]]:
    """Return how a stranger is answered while another writer holds the schedule."""
    stranger = await at.user("Stan", "restricted_access")
    at.enter("stan", stranger, Role.RESTRICTED_ACCESS)

    async def job(turn: Turn) -> list[tuple[int, Json]]:
        await write.hold(turn, key)
        async with asyncio.timeout(PATIENCE_S):
            return [await at.ask(*each, by="stan") for each in asked]

    return await at.house.store.work(job)


async def test_a_stranger_does_not_wait_for_the_lock_of_a_schedule_out_of_sight(database: str, tmp_path: Path) -> None:
    """And reads the same about it as about a schedule that never was."""
    async with desk(database, tmp_path / "master.key") as at:
        ada = await at.user("Ada")
        key, body = await made(at, layer(ada)), schedule(layer(ada))
        answers = await _while_held(at, key, ("PUT", f"/schedules/{key}", body), ("PUT", "/schedules/PNONE", body))
        assert [status for status, _ in answers] == [404, 404]
        assert answers[0] == answers[1]


async def test_a_stranger_does_not_wait_for_the_lock_of_rotations_either(database: str, tmp_path: Path) -> None:
    async with room(database, tmp_path / "master.key") as there:
        shift = custom_shift(await there.at.user("Ada"), "2035-03-06T09:00:00Z", "2035-03-06T12:00:00Z")
        orders: list[tuple[str, str, Json]] = [
            ("PUT", "", {"schedule": {"name": "Other", "time_zone": "Etc/UTC"}}),
            ("POST", "/custom_shifts", {"custom_shifts": [shift]}),
        ]
        paths = (there.path, "/v3/schedules/PNONE")
        asked = [(method, f"{path}{room}", body) for method, room, body in orders for path in paths]
        answers = await _while_held(there.at, there.key, *asked)
        assert {status for status, _ in answers} == {404}
        assert all(answer == answers[0] for answer in answers)


async def test_of_two_who_ask_for_cover_of_the_same_turn_at_once_one_asks(crew: Crew) -> None:
    """Otherwise two people accept, and the one turn has two takers."""
    body = crew.body(asked=[crew.cy])
    answers = await asyncio.gather(*(crew.at.ask("POST", PATH, body, by="bo") for _ in range(4)))
    assert sorted(status for status, _ in answers) == [201, 400, 400, 400]
    (refusal, *_) = [document for status, document in answers if status == 400]
    assert "is asked for already" in str(refusal)
