"""Turns: transactions that are repeated when the database asks for it, and whose end is never guessed."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import LiteralString, TypeVar
from weakref import WeakKeyDictionary

import psycopg
import structlog
from msgspec import Struct
from psycopg import errors, sql
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.store.hints import ALIVE, Hints, Topic
from tocsin.store.query import Command, Query

log = structlog.get_logger("store")

Row = TypeVar("Row", bound=Struct)
Result = TypeVar("Result")

_TRIES = 8  # of one turn; each waits longer, about two seconds in all
_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5
_PATIENCE_S = 2.0  # seconds for a connection: a door must refuse aloud within two seconds

LONGEST_TURN_S = 5.0  # of one transaction: a peer that went silent without a word must not hold a loop for minutes
_LATE_S = 0.5  # so much after its time an alarm says that this process was busy, and nothing about the peer

# What may be gone a moment later: conflicts, deadlocks, lock waits, lost or silent connections, a server that is no
# longer, or not yet, the primary.
_PASSING = (psycopg.OperationalError, errors.ReadOnlySqlTransaction, TimeoutError)

Connection = psycopg.AsyncConnection[tuple[object, ...]]

_BEGIN_WORK: LiteralString = "BEGIN; SELECT tocsin_now(), pg_current_xact_id()::text"
_BEGIN_READ: LiteralString = "BEGIN READ ONLY; SELECT tocsin_now(), ''"
_FATE: LiteralString = "SELECT pg_xact_status(%s::xid8)"
# Changes whenever the server starts anew or recovers from a crash, and with every other server.
_LIFE: LiteralString = "SELECT pg_postmaster_start_time(), stats_reset FROM pg_stat_wal"
_LIVES: WeakKeyDictionary[Connection, tuple[object, ...] | None] = WeakKeyDictionary()


class Uncertain(StoreUnavailable):
    """The connection died while it committed, and nobody can say any more whether it did."""


class TooLong(StoreUnavailable):
    """The job took too long by itself: the database had answered everything, and a second try would last as long."""


class Turn:
    """One transaction: reads, writes, the instant it happens at, and the hints to give once it is committed."""

    def __init__(self, connection: Connection, now: datetime, transaction_id: str) -> None:
        """Hold the connection of the transaction that began at `now`."""
        self.private: dict[str, object] = {}  # caches that end with the transaction
        self.connection = connection
        self.now = now
        self.transaction_id = transaction_id
        self.hints: set[Topic] = set()

    async def rows(self, query: Query[Row], values: Mapping[str, object] | None = None) -> list[Row]:
        """Return all rows of the query."""
        cursor = await self.connection.execute(query.sql, values or {})
        make = query.row
        return [make(*row) for row in await cursor.fetchall()]

    async def maybe(self, query: Query[Row], values: Mapping[str, object] | None = None) -> Row | None:
        """Return the first row of the query, or None."""
        cursor = await self.connection.execute(query.sql, values or {})
        row = await cursor.fetchone()
        return None if row is None else query.row(*row)

    async def one(self, query: Query[Row], values: Mapping[str, object] | None = None) -> Row:
        """Return the only row of the query; raise `Refused` (not found) when there is none."""
        row = await self.maybe(query, values)
        if row is None:
            raise Refused(Why.NOT_FOUND, f"There is no {query.says}.")
        return row

    async def run(self, command: Command, values: Mapping[str, object] | None = None) -> int:
        """Execute the command and return how many rows it touched."""
        cursor = await self.connection.execute(command.sql, values or {})
        return cursor.rowcount


class Clock:
    """How far the product's clock is moved; tests move it, nobody else."""

    shift = timedelta()


