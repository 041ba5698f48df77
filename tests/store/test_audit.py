"""The audit chain: every way of tampering with the record of who changed what comes to light."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest

from tocsin.domain.people.actor import SYSTEM
from tocsin.domain.people.audit import Head
from tocsin.store import audit
from tocsin.store.turn import Store, Turn

KEY = b"k" * 32


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = Store(database, connections=14)
    await store.open()
    yield store
    await store.close()


async def _write(store: Store, count: int) -> None:
    async def job(turn: Turn) -> None:
        for number in range(count):
            await audit.record(turn, SYSTEM, "update", ("service", f"P{number}"), {"name": f"web \x00 {number} ü"})

    await store.work(job)


async def _seal(store: Store, *, most: int = 1_000) -> int:
    return await store.work(lambda turn: audit.seal(turn, KEY, most=most))


async def _check(store: Store, anchor: Head | None = None) -> audit.Verdict:
    return await audit.verify(store, KEY, lambda done, everything: None, anchor=anchor)


async def _tamper(store: Store, *statements: str) -> None:
    async with store.connection() as connection:
        for statement in statements:
            await connection.execute(statement.encode())


async def test_an_empty_chain_is_intact(store: Store) -> None:
    verdict = await _check(store)
    assert verdict.intact
    assert verdict.sealed == 0


async def test_an_honest_chain_is_intact_over_several_seals(store: Store) -> None:
    await _write(store, 25)
    assert [await _seal(store, most=10) for _ in range(4)] == [10, 10, 5, 0]
    await _write(store, 5)
    verdict = await _check(store)
    assert verdict.intact, verdict.faults
    assert (verdict.sealed, verdict.waiting, verdict.head.position) == (25, 5, 25)


TAMPERINGS = {
    "edited": ['UPDATE audit SET change = \'{"name": "forged"}\' WHERE id = 5'],
    "edited by one space of an actor": ['UPDATE audit SET actor = \'{"id": "x"}\' WHERE id = 7'],
    "backdated": ["UPDATE audit SET at = at - interval '1 microsecond' WHERE id = 5"],
    "record deleted": ["DELETE FROM audit WHERE id = 5"],
    "record and link deleted": ["DELETE FROM audit WHERE id = 5", "DELETE FROM audit_seal WHERE audit_id = 5"],
    "first deleted": ["DELETE FROM audit WHERE id = 1", "DELETE FROM audit_seal WHERE audit_id = 1"],
    "reordered": [
        "UPDATE audit_seal SET audit_id = audit_id + 1000 WHERE audit_id IN (4, 5)",
        "UPDATE audit_seal SET audit_id = CASE audit_id WHEN 1004 THEN 5 ELSE 4 END WHERE audit_id > 1000",
    ],
    "end cut off": ["DELETE FROM audit WHERE id > 15", "DELETE FROM audit_seal WHERE position > 15"],
    "everything removed": ["DELETE FROM audit", "DELETE FROM audit_seal"],
    "signed head removed": ["DELETE FROM setting"],
    "signed head forged": ["UPDATE setting SET value = jsonb_set(value, '{position}', '15')"],
    "signed head is nonsense": ["UPDATE setting SET value = '[1]'"],
    "signed head is no hash": ['UPDATE setting SET value = \'{"position": "x", "hash": 7, "code": null}\''],
    "smuggled in, old": [
        (
            "INSERT INTO audit (at, actor, method, action, resource_kind, resource_id, change)"
            " SELECT at - interval '1 day', actor, method, action, resource_kind, resource_id, change"
            " FROM audit LIMIT 1"
        )
    ],
    "link changed": ["UPDATE audit_seal SET hash = sha256(hash) WHERE position = 9"],
}


@pytest.mark.parametrize("statements", TAMPERINGS.values(), ids=TAMPERINGS.keys())
async def test_every_tampering_is_found(store: Store, statements: list[str]) -> None:
    await _write(store, 20)
    await _seal(store)
    assert (await _check(store)).intact
    await _tamper(store, *statements)
    verdict = await _check(store)
    assert not verdict.intact
    assert verdict.faults


async def test_a_chain_written_anew_by_somebody_without_the_key_is_found(store: Store) -> None:
    await _write(store, 20)
    await _seal(store)
    await _tamper(store, "UPDATE audit SET resource_id = 'P0' WHERE id = 3", "DELETE FROM audit_seal")
    await store.work(lambda turn: audit.seal(turn, b"x" * 32))
    verdict = await _check(store)
    assert verdict.faults == ("The head of the chain is not signed with this installation's key.",)


async def test_a_head_kept_elsewhere_finds_even_a_chain_signed_with_the_stolen_key(store: Store) -> None:
    await _write(store, 20)
    await _seal(store)
    kept = (await _check(store)).head
    await _write(store, 3)
    await _seal(store)
    assert (await _check(store, kept)).intact
    await _tamper(store, "UPDATE audit SET resource_id = 'P0' WHERE id = 3", "DELETE FROM audit_seal")
    await _seal(store)
    assert (await _check(store)).intact
    assert not (await _check(store, kept)).intact
    await _tamper(store, "DELETE FROM audit_seal WHERE position > 0", "DELETE FROM audit WHERE id > 10")
    await _seal(store)
    assert any("missing" in fault for fault in (await _check(store, kept)).faults)


async def test_a_record_that_commits_late_never_ends_up_in_front(store: Store) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(turn: Turn) -> None:
        await audit.record(turn, SYSTEM, "create", ("service", "slow"), {})
        started.set()
        await go_on.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(store.work(slow))
        await started.wait()
        await _write(store, 3)
        assert await _seal(store) == 0  # the older transaction still runs: what came after it must wait
        go_on.set()
    assert await _seal(store) == 4
    assert (await _check(store)).intact


async def test_many_writers_and_two_keepers_make_one_whole_chain(store: Store) -> None:
    async def writer(number: int) -> None:
        for turn_number in range(8):
            await _write(store, (number + turn_number) % 4 + 1)

    async def keeper() -> None:
        for _ in range(30):
            await _seal(store, most=7)
            await asyncio.sleep(0.002)

    await asyncio.gather(*(writer(number) for number in range(8)), keeper(), keeper())
    while await _seal(store, most=50):
        pass
    verdict = await _check(store)
    assert verdict.intact, verdict.faults
    assert (verdict.sealed, verdict.waiting) == (160, 0)


async def test_a_refused_change_leaves_no_record(store: Store) -> None:
    async def job(turn: Turn) -> None:
        await audit.record(turn, SYSTEM, "create", ("service", "P1"), {})
        raise LookupError

    with pytest.raises(LookupError):
        await store.work(job)
    assert (await _check(store)).waiting == 0


async def test_secrets_are_not_kept_in_a_record(store: Store) -> None:
    change = {
        "routing_key": "canary-1", "password": {"before": "canary-2"}, "config": {"apiToken": "canary-3", "ok": [1]},
        "steps": [{"webhook_secret": "canary-4"}],
    }  # fmt: skip
    await store.work(lambda turn: audit.record(turn, SYSTEM, "update", ("service", "P1"), change))
    async with store.connection() as connection:
        row = await (await connection.execute("SELECT change::text FROM audit")).fetchone()
    assert row is not None
    assert "canary" not in str(row[0])
    assert '"ok": [1]' in str(row[0])


async def test_progress_is_told_while_a_long_chain_is_read(store: Store) -> None:
    for _ in range(3):
        await _write(store, 900)
        await _seal(store)
    told: list[tuple[int, int]] = []
    await audit.verify(store, KEY, lambda done, everything: told.append((done, everything)))
    assert told[-1] == (2700, 2700)
    assert all(before[0] < after[0] for before, after in pairwise(told))


async def test_a_record_left_behind_by_a_very_long_transaction_is_sealed_by_a_thorough_look(store: Store) -> None:
    await _write(store, audit.WINDOW + 300)
    while await _seal(store):
        pass
    await _tamper(
        store,
        "INSERT INTO audit (id, actor, method, action, resource_kind, resource_id, change) OVERRIDING SYSTEM VALUE"
        " VALUES (0, '{}', 'system', 'update', 'service', 'P1', '{}')",
    )
    assert await _seal(store) == 0
    assert await store.work(lambda turn: audit.seal(turn, KEY, thorough=True)) == 1
    assert (await _check(store)).intact


async def test_old_records_of_a_standing_keeper_are_reported(store: Store) -> None:
    await _write(store, 2)
    assert (await _check(store)).intact
    store.clock_shift = timedelta(minutes=5)
    assert not (await _check(store)).intact
