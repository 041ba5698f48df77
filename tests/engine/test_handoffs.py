"""People hear in time, and once, that they go on or off call, and hear it when that is no longer so."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.courier import change
from tests.engine.scribe import Row, rows
from tests.town.seed import call_by_schedules, layer_of, schedule_of, seed_override, seed_schedule
from tocsin.engine.loops.handoffs import HandoffLoop
from tocsin.engine.watch import Watch
from tocsin.store.directory import Directory
from tocsin.store.schedules import overrides
from tocsin.store.turn import Store

MONDAY = datetime(2027, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOON = timedelta(hours=12)
RULES = """
    INSERT INTO handoff_rule (id, user_id, contact_method_id, handoff_type, advance_s, active_since) VALUES
        ('PANNRULE', 'PANN', 'PANNMAIL', 'both', 3600, '2020-01-01'),
        ('PBORULE', 'PBO', 'PBOMAIL', 'oncall', 0, '2020-01-01')
"""
TOLD = "SELECT user_id, title, state FROM notice ORDER BY id"


@pytest.fixture
async def loop(store: Store, directory: Directory) -> HandoffLoop:
    """Ann and Bo take turns of a day from Monday noon on; it is Tuesday 09:00."""
    await set_clock(store, MONDAY + timedelta(days=1, hours=9))
    layer = layer_of("PLAYER", ["PANN", "PBO"], start=MONDAY + NOON, turn=DAY)
    await seed_schedule(store, schedule_of("PSCHEDULE", layer, name="Platform", time_zone="Europe/Berlin"))
    await call_by_schedules(store, "PLEVEL1", "PSCHEDULE")
    await change(store, RULES)
    return HandoffLoop(store, directory, holder="node-1", watch=Watch())


async def set_clock(store: Store, at: datetime) -> None:
    (now,) = await rows(store, "SELECT tocsin_now()")
    store.clock_shift += at - now[0]


async def move(store: Store, **by: float) -> None:
    store.clock_shift += timedelta(**by)


async def told(store: Store) -> list[Row]:
    return await rows(store, TOLD)


OFF = "You go off call for Platform at Tue 2 Mar 2027, 13:00 CET (Europe/Berlin)"
ON = "You go on call for Platform at Tue 2 Mar 2027, 13:00 CET (Europe/Berlin)"


async def test_each_rule_tells_at_its_own_time_and_only_its_own_way(store: Store, loop: HandoffLoop) -> None:
    assert await loop.look() == 0
    assert await told(store) == [], "the hour before begins at eleven"
    await move(store, hours=1, minutes=59)
    assert await loop.look() == 1
    assert await loop.look() == 0
    assert await told(store) == [("PANN", OFF, "pending")]
    await move(store, hours=1)
    assert await loop.look() == 1
    assert await told(store) == [("PANN", OFF, "pending"), ("PBO", ON, "pending")]
    due = await rows(store, "SELECT due_at, about_at FROM notice ORDER BY id")
    noon = MONDAY + DAY + NOON
    assert due == [(noon - timedelta(hours=1), noon), (noon, noon)]


async def test_the_words_say_until_when_for_whom_and_who_was_before(store: Store, loop: HandoffLoop) -> None:
    await move(store, hours=3)
    await loop.look()
    words = await rows(store, "SELECT words FROM notice ORDER BY user_id")
    clock = "That is Tue 2 Mar 2027, 12:00 UTC on your clock."
    until = "Until Wed 3 Mar 2027, 13:00 CET (Europe/Berlin)."
    assert words == [
        (f"{clock} On call then: Bo.",),
        (f"{clock} {until} You are called by level 1 of Night. You take over from Ann.",),
    ]


async def test_a_second_node_tells_nothing_twice(store: Store, loop: HandoffLoop, directory: Directory) -> None:
    other = HandoffLoop(store, directory, holder="node-2", watch=Watch())
    await move(store, hours=3)
    assert await loop.look() == 2
    assert await other.look() == 0, "the first node has the lease"
    await move(store, minutes=3)
    assert await other.look() == 0, "it has the lease now, and everything is told"
    assert len(await told(store)) == 2


async def test_an_override_calls_off_what_waits_and_tells_who_takes_it(store: Store, loop: HandoffLoop) -> None:
    await move(store, hours=1, minutes=59)
    await loop.look()
    assert await told(store) == [("PANN", OFF, "pending")]
    await seed_override(store, "PSCHEDULE", "PANN", MONDAY + DAY + NOON, MONDAY + DAY + NOON + timedelta(hours=2))
    await loop.look()
    assert await told(store) == [("PANN", OFF, "cancelled")]
    await move(store, hours=2)
    await loop.look()
    assert [row[1] for row in (await told(store))[1:]] == [OFF.replace("13:00", "15:00")]


async def test_who_was_told_already_hears_that_it_is_no_longer_so(store: Store, loop: HandoffLoop) -> None:
    await move(store, hours=2)
    await loop.look()
    await change(store, "UPDATE notice SET state = 'handed', handed_at = tocsin_now()")
    override_id = await seed_override(store, "PSCHEDULE", "PANN", MONDAY + DAY + NOON, MONDAY + 2 * DAY)
    await loop.look()
    await loop.look()
    correction = ("PANN", f"No longer so: y{OFF[1:]}", "pending")
    assert await told(store) == [("PANN", OFF, "handed"), correction]
    await store.work(lambda turn: overrides.remove(turn, "PSCHEDULE", override_id))
    await loop.look()
    assert await told(store) == [("PANN", OFF, "handed"), correction, ("PANN", OFF, "pending")]


async def test_consecutive_turns_of_one_person_are_no_hand_off(store: Store, loop: HandoffLoop) -> None:
    layer = layer_of("PALONE", ["PANN", "PANN"], start=MONDAY + NOON, turn=DAY)
    await seed_schedule(store, schedule_of("PALONE", layer))
    await call_by_schedules(store, "PLEVEL1", "PALONE")
    await move(store, hours=3)
    assert await loop.look() == 0


async def test_after_downtime_what_is_long_past_is_not_told(store: Store, loop: HandoffLoop) -> None:
    await move(store, hours=3, minutes=16)
    assert await loop.look() == 0
    await move(store, hours=24, minutes=-2)
    assert await loop.look() == 1, "that Ann went on call fourteen minutes ago"
    assert [row[1] for row in await told(store)] == [ON.replace("Tue 2", "Wed 3")]


async def test_only_policies_that_announce_do(store: Store, loop: HandoffLoop) -> None:
    await change(
        store,
        "INSERT INTO escalation_policy (id, name) VALUES ('POTHER', 'Other')",
        "UPDATE service SET escalation_policy_id = 'POTHER'",
    )
    await move(store, hours=3)
    assert await loop.look() == 0, "no service calls by it"
    await change(store, "UPDATE escalation_policy SET handoff_notices = 'always' WHERE id = 'PPOLICY'")
    assert await loop.look() == 2


async def test_a_rule_that_is_gone_tells_nothing_and_corrects_nothing(store: Store, loop: HandoffLoop) -> None:
    await move(store, hours=3)
    await loop.look()
    await change(store, "UPDATE notice SET state = 'handed' WHERE user_id = 'PBO'", "DELETE FROM handoff_rule")
    await loop.look()
    assert await told(store) == [("PANN", OFF, "pending"), ("PBO", ON, "handed")], "noon is now: it stays true"
    await change(store, RULES)
    await move(store, hours=23)
    await loop.look()
    await change(store, "DELETE FROM handoff_rule")
    await loop.look()
    assert [row[2] for row in (await told(store))[2:]] == ["cancelled"]


async def test_a_new_rule_speaks_of_what_lies_ahead_of_it(store: Store, loop: HandoffLoop) -> None:
    await change(
        store, "UPDATE handoff_rule SET active_since = tocsin_now(), advance_s = 86400 * 7 WHERE id = 'PANNRULE'"
    )
    await change(store, "DELETE FROM handoff_rule WHERE id = 'PBORULE'")
    assert await loop.look() == 0
    await move(store, hours=3)
    await loop.look()
    assert [row[1] for row in await told(store)] == [OFF.replace("Tue 2", "Tue 9").replace("off", "on", 1)]


async def test_a_schedule_that_was_removed_is_corrected(store: Store, loop: HandoffLoop) -> None:
    await move(store, hours=2)
    await loop.look()
    await change(
        store,
        "UPDATE notice SET state = 'handed'",
        "DELETE FROM escalation_target WHERE target_id = 'PSCHEDULE'",
        "DELETE FROM schedule",
    )
    await loop.look()
    assert [row[1] for row in await told(store)] == [OFF, f"No longer so: y{OFF[1:]}"]


async def test_a_change_of_zone_moves_the_words_and_not_the_hand_off(store: Store, loop: HandoffLoop) -> None:
    await move(store, hours=2)
    await loop.look()
    await change(store, "UPDATE app_user SET time_zone = 'Europe/Berlin'")
    await loop.look()
    assert await told(store) == [("PANN", OFF, "pending")]


async def test_a_schedule_that_cannot_be_read_keeps_nobody_from_hearing_of_the_others(
    store: Store, loop: HandoffLoop
) -> None:
    layer = layer_of("PLAYER2", ["PBO", "PANN"], start=MONDAY + NOON, turn=DAY)
    await seed_schedule(store, schedule_of("PDAMAGED", layer, name="Damaged"))
    await seed_override(store, "PDAMAGED", "PANN", MONDAY + DAY + NOON, MONDAY + 2 * DAY, override_id="PO1")
    await call_by_schedules(store, "PLEVEL2", "PDAMAGED")
    await change(store, "UPDATE schedule SET time_zone = 'Mars/Olympus' WHERE id = 'PDAMAGED'")
    await move(store, hours=2)
    assert await loop.look() == 2
    assert {title for _, title, _ in await told(store)} == {
        OFF,
        "You go on call for Damaged at Tue 2 Mar 2027, 12:00 UTC (Mars/Olympus)",
    }