class Store:
    """The database as the rooms above see it: turns, and hints about what they left to do."""

    def __init__(self, dsn: str, *, connections: int = 12, prepare: bool = True, beside: "Store | None" = None) -> None:
        """Prepare a pool for this libpq address; `prepare=False` suits a transaction-pooling proxy.

        `beside` another store this one has connections of its own, but shares its hints and its clock: so the
        doors cannot take the last connection from the engine.
        """
        self.dsn = dsn
        self.hints: Hints = beside.hints if beside is not None else Hints()
        self.clock: Clock = beside.clock if beside is not None else Clock()
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=connections,
            open=False,
            timeout=_PATIENCE_S,
            max_idle=60.0,
            kwargs={"autocommit": True, "prepare_threshold": 1 if prepare else None, **ALIVE},
            configure=_configure,
            name="tocsin",
        )

    @property
    def clock_shift(self) -> timedelta:
        """How far `tocsin_now()` is ahead of the database's clock in every turn; only tests set it."""
        return self.clock.shift

    @clock_shift.setter
    def clock_shift(self, shift: timedelta) -> None:
        self.clock.shift = shift

    async def open(self) -> None:
        """Open the pool; raise `StoreUnavailable` when the database does not answer."""
        try:
            await self._pool.open(wait=True, timeout=30)
        except PoolTimeout as failure:
            raise StoreUnavailable(
                "PostgreSQL does not answer; check that it runs and that the address is right."
            ) from failure

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend one connection in autocommit mode, for streams and checks outside a turn."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as failure:
            raise StoreUnavailable("PostgreSQL has no connection free or does not answer.") from failure

    async def read(self, job: Callable[[Turn], Awaitable[Result]]) -> Result:
        """Run `job` in a read-only transaction of its own."""
        return await self._attempts(job, writing=False)

    async def glance(self, query: Query[Row], values: Mapping[str, object] | None = None) -> Row:
        """Return the only row of a query that is a transaction by itself: one round trip, for loops that look often.

        Raises `StoreUnavailable` at once when the database is away, and `Refused` (not found) without a row.
        """
        if self.clock_shift:
            return await self.read(lambda turn: turn.one(query, values))
        try:
            async with self._line() as connection:
                cursor = await connection.execute(query.sql, values or {})
                row = await cursor.fetchone()
        except _PASSING as failure:
            raise StoreUnavailable("PostgreSQL does not answer.") from failure
        if row is None:
            raise Refused(Why.NOT_FOUND, f"There is no {query.says}.")
        return query.row(*row)

    async def work(self, job: Callable[[Turn], Awaitable[Result]]) -> Result:
        """Run `job` in one transaction and commit it; run it anew after a conflict or a lost connection.

        When the connection dies during COMMIT the database is asked afterwards what became of the transaction,
        so a job never happens twice. Raises `StoreUnavailable` when the database stays away, `Uncertain` when
        the answer can no longer be had, and whatever `job` raises (then nothing is written).
        """
        return await self._attempts(job, writing=True)

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[Connection]:
        """Lend a connection for one turn, and cut it when the turn lasts too long: its peer may be gone.

        Cancelling instead would wait for the peer's farewell. The pool's other connections lead to the same host,
        and a host that became read-only is no longer the one to write to, so then all of them are given up.
        """
        async with self._pool.connection() as connection:
            alarm = _Alarm(connection)
            try:
                yield connection
            except _PASSING as failure:
                if alarm.ours:
                    raise TooLong("The request took too long by itself; ask for less at once.") from failure
                if alarm.cut or isinstance(failure, errors.ReadOnlySqlTransaction):
                    await self._pool.drain()
                raise
            finally:
                alarm.stop()

    async def _attempts(self, job: Callable[[Turn], Awaitable[Result]], *, writing: bool) -> Result:
        attempt = 1
        pause = _PAUSE_S
        while True:
            try:
                return await self._once(job, writing=writing)
            except _PASSING as failure:
                if attempt == _TRIES:
                    raise StoreUnavailable("PostgreSQL could not finish the transaction.") from failure
                log.info("turn.again", attempt=attempt, failure=type(failure).__name__)
            attempt += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _once(self, job: Callable[[Turn], Awaitable[Result]], *, writing: bool) -> Result:
        done: tuple[Turn, Result] | None = None
        try:
            async with self._line() as connection:
                turn = await self._begin(connection, writing=writing)
                try:
                    result = await job(turn)
                except BaseException as failure:
                    await _rollback(connection, spoiled=_spoiled(connection, failure))
                    raise
                done = (turn, result)
                await _commit(connection)
        except PoolTimeout as failure:
            raise StoreUnavailable("PostgreSQL has no connection free or does not answer.") from failure
        except _PASSING:
            if done is None or not writing or not await self._did_commit(done[0]):
                raise
        turn, result = done
        for topic in turn.hints:
            self.hints.ring(topic)
        return result

    async def _begin(self, connection: Connection, *, writing: bool) -> Turn:
        begin: LiteralString = _BEGIN_WORK if writing else _BEGIN_READ
        shift = self.clock_shift.total_seconds()
        if shift:
            move = sql.SQL("SET LOCAL tocsin.clock_shift = {}; ").format(f"{shift} s")
            head, _, tail = begin.partition("; ")
            cursor = await connection.execute(sql.SQL(head + "; ") + move + sql.SQL(tail))
        else:
            cursor = await connection.execute(begin)
        while cursor.nextset():
            pass
        row = await cursor.fetchone()
        if row is None or not isinstance(row[0], datetime):
            raise StoreUnavailable("PostgreSQL did not say what time it is.")
        return Turn(connection, row[0], str(row[1]))

    async def _did_commit(self, turn: Turn) -> bool:
        """Ask what became of a transaction whose connection died while it committed.

        A crash of the server takes back the numbers of transactions that were not written down, and gives them to
        others. So after one only "not committed" is believed; "committed" may be said of somebody else's.
        """
        for _ in range(_TRIES):
            try:
                async with self._pool.connection(timeout=_PATIENCE_S) as connection:
                    cursor = await connection.execute(_FATE, (turn.transaction_id,))
                    row = await cursor.fetchone()
                    same_life = _LIVES.get(connection) == _LIVES.get(turn.connection)
            except errors.InvalidParameterValue:
                return False  # the number lies in the future: the server never wrote it down
            except (psycopg.OperationalError, PoolTimeout):
                await asyncio.sleep(0.25)
                continue
            status = None if row is None else row[0]
            if status == "in progress":
                await asyncio.sleep(0.05)
                continue
            if status is None or (status == "committed" and not same_life):
                break
            return bool(status == "committed")
        raise Uncertain(f"It is not known whether transaction {turn.transaction_id} was committed.")


