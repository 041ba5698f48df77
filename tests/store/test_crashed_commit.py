"""A crash of PostgreSQL takes back numbers of transactions: what was lost is never taken for committed."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from tests.town.database import tell
from tests.town.wiretap import Wiretap, wiretap
from tocsin.store.embedded import Embedded
from tocsin.store.migrate import migrate
from tocsin.store.query import Command
from tocsin.store.turn import Store, Turn, Uncertain

ADD = Command("a mark", "INSERT INTO mark VALUES (%(n)s)")
TRIES = 5  # the server's log may be flushed in the very instant of the kill; then the number is not used again


@asynccontextmanager
async def own_server() -> AsyncIterator[tuple[Embedded, str]]:
    """Run a server that may be killed, with a table for marks."""
    base = Path(tempfile.mkdtemp(prefix="crash-"))
    base.chmod(0o755)
    server = Embedded(base / "data")
    dsn = await server.start()
    try:
        await migrate(dsn)
        tell(dsn, "CREATE TABLE mark (n int)")
        yield server, dsn
    finally:
        await server.stop()
        shutil.rmtree(base, ignore_errors=True)


async def until_back(dsn: str) -> None:
    """Return when the server takes statements again."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(dsn):
                    return
            except psycopg.OperationalError:
                await asyncio.sleep(0.02)


async def marks(dsn: str) -> list[int]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute("SELECT n FROM mark")
        return [int(row[0]) for row in await cursor.fetchall()]


async def use_number_again(dsn: str, number: int) -> bool:
    """Commit other transactions until one of them has this number; False when it was not free any more."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while True:
            row = await (await connection.execute("SELECT pg_current_xact_id()::text::bigint")).fetchone()
            assert row is not None
            if int(row[0]) >= number:
                return int(row[0]) == number


class Crash:
    """A job under whose commit the server dies, so that nobody but a later transaction gets its number."""

    def __init__(self, server: Embedded, tap: Wiretap, dsn: str) -> None:
        self._server = server
        self._tap = tap
        self._dsn = dsn
        self.runs = 0
        self.number_was_used_again = False

    async def __call__(self, turn: Turn) -> int:
        """Write a mark; in the first run kill the server, and keep the line dead until the number is used again."""
        self.runs += 1
        await turn.run(ADD, {"n": self.runs})
        if self.runs == 1:
            self._tap.dead = True
            assert self._server.pid is not None
            os.kill(self._server.pid, signal.SIGKILL)
            await until_back(self._dsn)
            self.number_was_used_again = await use_number_again(self._dsn, int(turn.transaction_id))
            self._tap.dead = False
        return self.runs


@pytest.mark.slow
@pytest.mark.wreck
async def test_the_number_of_a_lost_transaction_proves_nothing_after_a_crash() -> None:
    async with own_server() as (server, dsn), wiretap(dsn) as tap:
        store = Store(tap.dsn, connections=2)
        await store.open()
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(server.watch())
            try:
                for _ in range(TRIES):
                    tell(dsn, "TRUNCATE mark")
                    crash = Crash(server, tap, dsn)
                    try:
                        said = await store.work(crash)
                    except Uncertain:
                        said = 0  # an honest answer: whoever asked looks again, or asks again
                    assert await marks(dsn) == ([said] if said else []), "it said that it was written"
                    if crash.number_was_used_again:
                        return
                pytest.fail("the server wrote every transaction down before it died")
            finally:
                watching.cancel()
                await store.close()
