"""The directory knows the configuration as of the transaction that decides, and forgets when it changes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.town.seed import layer_of, schedule_of, seed_on_call, seed_override, seed_schedule
from tocsin.domain.oncall.policy import Policy
from tocsin.store.config import bump_config
from tocsin.store.directory import Directory
from tocsin.store.schedules import overrides, write
from tocsin.store.turn import Store, Turn


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store(database, connections=4)
    await opened.open()
    await seed_on_call(opened)
    yield opened
    await opened.close()


async def frozen(store: Store, directory: Directory) -> tuple[str, Policy]:
    async def job(turn: Turn) -> tuple[str, Policy]:
        await directory.refresh(turn)
        return (await directory.frozen(turn, ["PPOLICY"]))["PPOLICY"]

    return await store.work(job)


async def change(store: Store, order: str, *, told: bool = True) -> None:
    async def job(turn: Turn) -> None:
        await turn.connection.execute(order.encode())
        if told:
            await bump_config(turn)

    await store.work(job)


async def test_a_policy_is_frozen_under_its_content(store: Store) -> None:
    directory = Directory()
    name, plan = await frozen(store, directory)
    assert [level.delay for level in plan.levels] == [timedelta(minutes=5)] * 2
    assert (await frozen(store, Directory()))[0] == name, "equal plans are one row, on every node"
    await change(store, "UPDATE escalation_level SET delay_s = 600 WHERE id = 'PLEVEL1'")
    other, changed = await frozen(store, directory)
    assert other != name
    assert changed.levels[0].delay == timedelta(minutes=10)

    async def old(turn: Turn) -> dict[str, Policy]:
        return await Directory().plans(turn, [name])

    assert (await store.read(old))[name] == plan, "incidents that run by the old plan still find it"


async def test_a_change_is_seen_by_the_next_transaction_of_every_node(store: Store) -> None:
    here, there = Directory(), Directory()

    async def name(directory: Directory) -> str:
        async def job(turn: Turn) -> str:
            await directory.refresh(turn)
            return (await directory.services(turn, ["PSERVICE"]))["PSERVICE"].name

        return await store.read(job)

    assert (await name(here), await name(there)) == ("Checkout", "Checkout")
    await change(store, "UPDATE service SET name = 'Basket'")
    assert (await name(here), await name(there)) == ("Basket", "Basket")


async def test_what_is_not_there_is_left_out(store: Store) -> None:
    directory = Directory()

    async def job(turn: Turn) -> tuple[object, object]:
        await directory.refresh(turn)
        return await directory.services(turn, ["PNONE"]), await directory.integrations(turn, ["PNONE"])

    assert await store.read(job) == ({}, {})


async def test_people_without_a_way_to_be_told_do_not_count(store: Store) -> None:
    directory = Directory()

    async def reachable(turn: Turn) -> tuple[str, ...]:
        await directory.refresh(turn)
        _, plan = (await directory.frozen(turn, ["PPOLICY"]))["PPOLICY"]
        crews = await directory.crews(turn, {"PSERVICE": [plan]})
        return crews["PSERVICE"].reachable(("PANN", "PBO", "PNOBODY"))

    assert await store.work(reachable) == ("PANN", "PBO")
    await change(store, "UPDATE contact_method SET enabled = false WHERE user_id = 'PANN'")
    assert await store.work(reachable) == ("PBO",)
    await change(store, "UPDATE app_user SET deleted_at = now() WHERE id = 'PBO'")
    assert await store.work(reachable) == ()


async def test_a_maintenance_window_makes_a_service_quiet_and_ends_by_itself(store: Store) -> None:
    directory = Directory()

    async def quiet(turn: Turn) -> str | None:
        await directory.refresh(turn)
        await directory.services(turn, ["PSERVICE"])
        return await directory.quiet(turn, "PSERVICE")

    assert await store.read(quiet) is None
    await change(
        store,
        "WITH w AS (INSERT INTO maintenance_window (id, start_at, end_at) VALUES ('PW', now(), now() + interval '1 h')"
        " RETURNING id) INSERT INTO maintenance_window_service SELECT id, 'PSERVICE' FROM w",
    )
    assert await store.read(quiet) is not None
    store.clock_shift = timedelta(hours=1, seconds=1)
    assert await store.read(quiet) is None


async def who(store: Store, directory: Directory, schedule_id: str = "PDAY") -> tuple[str, ...] | None:
    async def job(turn: Turn) -> tuple[str, ...] | None:
        await directory.refresh(turn)
        timeline = (await directory.timelines(turn, [schedule_id])).get(schedule_id)
        return None if timeline is None else timeline.who(turn.now)

    return await store.read(job)


async def _now(turn: Turn) -> datetime:
    return turn.now


async def test_an_override_is_seen_by_the_next_transaction_of_every_node(store: Store) -> None:
    start = datetime(2026, 1, 5, tzinfo=UTC)
    here, there = Directory(), Directory()
    assert (await who(store, here), await who(store, there)) == (None, None)
    await seed_schedule(store, schedule_of("PDAY", layer_of("PL1", ["PANN"], start=start, turn=timedelta(days=1))))
    assert (await who(store, here), await who(store, there)) == (("PANN",), ("PANN",))
    now = await store.read(_now)
    await seed_override(store, "PDAY", "PBO", now, now + timedelta(hours=1), override_id="PO1")
    assert (await who(store, here), await who(store, there)) == (("PBO",), ("PBO",))
    await store.work(lambda turn: overrides.remove(turn, "PDAY", "PO1"))
    assert (await who(store, here), await who(store, there)) == (("PANN",), ("PANN",))
    await store.work(lambda turn: write.delete(turn, "PDAY"))
    assert (await who(store, here), await who(store, there)) == (None, None)


async def test_a_directory_that_nobody_changed_for_long_knows_what_was_planned(store: Store) -> None:
    start = datetime(2026, 1, 5, tzinfo=UTC)
    await seed_schedule(store, schedule_of("PDAY", layer_of("PL1", ["PANN"], start=start, turn=timedelta(days=1))))
    directory = Directory()
    now = await store.read(_now)
    coming = now + timedelta(days=300)
    await seed_override(store, "PDAY", "PBO", coming, coming + timedelta(hours=1))
    assert await who(store, directory) == ("PANN",)
    store.clock_shift = timedelta(days=300, minutes=30)
    assert await who(store, directory) == ("PBO",)
