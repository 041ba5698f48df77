"""Notify: the loop that claims due pages and hands each to the providers of its channel, one after the other."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog

from tocsin.domain.paging.channel import Limit, Provider
from tocsin.domain.paging.storm import sort_pages
from tocsin.engine.notify.compose import Composer
from tocsin.engine.notify.hand import Handing, hand, no_call
from tocsin.engine.notify.settle import Result, Settler
from tocsin.engine.watch import Watch
from tocsin.ground.limits import FIRST_PAGE_LATE, LEASE
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.notifications import CLAIM, DUE_CHANNELS, NEXT_PAGE, RECENT_MESSAGES, RENEW, Claimed
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("notify")

_FEWEST = 8  # free slots for which claiming is worth a round trip
_SLOTS = 64  # of a channel without providers, whose pages fail at once
_AGAIN_S = 1.0  # seconds until what failed is tried again
_SWEEP_S = 5.0  # seconds: a second net under lost hints; the first is the keeper's look each second
_RANK_LOW = 2  # of low-urgency pages


class Carrier:
    """A channel with the providers that the settings name, and its free slots: as many as they carry at once."""

    def __init__(self, limit: Limit | None, providers: Sequence[Provider]) -> None:
        """Start with every slot free."""
        self.limit = limit
        self.providers = tuple(providers)
        self.slots = sum(provider.lines for provider in self.providers) or _SLOTS
        self.busy = 0

    @property
    def free(self) -> int:
        """How many messages may leave now; 0 while so few could that a claim is not worth it."""
        free = self.slots - self.busy
        return free if free >= min(_FEWEST, self.slots) else 0

    def leave(self) -> bool:
        """Give a slot back; return whether there is room now where there was none."""
        was_full = not self.free
        self.busy -= 1
        return was_full and self.free > 0


class Notifier:
    """Sends pages. Claiming is the last look at the incident: what is claimed leaves at once.

    A page of an incident that is answered meanwhile is called off by the answer's transaction while it is pending;
    once it is claimed it leaves within milliseconds, and before a further provider is tried the incident is asked.
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
        self._nobody = Carrier(None, ())
        self._composer = composer
        self._watch = watch
        self._under_way: Counter[str] = Counter()
        self._settler = Settler(store, directory, self._settled)
        self._closing = False

    async def run(self) -> None:
        """Claim and send until closed; then let what is on its way end, and write what became of it.

        Cancelling it instead leaves the pages that are on their way to their leases, which end in a marked repeat.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._settler.run(), name="settle")
            async with asyncio.TaskGroup() as sending:
                await self._claim_until_closed(sending)
            self._settler.close()

    def close(self) -> None:
        """Claim nothing more; `run` returns when everything that was claimed is settled."""
        self._closing = True
        self._store.hints.ring(Topic.PAGES)

    async def _claim_until_closed(self, sending: asyncio.TaskGroup) -> None:
        rung = False
        with self._store.hints.listening(Topic.PAGES) as bell:
            while not self._closing:
                try:
                    pause = await self._claim(sending, at_once=rung)
                except Exception as failure:
                    log.exception("notify.claim_failed", failure=repr(failure))
                    pause = _AGAIN_S
                self._watch.beat("notify")
                rung = pause <= 0 or await bell.wait(pause)

    async def _claim(self, sending: asyncio.TaskGroup, *, at_once: bool) -> float:
        """Claim what is due and start sending it; return for how many seconds nothing will be due, at most five.

        Unless it is told to claim `at_once` it looks first: an idle second costs one small reading statement. A
        channel with every slot taken rings when it has room again.
        """
        free = {kind: carrier.free for kind, carrier in self._carriers.items() if carrier.free}
        if not free:
            return _SWEEP_S
        values: dict[str, object] = {"channels": list(free), "known": list(self._carriers)}
        if not at_once and (pause := await self._until_next(values)) > 0:
            return pause

        under_way = self._under_way.copy()  # counted before: what is settled during the claim would be in neither count

        async def job(turn: Turn) -> tuple[list[Claimed], dict[str, int], datetime]:
            pages = []
            for row in await turn.rows(DUE_CHANNELS, values):
                pages += await self._claim_channel(turn, row.channel, free.get(row.channel, _SLOTS))
            return pages, await self._recent(turn, pages), turn.now

        pages, recent, now = await self._store.work(job)
        if not pages:
            return await self._until_next(values)
        by_method: dict[str, list[Claimed]] = defaultdict(list)
        for page in pages:
            by_method[page.contact_method_id].append(page)
        for method_id, group in by_method.items():
            self._start(sending, group, recent.get(method_id, 0) + under_way[method_id], now)
        return 0.0

    async def _claim_channel(self, turn: Turn, kind: str, most: int) -> list[Claimed]:
        limited = self._carrier(kind).limit is not None
        values = {"channel": kind, "most": most, "limited": limited, "lease": LEASE, "late": FIRST_PAGE_LATE}
        return await turn.rows(CLAIM, values)

    async def _until_next(self, values: Mapping[str, object]) -> float:
        """Return for how many seconds nothing is due, at most five seconds; 0 or less when something is."""
        upcoming = await self._store.glance(NEXT_PAGE, values)
        if upcoming.due_at is None or upcoming.held:
            return _SWEEP_S
        return min((upcoming.due_at - upcoming.now).total_seconds(), _SWEEP_S)

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
                gone = no_call("the contact method is gone or switched off")
                self._settler.add(Result((page,), _key(page), (gone,)))
        if not wanted:
            return
        carrier = self._carrier(wanted[0].channel)
        leaving = sort_pages(wanted, carrier.limit, recent=recent, now=now)
        groups: list[tuple[Claimed, ...]] = [(page,) for page in leaving.single]
        groups += [tuple(each) for each in (leaving.bundle, leaving.digest) if each]
        for page in leaving.held:
            self._settler.add(Result((page,), _key(page), held_until=leaving.held_until))
        for group in groups:
            carrier.busy += 1
            self._under_way[group[0].contact_method_id] += 1
            digest = group[0] in leaving.digest
            sending.create_task(self._send(carrier, group, now, digest=digest), name=f"page-{group[0].id}")

    async def _send(self, carrier: Carrier, pages: tuple[Claimed, ...], now: datetime, *, digest: bool) -> None:
        """Hand one message to the channel's providers in order until one takes it, and settle what came of it."""
        leader = pages[0]
        try:
            if len(pages) == 1:
                message = self._composer.page(leader, now)
            else:
                message = self._composer.several(pages, now, digest=digest)
            to = self._composer.address(leader)
            renewed = partial(self._renewed, leader)
            result = await hand(carrier.providers, message, to=to, key=_key(leader), renewed=renewed)
        except Exception as failure:
            log.exception("notify.send_failed", failure=repr(failure), notification_id=leader.id)
            result = [no_call(f"internal error: {type(failure).__name__}")]
        finally:
            if carrier.leave():
                self._store.hints.ring_here(Topic.PAGES)
        self._settler.add(Result(pages, _key(leader), tuple(result)))
        self._measure(pages, result[-1])

    async def _renewed(self, page: Claimed) -> bool:
        values = {"id": page.id, "fence": page.fence, "lease": LEASE}
        return bool(await self._store.work(lambda turn: turn.rows(RENEW, values)))

    def _measure(self, pages: tuple[Claimed, ...], last: Handing) -> None:
        leader = pages[0]
        first = leader.round == 1 and leader.sends == 1 and leader.rank < _RANK_LOW
        waited = last.ended_at - leader.incident_created_at if first else None
        self._watch.handed(leader.channel, last.receipt, pages=len(pages), first_after=waited)

    def _settled(self, results: Sequence[Result]) -> None:
        """Take messages off the count of those under way, now that the database counts them."""
        for result in results:
            if result.handings:
                method_id = result.pages[0].contact_method_id
                self._under_way[method_id] -= 1
                if self._under_way[method_id] <= 0:
                    del self._under_way[method_id]


def _key(page: Claimed) -> str:
    """Return what names this page to receivers, the same for every sending of it."""
    return f"tocsin-{page.id}"
