"""Fixtures that every test may ask for: a database, and a whole town around a running house."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.town.database import fresh_database, running_server
from tests.town.town import Town, a_town


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The address of the PostgreSQL that this worker's tests share."""
    with running_server() as server:
        yield server


@pytest.fixture
def database(database_server: str) -> Iterator[str]:
    """The address of a fresh, migrated, empty database."""
    with fresh_database(database_server) as dsn:
        yield dsn


@pytest.fixture
async def town(database: str, tmp_path: Path) -> AsyncIterator[Town]:
    """A running house with its people, mailboxes and clock."""
    async with a_town(database, tmp_path) as running:
        yield running
