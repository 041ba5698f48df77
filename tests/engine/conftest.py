"""Fixtures of the engine's tests: a store with a small organisation in it, and a directory that knows it."""

from collections.abc import AsyncIterator

import pytest

from tests.town.seed import seed_on_call
from tocsin.store.directory import Directory
from tocsin.store.turn import Store


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store(database, connections=6)
    await opened.open()
    await seed_on_call(opened)
    yield opened
    await opened.close()


@pytest.fixture
def directory() -> Directory:
    return Directory()
