"""Migrations go forward only, once, also when two nodes start together, and never under a newer version's feet."""

import asyncio
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.town.database import tell
from tocsin.store.migrate import SchemaTooNew, known, migrate, refuse_newer_schema

_NUMBERS = count(1)


@pytest.fixture
def empty(database_server: str) -> Iterator[str]:
    """A database in which nothing was ever made."""
    name = f"empty_{next(_NUMBERS)}"
    tell(database_server, f"CREATE DATABASE {name}")
    yield make_conninfo(database_server, dbname=name)
    tell(database_server, f"DROP DATABASE {name} WITH (FORCE)")


def ask(dsn: str, question: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


async def test_everything_is_applied_once_and_in_order(empty: str) -> None:
    applied = await migrate(empty)
    assert [int(name[:4]) for name in applied] == [migration.number for migration in known()]
    assert await migrate(empty) == []


async def test_two_nodes_that_start_together_share_the_work(empty: str) -> None:
    one, two = await asyncio.gather(migrate(empty), migrate(empty))
    assert sorted(one + two) == sorted(f"{each.number:04d}_{each.name}" for each in known())


async def test_a_newer_schema_is_refused(database: str) -> None:
    tell(database, "INSERT INTO schema_migration (number, name, digest) VALUES (9999, 'later', 'x')")
    with pytest.raises(SchemaTooNew, match="migration 9999"):
        await migrate(database)
    with pytest.raises(SchemaTooNew, match="start the newer version"):
        await refuse_newer_schema(database)


async def test_a_file_that_was_changed_after_it_ran_is_refused(database: str) -> None:
    tell(database, "UPDATE schema_migration SET digest = 'other' WHERE number = 1")
    with pytest.raises(SchemaTooNew, match="0001 differs"):
        await migrate(database)


async def test_a_schema_of_this_version_is_let_pass(database: str) -> None:
    await refuse_newer_schema(database)


async def test_a_file_that_fails_leaves_nothing_behind(database: str) -> None:
    tell(database, "DELETE FROM schema_migration WHERE number = 1", "DROP TABLE audit_seal")
    with pytest.raises(psycopg.errors.DuplicateFunction):
        await migrate(database)
    assert ask(database, "SELECT count(*) FROM schema_migration WHERE number = 1") == 0
    assert ask(database, "SELECT to_regclass('audit_seal') IS NULL") is True


def test_numbers_are_used_once_and_without_gaps() -> None:
    assert [migration.number for migration in known()] == list(range(1, len(known()) + 1))
