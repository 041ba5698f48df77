"""Settle: what became of pages is written in batches, and what follows from it is set going."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from tocsin.domain.incidents.agent import TOCSIN, Via
from tocsin.domain.incidents.decision import Fact
from tocsin.domain.incidents.moves import decide
from tocsin.domain.incidents.order import Unreachable
from tocsin.domain.incidents.timeline import Entry, EntryKind
from tocsin.engine.notify.hand import Handing, verdict
from tocsin.engine.turn import begin, finish, new_entry_id
from tocsin.ground.errors import StoreUnavailable
from tocsin.store.decisions import write_entries
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.notifications import HURRY, SERVICES_OF, SILENT_ROUNDS, Claimed, DeliveryRecord, Ended, TakenBack, end
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("notify")

_BATCH = 200  # pages written in one transaction
_GATHER_FOR_S = 0.01  # seconds: results of one burst are written together
_AGAIN_S = 1.0  # between two attempts to write while the database is away


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
    """Gathers results and writes them; `run` must be running while pages are sent.

    A result is never thrown away while the program runs: when the database is away it waits, and the fence keeps a
    late writer from harm.
    """

    def __init__(self, store: Store, directory: Directory, settled: Callable[[Sequence[Result]], None]) -> None:
        """Start with nothing to write; `settled` hears of results that are written, or given up."""
        self._store = store
        self._directory = directory
        self._settled = settled
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()

    def add(self, result: Result) -> None:
        """Take a result, to be written within milliseconds."""
        self._results.put_nowait(result)

    def close(self) -> None:
        """Let `run` end once everything that was added is written."""
        self._results.put_nowait(None)

    async def run(self) -> None:
        """Write results until closed."""
        while (first := await self._results.get()) is not None:
            await asyncio.sleep(_GATHER_FOR_S)
            batch = [first]
            ended = False
            while len(batch) < _BATCH and not self._results.empty() and not ended:
                another = self._results.get_nowait()
                if another is None:
                    ended = True
                else:
                    batch.append(another)
            await self._write(batch)
            if ended:
                return

    async def _write(self, batch: Sequence[Result]) -> None:
        """Write the batch; one that cannot be written for what is in it is written result by result."""
        try:
            await self._write_when_possible(batch)
        except Exception as failure:
            log.exception("notify.not_written", failure=repr(failure), results=len(batch))
            if len(batch) > 1:
                for result in batch:
                    await self._write([result])
                return
        self._settled(batch)

    async def _write_when_possible(self, batch: Sequence[Result]) -> None:
        async def job(turn: Turn) -> set[str]:
            return await self._write_in(turn, batch)

        suspects: set[str] | None = None
        while suspects is None:
            try:
                suspects = await self._store.work(job)
            except StoreUnavailable as failure:
                log.warning("notify.waits_to_write", failure=str(failure), results=len(batch))
                await asyncio.sleep(_AGAIN_S)
        if suspects:
            await self._escalate_silent(suspects)

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
                unknowns=page.unknowns + (1 if last is not None and last.receipt == "unknown" else 0),
            )
        )
    return made


def _state(result: Result, page: Claimed, now: datetime) -> tuple[str, datetime | None, str | None, int]:
    """Return a page's new state, when it is due again, why it ended, and how many sends count."""
    if result.held_until is not None:
        return "pending", result.held_until, None, page.sends - 1
    if result.cancelled is not None:
        return "cancelled", None, result.cancelled, page.sends - 1
    state, due_at, why = verdict(result.handings, sends=page.sends, unknowns=page.unknowns, now=now)
    return state, due_at, why, page.sends


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


async def log_unknown(turn: Turn, pages: Sequence[TakenBack]) -> None:
    """Write on the timelines that nobody knows whether these pages arrived, and that the next rule is tried at once."""
    services = {row.id: row.service_id for row in await turn.rows(SERVICES_OF, {"ids": [p.incident_id for p in pages]})}
    entries = []
    for page in pages:
        body: dict[str, object] = {"user_id": page.user_id, "channel": page.channel, "receipt": "unknown"}
        service_id = services.get(page.incident_id, "")
        via = Via("auto")
        entries.append(
            Entry(new_entry_id(), page.incident_id, service_id, turn.now, EntryKind.NOTIFY, TOCSIN, via, body)
        )
    await write_entries(turn, entries)


def _fact(result: Result, page: Claimed) -> Fact:
    body: dict[str, object] = {"user_id": page.user_id, "channel": page.channel}
    return Fact("incident.notified", page.incident_id, body | {"receipt": result.handings[-1].receipt})
