"""The book of requests: written a moment later and many at once, so that no sender waits for it."""

import asyncio
import contextlib
from collections import deque

import structlog

from tocsin.ground.errors import StoreUnavailable
from tocsin.store.requests.rows import MOST_KEPT, Draft, keep
from tocsin.store.turn import Store

log = structlog.get_logger("requests")

_PAUSE_S = 0.5  # seconds in which requests are gathered; who looks at them in a browser does not notice
_MOST_WAITING_BYTES = 8 * 1024 * 1024  # bytes of bodies in memory; beyond it the oldest are dropped


class RequestBook:
    """Takes requests from the doors and writes them when it can; `run` must be running while doors are open.

    It is a help for people, not a promise: what a database that is away, or a flood, would cost is dropped.
    """

    def __init__(self, store: Store) -> None:
        """Write into this store."""
        self._store = store
        self._waiting: dict[str, deque[Draft]] = {}
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()

    def add(self, draft: Draft) -> None:
        """Keep this request soon; returns at once."""
        waiting = self._waiting.setdefault(draft.integration_id, deque())
        waiting.append(draft)
        self._bytes += len(draft.body)
        if len(waiting) > MOST_KEPT or self._bytes > _MOST_WAITING_BYTES:
            self._bytes -= len(waiting.popleft().body)
        self._wake.set()

    def close(self) -> None:
        """Let `run` write what waits and return."""
        self._closing.set()
        self._wake.set()

    async def run(self) -> None:
        """Write what was added, twice a second at most, until closed."""
        while not self._closing.is_set():
            await self._wake.wait()
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _PAUSE_S)
            await self._write()

    async def _write(self) -> None:
        drafts = [draft for waiting in self._waiting.values() for draft in waiting]
        self._waiting, self._bytes = {}, 0
        if not drafts:
            return
        try:
            await self._store.work(lambda turn: keep(turn, drafts))
        except StoreUnavailable:
            log.warning("requests.not_kept", requests=len(drafts))
        except Exception:
            log.exception("requests.broken", requests=len(drafts))  # the border of a loop: the next ones are written
