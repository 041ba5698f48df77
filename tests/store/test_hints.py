"""Hints wake the loops that wait, here and on other nodes, and survive a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from tests.town.database import tell
from tocsin.store.hints import Bell, Hints, Topic

PATIENCE = 5.0  # seconds; a hint takes milliseconds


@asynccontextmanager
async def carried(dsn: str, *many: Hints) -> AsyncIterator[None]:
    """Carry the hints of several nodes over one database."""

    @asynccontextmanager
    async def lend() -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            yield connection

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(hints.carry(dsn, lend)) for hints in many]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def rung_by(bell: Bell, hints: Hints, topic: Topic) -> bool:
    """Ring until the other side hears it, for its listening begins some milliseconds after it was started."""
    for _ in range(int(PATIENCE / 0.1)):
        hints.ring(topic)
        if await bell.wait(0.1):
            return True
    return False


async def test_a_bell_remembers_that_it_was_rung() -> None:
    hints = Hints()
    with hints.listening(Topic.LANES) as bell, hints.listening(Topic.TIMERS) as other:
        hints.ring(Topic.LANES)
        assert await bell.wait(0)
        assert not await bell.wait(0)
        assert not await other.wait(0)


async def test_one_ring_wakes_everybody_who_listens() -> None:
    hints = Hints()
    with hints.listening(Topic.PAGES) as one, hints.listening(Topic.PAGES) as two:
        hints.ring(Topic.PAGES)
        assert await one.wait(0)
        assert await two.wait(0)


async def test_hints_reach_other_nodes_and_not_their_sender_again(database: str) -> None:
    here, there = Hints(), Hints()
    async with carried(database, here, there):
        with there.listening(Topic.CONFIG) as bell, there.listening(Topic.FEED) as silent:
            assert await rung_by(bell, here, Topic.CONFIG)
            assert not await silent.wait(0.05)
        with here.listening(Topic.CONFIG) as own:
            here.ring(Topic.CONFIG)
            assert await own.wait(0)
            assert not await own.wait(0.2), "an echo would wake every loop twice"


async def test_hints_travel_again_after_their_connection_was_lost(database: str) -> None:
    here, there = Hints(), Hints()
    async with carried(database, here, there):
        with there.listening(Topic.PAGES) as bell:
            assert await rung_by(bell, here, Topic.PAGES)
            tell(
                database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            await asyncio.sleep(0.1)
            await bell.wait(0)
            assert await rung_by(bell, here, Topic.PAGES)
