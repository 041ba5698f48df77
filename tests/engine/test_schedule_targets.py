"""A level that is a schedule calls whoever is on call in the second in which it is called."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.scribe import receive, rows, work
from tests.engine.test_escalate import due
from tests.town.seed import call_by_schedules, layer_of, schedule_of, seed_override, seed_schedule
from tocsin.domain.people.actor import SYSTEM
from tocsin.store import users
from tocsin.store.config import bump_config
from tocsin.store.directory import Directory
from tocsin.store.query import Command
from tocsin.store.schedules import overrides, write
from tocsin.store.turn import Store, Turn

EDGE = datetime(2027, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
LEVEL = timedelta(minutes=5)


@pytest.fixture
async def daily(store: Store) -> Store:
    """Ann and Bo take turns of a day from nine to nine on the schedule of level 1; Ann has the day before `EDGE`."""
    await seed_schedule(store, schedule_of("PDAY", layer_of("PL1", ["PBO", "PANN"], start=EDGE - 30 * DAY, turn=DAY)))
    await call_by_schedules(store, "PLEVEL1", "PDAY")
    await add_cy(store)
    return store


async def add_cy(store: Store) -> None:
    """Add Cy, who is on no schedule."""

    async def job(turn: Turn) -> None:
        await turn.run(
            Command("seed", "INSERT INTO app_user (id, name, email, role) VALUES ('PCY', 'Cy', 'cy@x.org', 'user')")
        )
        await turn.run(
            Command(
                "seed",
                "INSERT INTO contact_method (id, user_id, channel, label, address)"
                " VALUES ('PCYMAIL', 'PCY', 'email', 'Work', 'cy@x.org')",
            )
        )

    await store.work(job)


async def at(store: Store, instant: datetime) -> None:
    """Move the product's clock to this instant."""

    async def job(turn: Turn) -> datetime:
        return turn.now

    store.clock_shift = timedelta()
    store.clock_shift = instant - await store.read(job)


async def called(store: Store, directory: Directory, instant: datetime, key: str) -> list[str]:
    """Open an incident at this instant; return who is called for it."""
    await at(store, instant)
    await receive(store, ("trigger", key))
    await work(store, directory)
    found = await rows(
        store,
        "SELECT a.user_id FROM assignment a JOIN incident i ON i.id = a.incident_id"
        " WHERE i.number = (SELECT max(number) FROM incident) ORDER BY 1",
    )
    return [str(row[0]) for row in found]


async def test_a_second_before_a_handoff_and_a_second_after_it(daily: Store, directory: Directory) -> None:
    assert await called(daily, directory, EDGE - SECOND, "before") == ["PANN"]
    assert await called(daily, directory, EDGE, "at the stroke") == ["PBO"]
    assert await called(daily, directory, EDGE + SECOND, "after") == ["PBO"]


async def test_a_second_before_and_after_both_edges_of_an_override(daily: Store, directory: Directory) -> None:
    start, end = EDGE + 3 * HOUR, EDGE + 4 * HOUR
    await seed_override(daily, "PDAY", "PCY", start, end)
    answers = [
        await called(daily, directory, instant, f"disk {instant}")
        for instant in (start - SECOND, start + SECOND, end - SECOND, end + SECOND)
    ]
    assert answers == [["PBO"], ["PCY"], ["PCY"], ["PBO"]]


async def test_an_override_counts_for_the_very_next_incident_and_so_does_its_end(
    daily: Store, directory: Directory
) -> None:
    assert await called(daily, directory, EDGE + HOUR, "one") == ["PBO"]
    override_id = await seed_override(daily, "PDAY", "PCY", EDGE, EDGE + DAY)
    assert await called(daily, directory, EDGE + 2 * HOUR, "two") == ["PCY"]
    await daily.work(lambda turn: overrides.remove(turn, "PDAY", override_id))
    assert await called(daily, directory, EDGE + 2 * HOUR + SECOND, "three") == ["PBO"]


async def test_a_schedule_that_is_not_there_is_passed_over(daily: Store, directory: Directory) -> None:
    await call_by_schedules(daily, "PLEVEL1", "PNONE")
    await call_by_schedules(daily, "PLEVEL2", "PDAY")
    assert await called(daily, directory, EDGE - SECOND, "disk") == ["PANN"]


