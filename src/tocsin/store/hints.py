"""Hints: telling the loops, here and on other nodes, that there is something to do; a lost hint costs a second."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import LiteralString

import psycopg
import structlog
from psycopg.conninfo import make_conninfo

from tocsin.ground import clock
from tocsin.ground.errors import StoreUnavailable
from tocsin.ground.ids import new_id

log = structlog.get_logger("hints")

_CHANNEL: LiteralString = "tocsin"
_EAR = "tocsin hints"  # the application name of the connections that listen
# For every connection: a dead peer is noticed within seconds, not after the kernel's quarter of an hour.
ALIVE: dict[str, int] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 3000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
_GATHER_FOR_S = 0.005  # hints of one burst travel as one notification
_RETRY_FOR_S = 1.0  # between attempts to reach the database again
_LOOK_EVERY_S = 1.0  # a node that just joined hears its first hint after so long; until then its loops look themselves

Connection = psycopg.AsyncConnection[tuple[object, ...]]
Lend = Callable[[], AbstractAsyncContextManager[Connection]]


class Topic(StrEnum):
    """What a hint is about; the loop of that name wakes."""

    LANES = "lanes"
    TIMERS = "timers"
    PAGES = "pages"
    CONFIG = "config"
    FEED = "feed"


_TOPICS = frozenset(Topic)


class Hints:
    """Wakes whoever waits on a topic, and carries hints between the nodes of an installation.

    Hints never travel inside a business transaction: NOTIFY there takes a lock of the whole database and cost
    two thirds of the commits when measured. They leave from a connection of their own, gathered.
    """

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._events: dict[Topic, set[asyncio.Event]] = {topic: set() for topic in Topic}
        self._outgoing: set[Topic] = set()
        self._wake = asyncio.Event()
        self._name = new_id()

    def ring(self, topic: Topic) -> None:
        """Wake the waiters of this topic here at once, and those on other nodes within some milliseconds."""
        self.ring_here(topic)
        self._outgoing.add(topic)
        self._wake.set()

    def ring_here(self, topic: Topic) -> None:
        """Wake the waiters of this topic in this process only."""
        for event in self._events[topic]:
            event.set()

    @contextlib.contextmanager
    def listening(self, topic: Topic) -> Iterator["Bell"]:
        """Give a bell that remembers rings of this topic between two waits."""
        event = asyncio.Event()
        self._events[topic].add(event)
        try:
            yield Bell(event)
        finally:
            self._events[topic].discard(event)

    async def carry(self, dsn: str, lend: Lend) -> None:
        """Carry hints to and from other nodes until cancelled, over any number of broken connections.

        Hearing needs a connection of its own; for sending one is lent by the pool for a moment.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_for_ever(dsn), name="hear")
            group.create_task(self._send_for_ever(lend), name="send")

    async def _hear_for_ever(self, dsn: str) -> None:
        while True:
            try:
                address = make_conninfo(dsn, application_name=_EAR, **ALIVE)
                connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {_CHANNEL}")
                    async for notice in connection.notifies():
                        sender, *topics = notice.payload.split()
                        if sender != self._name:
                            self._hear(topics)
            except psycopg.Error as failure:
                log.warning("hints.interrupted", failure=str(failure))
            await asyncio.sleep(_RETRY_FOR_S)

    def _hear(self, topics: Sequence[str]) -> None:
        for word in topics:
            if word in _TOPICS:
                self.ring_here(Topic(word))

    async def _send_for_ever(self, lend: Lend) -> None:
        """Send what was rung, gathered; a node that is alone sends nothing and only looks whether it still is."""
        others, looked_at = False, -_LOOK_EVERY_S
        while True:
            await self._wake.wait()
            await asyncio.sleep(_GATHER_FOR_S)
            self._wake.clear()
            topics, self._outgoing = sorted(self._outgoing), set()
            try:
                async with lend() as connection:
                    if clock.seconds() - looked_at >= _LOOK_EVERY_S:
                        others, looked_at = await _others(connection), clock.seconds()
                    if others:
                        await connection.execute(
                            "SELECT pg_notify(%s, %s)", (_CHANNEL, " ".join([self._name, *topics]))
                        )
            except (psycopg.Error, StoreUnavailable) as failure:
                log.warning("hints.not_sent", failure=str(failure))
                await asyncio.sleep(_RETRY_FOR_S)


async def _others(connection: Connection) -> bool:
    """Say whether another node listens on this database."""
    cursor = await connection.execute(
        "SELECT count(*) > 1 FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
        (_EAR,),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


class Bell:
    """Remembers that it was rung until somebody waits for it."""

    def __init__(self, event: asyncio.Event) -> None:
        """Hang on this event."""
        self._event = event

    async def wait(self, longest_s: float) -> bool:
        """Return True as soon as it rings, or rang since the last wait, or False after `longest_s` seconds.

        A cancellation that comes together with a ring is never lost, as it may be with `asyncio.wait_for`.
        """
        try:
            if longest_s > 0:
                async with asyncio.timeout(longest_s):
                    await self._event.wait()
        except TimeoutError:
            return False
        rung = self._event.is_set()
        self._event.clear()
        return rung
