"""Lanes: the loop that works on accepted events, those of calm senders before those of a flood."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from tocsin.engine.accept import Hinted
from tocsin.engine.correlate import correlate, park_next
from tocsin.engine.watch import Watch
from tocsin.ground.errors import StoreUnavailable
from tocsin.ground.limits import LANE_BATCH, LANES
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.lanes import ANYTHING
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("lanes")

_SWEEP_S = 1.0  # seconds: the net under lost hints
_ALL = tuple(range(LANES))


class LaneLoop:
    """Works on the inbox until cancelled."""

    def __init__(self, store: Store, directory: Directory, *, hinted: Callable[[], Hinted], watch: Watch) -> None:
        """Prepare to work; `hinted` asks the doors what came in."""
        self._store = store
        self._directory = directory
        self._hinted = hinted
        self._watch = watch

    async def run(self) -> None:
        """Work whenever something comes in, and look each second whether a hint was lost."""
        rung = False
        with self._store.hints.listening(Topic.LANES) as bell:
            while True:
                self._watch.beat("lanes")
                try:
                    worked = await self._round() if rung or await self._anything() else 0
                except StoreUnavailable as failure:
                    log.warning("lanes.waiting", failure=str(failure))
                    await asyncio.sleep(_SWEEP_S)
                    continue
                rung = worked > 0 or await bell.wait(_SWEEP_S)

    async def _anything(self) -> bool:
        """Look whether anything waits, without writing: this is all that an idle second costs."""
        return (await self._store.read(lambda turn: turn.one(ANYTHING))).waits

    async def _round(self) -> int:
        """Work once on what there is; under a flood the calm senders' events come first."""
        hinted = self._hinted()
        worked = 0
        if hinted.flooded and hinted.calm:
            worked += await self._work(only=sorted(hinted.calm))
        return worked + await self._work(only=None)

    async def _work(self, *, only: Sequence[str] | None) -> int:
        async def job(turn: Turn) -> int:
            return await correlate(turn, self._directory, _ALL, most=LANE_BATCH, only=only)

        try:
            worked = await self._store.work(job)
        except StoreUnavailable:
            raise
        except Exception as failure:
            log.exception("lanes.batch_failed", failure=repr(failure))
            worked = await self._one_by_one()
        self._watch.events.inc(worked)
        return worked

    async def _one_by_one(self) -> int:
        """Work on single events until the one is found that fails even alone, and park that one."""
        for count in range(LANE_BATCH):

            async def job(turn: Turn) -> int:
                return await correlate(turn, self._directory, _ALL, most=1)

            try:
                if not await self._store.work(job):
                    return count
            except StoreUnavailable:
                raise
            except Exception as failure:  # noqa: BLE001 - border of a loop: the event is kept, shown and passed over
                await self._park_first(repr(failure))
                return count + 1
        return LANE_BATCH

    async def _park_first(self, error: str) -> None:
        async def job(turn: Turn) -> int | None:
            return await park_next(turn, _ALL, error)

        event_id = await self._store.work(job)
        self._watch.parked.inc()
        log.error("lanes.event_parked", event_id=event_id, error=error)
