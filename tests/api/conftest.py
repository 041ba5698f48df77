"""Fixtures for tests of the API: a desk over a fresh database, and the client of an account's token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.api.desk import Desk, DeskHouse, DeskSettings
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store


@pytest.fixture
async def desk(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    store = Store(database, connections=4)
    await store.open()
    try:
        keyring = await Keyring.load(store, tmp_path / "master.key")
        yield Desk(DeskHouse(store, keyring, DeskSettings()))
    finally:
        await store.close()


@pytest.fixture
async def api(desk: Desk) -> httpx2.AsyncClient:
    return await desk.account()
