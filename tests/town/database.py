"""Database: one real PostgreSQL per run of the tests, and a fresh migrated database for each test that asks for one."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from tocsin.store.embedded import Embedded
from tocsin.store.migrate import migrate

_TEMPLATE = "town_template"
_NUMBERS = count(1)
# Tests end in an orderly way, so nothing has to survive a power cut; tests that kill the server use their own.
_IN_A_HURRY = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 120\n"


def tell(dsn: str, *orders: str) -> None:
    """Run statements, each committed at once."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for order in orders:
            connection.execute(order.encode())


@contextmanager
def running_server() -> Iterator[str]:
    """Run a server with a migrated template database; give its address."""
    base = Path(tempfile.mkdtemp(prefix="town-"))
    base.chmod(0o755)  # the server's own account must get in, which pytest's temporary folders forbid
    room = base / "data" / "postgres"
    room.mkdir(parents=True)
    (room / "own.conf").write_text(_IN_A_HURRY)
    (room / "own.conf").chmod(0o644)
    embedded = Embedded(base / "data")
    try:
        server = asyncio.run(embedded.start())
        try:
            tell(server, f"CREATE DATABASE {_TEMPLATE}")
            asyncio.run(migrate(make_conninfo(server, dbname=_TEMPLATE)))
            yield server
        finally:
            asyncio.run(embedded.stop())
    finally:
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Give the address of a new copy of the template, and drop the copy afterwards."""
    name = f"town_{next(_NUMBERS)}"
    tell(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    try:
        yield make_conninfo(server, dbname=name)
    finally:
        tell(server, f"DROP DATABASE {name} WITH (FORCE)")
