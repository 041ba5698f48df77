"""Pages leave as fast as they are carried, none leaves after an answer, and a stop waits for those on their way."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.engine.courier import Calling, Courier, notifier, running, until
from tests.engine.scribe import incident_ids, receive, rows, work
from tests.engine.test_turn import ANN
from tocsin.domain.incidents.order import Acknowledge
from tocsin.domain.paging.channel import Accepted, Outcome
from tocsin.engine.accept import Hinted
from tocsin.engine.loops.lanes import LaneLoop
from tocsin.engine.loops.timers import TimerLoop
from tocsin.engine.notify import Carrier
from tocsin.engine.turn import act
from tocsin.engine.watch import Watch
from tocsin.ground.errors import StoreUnavailable
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.turn import Store, Turn

STATES = "SELECT state, count(*)::int FROM notification GROUP BY 1 ORDER BY 1"


class Gate:
    """Lets calls end when the test says so."""

    def __init__(self) -> None:
        """Start closed."""
        self.opened = asyncio.Event()

    async def does(self, _calling: Calling) -> Outcome:
        """Take the message once the gate is open."""
        await self.opened.wait()
        return Accepted("taken")


async def opened(store: Store, directory: Directory, count: int) -> list[str]:
    await receive(store, *[("trigger", f"disk-{number}") for number in range(count)])
    while await work(store, directory):
        pass
    return await incident_ids(store)


async def test_a_stop_lets_a_call_end_and_writes_what_came_of_it(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    gate = Gate()
    courier = Courier(gate.does)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    await opened(store, directory, 1)
    async with running(pager) as task:
        await courier.called(1)
        await opened(store, directory, 2)
        pager.close()
        await asyncio.sleep(0.2)
        assert not task.done(), "it waits for the call"
        gate.opened.set()
        await asyncio.wait([task], timeout=5)
        assert task.done()
    assert await rows(store, "SELECT state, sends FROM notification WHERE sends > 0 AND state <> 'handed'") == []
    assert await rows(store, "SELECT count(*) FROM notification WHERE state = 'leased'") == [(0,)]


async def test_what_a_provider_took_is_written_once_the_store_is_back(
    database: str, store: Store, directory: Directory, tmp_path: Path
) -> None:
    await opened(store, directory, 1)
    narrow = Store(database, connections=2)
    await narrow.open()
    gate = Gate()
    courier = Courier(gate.does)
    pager = await notifier(narrow, directory, tmp_path, couriers=(courier,))
    async with running(pager):
        await courier.called(1)
        async with AsyncExitStack() as taken:
            for _ in range(2):
                await taken.enter_async_context(narrow.connection())
            gate.opened.set()

            async def look(turn: Turn) -> None:
                return None

            with pytest.raises(StoreUnavailable):
                await narrow.read(look)
            await asyncio.sleep(0.5)
            assert await rows(store, STATES) == [("leased", 1)]
        await until(store, STATES, [("handed", 1)])
    assert len(courier.calls) == 1, "it is not sent again"
    await narrow.close()


async def test_no_page_waits_inside_a_provider_where_an_answer_cannot_stop_it(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    gate = Gate()
    courier = Courier(gate.does, lines=3)
    ids = await opened(store, directory, 30)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager):
        await courier.called(3)
        await store.work(lambda turn: act(turn, directory, {incident_id: [Acknowledge(ANN)] for incident_id in ids}))
        gate.opened.set()
        await until(store, STATES, [("cancelled", 27), ("handed", 3)])
    assert (len(courier.calls), courier.busiest) == (3, 3)


async def test_every_page_leaves_and_never_more_at_once_than_are_carried(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    async def slow(_calling: Calling) -> Outcome:
        await asyncio.sleep(0.02)
        return Accepted("taken")

    courier = Courier(slow, lines=4)
    await opened(store, directory, 40)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager):
        await until(store, STATES, [("handed", 40)])
    assert courier.busiest == 4


async def test_a_full_channel_costs_the_database_nothing_and_holds_up_no_other(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    gate = Gate()
    full, other = Courier(gate.does, lines=2), Courier(name="other")
    await opened(store, directory, 20)
    pager = await notifier(store, directory, tmp_path, couriers=(full,))
    pager._carriers = {**pager._carriers, "sms": Carrier(None, (other,))}
    async with running(pager):
        await full.called(2)
        await asyncio.sleep(0.1)
        before = store._pool.get_stats().get("requests_num", 0)
        await asyncio.sleep(1)
        assert store._pool.get_stats().get("requests_num", 0) - before <= 5, "it looks once a second"
        gate.opened.set()
        await until(store, STATES, [("handed", 20)])


async def test_a_full_node_waits_for_a_slot_and_not_for_the_clock(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    gate = Gate()
    courier = Courier(gate.does, lines=2)
    await opened(store, directory, 20)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager):
        await courier.called(2)
        await asyncio.sleep(0.1)
        before = store._pool.get_stats().get("requests_num", 0)
        await asyncio.sleep(0.7)
        assert store._pool.get_stats().get("requests_num", 0) == before
        gate.opened.set()
        await until(store, STATES, [("handed", 20)])


async def test_a_loop_that_is_stopped_in_the_instant_it_is_woken_stops(store: Store, directory: Directory) -> None:
    loops = (TimerLoop(store, directory, watch=Watch()), LaneLoop(store, directory, hinted=Hinted, watch=Watch()))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop.run()) for loop in loops]
        await asyncio.sleep(0.3)
        store.hints.ring(Topic.TIMERS)
        store.hints.ring(Topic.LANES)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=2)
        ended = [task.done() for task in tasks]
        for task in tasks:
            task.cancel()
    assert ended == [True, True], "the cancellation was not lost in the wake-up"
