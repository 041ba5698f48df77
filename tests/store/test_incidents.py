"""Incidents are read whole and locked in the order of their ids, so that nobody waits for each other in a ring."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.town.seed import seed_on_call
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.incident import Incident, Status
from tocsin.domain.incidents.order import By, Opening
from tocsin.engine.respond import open_by_hand
from tocsin.store.directory import Directory
from tocsin.store.incidents import Company, company, lock
from tocsin.store.turn import Store, Turn

BO = By(Agent("user", "PBO", "Bo"), Via("api"))


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store(database, connections=6)
    await opened.open()
    await seed_on_call(opened)
    yield opened
    await opened.close()


async def opened(store: Store, title: str, *, for_user: str | None = None) -> str:
    directory = Directory()

    async def job(turn: Turn) -> str:
        await directory.refresh(turn)
        plan_id, _ = (await directory.frozen(turn, ["PPOLICY"]))["PPOLICY"]
        people = (for_user,) if for_user else ()
        opening = Opening(by=BO, title=title, urgency="high", plan_id=plan_id, user_ids=people)
        return (await open_by_hand(turn, directory, opening, service_id="PSERVICE")).incident.id

    return await store.work(job)


async def test_an_incident_is_read_with_all_that_belongs_to_it(store: Store) -> None:
    incident_id = await opened(store, "by the plan")

    async def look(turn: Turn) -> tuple[Incident, Company]:
        incidents = await lock(turn, [incident_id])
        return incidents[incident_id], (await company(turn, [incident_id]))[incident_id]

    incident, around = await store.work(look)
    assert (incident.title, incident.status, incident.called) == ("by the plan", Status.TRIGGERED, 1)
    assert incident.status_changed_by == BO.agent
    assert around.assignees == ("PANN",)
    assert list(around.timers) == ["escalate"]
    assert around.acknowledgements == ()


async def test_who_takes_it_has_acknowledged_it(store: Store) -> None:
    incident_id = await opened(store, "mine", for_user="PBO")

    async def look(turn: Turn) -> tuple[Incident, Company]:
        incidents = await lock(turn, [incident_id])
        return incidents[incident_id], (await company(turn, [incident_id]))[incident_id]

    incident, around = await store.work(look)
    assert incident.status is Status.ACKNOWLEDGED
    assert [(each.agent_kind, each.agent_id) for each in around.acknowledgements] == [("user", "PBO")]


async def test_numbers_rise(store: Store) -> None:
    for title in ("one", "two", "three"):
        await opened(store, title)

    async def numbers(turn: Turn) -> list[int]:
        cursor = await turn.connection.execute("SELECT number FROM incident ORDER BY created_at")
        return [int(str(row[0])) for row in await cursor.fetchall()]

    found = await store.read(numbers)
    assert found == sorted(set(found))


async def test_what_is_being_changed_is_waited_for_or_left_out(store: Store) -> None:
    one, two = await opened(store, "one"), await opened(store, "two")
    async with store.connection() as other, other.transaction():
        await other.execute("SELECT 1 FROM incident WHERE id = %s FOR UPDATE", (one,))
        free = await store.work(lambda turn: lock(turn, sorted([one, two]), if_free=True))
        assert list(free) == [two]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await store.work(lambda turn: lock(turn, [one]))
    assert list(await store.work(lambda turn: lock(turn, [one]))) == [one]
