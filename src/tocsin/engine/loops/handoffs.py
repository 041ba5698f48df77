"""Hand-offs: the loop that tells people in time that they go on call or off call, and corrects what has changed."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from msgspec import Struct

from tocsin.domain.oncall.handoff import (
    LATEST,
    Announcement,
    Handed,
    HandoffRule,
    Passing,
    announcements,
    correction_of,
    headline_of,
    passings,
    told_by,
    words_of,
)
from tocsin.domain.oncall.timeline import HORIZON, Timeline
from tocsin.engine.watch import Watch
from tocsin.ground.errors import StoreUnavailable
from tocsin.store.config import config_stamp
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.leases import take
from tocsin.store.notices import Notice, tell, withdraw
from tocsin.store.notices import handoffs as stored
from tocsin.store.notices.handoffs import LOOK, NameRow, OpenRow, Place
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("handoffs")

_EVERY_S = 60.0
_CALM_S = 5.0  # seconds between two looks at most: a burst of changes to the configuration is one change
_AGAIN_S = 5.0  # seconds until what failed is tried again
_LEASE = timedelta(minutes=2)
_LEASE_NAME = "hand-offs"
_AHEAD = timedelta(seconds=90)  # notices are written so long before they are due: a look and a half
_PLANNED_FOR = timedelta(hours=1)  # how much further than needed now a plan reaches, so that most looks need none
_NEAR = timedelta(days=8)  # most turns end within a week, and looking further costs more
_BATCH = 20  # schedules computed before others get their turn: a few milliseconds


class _Plan(Struct):
    """What is to be announced until `fresh_until`, under one stamp of the configuration."""

    stamp: int
    fresh_until: datetime
    wanted: list[Announcement]
    timelines: Mapping[str, Timeline]
    places: Mapping[str, tuple[Place, ...]]
    told: set[tuple[str, str]]
    untrue: list[OpenRow]

    def due(self, now: datetime) -> list[Announcement]:
        """Return what has to be written now: due soon, not long past, not told yet."""
        return [
            each
            for each in self.wanted
            if each.due_at <= now + _AHEAD
            and each.passing.at > now - LATEST
            and (each.rule.user_id, each.key) not in self.told
        ]


class _Read(Struct):
    """What a plan is made of."""

    stamp: int
    now: datetime
    rules: dict[str, list[HandoffRule]]
    places: dict[str, tuple[Place, ...]]
    opened: list[OpenRow]
    timelines: dict[str, Timeline]


class HandoffLoop:
    """Announces hand-offs, one node of the installation at a time, until cancelled.

    A plan is computed when the configuration changes and about once an hour; the looks between only compare instants.
    """

    def __init__(self, store: Store, directory: Directory, *, holder: str, watch: Watch) -> None:
        """Prepare to announce as this holder of the lease."""
        self._store = store
        self._directory = directory
        self._holder = holder
        self._watch = watch
        self._plan: _Plan | None = None

    async def run(self) -> None:
        """Look each minute, and soon after the configuration has changed."""
        with self._store.hints.listening(Topic.CONFIG) as bell:
            while True:
                self._watch.beat("handoffs", pause_s=_EVERY_S)
                pause = _EVERY_S
                try:
                    await self.look()
                except Exception as failure:  # noqa: BLE001 - border of a loop: the next look tries again
                    level = log.warning if isinstance(failure, StoreUnavailable) else log.error
                    level("handoffs.failed", failure=repr(failure))
                    pause = _AGAIN_S
                await asyncio.sleep(_CALM_S)
                await bell.wait(pause - _CALM_S)

    async def look(self) -> int:
        """Write the notices that are due soon and take back those that are no longer true; return how many."""
        ahead = await self._store.glance(LOOK)
        if not ahead.wanted:
            self._plan = None
            return 0
        plan = self._plan
        if plan is None or plan.stamp != ahead.stamp or ahead.now >= plan.fresh_until:
            if not await self._store.work(self._take):
                self._plan = None
                return 0
            plan = self._plan = await self._planned()
        elif not plan.due(ahead.now):
            return 0
        return await self._write(plan)

    async def _take(self, turn: Turn) -> bool:
        return await take(turn, _LEASE_NAME, holder=self._holder, duration=_LEASE)

    async def _planned(self) -> _Plan:
        read = await self._store.read(self._read)
        wanted: list[Announcement] = []
        there: set[Passing] = set()
        latest: dict[str, datetime] = {}
        for row in read.opened:
            told = told_by(row.user_id, row.key)
            if told is not None:
                schedule_id = told.passing.schedule_id
                latest[schedule_id] = max(latest.get(schedule_id, row.about_at), row.about_at)
        for count, (schedule_id, timeline) in enumerate(read.timelines.items(), start=1):
            until = _reach(timeline, read, latest.get(schedule_id))
            if until is not None:
                passed = _passings(timeline, read.now - LATEST, until)
                there.update(passed)
                if schedule_id in read.places:
                    wanted.extend(announcements(passed, read.rules))
            if count % _BATCH == 0:
                await asyncio.sleep(0)
        return _Plan(
            stamp=read.stamp,
            fresh_until=read.now + _PLANNED_FOR - _AHEAD,
            wanted=sorted(wanted, key=lambda each: each.due_at),
            timelines=read.timelines,
            places=read.places,
            told={(row.user_id, row.key) for row in read.opened},
            untrue=_untrue(read, there, {(each.rule.user_id, each.key) for each in wanted}),
        )

    async def _read(self, turn: Turn) -> _Read:
        await self._directory.refresh(turn)
        places = await stored.concerned(turn)
        opened = await stored.open_announcements(turn, LATEST)
        told = [told_by(row.user_id, row.key) for row in opened]
        ids = places.keys() | {each.passing.schedule_id for each in told if each is not None}
        return _Read(
            stamp=await config_stamp(turn),
            now=turn.now,
            rules=await stored.rules(turn),
            places=places,
            opened=opened,
            timelines=await self._directory.timelines(turn, sorted(ids)),
        )

    async def _write(self, plan: _Plan) -> int:
        async def job(turn: Turn) -> tuple[int, list[Announcement]] | None:
            if await config_stamp(turn) != plan.stamp or not await self._take(turn):
                return None
            changed = await _taken_back(turn, plan.untrue) if plan.untrue else 0
            due = plan.due(turn.now)
            await tell(turn, await _notices(turn, plan, due))
            return changed, due

        written = await self._store.work(job)
        if written is None:
            self._plan = None  # the configuration moved on, or another node announces now
            return 0
        changed, due = written
        plan.told.update((each.rule.user_id, each.key) for each in due)
        plan.untrue = []
        if changed or due:
            log.info("handoffs.told", taken_back=changed, told=len(due))
        return changed + len(due)


def _reach(timeline: Timeline, read: _Read, latest: datetime | None) -> datetime | None:
    """Return until when the hand-offs of a schedule matter now, or None when nobody hears of them."""
    advances = [rule.advance for user_id in timeline.members() for rule in read.rules.get(user_id, ())]
    ends = [] if latest is None else [latest + timedelta(seconds=1)]
    if advances:
        ends.append(read.now + max(advances) + _PLANNED_FOR)
    return max(ends, default=None)


def _passings(timeline: Timeline, since: datetime, until: datetime) -> list[Passing]:
    schedule_id = timeline.schedule.id
    return [
        passing
        for each in timeline.handoffs(since, until)
        for passing in passings(schedule_id, each.at, before=each.before, after=each.after)
    ]


def _untrue(read: _Read, there: Collection[Passing], wanted: Collection[tuple[str, str]]) -> list[OpenRow]:
    """Return the announcements that no longer hold.

    One that waits is also called off when its rule or the policy behind it is gone; one that was told stays as long
    as the person really goes on or off call then.
    """
    found = []
    for row in read.opened:
        told = told_by(row.user_id, row.key)
        if told is None or row.about_at <= read.now:
            continue
        if told.passing not in there or (row.state == "pending" and (row.user_id, row.key) not in wanted):
            found.append(row)
    return found


async def _taken_back(turn: Turn, untrue: Sequence[OpenRow]) -> int:
    """Take announcements back; whoever heard one, or may have, hears that it no longer holds."""
    withdrawn = await withdraw(turn, [row.id for row in untrue])
    corrections = []
    for each in withdrawn:
        if each.told:
            title, text = correction_of(each.title)
            corrections.append(
                Notice(
                    user_id=each.user_id,
                    kind="handoff",
                    key=f"correction {each.id}",
                    due_at=turn.now,
                    title=title,
                    text=text,
                    url_path=each.url_path,
                    contact_method_id=each.contact_method_id,
                )
            )
    await tell(turn, corrections)
    return len(withdrawn)


async def _notices(turn: Turn, plan: _Plan, due: Sequence[Announcement]) -> list[Notice]:
    changes = {each.passing: _change(plan.timelines[each.passing.schedule_id], each.passing) for each in due}
    ids = {user_id for before, after in changes.values() for user_id in (*before, *after)}
    people = await stored.names(turn, ids)
    return [_notice(plan, each, people, *changes[each.passing]) for each in due if each.rule.user_id in people]


def _change(timeline: Timeline, passing: Passing) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return who is on call just before a hand-off and who from then on."""
    return timeline.who(passing.at - timedelta(seconds=1)), timeline.who(passing.at)


