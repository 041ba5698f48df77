"""Wiretap: a line to PostgreSQL that can be cut at the worst instant, just before or just after COMMIT arrives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Cut = Literal["before commit", "after commit"]


@dataclass
class Wiretap:
    """What happens to the next line on which COMMIT travels, and whether new lines are refused."""

    dsn: str = ""
    cut: Cut | None = None
    dead: bool = False
    cuts: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)


@asynccontextmanager
async def wiretap(dsn: str) -> AsyncIterator[Wiretap]:
    """Stand between a client and the server behind this address; the client uses `tap.dsn`."""
    tap = Wiretap()
    parts = conninfo_to_dict(dsn)
    path = f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}"

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if tap.dead:
            writer.close()
            return
        there, back = await asyncio.open_unix_connection(path)
        tap.writers |= {writer, back}
        with contextlib.suppress(OSError):
            async with asyncio.TaskGroup() as group:
                group.create_task(_requests(tap, reader, writer, back))
                group.create_task(_answers(there, writer))
        for each in (writer, back):
            each.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tap.dsn = make_conninfo(dsn, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")
    try:
        yield tap
    finally:
        server.close()
        for writer in tap.writers:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0.02)  # the lines' own tasks take notice


async def _requests(
    tap: Wiretap, reader: asyncio.StreamReader, client: asyncio.StreamWriter, server: asyncio.StreamWriter
) -> None:
    """Carry what the client says; at COMMIT, do what was asked for."""
    while data := await reader.read(65536):
        cut = tap.cut if b"COMMIT" in data else None
        if cut is None:
            server.write(data)
            await server.drain()
            continue
        tap.cut = None
        tap.cuts += 1
        client.transport.abort()  # whatever the server answers, nobody hears it
        if cut == "after commit":
            server.write(data)
            await server.drain()
            await asyncio.sleep(0.05)
        server.transport.abort()
        return
    server.write_eof()


async def _answers(reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    """Carry what the server says."""
    while data := await reader.read(65536):
        client.write(data)
        await client.drain()
    client.close()
