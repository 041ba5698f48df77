"""Keeper: takes back pages whose holder died, seals the audit trail, and keeps the database tidy."""

import asyncio
from datetime import timedelta

import structlog
from msgspec import Struct

from tocsin.engine.notify.settle import log_unknown
from tocsin.engine.watch import Watch
from tocsin.ground.errors import StoreUnavailable
from tocsin.ground.limits import MOST_REPEATED_SENDS
from tocsin.store import audit, notices, sessions
from tocsin.store.hints import Topic
from tocsin.store.leases import take
from tocsin.store.notifications import take_back
from tocsin.store.turn import Store, Turn
from tocsin.store.upkeep import FORGET_FACTS, FORGET_NODES, PULSE, SEE_NODE, Pulse, keep_partitions

log = structlog.get_logger("keeper")

_EVERY_S = 1.0
_SEAL_EVERY = 15  # rounds: a record of a slow transaction may be older than one that is sealed already
_TIDY_EVERY = 60  # rounds between two tidyings
_LEASE = timedelta(seconds=15)
_FEED_KEPT_FOR = timedelta(days=7)


class Node(Struct, frozen=True):
    """This process as the others see it."""

    id: str
    name: str
    version: str
    duties: tuple[str, ...]


class Keeper:
    """Does the small regular work, until cancelled."""

    def __init__(self, store: Store, node: Node, *, audit_key: bytes, events_kept_for: timedelta, watch: Watch) -> None:
        """Prepare to keep the house of this store as this node; `audit_key` signs the head of the audit chain."""
        self._store = store
        self._node = node
        self._audit_key = audit_key
        self._events_kept_for = events_kept_for
        self._watch = watch
        self._sealed_once = False

    async def run(self) -> None:
        """Work each second; tidy each minute."""
        count = 0
        while True:
            self._watch.beat("keeper")
            try:
                pulse = await self._store.glance(PULSE)
                self._wake(pulse)
                if pulse.silent:
                    await self._store.work(self._take_back)
                if not pulse.newest_sealed or count % _SEAL_EVERY == 0:
                    await self._store.work(self._seal)
                if count % _TIDY_EVERY == 0 and await self._store.work(self._tidy):
                    async with self._store.connection() as connection:
                        await keep_partitions(connection, self._events_kept_for)
            except Exception as failure:  # noqa: BLE001 - border of a loop: the next second tries again
                level = log.warning if isinstance(failure, StoreUnavailable) else log.error
                level("keeper.failed", failure=repr(failure))
            count += 1
            await asyncio.sleep(_EVERY_S)

    def _wake(self, pulse: Pulse) -> None:
        """Wake the loops that have something to do: a hint that was lost costs one second, on every node."""
        for has_work, topic in (
            (pulse.events, Topic.LANES),
            (pulse.timers, Topic.TIMERS),
            (pulse.pages, Topic.PAGES),
        ):
            if has_work:
                self._store.hints.ring(topic)

    async def _take_back(self, turn: Turn) -> None:
        taken = await take_back(turn, MOST_REPEATED_SENDS)
        unknown = [page for page in taken if page.state == "unknown"]
        if unknown:
            log.error("keeper.pages_unknown", notification_ids=[page.id for page in unknown])
            await log_unknown(turn, unknown)

    async def _seal(self, turn: Turn) -> None:
        if await take(turn, "audit seal", holder=self._node.id, duration=_LEASE):
            await audit.seal(turn, self._audit_key, thorough=not self._sealed_once)
            self._sealed_once = True

    async def _tidy(self, turn: Turn) -> bool:
        """Tell the others that we are here, and forget what is old; return whether the tidying is ours."""
        node = self._node
        values = {"id": node.id, "name": node.name, "version": node.version, "duties": list(node.duties)}
        await turn.run(SEE_NODE, values)
        if await take(turn, "tidy", holder=node.id, duration=timedelta(minutes=5)):
            await sessions.sweep(turn)
            await notices.sweep(turn)
            await turn.run(FORGET_FACTS, {"kept_for": _FEED_KEPT_FOR})
            await turn.run(FORGET_NODES)
            return True
        return False
