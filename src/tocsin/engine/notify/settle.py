"""Settle: what became of pages is written in batches, and what follows from it is set going."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from tocsin.domain.incidents.agent import TOCSIN, Via
from tocsin.domain.incidents.decision import Fact
from tocsin.domain.incidents.moves import decide
from tocsin.domain.incidents.order import Unreachable
from tocsin.domain.incidents.timeline import Entry, EntryKind
from tocsin.engine.turn import begin, finish, new_entry_id
from tocsin.ground.limits import MOST_REPEATED_SENDS
from tocsin.store.decisions import write_entries
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.notifications import HURRY, SILENT_ROUNDS, Claimed, DeliveryRecord, Ended, end
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("notify")

_BATCH = 200  # pages written in one transaction
_GATHER_FOR_S = 0.002  # seconds: results of one burst are written together
_MOST_SENDS = 6  # of one page whose providers answer "later"; about four minutes in all
_REPEAT_AFTER = timedelta(seconds=1)  # an unknown page is sent again after so long, marked


@dataclass(frozen=True, slots=True)
class Handing:
    """One call of a provider: how it ended (`accepted`, `rejected`, `temporary`, `unknown`), and its own words."""

    provider: str
    receipt: str
    started_at: datetime
    ended_at: datetime
    ref: str | None = None
    detail: str = ""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The handings of one message, and the pages that it spoke of, the first of which lends it its key.

    `cancelled` says why it was not sent after all. `held_until` puts the pages back until then.
    """

    pages: tuple[Claimed, ...]
    key: str
    handings: tuple[Handing, ...] = ()
    cancelled: str | None = None
    held_until: datetime | None = None


class Settler:
    """Gathers results and writes them; `run` must be running while pages are sent."""

    def __init__(self, store: Store, directory: Directory) -> None:
        """Start with nothing to write."""
        self._store = store
        self._directory = directory
        self._results: asyncio.Queue[Result] = asyncio.Queue()

    def add(self, result: Result) -> None:
        """Take a result, to be written within milliseconds."""
        self._results.put_nowait(result)

    @property
    def waiting(self) -> int:
        """How many results are not written yet."""
        return self._results.qsize()

    async def run(self) -> None:
        """Write results until cancelled, then write those that are left."""
        try:
            while True:
                batch = [await self._results.get()]
                await asyncio.sleep(_GATHER_FOR_S)
                await self._write(self._drain(batch))
        except asyncio.CancelledError:
            rest = self._drain([])
            if rest:
                await self._write(rest)
            raise

    def _drain(self, batch: list[Result]) -> list[Result]:
        while len(batch) < _BATCH and not self._results.empty():
            batch.append(self._results.get_nowait())
        return batch

    async def _write(self, batch: Sequence[Result]) -> None:
        """Write the batch; when the database stays away the leases run out and the pages are sent again, marked."""

        async def job(turn: Turn) -> set[str]:
            return await self._write_in(turn, batch)

        try:
            suspects = await self._store.work(job)
            if suspects:
                await self._escalate_silent(suspects)
        except Exception as failure:
            log.exception("notify.not_written", failure=repr(failure), results=len(batch))

    async def _write_in(self, turn: Turn, batch: Sequence[Result]) -> set[str]:
        ended = [each for result in batch for each in _ended(result, turn.now)]
        deliveries = [record for result in batch for record in _deliveries(result)]
        kept = await end(turn, ended, deliveries)
        entries: list[Entry] = []
        facts: list[Fact] = []
        for result in batch:
            if result.handings and result.pages[0].id in kept:
                entries.extend(_entry(result, page, turn.now) for page in result.pages)
                facts.extend(_fact(result, page) for page in result.pages)
        await write_entries(turn, entries, facts)
        failed = [each.id for each in ended if each.state in ("failed", "unknown") and each.id in kept]
        if not failed:
            return set()
        await turn.run(HURRY, {"ids": failed})
        turn.hints.add(Topic.PAGES)
        return {page.incident_id for result in batch for page in result.pages if page.id in failed}

    async def _escalate_silent(self, incident_ids: set[str]) -> None:
        """Call the next level at once for incidents all of whose pages failed for good."""

        async def job(turn: Turn) -> None:
            decisions = await begin(turn, self._directory, incident_ids)
            for silent in await turn.rows(SILENT_ROUNDS, {"ids": list(decisions)}):
                why = "no provider took any page of this round"
                decide(decisions[silent.incident_id], Unreachable(silent.round, why))
            await finish(turn, [each for each in decisions.values() if each.entries])

        await self._store.work(job)


def _ended(result: Result, now: datetime) -> list[Ended]:
    leader = result.pages[0].id
    last = result.handings[-1] if result.handings else None
    bundle_id = leader if len(result.pages) > 1 and last is not None else None
    made = []
    for page in result.pages:
        state, due_at, why, sends = _state(result, page, now)
        made.append(
            Ended(
                id=page.id,
                fence=page.fence,
                state=state,
                due_at=due_at,
                may_repeat=page.may_repeat or (last is not None and last.receipt == "unknown"),
                handed_at=now if state == "handed" else None,
                ended_why=why,
                bundle_id=bundle_id,
                sends=sends,
            )
        )
    return made


def _state(result: Result, page: Claimed, now: datetime) -> tuple[str, datetime | None, str | None, int]:
    """Return a page's new state, when it is due again, why it ended, and how many sends count."""
    if result.held_until is not None:
        return "pending", result.held_until, None, page.sends - 1
    if result.cancelled is not None:
        return "cancelled", None, result.cancelled, page.sends - 1
    last = result.handings[-1]
    if last.receipt == "accepted":
        return "handed", None, None, page.sends
    if last.receipt == "unknown":
        if page.sends <= MOST_REPEATED_SENDS:
            return "pending", now + _REPEAT_AFTER, None, page.sends
        return "unknown", None, last.detail, page.sends
    waits = [handing.retry_after for handing in result.handings if handing.retry_after is not None]
    if waits and page.sends < _MOST_SENDS:
        return "pending", now + max(min(waits), timedelta(seconds=2**page.sends)), None, page.sends
    return "failed", None, last.detail, page.sends


def _deliveries(result: Result) -> list[DeliveryRecord]:
    leader = result.pages[0]
    return [
        DeliveryRecord(
            notification_id=leader.id,
            provider=handing.provider,
            key=result.key,
            started_at=handing.started_at,
            ended_at=handing.ended_at,
            receipt=handing.receipt,
            provider_ref=handing.ref,
            detail=handing.detail,
            may_repeat=leader.may_repeat,
        )
        for handing in result.handings
    ]


def _entry(result: Result, page: Claimed, now: datetime) -> Entry:
    last = result.handings[-1]
    body: dict[str, object] = {
        "user_id": page.user_id,
        "contact_method_id": page.contact_method_id,
        "channel": page.channel,
        "receipt": last.receipt,
        "provider": last.provider,
        "after_s": round((now - page.incident_created_at).total_seconds(), 3),
    }
    if page.may_repeat:
        body["may_repeat"] = True
    if len(result.pages) > 1:
        body["bundle"] = len(result.pages)
    if last.receipt != "accepted":
        body["detail"] = last.detail
    via = Via("auto")
    return Entry(new_entry_id(), page.incident_id, page.service_id, now, EntryKind.NOTIFY, TOCSIN, via, body)


def _fact(result: Result, page: Claimed) -> Fact:
    body: dict[str, object] = {"user_id": page.user_id, "channel": page.channel}
    return Fact("incident.notified", page.incident_id, body | {"receipt": result.handings[-1].receipt})
