"""Lanes: the loop that works on accepted events, those of calm senders before those of a flood."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from tocsin.engine.accept import Hinted
from tocsin.engine.correlate import correlate, park
from tocsin.engine.watch import Watch
from tocsin.ground import clock
from tocsin.ground.errors import StoreUnavailable
from tocsin.ground.limits import LANE_BATCH
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.lanes import ANYTHING
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("lanes")

_FLOOD_BATCH = 30  # events of one turn during a flood: a calm sender's event waits for the end of the turn
_LONGEST_YIELD_S = 0.02  # seconds given to the doors between two turns while events wait for their commit
_AGAIN_S = 1.0  # seconds until what failed is tried again
_SWEEP_S = 5.0  # seconds: a second net under lost hints; the first is the keeper's look each second
_MOST_PARKED_IN_A_ROW = 3  # bad events are single; a row of them is a fault of ours that parking would only hide


class LaneLoop:
    """Works on the inbox until cancelled."""

    def __init__(self, store: Store, directory: Directory, *, hinted: Callable[[], Hinted], watch: Watch) -> None:
        """Prepare to work; `hinted` asks the doors what came in."""
        self._store = store
        self._directory = directory
        self._hinted = hinted
        self._watch = watch
        self._parked_in_a_row = 0

    async def run(self) -> None:
        """Work whenever something comes in, and look each second whether a hint was lost."""
        rung = False
        with self._store.hints.listening(Topic.LANES) as bell:
            while True:
                self._watch.beat("lanes")
                try:
                    worked = await self._round() if rung or await self._anything() else 0
                except Exception as failure:  # noqa: BLE001 - border of a loop: the next second tries again
                    level = log.warning if isinstance(failure, StoreUnavailable) else log.error
                    level("lanes.failed", failure=repr(failure))
                    await asyncio.sleep(_AGAIN_S)
                    rung = True
                    continue
                rung = worked > 0 or await bell.wait(_SWEEP_S)

    async def _anything(self) -> bool:
        """Look whether anything waits, without writing: this is all that an idle second costs."""
        return (await self._store.glance(ANYTHING)).waits

    async def _round(self) -> int:
        """Work once on what there is; under a flood the calm senders' events come first."""
        hinted = self._hinted()
        began = clock.seconds()
        worked = 0
        if hinted.flooded and hinted.calm:
            worked += await self._work(LANE_BATCH, only=sorted(hinted.calm))
        worked += await self._work(_FLOOD_BATCH if hinted.flooded else LANE_BATCH, only=None)
        if hinted.pressing:
            # Half of the time is the doors': an event that is not accepted is lost, one that waits is not.
            await asyncio.sleep(min(clock.seconds() - began, _LONGEST_YIELD_S))
        return worked

    async def _work(self, most: int, *, only: Sequence[str] | None) -> int:
        async def job(turn: Turn) -> int:
            return await correlate(turn, self._directory, most=most, only=only)

        try:
            worked = await self._store.work(job)
        except StoreUnavailable:
            raise
        except Exception as failure:
            log.exception("lanes.batch_failed", failure=repr(failure))
            worked = await self._one_by_one()
        else:
            self._parked_in_a_row = 0
        self._watch.events.inc(worked)
        return worked

    async def _one_by_one(self) -> int:
        """Work on single events until the one is found that fails even alone, and park that one."""
        for count in range(LANE_BATCH):
            taken: list[int] = []

            async def job(turn: Turn, taken: list[int] = taken) -> int:
                return await correlate(turn, self._directory, most=1, taken=taken)

            try:
                if not await self._store.work(job):
                    return count
            except StoreUnavailable:
                raise
            except Exception as failure:  # noqa: BLE001 - border of a loop: the event is kept, shown and passed over
                await self._park(taken, failure)
                return count + 1
            self._parked_in_a_row = 0
        return LANE_BATCH

    async def _park(self, taken: list[int], failure: Exception) -> None:
        """Park the event that failed; after several in a row the fault is ours, and nothing more is parked."""
        self._parked_in_a_row += 1
        if not taken or self._parked_in_a_row > _MOST_PARKED_IN_A_ROW:
            log.error("lanes.stuck", failure=repr(failure), parked_in_a_row=self._parked_in_a_row)
            await asyncio.sleep(_AGAIN_S)
            return

        async def job(turn: Turn) -> None:
            await park(turn, taken[0], repr(failure))

        await self._store.work(job)
        self._watch.parked.inc()
        log.error("lanes.event_parked", event_id=taken[0], failure=repr(failure))
