"""A change of configuration that is undone leaves nothing of itself in the directory."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.town.seed import seed_on_call
from tocsin.store.config import bump_config
from tocsin.store.directory import Directory
from tocsin.store.turn import Store, Turn


class Undone(Exception):
    """What ends a transaction that is not to be."""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store(database, connections=4)
    await opened.open()
    await seed_on_call(opened)
    yield opened
    await opened.close()


async def known(store: Store, directory: Directory) -> list[str]:
    async def look(turn: Turn) -> list[str]:
        await directory.refresh(turn)
        return list(await directory.integrations(turn, ["PINTEGRATION"]))

    return await store.work(look)


async def test_an_undone_change_is_forgotten_whoever_looked_meanwhile(store: Store) -> None:
    directory = Directory()
    changed, seen = asyncio.Event(), asyncio.Event()

    async def change(turn: Turn) -> None:
        await bump_config(turn)
        await turn.connection.execute("DELETE FROM integration")
        await directory.refresh(turn)
        changed.set()
        await seen.wait()
        assert await directory.integrations(turn, ["PINTEGRATION"]) == {}, "its own transaction sees the change"
        raise Undone

    async def undone() -> None:
        with pytest.raises(Undone):
            await store.work(change)

    async with asyncio.TaskGroup() as group:
        group.create_task(undone())
        await changed.wait()
        assert await known(store, directory) == ["PINTEGRATION"], "others do not see it"
        seen.set()
    assert await known(store, directory) == ["PINTEGRATION"]


async def test_a_reader_that_was_overtaken_by_a_change_keeps_nothing_old(store: Store) -> None:
    directory = Directory()
    read, changed = asyncio.Event(), asyncio.Event()

    async def slow(turn: Turn) -> None:
        await directory.refresh(turn)
        read.set()
        await changed.wait()
        await directory.services(turn, ["PSERVICE"])

    async def rename(turn: Turn) -> None:
        await turn.connection.execute("UPDATE service SET name = 'Renamed'")
        await bump_config(turn)

    async def name(turn: Turn) -> str:
        await directory.refresh(turn)
        return (await directory.services(turn, ["PSERVICE"]))["PSERVICE"].name

    async with asyncio.TaskGroup() as group:
        group.create_task(store.work(slow))
        await read.wait()
        await store.work(rename)
        changed.set()
    assert await store.work(name) == "Renamed"
