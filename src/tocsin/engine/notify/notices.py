"""Notices: what asks for no answer is sent by a loop of its own, a few at a time, and never before a page."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog

from tocsin.engine.notify.compose import Composer
from tocsin.engine.notify.hand import Handing, Verdict, hand, no_call, verdict
from tocsin.engine.notify.notify import Carrier
from tocsin.engine.watch import Watch
from tocsin.ground.errors import StoreUnavailable
from tocsin.ground.limits import MOST_REPEATED_SENDS
from tocsin.store.hints import Bell, Topic
from tocsin.store.notices import sending
from tocsin.store.notices.sending import AHEAD, DUE_CHANNELS, ClaimedNotice, Ended
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("notices")

_MOST_AT_ONCE = 4  # of one channel; a page that comes meanwhile finds nearly all of its slots free
_SHARE = 4  # of a channel's slots notices take one in so many, at least one
_AGAIN_S = 1.0  # seconds until what failed, or had to let pages go first, is tried again
_CALM_S = 1.0  # seconds after a ring: a storm of pages rings often, and a notice can wait for it
_SWEEP_S = 5.0  # seconds: a net under lost hints


class Noticer:
    """Sends notices by the carriers of the pages, whose slots it shares so that both know what is taken."""

    def __init__(self, store: Store, *, carriers: Mapping[str, Carrier], composer: Composer, watch: Watch) -> None:
        """Prepare to send by these channels, by kind."""
        self._store = store
        self._carriers = carriers
        self._nobody = Carrier(None, ())
        self._composer = composer
        self._watch = watch
        self._under_way: Counter[str] = Counter()
        self._freed = Bell(event := asyncio.Event())
        self._free = event.set
        self._closing = False

    async def run(self) -> None:
        """Claim and send until closed; then let what is on its way end, and write what became of it.

        Cancelling it instead leaves what is on its way to its leases, which end in a marked repeat.
        """
        async with asyncio.TaskGroup() as group:
            with self._store.hints.listening(Topic.PAGES) as bell:
                await self._until_closed(group, bell)

    def close(self) -> None:
        """Claim nothing more; `run` returns when everything that was claimed is written."""
        self._closing = True
        self._free()
        self._store.hints.ring_here(Topic.PAGES)

    async def _until_closed(self, group: asyncio.TaskGroup, bell: Bell) -> None:
        while not self._closing:
            try:
                pause = await self._look(group)
            except Exception as failure:  # noqa: BLE001 - border of a loop: the next look tries again
                level = log.warning if isinstance(failure, StoreUnavailable) else log.error
                level("notices.failed", failure=repr(failure))
                pause = _AGAIN_S
            self._watch.beat("notices")
            if pause is None:
                await self._freed.wait(_AGAIN_S)
            elif await bell.wait(pause) and pause > 0 and not self._closing:
                await asyncio.sleep(_CALM_S)

    async def _look(self, group: asyncio.TaskGroup) -> float | None:
        """Start sending what is due.

        Returns for how many seconds there will be nothing to do, at most five; None when the next thing to do is
        possible once something that is on its way has ended.
        """
        ahead = await self._store.glance(AHEAD)
        if ahead.silent:
            taken = await self._store.work(lambda turn: sending.take_back(turn, MOST_REPEATED_SENDS))
            log.warning("notices.taken_back", notice_ids=taken)
            return 0.0
        if ahead.due_at is None or ahead.held:
            return _SWEEP_S
        wait = (ahead.due_at - ahead.now).total_seconds()
        if wait > 0:
            return min(wait, _SWEEP_S)
        claimed, now = await self._store.work(self._claim)
        for notice in claimed:
            self._start(group, notice, now)
        if claimed or not self._under_way.total():
            return 0.0 if claimed else _AGAIN_S
        return None

    async def _claim(self, turn: Turn) -> tuple[list[ClaimedNotice], datetime]:
        claimed: list[ClaimedNotice] = []
        for row in await turn.rows(DUE_CHANNELS):
            room = self._room(row.channel)
            if room > 0:
                claimed += await sending.claim(turn, row.channel, room)
        return claimed, turn.now

    def _room(self, kind: str) -> int:
        """Return how many notices of a channel may leave now: few, and none while its pages take every slot."""
        carrier = self._carrier(kind)
        allowed = min(_MOST_AT_ONCE, max(1, carrier.slots // _SHARE)) - self._under_way[kind]
        return min(allowed, carrier.free)

    def _carrier(self, kind: str) -> Carrier:
        """Return who carries a channel; for one that this node does not know, nobody does."""
        return self._carriers.get(kind) or self._nobody

    def _start(self, group: asyncio.TaskGroup, notice: ClaimedNotice, now: datetime) -> None:
        carrier = self._carrier(notice.channel)
        carrier.busy += 1
        self._under_way[notice.channel] += 1
        group.create_task(self._send(carrier, notice, now), name=f"notice-{notice.id}")

    async def _send(self, carrier: Carrier, notice: ClaimedNotice, now: datetime) -> None:
        """Hand a notice to the channel's providers in order until one takes it, and write what came of it."""
        handings: Sequence[Handing] = ()
        try:
            if notice.valid_until is None or now <= notice.valid_until:
                handings = await self._handed(carrier, notice, now)
        finally:
            self._under_way[notice.channel] -= 1
            self._free()
            if carrier.leave():
                self._store.hints.ring_here(Topic.PAGES)
        ended = await self._written(notice, handings)
        if ended is not None and ended.state != "handed":
            self._store.hints.ring_here(Topic.PAGES)  # it is due again soon, or the next address is at once
            log.log(
                logging.INFO if ended.state in ("pending", "cancelled") else logging.WARNING,
                "notices.not_told",
                notice_id=notice.id,
                user_id=notice.user_id,
                channel=notice.channel,
                state=ended.state,
                why=ended.ended_why,
            )

    async def _handed(self, carrier: Carrier, notice: ClaimedNotice, now: datetime) -> Sequence[Handing]:
        if notice.address is None:
            return [no_call("the contact method is gone or switched off")]
        try:
            message = self._composer.notice(notice, now)
            to = self._composer.address(notice)
            renewed = partial(self._renewed, notice)
            return await hand(carrier.providers, message, to=to, key=f"tocsin-notice-{notice.id}", renewed=renewed)
        except Exception as failure:
            log.exception("notices.send_failed", failure=repr(failure), notice_id=notice.id)
            return [no_call(f"internal error: {type(failure).__name__}")]

    async def _renewed(self, notice: ClaimedNotice) -> bool:
        return await self._store.work(lambda turn: sending.renew(turn, notice))

    async def _written(self, notice: ClaimedNotice, handings: Sequence[Handing]) -> Ended | None:
        """Write how a notice ended and return it, or None when that cannot be written.

        While the database is away this waits, and the fence keeps a late writer from harm.
        """

        async def job(turn: Turn) -> Ended:
            ended = _ended(notice, handings, turn.now)
            await sending.end(turn, ended)
            return ended

        while True:
            try:
                return await self._store.work(job)
            except StoreUnavailable as failure:
                log.warning("notices.waits_to_write", failure=str(failure), notice_id=notice.id)
                await asyncio.sleep(_AGAIN_S)
            except Exception as failure:
                log.exception("notices.not_written", failure=repr(failure), notice_id=notice.id)
                return None


def _ended(notice: ClaimedNotice, handings: Sequence[Handing], now: datetime) -> Ended:
    """Return what became of a notice; without any handing it came too late to be worth telling."""
    uncertain = bool(handings) and handings[-1].receipt == "unknown"
    state, due_at, why = (
        verdict(handings, sends=notice.sends, unknowns=notice.unknowns, now=now)
        if handings
        else Verdict("cancelled", None, "too late to be worth telling")
    )
    return Ended(
        id=notice.id,
        fence=notice.fence,
        state=state,
        due_at=due_at,
        may_repeat=notice.may_repeat or uncertain,
        ended_why=why,
        sends=notice.sends,
        unknowns=notice.unknowns + uncertain,
    )
