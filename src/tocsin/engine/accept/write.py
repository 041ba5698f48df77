"""Write: events wait for the batch before theirs to be on disk, then go together, and only then are answered."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from tocsin.ground import clock
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.store.inbox import Inbox, InboxRow, NotWritten
from tocsin.store.turn import Uncertain

log = structlog.get_logger("accept")

MOST_WAITING = 20_000  # events; about two seconds of work on a slow disk, more would be answered too late anyway
MOST_WAITING_BYTES = 64 * 1024 * 1024  # bytes of event bodies in memory
LARGEST_BATCH = 1000  # events of one transaction; larger ones are no faster per event and delay the first
LARGEST_BATCH_BYTES = 4 * 1024 * 1024  # bytes of one transaction
HELD_FOR_S = 1.6  # seconds an event waits for an absent database; the sender hears a refusal within two
_LOOK_EVERY_S = 0.2  # seconds between looks at who has waited too long
_PAUSE_S = 0.1  # seconds between two attempts to reach the database

_FULL = "Too many events are waiting to be stored."
_AWAY = "PostgreSQL cannot store events now."
_UNKNOWN = "It is not known whether the event was stored; send it again."


class Waiting(InboxRow):
    """An event that has not been answered yet."""

    busy: bool
    since: float
    answer: asyncio.Future[None]


class Writer:
    """The one hand of this process that writes to the inbox.

    `stored` is called after each commit with the events that became durable. A batch is whatever arrived while
    the one before it was written: a lone event waits for nothing, a flood fills large batches by itself.
    """

    def __init__(self, inbox: Inbox, stored: Callable[[Sequence[Waiting]], None]) -> None:
        self._inbox = inbox
        self._stored = stored
        self._queue: list[Waiting] = []
        self._queued_bytes = 0
        self._writing: Sequence[Waiting] = ()
        self._wake = asyncio.Event()
        self._closing = False

    def admit(self, size: int) -> None:
        """Raise when an event of this many bytes cannot be taken: `Refused` (throttled) or `StoreUnavailable`."""
        if self._closing:
            raise StoreUnavailable("The program is stopping.")
        if len(self._queue) >= MOST_WAITING or self._queued_bytes + size > MOST_WAITING_BYTES:
            raise Refused(Why.THROTTLED, _FULL)

    def add(self, waiting: Waiting) -> None:
        """Queue an admitted event; its answer is settled when it is stored, or when it waited too long."""
        self._queue.append(waiting)
        self._queued_bytes += len(waiting.body)
        self._wake.set()

    @property
    def waiting(self) -> int:
        """How many events wait for their commit."""
        return len(self._queue) + len(self._writing)

    def close(self) -> None:
        """Take no more events; `run` returns when those that wait are answered."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Write batch after batch until closed."""
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._watch())
                while await self._something_waits():
                    await self._write_batch()
                watch.cancel()
        finally:
            await self._inbox.close()

    async def _something_waits(self) -> bool:
        while not self._queue:
            if self._closing:
                return False
            self._wake.clear()
            await self._wake.wait()
        await asyncio.sleep(0)  # requests that arrived in the same instant join the batch
        return True

    async def _write_batch(self) -> None:
        batch = self._take()
        if not batch:
            return
        self._writing = batch
        try:
            await self._write(batch)
        except NotWritten as failure:
            await self._not_written(batch, failure)
        except Uncertain as failure:
            log.warning("accept.uncertain", events=len(batch), failure=str(failure))
            _refuse(batch, _UNKNOWN)
        except Exception:
            log.exception("accept.broken", events=len(batch))  # the border of a loop: it must go on
            _refuse(batch, _UNKNOWN)
        finally:
            self._writing = ()

    async def _write(self, batch: Sequence[Waiting]) -> None:
        await self._inbox.write(batch)
        for waiting in batch:
            if not waiting.answer.done():
                waiting.answer.set_result(None)
        self._stored(batch)

    async def _not_written(self, batch: list[Waiting], failure: NotWritten) -> None:
        if failure.again:
            log.warning("accept.database_away", events=len(batch), failure=str(failure))
            self._queue[:0] = batch
            self._queued_bytes += sum(len(waiting.body) for waiting in batch)
            await asyncio.sleep(_PAUSE_S)
        elif len(batch) == 1:
            log.warning("accept.refused_by_database", failure=str(failure))
            _refuse(batch, _AWAY)
        else:
            await self._write_singly(batch)

    async def _write_singly(self, batch: Sequence[Waiting]) -> None:
        """Write what was refused together one by one, so that one bad row does not cost the others."""
        for waiting in batch:
            try:
                await self._write([waiting])
            except (NotWritten, Uncertain) as failure:
                log.warning("accept.refused_by_database", failure=str(failure))
                _refuse([waiting], _AWAY)

    def _take(self) -> list[Waiting]:
        """Return the next batch in lane order; events of one lane keep the order they arrived in."""
        size = count = 0
        for count, waiting in enumerate(self._queue, start=1):
            size += len(waiting.body)
            if count >= LARGEST_BATCH or size >= LARGEST_BATCH_BYTES:
                break
        taken, self._queue = self._queue[:count], self._queue[count:]
        self._queued_bytes -= size
        batch = [waiting for waiting in taken if not waiting.answer.done()]
        batch.sort(key=_lane)
        return batch

    async def _watch(self) -> None:
        """Refuse events that have waited too long, whatever the database is doing."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            oldest = clock.seconds() - HELD_FOR_S
            _refuse([waiting for waiting in self._writing if waiting.since < oldest], _UNKNOWN)
            _refuse([waiting for waiting in self._queue if waiting.since < oldest], _AWAY)


def _lane(waiting: Waiting) -> int:
    return waiting.lane


def _refuse(batch: Sequence[Waiting], why: str) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(StoreUnavailable(why))
