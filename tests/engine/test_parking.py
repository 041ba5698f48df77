"""The event that cannot be worked on is put aside, that one and no other, and a fault of ours parks no rows of them."""

import asyncio

from tests.engine.courier import turning, until
from tests.engine.scribe import receive, rows, work
from tests.town.database import tell
from tocsin.engine.accept import Hinted
from tocsin.engine.loops.lanes import HELD_FOR_S, LaneLoop
from tocsin.engine.watch import Watch
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.turn import Store

PARKED = "SELECT (SELECT count(*) FROM parked_event)::int, (SELECT count(*) FROM inbox)::int"
INCIDENTS = "SELECT count(*)::int FROM incident"


def loop(store: Store, held_for_s: float = HELD_FOR_S) -> LaneLoop:
    return LaneLoop(store, Directory(), hinted=Hinted, watch=Watch(), held_for_s=held_for_s)


async def test_two_nodes_park_the_one_that_failed_and_work_on_the_others(database: str, store: Store) -> None:
    await receive(store, *[("trigger", f"disk-{number}") for number in range(12)])
    await receive(store, ("explode", "bad"))
    await receive(store, *[("trigger", f"fan-{number}") for number in range(12)])
    other = Store(database, connections=2)
    await other.open()
    async with turning(loop(store).run()), turning(loop(other).run()):
        await until(store, PARKED, [(1, 0)])
    await other.close()
    assert await rows(store, "SELECT body LIKE '%%explode%%' FROM parked_event") == [(True,)]
    assert await rows(store, INCIDENTS) == [(24,)]


async def test_single_bad_events_among_good_ones_stop_nothing(store: Store) -> None:
    for number in range(6):
        await receive(store, ("trigger", f"disk-{number}"), ("explode", f"bad-{number}"))
    async with turning(loop(store).run()):
        await until(store, PARKED, [(6, 0)])
    assert await rows(store, INCIDENTS) == [(6,)]


async def test_after_three_failures_in_a_row_nothing_more_is_parked(store: Store) -> None:
    await receive(store, *[("explode", f"bad-{number}") for number in range(6)])
    async with turning(loop(store).run()):
        await until(store, PARKED, [(3, 3)])
        store.hints.ring(Topic.LANES)
        await asyncio.sleep(0.5)
    assert await rows(store, PARKED) == [(3, 3)], "what waits is kept where the auditor sees it"


async def test_a_database_that_is_read_only_for_a_while_parks_nothing_and_ends_no_loop(
    database: str, store: Store
) -> None:
    lines = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    await receive(store, ("trigger", "disk"))
    order = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {}', current_database()); END $$"
    tell(database, order.format("SET default_transaction_read_only = on"))
    node = Store(database, connections=2)
    await node.open()
    async with turning(loop(node).run()) as task:
        await asyncio.sleep(2.5)
        assert not task.done()
        assert await rows(store, PARKED) == [(0, 1)]
        tell(
            database,
            "SET default_transaction_read_only = off",
            order.format("RESET default_transaction_read_only"),
            f"{lines} AND pid <> pg_backend_pid()",
        )
        await until(store, INCIDENTS, [(1,)])
    await node.close()
    assert await rows(store, PARKED) == [(0, 0)]


async def test_a_tool_that_flaps_within_one_batch_is_understood(store: Store, directory: Directory) -> None:
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    await receive(store, *[("resolve", "disk"), ("trigger", "disk")] * 3)
    assert await work(store, directory) == 6
    alerts = await rows(store, "SELECT status, count(*)::int FROM alert GROUP BY 1 ORDER BY 1")
    assert alerts == [("resolved", 3), ("triggered", 1)]
    incidents = await rows(store, "SELECT status, count(*)::int FROM incident GROUP BY 1 ORDER BY 1")
    assert incidents == alerts


OTHER = """
    INSERT INTO integration (id, service_id, name, kind, routing_key_hash, routing_key_sealed)
    VALUES ('POTHER', 'PSERVICE', 'Other', 'events_api_v2_inbound_integration', 'other', '')
"""
SPOIL = """
    ALTER TABLE alert ADD CONSTRAINT spoilt CHECK (integration_id <> 'PINTEGRATION') NOT VALID
"""


async def test_an_integration_whose_every_event_fails_holds_up_its_own_events_only(database: str, store: Store) -> None:
    tell(database, OTHER, SPOIL)
    for number in range(8):
        await receive(store, ("trigger", f"disk-{number}"))
        await receive(store, ("trigger", f"fan-{number}"), integration="POTHER")
    async with turning(loop(store, 0.3).run()):
        await until(store, INCIDENTS, [(8,)])
        await asyncio.sleep(1)
        assert await rows(store, PARKED) == [(3, 5)], "what waits is kept, and no more is parked however often it fails"
        tell(database, "ALTER TABLE alert DROP CONSTRAINT spoilt")
        await until(store, PARKED, [(3, 0)])
    assert await rows(store, INCIDENTS) == [(13,)]


async def test_good_events_behind_a_row_of_bad_ones_get_their_turn(store: Store) -> None:
    await receive(store, *[("explode", f"bad-{number}") for number in range(6)], ("trigger", "disk"))
    async with turning(loop(store, 0.3).run()):
        await until(store, INCIDENTS, [(1,)])
        await until(store, PARKED, [(6, 0)])


async def test_a_fault_that_hits_every_integration_parks_three_events_in_all(database: str, store: Store) -> None:
    tell(database, OTHER, "ALTER TABLE alert ADD CONSTRAINT spoilt CHECK (summary = '') NOT VALID")
    for number in range(5):
        await receive(store, ("trigger", f"disk-{number}"))
        await receive(store, ("trigger", f"fan-{number}"), integration="POTHER")
    async with turning(loop(store, 0.3).run()):
        await until(store, PARKED, [(3, 7)])
        await asyncio.sleep(1)
        assert await rows(store, PARKED) == [(3, 7)]