async def test_a_level_finds_its_people_when_it_is_called_not_when_the_incident_begins(
    daily: Store, directory: Directory
) -> None:
    night = schedule_of("PNIGHT", layer_of("PL2", ["PCY"], start=EDGE - 30 * DAY, turn=DAY))
    await seed_schedule(daily, night)
    await call_by_schedules(daily, "PLEVEL1", "PNIGHT")
    await call_by_schedules(daily, "PLEVEL2", "PDAY")
    assert await called(daily, directory, EDGE - LEVEL / 2, "late") == ["PCY"]
    await at(daily, EDGE + LEVEL / 2 + SECOND)
    assert (await due(daily, directory)).incidents == 1
    assert await rows(daily, "SELECT user_id FROM assignment") == [("PBO",)], "Ann had it when the incident began"


async def test_a_round_robin_takes_turns_over_schedules(daily: Store, directory: Directory) -> None:
    for schedule_id, user_id in (("PONE", "PANN"), ("PTWO", "PBO")):
        await seed_schedule(
            daily, schedule_of(schedule_id, layer_of("PL1", [user_id], start=EDGE - DAY, turn=DAY, end=EDGE + DAY))
        )
    await seed_schedule(daily, schedule_of("PEMPTY", layer_of("PL1", [None], start=EDGE - DAY, turn=DAY)))
    await call_by_schedules(daily, "PLEVEL1", "PONE", "PEMPTY", "PTWO")
    await sql(daily, "UPDATE escalation_level SET strategy = 'round_robin' WHERE id = 'PLEVEL1'")
    answers = [await called(daily, directory, EDGE + number * SECOND, f"disk {number}") for number in range(4)]
    assert answers == [["PANN"], ["PBO"], ["PANN"], ["PBO"]], "the one with nobody is passed over"


async def sql(store: Store, *orders: str) -> None:
    async def job(turn: Turn) -> None:
        for order in orders:
            await turn.connection.execute(order.encode())
        await bump_config(turn)

    await store.work(job)


async def test_a_schedule_with_nobody_is_passed_over_at_once(daily: Store, directory: Directory) -> None:
    await seed_schedule(daily, schedule_of("PEMPTY", layer_of("PL1", [None], start=EDGE - DAY, turn=DAY)))
    await call_by_schedules(daily, "PLEVEL1", "PEMPTY")
    assert await called(daily, directory, EDGE, "disk") == ["PBO"], "level 2"
    (entry,) = await rows(daily, "SELECT body FROM log_entry WHERE body ? 'nobody_on_call'")
    assert entry == ({"level": 1, "nobody_on_call": True},)


async def test_nobody_on_call_at_all_rings_the_fallback(daily: Store, directory: Directory) -> None:
    await seed_schedule(daily, schedule_of("PEMPTY", layer_of("PL1", [None], start=EDGE - DAY, turn=DAY)))
    await call_by_schedules(daily, "PLEVEL1", "PEMPTY")
    await call_by_schedules(daily, "PLEVEL2", "PEMPTY")
    await sql(daily, "UPDATE service SET fallback_user_id = 'PCY'")
    assert await called(daily, directory, EDGE, "disk") == ["PCY"]


async def test_whoever_was_deleted_is_passed_over_and_a_deleted_schedule_too(
    daily: Store, directory: Directory
) -> None:
    assert await called(daily, directory, EDGE + SECOND, "with Bo") == ["PBO"]
    await sql(daily, "UPDATE incident SET status = 'resolved'", "DELETE FROM assignment")
    await call_by_schedules(daily, "PLEVEL2", "PDAY")
    await sql(daily, "UPDATE service SET fallback_user_id = 'PCY'")
    await daily.work(lambda turn: users.delete(turn, "PBO"))
    await sql(daily)
    assert await called(daily, directory, EDGE + HOUR, "without Bo") == ["PCY"]
    await sql(daily, "DELETE FROM schedule")
    assert await called(daily, directory, EDGE + DAY + HOUR, "without a schedule") == ["PCY"]


async def test_a_renamed_schedule_and_a_renamed_person_are_the_same_ones(daily: Store, directory: Directory) -> None:
    assert await called(daily, directory, EDGE + SECOND, "before") == ["PBO"]
    renamed = schedule_of("PDAY", layer_of("PL1", ["PBO", "PANN"], start=EDGE - 30 * DAY, turn=DAY), name="Café ☎")
    draft = write.Draft(schedule=renamed, description=None, kind="layers", team_ids=())
    await daily.work(lambda turn: write.update(turn, draft, SYSTEM))
    await sql(daily, "UPDATE app_user SET name = 'b.o (née \"X\")' WHERE id = 'PBO'")
    assert await called(daily, directory, EDGE + HOUR, "after") == ["PBO"]
