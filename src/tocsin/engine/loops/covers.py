"""Covers: looks, whenever a schedule has changed, whether what colleagues agreed on still fits it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from tocsin.engine.watch import Watch
from tocsin.ground.errors import StoreUnavailable
from tocsin.store.config import config_stamp
from tocsin.store.covers import covered, look_again
from tocsin.store.hints import Topic
from tocsin.store.leases import take
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("covers")

_EVERY_S = 60.0
_CALM_S = 2.0  # seconds between two looks at most: a burst of changes to the configuration is one change
_LEASE = timedelta(minutes=2)


class CoversLoop:
    """Compares cover with the schedules it was made for, on one node of the installation, until cancelled."""

    def __init__(self, store: Store, *, holder: str, watch: Watch) -> None:
        """Prepare to look; `holder` names this node in the lease."""
        self._store = store
        self._holder = holder
        self._watch = watch
        self._stamp: int | None = None

    async def run(self) -> None:
        """Look soon after the configuration has changed; come round each minute."""
        with self._store.hints.listening(Topic.CONFIG) as bell:
            while True:
                self._watch.beat("covers", pause_s=_EVERY_S)
                try:
                    await self.look()
                except Exception as failure:  # noqa: BLE001 - border of a loop: the next look tries again
                    level = log.warning if isinstance(failure, StoreUnavailable) else log.error
                    level("covers.failed", failure=repr(failure))
                await asyncio.sleep(_CALM_S)
                await bell.wait(_EVERY_S)

    async def look(self) -> int:
        """Look unless the configuration is as it was; return how many covers changed their state.

        Each schedule is a transaction of its own, so that none is locked for long.
        """

        async def claim(turn: Turn) -> tuple[bool, int]:
            return await take(turn, "covers", holder=self._holder, duration=_LEASE), await config_stamp(turn)

        mine, stamp = await self._store.work(claim)
        if not mine or stamp == self._stamp:
            return 0
        changed = 0
        for schedule_id in await self._store.read(covered):
            changed += await self._store.work(_looking_at(schedule_id))
        self._stamp = stamp
        return changed


def _looking_at(schedule_id: str) -> Callable[[Turn], Awaitable[int]]:
    async def look(turn: Turn) -> int:
        return await look_again(turn, [schedule_id])

    return look
