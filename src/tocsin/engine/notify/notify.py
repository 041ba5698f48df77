"""Notify: the loop that claims due pages and hands each to the providers of its channel, one after the other."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from tocsin.domain.paging.channel import Accepted, Address, Limit, Lost, Outcome, Provider, Rejected, Temporary
from tocsin.domain.paging.message import Message
from tocsin.domain.paging.storm import sort_pages
from tocsin.engine.notify.compose import Composer
from tocsin.engine.notify.settle import Handing, Result, Settler
from tocsin.engine.watch import Watch
from tocsin.ground import clock
from tocsin.ground.limits import LEASE, PROVIDER_PATIENCE
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.notifications import CLAIM, NEXT_PAGE, RECENT_MESSAGES, Claimed
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("notify")

_SLOTS = 64  # calls under way per channel: a slow provider fills its own and nobody else's
_FEWEST = 8  # free slots for which claiming is worth a round trip
_SWEEP_S = 1.0  # seconds: the net under lost hints
_RANK_LOW = 2  # of low-urgency pages
_PATIENCE_S = PROVIDER_PATIENCE.total_seconds()


class Carrier:
    """A channel with the providers that the settings name, and its free slots."""

    def __init__(self, limit: Limit | None, providers: Sequence[Provider], *, slots: int = _SLOTS) -> None:
        """Start with every slot free."""
        self.limit = limit
        self.providers = tuple(providers)
        self.slots = slots
        self.busy = 0

    @property
    def free(self) -> int:
        """How many messages may leave now."""
        return self.slots - self.busy


class Notifier:
    """Sends pages until cancelled. Claiming is the last look at the incident: what is claimed leaves at once.

    A page of an incident that is answered meanwhile is called off by the answer's transaction while it is pending;
    once it is claimed it leaves within milliseconds.
    """

    def __init__(
        self,
        store: Store,
        directory: Directory,
        *,
        carriers: Mapping[str, Carrier],
        composer: Composer,
        watch: Watch,
    ) -> None:
        """Prepare to send by these channels, by kind."""
        self._store = store
        self._carriers = carriers
        self._composer = composer
        self._watch = watch
        self._settler = Settler(store, directory)
        self._nobody = Carrier(None, ())
        self._freed = asyncio.Event()

    async def run(self) -> None:
        """Claim and send; when cancelled, let what is on its way end and write what became of it."""
        async with asyncio.TaskGroup() as group:
            settling = group.create_task(self._settler.run(), name="settle")
            try:
                async with asyncio.TaskGroup() as sending:
                    await self._claim_for_ever(sending)
            finally:
                settling.cancel()

    async def _claim_for_ever(self, sending: asyncio.TaskGroup) -> None:
        with self._store.hints.listening(Topic.PAGES) as bell:
            while True:
                try:
                    pause = await self._until_next()
                    if pause <= 0:
                        await self._claim(sending)
                except Exception as failure:
                    log.exception("notify.claim_failed", failure=repr(failure))
                    pause = _SWEEP_S
                self._watch.beat("notify")
                if pause > 0:
                    await bell.wait(pause)

    async def _claim(self, sending: asyncio.TaskGroup) -> None:
        """Claim what is due and start sending it; with every slot taken, wait until one is free."""
        self._freed.clear()
        free = {kind: carrier.free for kind, carrier in self._carriers.items() if carrier.free >= _FEWEST}
        if not free:
            await self._freed.wait()
            return
        known = list(self._carriers)
        values = {"channels": list(free), "known": known, "most": min(free.values()), "lease": LEASE}

        async def job(turn: Turn) -> tuple[list[Claimed], dict[str, int], datetime]:
            pages = await turn.rows(CLAIM, values)
            return pages, await self._recent(turn, pages), turn.now

        pages, recent, now = await self._store.work(job)
        by_method: dict[str, list[Claimed]] = defaultdict(list)
        for page in pages:
            by_method[page.contact_method_id].append(page)
        for method_id, group in by_method.items():
            self._start(sending, group, recent.get(method_id, 0), now)

    async def _recent(self, turn: Turn, pages: Sequence[Claimed]) -> dict[str, int]:
        """Return how many messages the contact methods with a limit got within its stretch."""
        counts: dict[str, int] = {}
        by_channel: dict[str, set[str]] = defaultdict(set)
        for page in pages:
            by_channel[page.channel].add(page.contact_method_id)
        for kind, ids in by_channel.items():
            limit = self._carrier(kind).limit
            if limit is not None:
                values = {"ids": sorted(ids), "per": limit.per}
                counts |= {row.contact_method_id: row.messages for row in await turn.rows(RECENT_MESSAGES, values)}
        return counts

    def _carrier(self, kind: str) -> Carrier:
        """Return who carries a channel; for one that this node does not know, nobody does, and its pages fail aloud."""
        return self._carriers.get(kind) or self._nobody

    def _start(self, sending: asyncio.TaskGroup, pages: Sequence[Claimed], recent: int, now: datetime) -> None:
        """Start sending the claimed pages of one contact method, alone or together."""
        wanted = [page for page in pages if page.status == "triggered" and page.address is not None]
        for page in pages:
            if page.status != "triggered":
                self._settler.add(Result((page,), _key(page), cancelled=page.status))
            elif page.address is None:
                gone = _no_call("the contact method is gone or switched off")
                self._settler.add(Result((page,), _key(page), (gone,)))
        if not wanted:
            return
        carrier = self._carrier(wanted[0].channel)
        sorted_pages = sort_pages(wanted, carrier.limit, recent=recent, now=now)
        groups: list[tuple[Claimed, ...]] = [(page,) for page in sorted_pages.single]
        groups += [tuple(each) for each in (sorted_pages.bundle, sorted_pages.digest) if each]
        for page in sorted_pages.held:
            self._settler.add(Result((page,), _key(page), held_until=sorted_pages.held_until))
        for group in groups:
            carrier.busy += 1
            digest = group[0] in sorted_pages.digest
            sending.create_task(self._send(carrier, group, now, digest=digest), name=f"page-{group[0].id}")

    async def _send(self, carrier: Carrier, pages: tuple[Claimed, ...], now: datetime, *, digest: bool) -> None:
        """Hand one message to the channel's providers in order until one takes it, and settle what came of it."""
        try:
            if len(pages) == 1:
                message = self._composer.page(pages[0], now)
            else:
                message = self._composer.several(pages, now, digest=digest)
            handings = await self._hand(carrier, message, self._composer.address(pages[0]), _key(pages[0]))
        except Exception as failure:
            log.exception("notify.send_failed", failure=repr(failure), notification_id=pages[0].id)
            handings = [_no_call(f"internal error: {type(failure).__name__}")]
        finally:
            carrier.busy -= 1
            self._freed.set()
        self._settler.add(Result(pages, _key(pages[0]), tuple(handings)))
        leader, last = pages[0], handings[-1]
        first = leader.round == 1 and leader.sends == 1 and leader.rank < _RANK_LOW
        waited = last.ended_at - leader.incident_created_at if first else None
        self._watch.handed(leader.channel, last.receipt, pages=len(pages), first_after=waited)

    async def _hand(self, carrier: Carrier, message: Message, to: Address, key: str) -> list[Handing]:
        handings: list[Handing] = []
        for provider in carrier.providers:
            started_at = clock.utc_now()
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    outcome = await provider.send(message, to, key)
            except TimeoutError:
                outcome = Lost(f"{provider.name} did not answer within {_PATIENCE_S:.0f} s")
            handings.append(_handing(provider.name, outcome, started_at, clock.utc_now()))
            if isinstance(outcome, Accepted | Lost):
                return handings
        return handings or [_no_call(f"no provider is set up for {to.channel}")]

    async def _until_next(self) -> float:
        """Return for how many seconds nothing is due, at most a second; 0 when something is.

        It only reads: this is all that an idle second costs.
        """

        async def job(turn: Turn) -> float:
            upcoming = await turn.one(NEXT_PAGE)
            if upcoming.due_at is None or upcoming.held:
                return _SWEEP_S
            return min((upcoming.due_at - turn.now).total_seconds(), _SWEEP_S)

        return await self._store.read(job)


def _no_call(why: str) -> Handing:
    """Return what is written when there was nobody to hand a page to."""
    at = clock.utc_now()
    return Handing("tocsin", "rejected", at, at, detail=why)


def _key(page: Claimed) -> str:
    """Return what names this page to receivers, the same for every sending of it."""
    return f"tocsin-{page.id}"


def _handing(provider: str, outcome: Outcome, started_at: datetime, ended_at: datetime) -> Handing:
    match outcome:
        case Accepted():
            return Handing(provider, "accepted", started_at, ended_at, ref=outcome.ref)
        case Rejected():
            return Handing(provider, "rejected", started_at, ended_at, detail=f"{outcome.code} {outcome.text}".strip())
        case Temporary():
            wait = timedelta(seconds=outcome.retry_after_s)
            return Handing(provider, "temporary", started_at, ended_at, detail=outcome.text, retry_after=wait)
        case Lost():
            return Handing(provider, "unknown", started_at, ended_at, detail=outcome.text)
