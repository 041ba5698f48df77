"""Timers: the loop that wakes at the very instant something is due for an incident."""

import asyncio
from datetime import timedelta

import structlog

from tocsin.engine.escalate import Escalated, escalate, escalate_one, look_ahead
from tocsin.engine.watch import Watch
from tocsin.ground.errors import StoreUnavailable
from tocsin.store.decisions import postpone
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.timers import DUE_TIMERS
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("timers")

_BATCH = 200  # timers of one transaction
_AGAIN_S = 1.0  # seconds until what failed is tried again
_SWEEP_S = 5.0  # seconds: a second net under lost hints; the first is the keeper's look each second
_POSTPONED_FOR = timedelta(minutes=1)  # of an incident whose escalation raised an error
_BUSY_S = 0.01  # seconds until incidents that were locked are looked at again


class TimerLoop:
    """Lets happen what is due, until cancelled."""

    def __init__(self, store: Store, directory: Directory, *, watch: Watch) -> None:
        """Prepare to wait."""
        self._store = store
        self._directory = directory
        self._watch = watch

    async def run(self) -> None:
        """Wake when something is due, when an earlier timer was set, and each second."""
        passed_over = 0
        with self._store.hints.listening(Topic.TIMERS) as bell:
            while True:
                self._watch.beat("timers")
                try:
                    done = await look_ahead(self._store)
                    if done.next_at is not None and done.next_at <= done.now:
                        done = await self._pass(passed_over)
                except Exception as failure:  # noqa: BLE001 - border of a loop: the next sweep tries again
                    level = log.warning if isinstance(failure, StoreUnavailable) else log.error
                    level("timers.failed", failure=repr(failure))
                    await asyncio.sleep(_AGAIN_S)
                    continue
                stuck = done.found - done.incidents if done.found == _BATCH and not done.incidents else 0
                passed_over = passed_over + stuck if stuck else 0
                await bell.wait(_pause(done))

    async def _pass(self, passed_over: int) -> Escalated:
        async def job(turn: Turn) -> Escalated:
            return await escalate(turn, self._directory, most=_BATCH, passed_over=passed_over)

        try:
            done = await self._store.work(job)
        except StoreUnavailable:
            raise
        except Exception as failure:
            log.exception("timers.batch_failed", failure=repr(failure))
            done = await self._one_by_one()
        if done.incidents:
            self._watch.timer_lateness.observe(done.latest.total_seconds())
        return done

    async def _one_by_one(self) -> Escalated:
        """Work on each due incident alone; one that fails is tried again in a minute."""
        due = await self._store.read(lambda turn: turn.rows(DUE_TIMERS, {"most": _BATCH, "passed_over": 0}))
        worked, latest = 0, timedelta()
        for incident_id in dict.fromkeys(each.incident_id for each in due):

            async def job(turn: Turn, incident_id: str = incident_id) -> Escalated:
                return await escalate_one(turn, self._directory, incident_id)

            async def later(turn: Turn, incident_id: str = incident_id) -> None:
                await postpone(turn, incident_id, _POSTPONED_FOR)

            try:
                one = await self._store.work(job)
                worked, latest = worked + one.incidents, max(latest, one.latest)
            except StoreUnavailable:
                raise
            except Exception as failure:
                log.exception("timers.incident_failed", incident_id=incident_id, failure=repr(failure))
                self._watch.violated("incident cannot be escalated", [incident_id])
                await self._store.work(later)
        ahead = await look_ahead(self._store)
        return Escalated(len(due), worked, latest, ahead.next_at, ahead.now)


def _pause(done: Escalated) -> float:
    """Return the seconds until the next pass: none while more is due, else until the next instant."""
    if done.next_at is None:
        return _SWEEP_S
    wait = (done.next_at - done.now).total_seconds()
    if wait <= 0:
        return 0.0 if done.incidents else _BUSY_S
    return min(wait, _SWEEP_S)
