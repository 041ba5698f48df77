"""What the tests of the pages share: a desk with an empty installation."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.browser import Clipboard, Desk
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store
from tocsin.web import Pages


@pytest.fixture
async def desk(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    store = Store(database, connections=4)
    await store.open()
    keyring = await Keyring.load(store, tmp_path / "master.key")
    clipboard = Clipboard()
    pages = Pages(store, keyring, clipboard, public_url="https://tocsin.example.net")
    yield Desk(store, keyring, pages, clipboard)
    await store.close()
