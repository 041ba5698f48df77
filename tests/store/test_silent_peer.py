"""A database that goes silent without a word, as a host that lost its power, holds up nothing for long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.engine.courier import turning, until
from tests.engine.scribe import receive, rows
from tests.town.seed import seed_on_call
from tocsin.engine.accept import Hinted
from tocsin.engine.loops.lanes import LaneLoop
from tocsin.engine.watch import Watch
from tocsin.store.directory import Directory
from tocsin.store.turn import Store, Turn

LONGEST_S = 30.0  # the patience of one transaction and the farewell of the driver, once; not for each dead connection
CONNECTIONS = 4


@dataclass
class Wire:
    """A line to the database; what was connected before it went silent is never answered again, new lines work."""

    address: str
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    silent: set[asyncio.StreamWriter] = field(default_factory=set)

    def go_silent(self) -> None:
        """Answer nothing more on the lines of now."""
        self.silent.update(self.writers)

    async def copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Carry what comes, until the line ends."""
        with contextlib.suppress(OSError):
            while chunk := await source.read(65536):
                if target not in self.silent:
                    target.write(chunk)
                    await target.drain()
        if target not in self.silent:
            target.close()


@asynccontextmanager
async def line_to(database: str) -> AsyncIterator[Wire]:
    known = conninfo_to_dict(database)
    path = f"{known['host']}/.s.PGSQL.{known.get('port', 5432)}"
    wire = Wire("")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(path)
        wire.writers += [writer, back]
        async with asyncio.TaskGroup() as group:
            group.create_task(wire.copy(reader, back))
            group.create_task(wire.copy(there, writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire.address = make_conninfo(database, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")
    try:
        yield wire
    finally:
        server.close()
        for writer in wire.writers:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0.05)  # the lines' own tasks take notice


async def rest(_turn: Turn) -> None:
    """Keep a connection for a moment, so that the next one needs another."""
    await asyncio.sleep(0.2)


@pytest.mark.slow
async def test_a_loop_goes_on_soon_after_its_database_went_silent(database: str) -> None:
    beside = Store(database, connections=2)
    await beside.open()
    await seed_on_call(beside)
    async with line_to(database) as wire:
        store = Store(wire.address, connections=CONNECTIONS)
        await store.open()
        await asyncio.gather(*(store.read(rest) for _ in range(CONNECTIONS)))
        loop = LaneLoop(store, Directory(), hinted=Hinted, watch=Watch())
        async with turning(loop.run()):
            await receive(beside, ("trigger", "before"))
            await until(beside, "SELECT count(*)::int FROM incident", [(1,)])
            wire.go_silent()
            began = asyncio.get_running_loop().time()
            await receive(beside, ("trigger", "after"))
            await until(beside, "SELECT count(*)::int FROM incident", [(2,)], seconds=LONGEST_S)
            assert asyncio.get_running_loop().time() - began < LONGEST_S
        assert await rows(beside, "SELECT count(*)::int FROM parked_event") == [(0,)], (
            "nothing was wrong with the event"
        )
        await store.close()
    await beside.close()