def _notice(
    plan: _Plan, wanted: Announcement, people: Mapping[str, NameRow], before: Sequence[str], after: Sequence[str]
) -> Notice:
    passing = wanted.passing
    timeline = plan.timelines[passing.schedule_id]
    schedule = timeline.schedule
    handed = Handed(
        schedule=schedule.name,
        zone=schedule.time_zone,
        before=tuple(people[each].name for each in before if each in people),
        after=tuple(people[each].name for each in after if each in people),
        until=_end(timeline, passing) if passing.direction == "on" else None,
        places=tuple(place.words() for place in plan.places.get(passing.schedule_id, ())),
    )
    return Notice(
        user_id=passing.user_id,
        kind="handoff",
        key=wanted.key,
        due_at=wanted.due_at,
        title=headline_of(passing, handed),
        text=words_of(passing, handed, reader_zone=people[passing.user_id].time_zone),
        url_path=f"/app/schedules/{passing.schedule_id}",
        contact_method_id=wanted.rule.contact_method_id,
        about_at=passing.at,
        valid_until=passing.at + LATEST,
    )


def _end(timeline: Timeline, passing: Passing) -> datetime | None:
    """Return when the person goes off call again, or None when that is not within the horizon."""
    after = passing.at + timedelta(seconds=1)
    for reach in (_NEAR, HORIZON):
        for each in timeline.handoffs(after, passing.at + reach):
            if passing.user_id not in each.after:
                return each.at
    return None
