"""Auditor: asks every few seconds whether the promises hold, repairs once, and says aloud what it found."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from msgspec import Struct

from tocsin.domain.incidents.moves import decide
from tocsin.domain.incidents.order import Revive
from tocsin.engine.loops.alarm import raise_alarm
from tocsin.engine.turn import begin, finish
from tocsin.engine.watch import Watch
from tocsin.ground.errors import Refused
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.invariants import (
    FORGOTTEN_INCIDENTS,
    LATE_EVENTS,
    LATE_PAGES,
    LATE_TIMERS,
    PARKED_EVENTS,
    UNKNOWN_PAGES,
)
from tocsin.store.lanes import BACKLOG
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("auditor")

_EVERY_S = 15.0
_LONGEST_STALL = timedelta(seconds=30)  # of a loop beyond its own pause


_FORGOTTEN = "open incident without anything due"
_LATE = {"timer overdue": Topic.TIMERS, "event waits": Topic.LANES, "page overdue": Topic.PAGES}


class Findings(Struct, frozen=True):
    """What was found: subjects per broken promise, incidents that were repaired, and what the database holds up."""

    broken: dict[str, list[str]]
    repaired: int = 0

    @property
    def clean(self) -> bool:
        """Say whether every promise holds."""
        return not any(self.broken.values())


class Auditor:
    """Checks until cancelled; `report` is called with every round's findings (an internal incident, a heartbeat)."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        *,
        watch: Watch,
        report: Callable[[Findings], Awaitable[None]],
    ) -> None:
        """Prepare to check."""
        self._store = store
        self._directory = directory
        self._watch = watch
        self._report = report

    async def run(self) -> None:
        """Check every 15 seconds."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self._watch.beat("auditor", pause_s=_EVERY_S)
            try:
                await self._report(await self.check())
            except Exception as failure:
                log.exception("auditor.failed", failure=repr(failure))

    async def check(self) -> Findings:
        """Look at every promise once, repair what can be, wake the loops that are late, and tell what was found."""
        findings = await audit(self._store, self._watch)
        repaired = await self._repair(findings.broken[_FORGOTTEN])
        for invariant, topic in _LATE.items():
            if findings.broken[invariant]:
                self._store.hints.ring(topic)
        for invariant, subjects in findings.broken.items():
            if subjects:
                self._watch.violated(invariant, subjects)
                log.error("auditor.broken", invariant=invariant, subjects=subjects[:20], count=len(subjects))
        try:
            await self._store.work(lambda turn: raise_alarm(turn, self._directory, findings.broken))
        except Refused as refusal:  # another node raised it first, or somebody switched our own service off
            log.warning("auditor.alarm_refused", why=refusal.message)
        return Findings(findings.broken, repaired)

    async def _repair(self, forgotten: list[str]) -> int:
        if not forgotten:
            return 0

        async def job(turn: Turn) -> int:
            return await self._revive(turn, forgotten)

        return await self._store.work(job)

    async def _revive(self, turn: Turn, incident_ids: list[str]) -> int:
        """Call people again for forgotten incidents that are forgotten still, now that they are locked."""
        decisions = await begin(turn, self._directory, incident_ids)
        still = {row.incident_id for row in await turn.rows(FORGOTTEN_INCIDENTS)} & set(decisions)
        for incident_id in still:
            decide(decisions[incident_id], Revive("nothing was due for this open incident"))
        await finish(turn, [decisions[incident_id] for incident_id in still])
        return len(still)


async def audit(store: Store, watch: Watch) -> Findings:
    """Ask the database, and this process, whether every promise holds; change nothing."""

    async def look(turn: Turn) -> dict[str, list[str]]:
        backlog = await turn.one(BACKLOG)
        watch.inbox_age.set(backlog.oldest_s)
        watch.inbox_events.set(backlog.events)
        watch.unknown.set((await turn.one(UNKNOWN_PAGES)).n)
        return {
            _FORGOTTEN: [row.incident_id for row in await turn.rows(FORGOTTEN_INCIDENTS)],
            "timer overdue": [row.incident_id for row in await turn.rows(LATE_TIMERS)],
            "event waits": ["inbox"] * (await turn.one(LATE_EVENTS)).n,
            "event parked": ["parked_event"] * (await turn.one(PARKED_EVENTS)).n,
            "page overdue": ["notification"] * (await turn.one(LATE_PAGES)).n,
        }

    broken = await store.read(look)
    broken["loop stalled"] = watch.stalled(_LONGEST_STALL)
    return Findings(broken)
