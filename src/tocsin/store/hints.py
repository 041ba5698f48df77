"""Hints: telling the loops, here and on other nodes, that there is something to do; a lost hint costs a second."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from typing import LiteralString

import psycopg
import structlog

log = structlog.get_logger("hints")

_CHANNEL: LiteralString = "tocsin"
_GATHER_FOR = 0.005  # seconds: hints of one burst travel as one notification
_RETRY_FOR = 1.0  # seconds between attempts to reach the database again


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

    def ring(self, topic: Topic) -> None:
        """Wake the waiters of this topic here at once, and those on other nodes within some milliseconds."""
        self._ring_here(topic)
        self._outgoing.add(topic)
        self._wake.set()

    def _ring_here(self, topic: Topic) -> None:
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

    async def carry(self, dsn: str) -> None:
        """Carry hints to and from other nodes until cancelled, over any number of broken connections."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
                    await self._carry_over(connection)
            except psycopg.Error as failure:
                log.warning("hints.interrupted", failure=str(failure))
                await asyncio.sleep(_RETRY_FOR)

    async def _carry_over(self, connection: psycopg.AsyncConnection) -> None:
        await connection.execute(f"LISTEN {_CHANNEL}")
        own = connection.info.backend_pid
        while True:
            sending = bool(self._outgoing)
            if sending:
                topics, self._outgoing = sorted(self._outgoing), set()
                await connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, " ".join(topics)))
            async for word in _heard(connection, own):
                self._ring_here(word)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _GATHER_FOR if sending else 0.25)


class Bell:
    """Remembers that it was rung until somebody waits for it."""

    def __init__(self, event: asyncio.Event) -> None:
        """Hang on this event."""
        self._event = event

    async def wait(self, longest_s: float) -> bool:
        """Return True as soon as it rings, or rang since the last wait, or False after `longest_s` seconds."""
        try:
            if longest_s > 0:
                await asyncio.wait_for(self._event.wait(), longest_s)
        except TimeoutError:
            return False
        rung = self._event.is_set()
        self._event.clear()
        return rung


async def _heard(connection: psycopg.AsyncConnection, own: int) -> AsyncIterator[Topic]:
    async for notice in connection.notifies(timeout=0):
        if notice.pid != own:
            for word in notice.payload.split():
                if word in _TOPICS:
                    yield Topic(word)
