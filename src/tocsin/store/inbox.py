"""The inbox: accepted events on disk, written whole batches at a time over a connection of their own."""

import asyncio
import contextlib
from collections.abc import Sequence

import psycopg
from msgspec import Struct
from psycopg.pq import TransactionStatus

from tocsin.store.query import Command, Query, positional
from tocsin.store.ready import SMALLINTS, TEXTS, Failed, Ready, smallints, texts
from tocsin.store.turn import Connection, Uncertain

_CONNECT_S = 2  # seconds to reach the server before the attempt counts as failed
_WRITE_S = 5.0  # seconds of one write; the senders have been refused long before
_SILENCE_MS = 3000  # milliseconds a peer may leave sent bytes unconfirmed; a failover needs this to be short
_SESSION = "SET synchronous_commit TO on; SET TimeZone TO 'UTC'; SET statement_timeout TO '5s'"
_FAULTS_OF_ROWS = ("22", "23")  # classes of SQLSTATE: data that cannot be stored, constraints

WRITE_EVENTS = Command(
    "append accepted events to their lanes",
    """
    INSERT INTO inbox (lane, integration_id, kind, body)
    SELECT lane, integration_id, kind, body
    FROM unnest(%(lanes)s::smallint[], %(integrations)s::text[], %(kinds)s::text[], %(bodies)s::text[])
        AS accepted (lane, integration_id, kind, body)
    """,
)


class KeyRow(Struct, frozen=True):
    """An integration and the SHA-256 of its routing key."""

    hash: bytes
    id: str


class StampRow(Struct, frozen=True):
    """The number that grows with every change of configuration."""

    n: int


INTEGRATIONS_OF_KEYS = Query(
    "integrations by the hashes of their routing keys",
    "SELECT routing_key_hash AS hash, id FROM integration WHERE routing_key_hash = ANY(%(hashes)s::bytea[])",
    row=KeyRow,
)

CONFIG_STAMP = Query("stamp of the configuration", "SELECT n FROM config_stamp", row=StampRow)


class InboxRow(Struct):
    """One accepted event, already in the bytes that travel."""

    lane: int
    integration_id: bytes
    kind: bytes
    body: bytes


class NotWritten(Exception):
    """Certainly none of the rows was stored; `again` says whether waiting for the database can help."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


class Inbox:
    """Writes batches of accepted events, each in a transaction of its own that is one round trip.

    One writer at a time. The rows travel as arrays packed by hand: the driver's own lists cost four times as much
    processor time at 40 rows, and COPY needs a second round trip (measured).
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None
        self._statement: Ready | None = None
        self._warnings: list[str] = []

    async def write(self, rows: Sequence[InboxRow]) -> None:
        """Return once the rows are committed and flushed.

        Raises `NotWritten` when certainly nothing was stored, and `Uncertain` when nobody can say: the
        connection broke on the way, the server did not answer, or it committed with a warning (a standby did
        not confirm), which is not durable.
        """
        statement = await self._reach()
        values = (
            smallints([row.lane for row in rows]),
            texts([row.integration_id for row in rows]),
            texts([row.kind for row in rows]),
            texts([row.body for row in rows]),
        )
        self._warnings.clear()
        try:
            async with asyncio.timeout(_WRITE_S):
                await statement.run(values)
        except Failed as failure:
            await self._judge(failure)
        except (TimeoutError, psycopg.Error) as failure:
            await self._drop()
            raise Uncertain("The connection to PostgreSQL broke while events were stored.") from failure
        except asyncio.CancelledError:
            await self._drop()
            raise
        if self._warnings:
            raise Uncertain(f"PostgreSQL stored the events with a warning: {self._warnings[0]}")

    async def _judge(self, failure: Failed) -> None:
        """Raise what this failure means. An error that the server reported and survived undid the transaction."""
        connection = self._connection
        alive = connection is not None and connection.info.transaction_status == TransactionStatus.IDLE
        of_the_rows = failure.code.startswith(_FAULTS_OF_ROWS)
        if not (alive and of_the_rows):
            await self._drop()
        if alive:
            raise NotWritten(f"PostgreSQL refused the events: {failure.code}", again=not of_the_rows) from failure
        raise Uncertain("PostgreSQL ended the connection while events were stored.") from failure

    async def _reach(self) -> Ready:
        if self._connection is not None and self._statement is not None and _answers(self._connection):
            return self._statement
        await self._drop()
        try:
            self._connection = connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, connect_timeout=_CONNECT_S, tcp_user_timeout=_SILENCE_MS
            )
            connection.add_notice_handler(self._hear)
            await connection.execute(_SESSION)
            statement = Ready(connection)
            await statement.prepare(positional(WRITE_EVENTS.sql), (SMALLINTS, TEXTS, TEXTS, TEXTS))
        except (psycopg.Error, Failed) as failure:
            await self._drop()
            raise NotWritten("PostgreSQL cannot be reached.", again=True) from failure
        self._statement = statement
        return statement

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "")

    async def _drop(self) -> None:
        connection, self._connection, self._statement = self._connection, None, None
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._drop()


def _answers(connection: Connection) -> bool:
    """Return whether the server still holds its end, as far as the socket knows: costs no round trip."""
    if connection.closed:
        return False
    with contextlib.suppress(psycopg.Error):
        for _ in range(2):  # a server that hangs up says so first: its farewell is one read, the end another
            connection.pgconn.consume_input()
        return not connection.closed
    return False