class NotReplicated(psycopg.OperationalError):
    """COMMIT returned, but with the warning that no standby confirmed it: that is not durable."""


async def _configure(connection: Connection) -> None:
    """Give a fresh connection its session settings."""
    await connection.execute("SET TimeZone TO 'UTC'; SET lock_timeout TO '10s'")
    _LIVES[connection] = await (await connection.execute(_LIFE)).fetchone()


class _Alarm:
    """Ends a connection under whoever waits on it for too long.

    An alarm that comes late is set anew: this process was busy, and the answer may have come meanwhile. One that
    comes while nobody waits on the peer ends the turn of a job that does not come to an end by itself (`ours`).
    """

    def __init__(self, connection: Connection) -> None:
        self.cut = self.ours = False
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._set()

    def stop(self) -> None:
        """Let the connection be."""
        self._timer.cancel()

    def _set(self) -> None:
        self._due = self._loop.time() + LONGEST_TURN_S
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        if self._loop.time() - self._due > _LATE_S:
            self._set()
            return
        self.cut = True
        self.ours = self._connection.info.transaction_status is TransactionStatus.INTRANS
        with (
            contextlib.suppress(psycopg.Error, OSError),
            socket.fromfd(self._connection.pgconn.socket, socket.AF_UNSPEC, socket.SOCK_STREAM) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)


async def _commit(connection: Connection) -> None:
    warnings: list[str] = []

    def heard(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary or "")

    connection.add_notice_handler(heard)
    try:
        await connection.execute("COMMIT")
    finally:
        connection.remove_notice_handler(heard)
    if warnings:
        raise NotReplicated(warnings[0])


def _spoiled(connection: Connection, failure: BaseException) -> bool:
    """Say whether the connection was cut short or a statement failed, also where the job told that in its own words."""
    failed = isinstance(failure, psycopg.Error) or connection.info.transaction_status is not TransactionStatus.INTRANS
    return failed or not isinstance(failure, Exception)


async def _rollback(connection: Connection, *, spoiled: bool) -> None:
    """Undo the transaction; give a connection up that was cut short or whose pipeline broke.

    After an aborted pipeline the driver believes in prepared statements that the server never got, and every later
    use of them fails (psycopg 3.3.9).
    """
    if spoiled:
        await connection.close()
        return
    try:
        await connection.execute("ROLLBACK")
    except psycopg.Error:
        await connection.close()
