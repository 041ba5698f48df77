"""Lanes: the loop that works on accepted events, those of calm senders before those of a flood."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

import structlog

from tocsin.engine.accept import Hinted
from tocsin.engine.correlate import EVERYBODY, correlate, park
from tocsin.engine.watch import Watch
from tocsin.ground import clock
from tocsin.ground.errors import StoreUnavailable
from tocsin.ground.limits import LANE_BATCH
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.lanes import ANYTHING, Received, Senders
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("lanes")

_FLOOD_BATCH = 30  # events of one turn during a flood: a calm sender's event waits for the end of the turn
_LONGEST_YIELD_S = 0.02  # seconds given to the doors between two turns while events wait for their commit
_AGAIN_S = 1.0  # seconds until what failed is tried again
_SWEEP_S = 5.0  # seconds: a second net under lost hints; the first is the keeper's look each second
_MOST_PARKED_IN_A_ROW = 3  # bad events are single; a row of them is a fault of ours that parking would only hide
HELD_FOR_S = 10.0  # seconds until an integration that holds itself up is tried again
_MOST_TRIED = 10  # integrations tried again in one round, so that the others' events need not wait for many
_MOST_LOOKS = 20  # events of one such integration that are looked at in a row for one that can be worked on


class _Held:
    """Integrations whose events fail one after the other: theirs wait, and those of all others go on."""

    def __init__(self, held_for_s: float) -> None:
        self._held_for_s = held_for_s
        self._again_at: dict[str, float] = {}
        self._parked: Counter[str] = Counter()
        self._failed_in_a_row = 0

    def __bool__(self) -> bool:
        return bool(self._again_at)

    def ids(self) -> list[str]:
        """Return the integrations that are held up."""
        return list(self._again_at)

    def due(self) -> list[str]:
        """Return those that are to be tried again, the longest waiting first."""
        now = clock.seconds()
        return sorted((each for each, at in self._again_at.items() if at <= now), key=self._again_at.__getitem__)

    def hold(self, integration_id: str) -> None:
        """Let the events of this integration wait."""
        self._again_at[integration_id] = clock.seconds() + self._held_for_s

    def went_well(self, integration_ids: Iterable[str]) -> None:
        """Note that events of these integrations were worked on."""
        for integration_id in integration_ids:
            self._failed_in_a_row = 0
            self._parked.pop(integration_id, None)
            self.release(integration_id)

    def release(self, integration_id: str) -> None:
        """Let an integration's events come with those of the others again."""
        self._again_at.pop(integration_id, None)

    def is_single(self, integration_id: str) -> bool:
        """Note that an event failed; say whether so few did, here and everywhere, that it is the event's own fault."""
        self._failed_in_a_row += 1
        self._parked[integration_id] += 1
        return max(self._failed_in_a_row, self._parked[integration_id]) <= _MOST_PARKED_IN_A_ROW


class LaneLoop:
    """Works on the inbox until cancelled."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        *,
        hinted: Callable[[], Hinted],
        watch: Watch,
        held_for_s: float = HELD_FOR_S,
    ) -> None:
        """Prepare to work; `hinted` asks the doors what came in, and what fails is tried again after `held_for_s`."""
        self._store = store
        self._directory = directory
        self._hinted = hinted
        self._watch = watch
        self._held = _Held(held_for_s)

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
            worked += await self._work(LANE_BATCH, Senders(only=sorted(hinted.calm), but=self._held.ids()))
        worked += await self._work(_FLOOD_BATCH if hinted.flooded else LANE_BATCH, self._others())
        for integration_id in self._held.due()[:_MOST_TRIED]:
            worked += await self._try_again(integration_id)
        if hinted.pressing:
            # Half of the time is the doors': an event that is not accepted is lost, one that waits is not.
            await asyncio.sleep(min(clock.seconds() - began, _LONGEST_YIELD_S))
        return worked

    def _others(self) -> Senders:
        """Return all senders but those that are held up."""
        return Senders(but=self._held.ids()) if self._held else EVERYBODY

    async def _work(self, most: int, senders: Senders) -> int:
        taken: list[Received] = []
        try:
            worked = await self._correlated(most, senders, taken)
        except StoreUnavailable:
            raise
        except Exception as failure:
            log.exception("lanes.batch_failed", failure=repr(failure))
            worked = await self._one_by_one()
        else:
            self._held.went_well(each.integration_id for each in taken)
        self._watch.events.inc(worked)
        return worked

    async def _correlated(self, most: int, senders: Senders, taken: list[Received]) -> int:
        async def job(turn: Turn) -> int:
            return await correlate(turn, self._directory, most=most, senders=senders, taken=taken)

        return await self._store.work(job)

    async def _one_by_one(self) -> int:
        """Work on single events until the one is found that fails even alone, and put that one out of the way."""
        for count in range(LANE_BATCH):
            taken: list[Received] = []
            try:
                if not await self._correlated(1, self._others(), taken):
                    return count
            except StoreUnavailable:
                raise
            except Exception as failure:  # noqa: BLE001 - border of a loop: the event is kept, shown and passed over
                await self._put_aside(taken, failure)
                return count + 1
            self._held.went_well(each.integration_id for each in taken)
        return LANE_BATCH

    async def _put_aside(self, taken: list[Received], failure: Exception) -> None:
        """Park the event that failed; after several in a row the fault is ours, and its integration has to wait."""
        if not taken:
            log.error("lanes.stuck", failure=repr(failure))
            await asyncio.sleep(_AGAIN_S)
        elif self._held.is_single(taken[0].integration_id):
            await self._park(taken[0].id, failure)
        else:
            self._hold(taken[0].integration_id, failure)

    async def _try_again(self, integration_id: str) -> int:
        """Try an integration that is held up; when a later event of it goes well, those before it are bad ones."""
        failed: dict[int, Exception] = {}
        for _ in range(_MOST_LOOKS):
            taken: list[Received] = []
            try:
                worked = await self._correlated(1, Senders(only=[integration_id], after=max(failed, default=0)), taken)
            except StoreUnavailable:
                raise
            except Exception as failure:  # noqa: BLE001 - border of a loop: the event waits, and the loop says so
                if not taken:
                    return self._hold(integration_id, failure)
                failed[taken[0].id] = failure
                continue
            if not worked and failed:
                break
            if not worked:
                self._held.release(integration_id)
                return 0
            for event_id, fault in failed.items():
                await self._park(event_id, fault)
            self._held.went_well([integration_id])
            self._watch.events.inc(worked)
            return worked
        return self._hold(integration_id, failed[max(failed)])

    def _hold(self, integration_id: str, failure: Exception) -> int:
        """Let the events of an integration wait, and say so; nothing was worked on."""
        self._held.hold(integration_id)
        log.error("lanes.stuck", integration_id=integration_id, failure=repr(failure), held_up=len(self._held.ids()))
        return 0

    async def _park(self, event_id: int, failure: Exception) -> None:
        async def job(turn: Turn) -> None:
            await park(turn, event_id, repr(failure))

        await self._store.work(job)
        self._watch.parked.inc()
        log.error("lanes.event_parked", event_id=event_id, failure=repr(failure))
