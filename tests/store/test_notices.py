"""A notice is told once under its key, by every e-mail address or the one asked for, and never before a page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.engine.scribe import rows
from tests.town.seed import seed_on_call
from tocsin.ground.limits import LEASE, MOST_REPEATED_SENDS
from tocsin.store.notices import Notice, handoffs, sending, sweep, tell, withdraw
from tocsin.store.notices.sending import MOST_A_MINUTE, ClaimedNotice, Ended, claim, end, renew, take_back
from tocsin.store.query import Query
from tocsin.store.turn import Store, Turn

SECOND_MAIL = """
    INSERT INTO contact_method (id, user_id, channel, label, address, enabled, created_at) VALUES
        ('PANNHOME', 'PANN', 'email', 'Home', 'ann@home.example', true, now() + interval '1 s'),
        ('PANNOLD', 'PANN', 'email', 'Old', 'ann@old.example', false, now() + interval '2 s'),
        ('PANNSMS', 'PANN', 'sms', 'Phone', '5550100', true, now() + interval '3 s')
"""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store(database, connections=4)
    await opened.open()
    await seed_on_call(opened)
    yield opened
    await opened.close()


async def run(store: Store, order: str) -> None:
    await store.work(lambda turn: turn.connection.execute(order.encode()))


def notice(
    key: str = "first", *, method: str | None = None, user_id: str = "PANN", due_at: datetime | None = None
) -> Notice:
    return Notice(
        user_id=user_id,
        kind="cover",
        key=key,
        due_at=due_at or datetime(2020, 1, 1, tzinfo=UTC),
        title="Bo asks you for cover",
        text="From Monday to Tuesday.",
        url_path="/app/covers/P1",
        contact_method_id=method,
    )


async def told(store: Store, *notices: Notice) -> int:
    return await store.work(lambda turn: tell(turn, notices))


async def claimed(store: Store, channel: str = "email", most: int = 50) -> list[ClaimedNotice]:
    return await store.work(lambda turn: claim(turn, channel, most))


async def ended(store: Store, held: ClaimedNotice, state: str) -> bool:
    what = Ended(
        id=held.id, fence=held.fence, state=state, due_at=None, may_repeat=held.may_repeat, ended_why=None,
        sends=held.sends, unknowns=held.unknowns,
    )  # fmt: skip # a record reads better in rows
    return await store.work(lambda turn: end(turn, what))


async def test_every_address_that_is_switched_on_is_told_once(store: Store) -> None:
    await run(store, SECOND_MAIL)
    assert await told(store, notice(), notice()) == 2
    assert await told(store, notice()) == 0
    assert await told(store, notice("second", method="PANNSMS")) == 1
    found = await rows(store, "SELECT key, contact_method_id, channel, state FROM notice ORDER BY id")
    assert found == [
        ("first", "PANNMAIL", "email", "pending"),
        ("first", "PANNHOME", "email", "pending"),
        ("second", "PANNSMS", "sms", "pending"),
    ]


async def test_people_who_are_gone_are_not_told(store: Store) -> None:
    await run(store, "UPDATE app_user SET deleted_at = now() WHERE id = 'PANN'")
    assert await told(store, notice(), notice(user_id="PNOBODY"), notice(method="PBOMAIL")) == 0


async def test_what_is_not_due_waits(store: Store) -> None:
    await told(store, notice(due_at=datetime.now(UTC) + timedelta(minutes=5)))
    assert await claimed(store) == []
    store.clock_shift = timedelta(minutes=6)
    (held,) = await claimed(store)
    assert (held.address, held.person, held.text) == ("ann@example.org", "Ann", "From Monday to Tuesday.")
    assert await claimed(store) == []


async def test_pages_go_first(store: Store) -> None:
    await told(store, notice())
    await run(
        store,
        "INSERT INTO notification (incident_id, user_id, contact_method_id, rule_id, round, channel, urgency, rank,"
        " created_at, due_at) VALUES ('Q1', 'PBO', 'PBOMAIL', 'r', 1, 'email', 'high', 0, now(), now())",
    )
    assert await claimed(store) == []
    await run(store, "UPDATE notification SET state = 'leased', lease_until = now() + interval '1 min'")
    assert len(await claimed(store)) == 1


async def test_on_hold_nothing_leaves(store: Store) -> None:
    await told(store, notice())
    await run(store, "INSERT INTO setting VALUES ('hold', '1')")
    assert await claimed(store) == []
    await run(store, "DELETE FROM setting")
    assert len(await claimed(store)) == 1


async def test_a_flood_of_notices_is_spread(store: Store) -> None:
    await told(store, *(notice(f"n{number}") for number in range(MOST_A_MINUTE + 5)))
    for held in await claimed(store, most=MOST_A_MINUTE):
        assert await ended(store, held, "handed")
    assert await claimed(store) == []
    store.clock_shift = timedelta(minutes=2)
    assert len(await claimed(store)) == 5


async def test_a_dead_holder_is_followed_once_and_writes_nothing_more(store: Store) -> None:
    await told(store, notice())
    for round_ in range(MOST_REPEATED_SENDS + 1):
        (held,) = await claimed(store)
        assert held.may_repeat is (round_ > 0)
        store.clock_shift += LEASE + timedelta(seconds=1)
        assert await store.work(lambda turn: take_back(turn, MOST_REPEATED_SENDS)) == [held.id]
        assert not await store.work(lambda turn, held=held: renew(turn, held))  # type: ignore[misc]  # bound on purpose
        assert not await ended(store, held, "failed")
    assert await rows(store, "SELECT state, may_repeat FROM notice") == [("unknown", True)]


async def test_what_fails_goes_to_the_next_address_that_has_not_had_it(store: Store) -> None:
    await run(store, SECOND_MAIL)
    await told(store, notice(method="PANNSMS"))
    for channel, method_id in (("sms", "PANNSMS"), ("email", "PANNMAIL"), ("email", "PANNHOME")):
        (held,) = await claimed(store, channel)
        assert held.contact_method_id == method_id
        assert await ended(store, held, "failed")
    assert await claimed(store) == []


async def test_a_contact_method_that_is_switched_off_has_no_address(store: Store) -> None:
    await told(store, notice())
    await run(store, "UPDATE contact_method SET enabled = false")
    (held,) = await claimed(store)
    assert held.address is None


async def test_what_is_taken_back_is_not_sent_and_may_be_told_anew(store: Store) -> None:
    await told(store, notice("waits"), notice("left"))
    held = next(each for each in await claimed(store) if each.key == "left")
    await ended(store, held, "handed")
    await run(store, "UPDATE notice SET state = 'pending' WHERE key = 'waits'")

    async def back(turn: Turn) -> dict[int, bool]:
        found = [int(row[0]) for row in await rows(store, "SELECT id FROM notice")]
        return {each.id: each.told for each in await withdraw(turn, found)}

    assert sorted((await store.work(back)).values()) == [False, True]
    assert await store.work(back) == {}
    states = await rows(store, "SELECT key, state FROM notice ORDER BY key")
    assert states == [("left", "handed"), ("waits", "cancelled")]
    assert await told(store, notice("waits"), notice("left")) == 2


async def test_a_notice_that_is_taken_back_while_it_leaves_is_not_tried_again(store: Store) -> None:
    await told(store, notice())
    (held,) = await claimed(store)
    (gone,) = await store.work(lambda turn: withdraw(turn, [held.id]))
    assert gone.told, "it may have arrived"
    assert await ended(store, held, "pending")
    assert await rows(store, "SELECT state FROM notice") == [("cancelled",)]


async def test_old_notices_are_forgotten_unless_they_speak_of_what_is_ahead(store: Store) -> None:
    await told(store, notice("old"), notice("waits"), notice("ahead"))
    await run(store, "UPDATE notice SET state = 'handed' WHERE key <> 'waits'")
    await run(store, "UPDATE notice SET about_at = now() + interval '10 days' WHERE key = 'ahead'")
    assert await store.work(sweep) == 0
    store.clock_shift = timedelta(days=31)
    assert await store.work(sweep) == 1
    assert await rows(store, "SELECT key FROM notice ORDER BY key") == [("ahead",), ("waits",)]


MINUTE = timedelta(minutes=1)
FILL = """
    INSERT INTO notice (user_id, contact_method_id, channel, kind, key, title, words, url_path, about_at, created_at,
                        due_at, state, handed_at)
    SELECT 'PU' || n % 50, 'PM' || n % 50, 'email', 'handoff', 'k' || n, 't', 'w', '/',
           now() - make_interval(secs => n), now(), now() - make_interval(secs => n),
           CASE WHEN n % 100 = 0 THEN 'pending' ELSE 'handed' END,
           CASE WHEN n % 100 <> 0 THEN now() - make_interval(secs => n) END
      FROM generate_series(1, 30000) AS n
"""
CLAIMING = {"channel": "email", "most": 4, "most_each": 10, "per": MINUTE, "lease": LEASE}
QUESTIONS: list[tuple[Query[Any], dict[str, object]]] = [
    (sending.AHEAD, {}),
    (sending.DUE_CHANNELS, {}),
    (sending.CLAIM, CLAIMING),
    (sending.TAKE_BACK, {"most_repeats": 1}),
    (handoffs.LOOK, {}),
    (handoffs.OPEN, {"latest": MINUTE}),
]


async def test_what_the_loops_ask_never_reads_the_table_whole(store: Store) -> None:
    await run(store, FILL)
    await run(store, "ANALYZE notice")

    async def explain(turn: Turn) -> list[str]:
        lines = []
        for query, values in QUESTIONS:
            cursor = await turn.connection.execute(f"EXPLAIN {query.sql}".encode(), values)
            lines += [f"{query.says}: {row[0]}" for row in await cursor.fetchall()]
        return lines

    assert [line for line in await store.work(explain) if "Seq Scan on notice" in line] == []
