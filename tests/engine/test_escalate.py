"""What is due happens once, in order, and never under the hands of somebody who is answering."""

import asyncio
from datetime import timedelta

from tests.engine.scribe import incident_ids, receive, rows, work
from tests.engine.test_turn import ANN
from tocsin.domain.incidents.order import Acknowledge
from tocsin.engine.escalate import Escalated, escalate
from tocsin.engine.turn import act
from tocsin.store.directory import Directory
from tocsin.store.turn import Store

LEVEL = timedelta(minutes=5)


async def due(store: Store, directory: Directory, *, passed_over: int = 0) -> Escalated:
    return await store.work(lambda turn: escalate(turn, directory, most=100, passed_over=passed_over))


async def opened(store: Store, directory: Directory, count: int = 1) -> list[str]:
    await receive(store, *[("trigger", f"disk-{number}") for number in range(count)])
    await work(store, directory)
    return await incident_ids(store)


async def test_nothing_happens_before_its_instant(store: Store, directory: Directory) -> None:
    await opened(store, directory)
    store.clock_shift = LEVEL - timedelta(seconds=5)
    done = await due(store, directory)
    assert (done.found, done.incidents) == (0, 0)
    assert done.next_at is not None
    assert timedelta() < done.next_at - done.now <= timedelta(seconds=5)


async def test_the_next_level_is_called_at_its_instant(store: Store, directory: Directory) -> None:
    await opened(store, directory)
    store.clock_shift = LEVEL
    done = await due(store, directory)
    assert (done.found, done.incidents) == (1, 1)
    assert await rows(store, "SELECT user_id FROM assignment") == [("PBO",)]
    assert await rows(store, "SELECT user_id, round FROM notification ORDER BY id") == [("PANN", 1), ("PBO", 2)]
    assert (await due(store, directory)).found == 0, "once"


async def test_what_somebody_changes_just_now_is_passed_over(store: Store, directory: Directory) -> None:
    held, free = await opened(store, directory, 2)
    store.clock_shift = LEVEL
    async with store.connection() as other, other.transaction():
        await other.execute("SELECT 1 FROM incident WHERE id = %s FOR UPDATE", (held,))
        async with asyncio.timeout(2):
            done = await due(store, directory)
        assert (done.found, done.incidents) == (2, 1)
    owners = await rows(store, "SELECT incident_id, user_id FROM assignment")
    assert set(owners) == {(held, "PANN"), (free, "PBO")}


async def test_an_answer_and_a_timer_at_the_same_instant_end_in_one_of_two_ways(
    store: Store, directory: Directory
) -> None:
    async def acknowledge(incident_id: str) -> None:
        await store.work(lambda turn: act(turn, Directory(), {incident_id: [Acknowledge(ANN)]}))

    for incident_id in await opened(store, directory, 12):
        store.clock_shift += LEVEL
        await asyncio.gather(acknowledge(incident_id), due(store, directory))
        (found,) = await rows(store, "SELECT status, called FROM incident WHERE id = %(id)s", {"id": incident_id})
        assert found[0] == "acknowledged"
        timers = await rows(store, "SELECT kind FROM timer WHERE incident_id = %(id)s", {"id": incident_id})
        assert timers == [], "an acknowledged incident calls nobody"
    forgotten = await rows(
        store,
        "SELECT id FROM notification n WHERE state = 'pending' AND EXISTS"
        " (SELECT FROM incident i WHERE i.id = n.incident_id AND i.status <> 'triggered')",
    )
    assert forgotten == []


async def test_three_nodes_let_a_thousand_timers_happen_once_each(store: Store, directory: Directory) -> None:
    await receive(store, *[("trigger", f"disk-{number}") for number in range(300)])
    while await work(store, directory):
        pass
    store.clock_shift = LEVEL

    async def node() -> None:
        own = Directory()
        while (await due(store, own)).found:
            pass

    async with asyncio.timeout(30):
        await asyncio.gather(node(), node(), node())
    assert await rows(store, "SELECT called, count(*) FROM incident GROUP BY called") == [(2, 300)]
    assert await rows(store, "SELECT count(*) FROM notification WHERE round = 2") == [(300,)]
