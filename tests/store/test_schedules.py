"""Schedules are kept as written: layers as one document, what is laid over them row by row, and no second is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import TypeVar

import pytest
from msgspec import structs

from tests.town.database import tell
from tests.town.seed import call_by_schedules, layer_of, schedule_of, seed_on_call, seed_override, seed_schedule
from tocsin.domain.oncall.schedule import (
    ByCalendar,
    ByShift,
    CustomShift,
    Everyone,
    Layer,
    Override,
    Pattern,
    Restriction,
    Schedule,
    ToldShift,
)
from tocsin.domain.people.actor import SYSTEM, Actor
from tocsin.domain.people.permission import Verb, may
from tocsin.domain.people.role import Role, TeamRole
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Stretch
from tocsin.store import users
from tocsin.store.config import config_stamp
from tocsin.store.policies import Named
from tocsin.store.query import Query
from tocsin.store.schedules import custom_shifts, lists, overrides, rows, write
from tocsin.store.schedules.rows import Kept
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Store, Turn

Result = TypeVar("Result")
NAMED_BY = Query(
    "schedules whose layers name this user",
    """SELECT s.id, s.name FROM schedule_user u JOIN schedule s ON s.id = u.schedule_id
    WHERE u.user_id = %(user_id)s::text ORDER BY lower(s.name), s.id""",
    Named,
)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store(database, connections=4)
    await opened.open()
    await seed_on_call(opened)
    yield opened
    await opened.close()


def weekly() -> Schedule:
    return schedule_of("PWEEK", layer_of("PL1", ["PANN", "PBO"], start=LONG_AGO, turn=timedelta(weeks=1)), name="Week")


async def now(store: Store) -> datetime:
    async def job(turn: Turn) -> datetime:
        return turn.now.replace(microsecond=0)

    return await store.read(job)


async def kept(store: Store, schedule_id: str = "PWEEK", *, horizon: list[str] | None = None) -> Kept:
    return (await store.read(lambda turn: rows.load(turn, [schedule_id], horizon=horizon)))[schedule_id]


async def refused(store: Store, job: Callable[[Turn], Awaitable[Result]]) -> Refused:
    with pytest.raises(Refused) as caught:
        await store.work(job)
    return caught.value


def draft(schedule: Schedule, *, team_ids: tuple[str, ...] = ()) -> Draft:
    return Draft(schedule=schedule, description=None, kind="layers", team_ids=team_ids)


async def test_a_schedule_comes_back_as_it_was_written(store: Store) -> None:
    pattern = Pattern(
        id="PE1",
        name="Nights",
        time_zone="Europe/Berlin",
        begin_on=date(2026, 3, 2),
        begin_time=time(22),
        length_s=36_000,
        recurrence=("RRULE:FREQ=WEEKLY;BYDAY=MO,TU", "EXDATE;TZID=Europe/Berlin:20260309T220000"),
        effective_since=LONG_AGO,
        effective_until=LONG_AGO + 300 * DAY,
        members=("PANN", None, "PBO"),
        turns=ByShift(shifts_per_member=2),
    )
    calendar = structs.replace(
        pattern, id="PE2", turns=ByCalendar(begin_on=date(2026, 1, 1), begin_time=time(9), turn_s=86_400)
    )
    told = ToldShift(key="k", start=LONG_AGO, end=LONG_AGO + HOUR, user_id="PANN")
    restriction = Restriction(kind="weekly", start_time=time(9, 30), length_s=3600, start_day=1)
    schedule = Schedule(
        id="PALL",
        name="Everything",
        time_zone="Europe/Berlin",
        stacked=False,
        layers=(
            layer_of("PL1", ["PANN"], start=LONG_AGO, turn=DAY, restrictions=[restriction], end=LONG_AGO + DAY),
            Layer(id="PL2", patterns=(pattern, calendar, structs.replace(pattern, id="PE3", turns=Everyone()))),
            Layer(id="PL3", calendar_id="PC1", told=(told,)),
        ),
        off_hours=(restriction,),
    )
    await seed_schedule(store, schedule)
    found = await kept(store, "PALL")
    assert found.schedule == schedule
    assert found.version == 1
    assert [user.name for user in found.users] == ["Ann", "Bo"]


async def test_every_instant_is_kept_in_whole_seconds_of_utc(store: Store) -> None:
    odd = datetime(2026, 5, 1, 10, 0, 0, 999_999, tzinfo=UTC).astimezone(timezone(5 * HOUR))
    await seed_schedule(store, schedule_of("PWEEK", layer_of("PL1", ["PANN"], start=odd, turn=DAY)))
    soon = await now(store) + HOUR
    await seed_override(store, "PWEEK", "PBO", soon + timedelta(milliseconds=700), soon + HOUR)
    schedule = (await kept(store)).schedule
    assert schedule.layers[0].turn_layer is not None
    assert schedule.layers[0].turn_layer.start_at == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert schedule.layers[0].turn_layer.start_at.utcoffset() == timedelta()
    assert schedule.overrides[0].start == soon
    refusal = await refused(
        store,
        lambda turn: overrides.add(
            turn,
            "PWEEK",
            Override(id="PO", start=soon, end=soon + timedelta(milliseconds=300), user_id="PBO"),
            SYSTEM,
        ),
    )
    assert refusal.why is Why.INVALID


async def test_two_schedules_never_have_the_same_name(store: Store) -> None:
    await seed_schedule(store, weekly())
    twin = structs.replace(weekly(), id="PTWIN", name="wEEK")
    refusal = await refused(store, lambda turn: write.create(turn, draft(twin), SYSTEM))
    assert (refusal.why, refusal.message) == (Why.INVALID, "Name has already been taken")
    await seed_schedule(store, structs.replace(twin, name="Twin"))
    refusal = await refused(store, lambda turn: write.update(turn, draft(twin), SYSTEM))
    assert refusal.message == "Name has already been taken"
    missing = structs.replace(twin, id="PNONE", name="None")
    assert (await refused(store, lambda turn: write.update(turn, draft(missing), SYSTEM))).why is Why.NOT_FOUND


async def test_writing_a_schedule_anew_leaves_what_lies_over_it(store: Store) -> None:
    await seed_schedule(store, weekly())
    soon = await now(store) + HOUR
    await seed_override(store, "PWEEK", "PBO", soon, soon + HOUR, override_id="PO1")
    shift = CustomShift(id="PS1", start=soon, end=soon + DAY, user_id="PBO")
    await store.work(lambda turn: custom_shifts.add(turn, "PWEEK", shift, SYSTEM))
    changed = schedule_of("PWEEK", layer_of("PL1", ["PBO"], start=LONG_AGO, turn=DAY), name="Day")
    before = await store.read(config_stamp)
    await store.work(lambda turn: write.update(turn, draft(changed), SYSTEM))
    assert await store.read(config_stamp) > before
    found = await kept(store)
    assert (found.schedule.name, found.version) == ("Day", 2)
    assert [override.id for override in found.schedule.overrides] == ["PO1"]
    assert found.schedule.custom_shifts == (shift,)
    assert await named_by(store, "PANN") == []
    assert await named_by(store, "PBO") == ["Day"]


async def named_by(store: Store, user_id: str) -> list[str]:
    found = await store.read(lambda turn: turn.rows(NAMED_BY, {"user_id": user_id}))
    return [schedule.name for schedule in found]


async def test_writing_the_same_again_makes_no_version(store: Store) -> None:
    await seed_schedule(store, weekly())
    await store.work(lambda turn: write.update(turn, draft(weekly()), SYSTEM))
    assert (await kept(store)).version == 1


async def test_an_override_is_taken_away_cut_short_or_left_alone(store: Store) -> None:
    await seed_schedule(store, weekly())
    start = await now(store)
    await seed_override(store, "PWEEK", "PBO", start + HOUR, start + 2 * HOUR, override_id="PCOMING")
    await seed_override(store, "PWEEK", "PBO", start - HOUR, start + HOUR, override_id="PRUNNING")
    await seed_override(store, "PWEEK", "PBO", start - 2 * HOUR, start - HOUR, override_id="POVER")
    assert await store.work(lambda turn: overrides.remove(turn, "PWEEK", "PCOMING")) == "deleted"
    assert await store.work(lambda turn: overrides.remove(turn, "PWEEK", "PRUNNING")) == "truncated"
    refusal = await refused(store, lambda turn: overrides.remove(turn, "PWEEK", "POVER"))
    assert refusal.why is Why.INVALID
    assert "already over" in refusal.message
    assert (await refused(store, lambda turn: overrides.remove(turn, "PWEEK", "PCOMING"))).why is Why.NOT_FOUND
    left = await store.read(lambda turn: overrides.listed(turn, "PWEEK", start - DAY, start + DAY))
    assert [override.id for override in left] == ["POVER", "PRUNNING"]
    assert left[1].start == start - HOUR
    assert start <= left[1].end <= await now(store), "the rest of it is gone, what happened stays"


async def test_a_changed_override_keeps_its_place_under_the_younger_ones(store: Store) -> None:
    await seed_schedule(store, weekly())
    start = await now(store)
    for number in (1, 2):
        await seed_override(store, "PWEEK", "PBO", start, start + DAY, override_id=f"PO{number}")
    longer = Override(id="PO1", start=start, end=start + 2 * DAY, user_id="PANN")
    await store.work(lambda turn: overrides.change(turn, "PWEEK", longer))
    assert [override.id for override in (await kept(store)).schedule.overrides] == ["PO1", "PO2"]
    assert await store.read(lambda turn: overrides.found(turn, "PWEEK", "PO1")) == longer
    assert (await refused(store, lambda turn: overrides.change(turn, "POTHER", longer))).why is Why.NOT_FOUND


async def test_custom_shifts_are_changed_and_removed_like_overrides(store: Store) -> None:
    await seed_schedule(store, weekly())
    start = await now(store)
    coming = CustomShift(id="PS1", start=start + HOUR, end=start + DAY, user_id="PANN")
    running = CustomShift(id="PS2", start=start - HOUR, end=start + DAY, user_id="PANN")
    await store.work(lambda turn: custom_shifts.add(turn, "PWEEK", coming, SYSTEM))
    await store.work(lambda turn: custom_shifts.add(turn, "PWEEK", running, SYSTEM))
    await store.work(lambda turn: custom_shifts.change(turn, "PWEEK", structs.replace(coming, user_id="PBO")))
    assert (await store.read(lambda turn: custom_shifts.found(turn, "PWEEK", "PS1"))).user_id == "PBO"
    assert await store.work(lambda turn: custom_shifts.remove(turn, "PWEEK", "PS1")) == "deleted"
    assert await store.work(lambda turn: custom_shifts.remove(turn, "PWEEK", "PS2")) == "truncated"
    left = await store.read(lambda turn: custom_shifts.listed(turn, "PWEEK", start - DAY, start + DAY))
    assert [shift.id for shift in left] == ["PS2"]
    assert left[0].end <= await now(store)


async def test_overrides_that_are_history_cost_nothing(store: Store) -> None:
    await seed_schedule(store, weekly())
    start = await now(store)
    for days in (1, 3, 30):
        await seed_override(store, "PWEEK", "PBO", start - days * DAY - HOUR, start - days * DAY)
    assert len((await kept(store)).schedule.overrides) == 1
    timeline = (await store.read(lambda turn: rows.timelines(turn, ["PWEEK"])))["PWEEK"]
    assert len(timeline.schedule.overrides) == 1
    early = await store.read(lambda turn: rows.timelines(turn, ["PWEEK", "PNONE"], since=start - 40 * DAY))
    assert len(early["PWEEK"].schedule.overrides) == 3


async def test_a_schedule_that_is_called_is_not_deleted(store: Store) -> None:
    await seed_schedule(store, weekly())
    await call_by_schedules(store, "PLEVEL1", "PWEEK")
    found = await kept(store)
    assert [policy.name for policy in found.policies] == ["Night"]
    refusal = await refused(store, lambda turn: write.delete(turn, "PWEEK"))
    assert (refusal.why, refusal.message) == (
        Why.IN_USE,
        "Schedule can't be deleted if it's being used by escalation policies",
    )
    await call_by_schedules(store, "PLEVEL1", "POTHER")
    await store.work(lambda turn: write.delete(turn, "PWEEK"))
    assert await store.read(lambda turn: rows.load(turn, ["PWEEK"])) == {}
    assert (await refused(store, lambda turn: write.delete(turn, "PWEEK"))).why is Why.NOT_FOUND


async def test_a_schedule_in_the_frozen_plan_of_an_open_incident_is_not_deleted(database: str, store: Store) -> None:
    await seed_schedule(store, weekly())
    tell(
        database,
        """INSERT INTO plan SELECT 'plan' || n, 'PPOLICY', jsonb_build_object('id', 'PPOLICY', 'name', 'Night',
           'repeats', 0, 'levels', jsonb_build_array(jsonb_build_object('id', 'PLEVEL1', 'targets', jsonb_build_array(
               jsonb_build_object('kind', 'user', 'id', 'PANN'),
               jsonb_build_object('kind', 'schedule', 'id', CASE n WHEN 7 THEN 'PWEEK' ELSE 'PX' || n END)))))
           FROM generate_series(1, 2000) AS n""",
        """INSERT INTO incident (id, service_id, title, status, urgency, plan_id, assigned_via, created_at, updated_at,
                                 status_changed_at, status_changed_by)
           SELECT 'Q' || n, 'PSERVICE', 'x', CASE WHEN n %% 10 = 0 THEN 'triggered' ELSE 'resolved' END, 'high',
                  'plan' || CASE n WHEN 20000 THEN 7 ELSE 100 + n % 1900 END, 'policy', now(), now(), now(), '{}'
           FROM generate_series(1, 20000) AS n""".replace("%%", "%"),
        "ANALYZE",
    )
    refusal = await refused(store, lambda turn: write.delete(turn, "PWEEK"))
    assert (refusal.why, refusal.message) == (
        Why.IN_USE,
        "Schedule can't be deleted if it's being used by an escalation policy snapshot with open incidents",
    )
    tell(database, "UPDATE incident SET status = 'resolved' WHERE id = 'Q20000'")
    await store.work(lambda turn: write.delete(turn, "PWEEK"))


async def test_a_reader_bound_to_teams_sees_their_schedules_only(store: Store, database: str) -> None:
    tell(database, "INSERT INTO team (id, name) VALUES ('PT1', 'Core'), ('PT2', 'Edge')")
    await seed_schedule(store, weekly(), team_ids=["PT1", "PT2"])
    await seed_schedule(store, structs.replace(weekly(), id="PFREE", name="Free"))
    assert [team.name for team in (await kept(store)).teams] == ["Core", "Edge"]
    near = await kept(store, horizon=["PT2"])
    assert [team.name for team in near.teams] == ["Edge"]
    assert near.team_ids == ("PT1", "PT2"), "who writes it again does not take it out of teams that they cannot see"
    assert await store.read(lambda turn: rows.load(turn, ["PWEEK", "PFREE"], horizon=["PT3"])) == {}
    bound = Actor("user", "PBO", "Bo", Role.RESTRICTED_ACCESS, {"PT2": TeamRole.MANAGER})
    assert may(bound, Verb.UPDATE, near.subject(bound))


async def test_a_list_is_cut_and_filtered(store: Store, database: str) -> None:
    tell(database, "INSERT INTO team (id, name) VALUES ('PT1', 'Core')")
    for name in ("Cedar", "ash", "Birch"):
        schedule = structs.replace(weekly(), id=f"P{name.upper()}", name=name)
        await seed_schedule(store, schedule, team_ids=["PT1"] if name == "ash" else [])

    async def names(stretch: Stretch, wanted: lists.Wanted) -> tuple[list[str], bool, int | None]:
        page = await store.read(lambda turn: lists.page(turn, wanted, stretch))
        return [each.schedule.name for each in page.rows], page.more, page.total

    everything = lists.Wanted()
    assert await names(Stretch(limit=2, total=True), everything) == (["ash", "Birch"], True, 3)
    assert await names(Stretch(limit=2, offset=2), everything) == (["Cedar"], False, None)
    assert await names(Stretch(), lists.Wanted(query="IR")) == (["Birch"], False, None)
    assert await names(Stretch(), lists.Wanted(team_ids=["PT1"])) == (["ash"], False, None)
    assert await names(Stretch(), lists.Wanted(horizon=["PT1"])) == (["ash"], False, None)
    assert await names(Stretch(), lists.Wanted(kind="rotations")) == ([], False, None)
    assert await names(Stretch(), lists.Wanted(ids=["PCEDAR"])) == (["Cedar"], False, None)


async def test_two_writers_of_one_schedule_take_turns(store: Store) -> None:
    await seed_schedule(store, weekly())
    start = await now(store)

    async def add(number: int) -> None:
        await seed_override(store, "PWEEK", "PBO", start, start + number * HOUR, override_id=f"PO{number}")

    await asyncio.gather(*[add(number) for number in range(1, 9)])
    found = await kept(store)
    assert {override.id for override in found.schedule.overrides} == {f"PO{number}" for number in range(1, 9)}


async def test_a_deleted_user_stays_visible_in_layers_and_leaves_the_overrides(store: Store) -> None:
    await seed_schedule(store, weekly())
    start = await now(store)
    await seed_override(store, "PWEEK", "PBO", start - HOUR, start + HOUR, override_id="PRUNNING")
    await seed_override(store, "PWEEK", "PBO", start + DAY, start + 2 * DAY, override_id="PCOMING")
    await store.work(lambda turn: users.delete(turn, "PBO"))
    found = await kept(store)
    assert [(user.name, user.deleted_at is not None) for user in found.users] == [("Ann", False), ("Bo", True)]
    assert [override.id for override in found.schedule.overrides] == ["PRUNNING"]
    assert found.schedule.overrides[0].end <= await now(store), "an override given to nobody hides nobody"


async def test_a_user_on_whom_a_policy_depends_by_its_schedule_is_not_deleted(store: Store) -> None:
    await seed_schedule(store, schedule_of("PWEEK", layer_of("PL1", ["PANN"], start=LONG_AGO, turn=DAY)))
    await call_by_schedules(store, "PLEVEL1", "PWEEK")
    await call_by_schedules(store, "PLEVEL2", "PWEEK")
    refusal = await refused(store, lambda turn: users.delete(turn, "PANN"))
    assert refusal.why is Why.IN_USE
    both = schedule_of("PWEEK", layer_of("PL1", ["PANN", "PBO"], start=LONG_AGO, turn=DAY))
    await store.work(lambda turn: write.update(turn, draft(both), SYSTEM))
    await store.work(lambda turn: users.delete(turn, "PANN"))
    assert (await refused(store, lambda turn: users.delete(turn, "PBO"))).why is Why.IN_USE
