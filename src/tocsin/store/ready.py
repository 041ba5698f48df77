"""Ready: one statement kept prepared on a connection and run in a single round trip, as cheaply as the driver can.

The driver's own `execute` costs 250 µs of processor time for each call, most of it in waiting politely (measured);
that is a quarter of an event when events come one by one. This speaks to libpq through `psycopg.pq`.
"""

import asyncio
import struct
from collections.abc import Sequence

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

TEXTS = 1009  # text[] in pg_type
SMALLINTS = 1005  # smallint[] in pg_type
_TEXT = 25
_SMALLINT = 21

# The binary form of an array: dimensions, no nulls, element type, length, lower bound; then length and element.
_HEAD = struct.Struct(">iiIii").pack
_LENGTH = struct.Struct(">i").pack
_ELEMENT = struct.Struct(">ih").pack

_NAME = b"ready"
_DONE = {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}


class Failed(Exception):
    """The server answered with an error; `code` is its SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Ready:
    """A statement that is prepared once for each connection; one caller at a time."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        self._pg: PGconn = connection.pgconn

    async def prepare(self, sql: str, types: Sequence[int]) -> None:
        """Prepare the statement (`$1` for parameters); raises as `run` does."""
        self._pg.send_prepare(_NAME, sql.encode(), types)
        await self._answer()

    async def run(self, values: Sequence[bytes]) -> None:
        """Run the statement with parameters in binary form and wait for its end.

        Raises `Failed` when the server reports an error, and `psycopg.OperationalError` when the connection broke.
        After a cancellation the connection must be dropped.
        """
        self._pg.send_query_prepared(_NAME, values, [Format.BINARY] * len(values))
        await self._answer()

    async def _answer(self) -> None:
        pg = self._pg
        while pg.flush():
            await self._ready(writing=True)
            pg.consume_input()
        failure: Failed | None = None
        while True:
            while pg.is_busy():
                await self._ready(writing=False)
                pg.consume_input()
            result = pg.get_result()
            if result is None:
                break
            failure = failure or _failure(result)
        if failure is not None:
            raise failure

    async def _ready(self, *, writing: bool) -> None:
        """Wait until the socket can be read, or also until it can be written."""
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        socket = self._pg.socket
        loop.add_reader(socket, _settle, ready)
        if writing:
            loop.add_writer(socket, _settle, ready)
        try:
            await ready
        finally:
            loop.remove_reader(socket)
            if writing:
                loop.remove_writer(socket)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _failure(result: PGresult) -> Failed | None:
    if result.status in _DONE:
        return None
    code = result.error_field(DiagnosticField.SQLSTATE) or b""
    return Failed(code.decode(), result.get_error_message())


def texts(values: Sequence[bytes]) -> bytes:
    """Return an array of texts in PostgreSQL's binary form."""
    parts = [_HEAD(1, 0, _TEXT, len(values), 1)]
    for value in values:
        parts.append(_LENGTH(len(value)))
        parts.append(value)
    return b"".join(parts)


def smallints(values: Sequence[int]) -> bytes:
    """Return an array of smallints in PostgreSQL's binary form."""
    return _HEAD(1, 0, _SMALLINT, len(values), 1) + b"".join([_ELEMENT(2, value) for value in values])
