"""Those who plan hear of faults days ahead: once, until the fault is mended or a week has passed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.courier import change
from tests.engine.scribe import rows
from tests.town.seed import call_by_schedules, layer_of, schedule_of, seed_on_call, seed_override, seed_schedule
from tocsin.engine.loops.coverage import CoverageLoop
from tocsin.engine.watch import Watch
from tocsin.store.query import Command
from tocsin.store.schedules import overrides
from tocsin.store.turn import Store, Turn

_OWNER = Command(
    "seed",
    """
    INSERT INTO app_user (id, name, email, role, time_zone)
    VALUES ('POWNER', 'Olive', 'olive@example.org', 'owner', 'Europe/Berlin')
    """,
)
_OWNERS_MAIL = Command(
    "seed",
    """
    INSERT INTO contact_method (id, user_id, channel, label, address)
    VALUES ('POWNERMAIL', 'POWNER', 'email', 'Work', 'olive@example.org')
    """,
)
_RULES = Command(
    "seed",
    """
    INSERT INTO notification_rule (id, user_id, contact_method_id, urgency, start_delay_s)
    SELECT c.id || u, c.user_id, c.id, u, 0 FROM contact_method c, unnest(ARRAY['high', 'low']) AS u
    """,
)


_TEAM = (
    Command("seed", "INSERT INTO team (id, name) VALUES ('PTEAM', 'Platform')"),
    Command("seed", "INSERT INTO team_member VALUES ('PTEAM', 'PBO', 'manager')"),
    Command("seed", "UPDATE escalation_policy SET team_id = 'PTEAM'"),
)
_TOLD = "SELECT user_id, kind, title, words FROM notice ORDER BY id"
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """A store with Ann and Bo on call and Olive, the owner, who plans."""
    opened = Store(database, connections=2)
    await opened.open()
    await seed_on_call(opened)

    async def seed(turn: Turn) -> None:
        for statement in (_OWNER, _OWNERS_MAIL, _RULES):
            await turn.run(statement)

    await opened.work(seed)
    yield opened
    await opened.close()


def _loop(store: Store) -> CoverageLoop:
    return CoverageLoop(store, holder="this node", watch=Watch())


async def _by_a_schedule(store: Store, *, until: timedelta) -> None:
    """Let level 1 call a schedule that ends after so long."""
    now = (await store.read(_now)).replace(microsecond=0)
    layer = layer_of("L", ("PANN",), start=START, turn=timedelta(days=1), end=now + until)
    await seed_schedule(store, schedule_of("NIGHTS", layer, name="Nights"))
    await call_by_schedules(store, "PLEVEL1", "NIGHTS")


async def _now(turn: Turn) -> datetime:
    return turn.now


async def test_those_who_plan_hear_of_a_gap_days_before_it_comes(store: Store) -> None:
    await _by_a_schedule(store, until=timedelta(days=5))
    assert await _loop(store).look() == 1
    ((user_id, kind, title, words),) = await rows(store, _TOLD)
    assert (user_id, kind) == ("POWNER", "coverage")
    assert title == "On call: 2 problems within the next 14 days"
    assert "Nights has nobody on call from " in words
    assert "Level 1 of Night calls nobody from " in words
    assert "(Europe/Berlin)" in words, "in the reader's own zone"


async def test_nobody_hears_of_the_same_fault_each_hour(store: Store) -> None:
    await _by_a_schedule(store, until=timedelta(days=5))
    assert [await _loop(store).look() for _ in range(3)] == [1, 0, 0]
    store.clock_shift = timedelta(days=8)
    assert await _loop(store).look() == 1, "but again after a week"


async def test_a_fault_that_was_mended_and_came_back_is_told_anew(store: Store) -> None:
    await _by_a_schedule(store, until=timedelta(days=5))
    loop = _loop(store)
    assert await loop.look() == 1
    now = await store.read(_now)
    override = await seed_override(store, "NIGHTS", "PANN", now, now + timedelta(days=60))
    assert await loop.look() == 0, "it looks at once when the configuration changed, and all is well"
    await store.work(lambda turn: overrides.remove(turn, "NIGHTS", override))
    assert await loop.look() == 1


async def test_a_team_s_manager_hears_of_the_team_s_policy_and_nobody_else(store: Store) -> None:

    async def seed(turn: Turn) -> None:
        for statement in _TEAM:
            await turn.run(statement)

    await store.work(seed)
    await _by_a_schedule(store, until=timedelta(days=5))
    assert await _loop(store).look() == 1
    assert [row[0] for row in await rows(store, _TOLD)] == ["PBO"]


async def test_what_is_far_off_and_what_is_only_good_to_know_tells_nobody(store: Store) -> None:
    await _by_a_schedule(store, until=timedelta(days=40))
    assert await _loop(store).look() == 0, await rows(store, _TOLD)


async def test_one_node_looks_at_a_time(store: Store) -> None:
    await _by_a_schedule(store, until=timedelta(days=5))
    assert await CoverageLoop(store, holder="first", watch=Watch()).look() == 1
    override = await store.read(_now)
    await seed_override(store, "NIGHTS", "PBO", override, override + timedelta(hours=1))
    assert await CoverageLoop(store, holder="second", watch=Watch()).look() == 0


async def test_a_schedule_that_cannot_be_read_is_told_like_any_other_fault(store: Store) -> None:
    await _by_a_schedule(store, until=timedelta(days=40))
    await change(store, "UPDATE schedule SET time_zone = 'Mars/Olympus'")
    assert await _loop(store).look() == 1
    ((_, _, _, words),) = await rows(store, _TOLD)
    assert "Nights cannot be read, so that its layers call nobody: " in words
