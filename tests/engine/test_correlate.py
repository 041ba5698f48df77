"""Events become alerts and incidents in the order in which they were accepted, however they are batched."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import ValidationError

from tests.engine.scribe import INTEGRATION, receive, rows, work
from tests.town.database import tell
from tocsin.engine.correlate import correlate, park
from tocsin.store.directory import Directory
from tocsin.store.lanes import Received
from tocsin.store.turn import Store

STATUSES = "SELECT i.status FROM incident i ORDER BY i.number"
OUTCOMES = "SELECT outcome FROM event ORDER BY id"


async def test_many_events_of_one_problem_are_one_incident(store: Store, directory: Directory) -> None:
    await receive(store, *[("trigger", "disk")] * 20)
    assert await work(store, directory) == 20
    assert await rows(store, STATUSES) == [("triggered",)]
    assert await rows(store, "SELECT events FROM alert") == [(20,)]
    assert await rows(store, "SELECT count(*) FROM inbox") == [(0,)]
    assert [row[0] for row in await rows(store, OUTCOMES)] == ["incident opened", *["repeated"] * 19]


async def test_an_end_and_a_new_beginning_in_one_batch(store: Store, directory: Directory) -> None:
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    await receive(store, ("resolve", "disk"), ("trigger", "disk"), ("resolve", "disk"), ("trigger", "disk"))
    assert await work(store, directory) == 4
    assert await rows(store, STATUSES) == [("resolved",), ("resolved",), ("triggered",)]
    assert await rows(store, "SELECT count(*) FROM alert WHERE status = 'triggered'") == [(1,)]


async def test_what_means_nothing_is_kept_with_its_reason(store: Store, directory: Directory) -> None:
    await receive(store, ("resolve", "unknown"), ("acknowledge", "unknown"))
    await receive(store, ("trigger", "disk"), integration="PGONE")
    await work(store, directory)
    assert await rows(store, STATUSES) == []
    assert [row[0] for row in await rows(store, OUTCOMES)] == ["no open alert", "no open alert", "integration deleted"]


async def test_two_nodes_never_open_one_problem_twice(store: Store) -> None:
    await receive(store, *[("trigger", f"disk-{number % 7}") for number in range(140)])
    nodes = [Directory(), Directory(), Directory()]

    async def node(directory: Directory) -> None:
        while await rows(store, "SELECT 1 FROM inbox LIMIT 1"):
            await work(store, directory, most=5)

    async with asyncio.timeout(20):
        await asyncio.gather(*(node(directory) for directory in nodes))
    assert await rows(store, "SELECT count(*) FROM incident") == [(7,)]
    assert await rows(store, "SELECT sum(events) FROM alert") == [(140,)]


async def test_a_lane_that_another_node_works_on_is_left_to_it(store: Store, directory: Directory) -> None:
    await receive(store, ("trigger", "disk"))
    async with store.connection() as other, other.transaction():
        await other.execute("SELECT n FROM lane FOR UPDATE")
        assert await work(store, directory) == 0
    assert await work(store, directory) == 1


async def test_an_event_that_fails_says_which_it_was_and_leaves_when_parked(store: Store, directory: Directory) -> None:
    await receive(store, ("explode", "disk"), ("trigger", "disk"))
    taken: list[Received] = []
    with pytest.raises(ValidationError, match="explode"):
        await store.work(lambda turn: correlate(turn, directory, most=1, taken=taken))
    assert await rows(store, "SELECT min(id) FROM inbox") == [(taken[0].id,)]
    await store.work(lambda turn: park(turn, taken[0].id, "it explodes"))
    assert await work(store, directory) == 1
    assert await rows(store, "SELECT error FROM parked_event") == [("it explodes",)]


async def test_ugly_text_opens_an_incident(store: Store, directory: Directory) -> None:
    await receive(store, ("trigger", "\U0001f525 % \\ ' \" {} {{x}} %(a)s \u202e"))
    assert await work(store, directory) == 1
    assert await rows(store, STATUSES) == [("triggered",)]


ACTIONS = st.lists(st.tuples(st.sampled_from(["trigger", "acknowledge", "resolve"]), st.sampled_from("ab")), max_size=9)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=st.lists(ACTIONS, max_size=4))
def test_batches_change_nothing(database: str, batches: list[list[tuple[str, str]]]) -> None:
    """However the same events are cut into batches, what stands in the end is what one after the other makes."""
    asyncio.run(_compare(database, batches))


async def _compare(database: str, batches: list[list[tuple[str, str]]]) -> None:
    store = Store(database, connections=2)
    await store.open()
    try:
        expected: dict[str, list[str]] = {"a": [], "b": []}
        for action, key in (event for batch in batches for event in batch):
            _expect(expected[key], action)
        await _seed_once(store)
        tell(
            database,
            "TRUNCATE incident, alert, timer, notification, event, assignment, acknowledgement, log_entry, feed",
        )
        directory = Directory()
        for batch in batches:
            await receive(store, *batch)
            await work(store, directory)
        for key, statuses in expected.items():
            found = await rows(
                store,
                "SELECT i.status FROM incident i JOIN alert a ON a.incident_id = i.id"
                " WHERE a.dedup_key = %(key)s ORDER BY i.number",
                {"key": key},
            )
            assert [row[0] for row in found] == statuses, (key, batches)
    finally:
        await store.close()


async def _seed_once(store: Store) -> None:
    from tests.town.seed import seed_on_call

    if not await rows(store, "SELECT 1 FROM integration WHERE id = %(id)s", {"id": INTEGRATION}):
        await seed_on_call(store)


def _expect(incidents: list[str], action: str) -> None:
    """Do to a list of statuses what an event does to the incidents of one problem."""
    running = bool(incidents) and incidents[-1] != "resolved"
    if action == "trigger" and not running:
        incidents.append("triggered")
    elif action != "trigger" and running:
        incidents[-1] = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
