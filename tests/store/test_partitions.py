"""Making and dropping partitions gives way to whoever reads them, and holds up no page meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.engine.scribe import receive, rows, work
from tests.town.seed import seed_on_call
from tocsin.store.directory import Directory
from tocsin.store.turn import Store
from tocsin.store.upkeep import keep_partitions

DAYS = 8  # today and the week ahead
KEPT_FOR = timedelta(days=90)
PARTITIONS = (
    "SELECT count(*)::int FROM pg_inherits WHERE inhparent = 'event'::regclass AND inhrelid::regclass::text ~ '\\d'"
)
FAST_S = 2.0  # of a lane's turn; behind a reader it would have waited for as long as that reads


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store(database, connections=4)
    await opened.open()
    await seed_on_call(opened)
    yield opened
    await opened.close()


async def keep(store: Store, kept_for: timedelta = KEPT_FOR) -> None:
    async with store.connection() as connection:
        await keep_partitions(connection, kept_for)


async def forget(store: Store) -> None:
    """Drop the partitions that a fresh database was made with."""
    names = await rows(store, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event'::regclass")
    async with store.connection() as connection:
        for (name,) in names:
            if name != "event_default":
                await connection.execute(f"DROP TABLE {name}".encode())


async def test_partitions_are_made_for_the_week_ahead_and_once(store: Store) -> None:
    await forget(store)
    for _ in range(2):
        await keep(store)
        assert await rows(store, PARTITIONS) == [(DAYS,)]
    async with store.connection() as connection:
        cursor = await connection.execute("SHOW lock_timeout")
        assert await cursor.fetchone() == ("10s",), "the connection is given back as it was"


async def test_a_long_reader_is_not_waited_for_and_no_event_waits_behind_it(database: str, store: Store) -> None:
    await forget(store)
    loop = asyncio.get_running_loop()
    slowest = 0.0
    async with await psycopg.AsyncConnection.connect(database) as reader:
        await reader.execute("SELECT count(*) FROM event")
        async with asyncio.TaskGroup() as group:
            upkeep = group.create_task(keep(store))
            directory = Directory()
            for number in range(3):
                await receive(store, ("trigger", f"disk-{number}"))
                began = loop.time()
                await work(store, directory)
                slowest = max(slowest, loop.time() - began)
            async with asyncio.timeout(15):
                await upkeep
        await reader.rollback()
    assert slowest < FAST_S
    assert await rows(store, "SELECT count(*)::int FROM incident") == [(3,)]
    await keep(store)
    (made,) = await rows(store, PARTITIONS)
    assert made[0] >= DAYS - 1, "the next round makes what this one could not; today's events went into the default"


async def test_old_partitions_go_and_younger_ones_stay(store: Store) -> None:
    day = datetime.now(UTC).date()
    async with store.connection() as connection:
        for age in (100, 10):
            start = day - timedelta(days=age)
            order = (
                f"CREATE TABLE event_{start:%Y%m%d} PARTITION OF event"
                f" FOR VALUES FROM ('{start}') TO ('{start + timedelta(days=1)}')"
            )
            await connection.execute(order.encode())
    await keep(store)
    names = await rows(store, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event'::regclass")
    days = {str(name) for (name,) in names}
    assert f"event_{day - timedelta(days=10):%Y%m%d}" in days
    assert f"event_{day - timedelta(days=100):%Y%m%d}" not in days
