"""Time travel: what held at a past instant is found again, whatever was changed, removed or deleted since."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tests.town.seed import layer_of, schedule_of, seed_on_call, seed_override, seed_schedule
from tocsin.domain.oncall.history import Version, final
from tocsin.domain.oncall.schedule import CustomShift, Override, Schedule
from tocsin.domain.oncall.timeline import HORIZON, Timeline
from tocsin.domain.people.actor import SYSTEM, Actor
from tocsin.domain.people.role import Role
from tocsin.ground.errors import Refused
from tocsin.ground.page import Stretch
from tocsin.store.query import Command
from tocsin.store.schedules import custom_shifts, history, overrides, rows, write
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Store, Turn

HOUR = timedelta(hours=1)
LONG_AGO = datetime(2026, 1, 5, 8, tzinfo=UTC)
PEOPLE = ("PANN", "PBO", "PCY", None)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store(database, connections=4)
    await opened.open()
    await seed_on_call(opened)
    yield opened
    await opened.close()


class Editor:
    """Somebody who edits a schedule at random as time goes by, and notes what it was like at each step."""

    def __init__(self, store: Store, random: Random) -> None:
        """Edit by this chance."""
        self.store = store
        self.random = random
        self.count = 0
        self.snapshots: list[tuple[datetime, Schedule, tuple[str, ...]]] = []

    async def step(self) -> None:
        """Let time pass, change something, let time pass, note."""
        self.count += 1
        await self._wait()
        edits = [self._write, self._add, self._add, self._add, self._remove, self._change, self._move]
        with suppress(Refused):  # what is over can no longer be removed, what is not there neither
            await self.store.work(self.random.choice(edits))
        await self._wait()

        async def look(turn: Turn) -> None:
            schedule = (await rows.load(turn, ["PWEEK"], since=LONG_AGO))["PWEEK"].schedule
            who = (await rows.timelines(turn, ["PWEEK"]))["PWEEK"].who(turn.now)
            self.snapshots.append((turn.now, schedule, who))

        await self.store.read(look)

    async def _wait(self) -> None:
        self.store.clock_shift += timedelta(seconds=self.random.randint(1, 30 * 3600))

    async def _write(self, turn: Turn) -> None:
        turn_length = timedelta(hours=self.random.randint(1, 48))
        members = [self.random.choice(PEOPLE) for _ in range(3)]
        schedule = schedule_of("PWEEK", layer_of("PL1", members, start=LONG_AGO, turn=turn_length))
        await write.update(turn, Draft(schedule=schedule, description=None, kind="layers", team_ids=()), SYSTEM)

    def _stretch(self, turn: Turn) -> tuple[datetime, datetime]:
        start = turn.now + self.random.randint(-10, 40) * HOUR
        return start, start + self.random.randint(1, 60) * HOUR

    def _override(self, turn: Turn, override_id: str) -> Override:
        start, end = self._stretch(turn)
        return Override(id=override_id, start=start, end=end, user_id=self.random.choice(PEOPLE[:3]))

    def _earlier(self) -> str:
        return f"PO{self.random.randint(max(1, self.count - 5), self.count)}"

    async def _add(self, turn: Turn) -> None:
        await overrides.add(turn, "PWEEK", self._override(turn, f"PO{self.count}"), SYSTEM)

    async def _remove(self, turn: Turn) -> None:
        await overrides.remove(turn, "PWEEK", self._earlier())

    async def _change(self, turn: Turn) -> None:
        await overrides.change(turn, "PWEEK", self._override(turn, self._earlier()))

    async def _move(self, turn: Turn) -> None:
        start, end = self._stretch(turn)
        shift = CustomShift(id="PSHIFT", start=start, end=end, user_id=self.random.choice(PEOPLE[:3]))
        try:
            await custom_shifts.change(turn, "PWEEK", shift)
        except Refused:
            await custom_shifts.add(turn, "PWEEK", shift, SYSTEM)


@pytest.mark.parametrize("seed", range(4))
async def test_a_past_instant_is_as_it_was_seen_then(store: Store, seed: int) -> None:
    await seed_schedule(store, schedule_of("PWEEK", layer_of("PL1", PEOPLE[:2], start=LONG_AGO, turn=8 * HOUR)))
    editor = Editor(store, Random(seed))
    for _ in range(30):
        await editor.step()
    store.clock_shift += HOUR
    await store.work(lambda turn: write.delete(turn, "PWEEK"))
    store.clock_shift += 100 * HOUR
    assert len({who for _, _, who in editor.snapshots}) > 2, "there was something to remember"
    for at, schedule, who in editor.snapshots:
        found = await as_of(store, at)
        assert found["PWEEK"].schedule == schedule
        assert Timeline(found["PWEEK"].schedule).who(at) == who
    assert await as_of(store, LONG_AGO) == {}
    assert await as_of(store, editor.snapshots[-1][0] + 90 * HOUR) == {}, "it was deleted by then"
    await everybody_is_found_again(store, editor)


async def everybody_is_found_again(store: Store, editor: Editor) -> None:
    since, until = editor.snapshots[0][0] - HOUR, editor.snapshots[-1][0] + HOUR
    told = await store.read(lambda turn: history.versions(turn, "PWEEK", since, until))
    shifts = [shift for _, shift in final(told, since, until)]
    for at, _, who in editor.snapshots:
        here = {shift.user_id for shift in shifts if shift.start <= at < shift.end}
        assert here == set(who), f"at {at}"


async def as_of(store: Store, at: datetime) -> dict[str, Version]:
    return await store.read(lambda turn: history.as_of(turn, ["PWEEK", "PNONE"], at, since=LONG_AGO))


async def test_an_override_made_while_it_runs_counts_from_then_on(store: Store) -> None:
    await seed_schedule(store, schedule_of("PWEEK", layer_of("PL1", ["PANN"], start=LONG_AGO, turn=8 * HOUR)))
    store.clock_shift = 10 * HOUR

    async def moment(turn: Turn) -> datetime:
        return turn.now

    made_at = await store.read(moment)
    await seed_override(store, "PWEEK", "PBO", made_at - 5 * HOUR, made_at + 5 * HOUR, override_id="PO1")
    store.clock_shift += HOUR
    await store.work(lambda turn: overrides.remove(turn, "PWEEK", "PO1"))
    since, until = made_at - 8 * HOUR, made_at + 8 * HOUR
    told = await store.read(lambda turn: history.versions(turn, "PWEEK", since, until))
    bo = [shift for _, shift in final(told, since, until) if shift.user_id == "PBO"]
    assert len(bo) == 1
    assert abs(bo[0].start - made_at) < timedelta(minutes=1)
    assert abs(bo[0].end - made_at - HOUR) < timedelta(minutes=1)


async def test_a_history_says_who_made_each_version_and_what_was_before(store: Store) -> None:
    first = schedule_of("PWEEK", layer_of("PL1", ["PANN"], start=LONG_AGO, turn=8 * HOUR))
    await seed_schedule(store, first)
    ann = Actor("user", "PANN", "Ann", Role.USER)
    second = schedule_of("PWEEK", layer_of("PL1", ["PBO"], start=LONG_AGO, turn=8 * HOUR), name="Renamed")
    draft = Draft(schedule=second, description=None, kind="layers", team_ids=())
    store.clock_shift = HOUR
    await store.work(lambda turn: write.update(turn, draft, ann))
    page = await store.read(lambda turn: history.changes(turn, "PWEEK", Stretch(limit=1, total=True)))
    (newest,) = page.rows
    assert (page.more, page.total) == (True, 2)
    assert (newest.number, newest.author.name, newest.valid_until) == (2, "Ann", None)
    assert (newest.schedule, newest.before) == (second, first)
    (oldest,) = (await store.read(lambda turn: history.changes(turn, "PWEEK", Stretch(limit=1, offset=1)))).rows
    assert (oldest.number, oldest.author.name, oldest.before) == (1, "Tocsin", None)
    assert oldest.valid_until == newest.valid_since


async def test_what_was_over_long_before_an_instant_is_not_read_for_it(store: Store) -> None:
    await seed_schedule(store, schedule_of("PWEEK", layer_of("PL1", ["PANN"], start=LONG_AGO, turn=8 * HOUR)))

    async def moment(turn: Turn) -> datetime:
        return turn.now

    now = await store.read(moment)
    for age in (100, 30, 3, 1):
        start = now - timedelta(days=age)
        await seed_override(store, "PWEEK", "PBO", start, start + HOUR, override_id=f"PO{age}")
    store.clock_shift = HOUR
    near = await store.read(lambda turn: history.as_of(turn, ["PWEEK"], turn.now))
    assert [override.id for override in near["PWEEK"].schedule.overrides] == ["PO1"]
    edges = await store.read(lambda turn: history.as_of(turn, ["PWEEK"], turn.now, since=turn.now - HORIZON))
    assert [override.id for override in edges["PWEEK"].schedule.overrides] == ["PO30", "PO3", "PO1"]


async def test_versions_that_cannot_be_read_stand_in_the_history_without_layers(store: Store) -> None:
    first = schedule_of("PWEEK", layer_of("PL1", ["PANN"], start=LONG_AGO, turn=8 * HOUR))
    await seed_schedule(store, first)
    second = schedule_of("PWEEK", layer_of("PL1", ["PBO"], start=LONG_AGO, turn=8 * HOUR))
    store.clock_shift = HOUR
    draft = Draft(schedule=second, description=None, kind="layers", team_ids=())
    await store.work(lambda turn: write.update(turn, draft, SYSTEM))
    spoil = Command("seed", "UPDATE schedule_version SET document = '[]' WHERE version = 1")
    await store.work(lambda turn: turn.run(spoil))
    page = await store.read(lambda turn: history.changes(turn, "PWEEK", Stretch(limit=9)))
    assert [change.schedule.layers for change in page.rows] == [second.layers, ()]
    store.clock_shift = 2 * HOUR
    since, until = LONG_AGO, LONG_AGO + timedelta(days=9999)
    told = await store.read(lambda turn: history.versions(turn, "PWEEK", since, until))
    assert {shift.user_id for _, shift in final(told, told[1].valid_since, told[1].valid_since + HOUR)} == {"PBO"}
    assert final(told, told[0].valid_since, told[1].valid_since) == ()
