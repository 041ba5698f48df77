"""Whoever is called first is somebody who can hear it, and two incidents at once do not call the same person."""

import asyncio

import pytest

from tests.engine.courier import change
from tests.engine.scribe import incident_ids, receive, rows, work
from tests.engine.test_turn import ANN
from tocsin.domain.incidents.order import Opening, Reassign
from tocsin.engine.respond import open_by_hand
from tocsin.engine.turn import act
from tocsin.ground.errors import Refused, Why
from tocsin.store.directory import Directory
from tocsin.store.turn import Store, Turn

NOBODY_HEARS = "DELETE FROM contact_method WHERE user_id = 'PBO'"


async def open_one(turn: Turn, directory: Directory, *, user_ids: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Open an incident by hand and return who has it."""
    await directory.refresh(turn)
    plan_id, _ = (await directory.frozen(turn, ["PPOLICY"]))["PPOLICY"]
    opening = Opening(ANN, "Disk full", "high", plan_id, user_ids=user_ids)
    return (await open_by_hand(turn, directory, opening, service_id="PSERVICE")).assignees


async def test_an_incident_cannot_be_given_to_people_who_cannot_be_told(store: Store, directory: Directory) -> None:
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    (incident_id,) = await incident_ids(store)
    await change(store, NOBODY_HEARS)
    with pytest.raises(Refused, match="contact method") as refusal:
        await store.work(lambda turn: act(turn, directory, {incident_id: [Reassign(ANN, ("PBO",))]}))
    assert refusal.value.why is Why.INVALID
    assert await rows(store, "SELECT user_id FROM assignment") == [("PANN",)], "it stays with who has it"
    assert await rows(store, "SELECT kind FROM timer") == [("escalate",)]
    assert await rows(store, "SELECT state FROM notification") == [("pending",)]


async def test_an_incident_cannot_be_opened_for_people_who_cannot_be_told(store: Store, directory: Directory) -> None:
    await change(store, NOBODY_HEARS)
    with pytest.raises(Refused, match="contact method"):
        await store.work(lambda turn: open_one(turn, directory, user_ids=("PBO",)))
    assert await rows(store, "SELECT count(*) FROM incident") == [(0,)]


async def test_one_of_several_who_can_be_told_is_enough(store: Store, directory: Directory) -> None:
    await change(store, NOBODY_HEARS)
    assert await store.work(lambda turn: open_one(turn, directory, user_ids=("PBO", "PANN"))) == ("PBO", "PANN")
    assert await rows(store, "SELECT user_id FROM notification") == [("PANN",)]


async def test_the_first_two_overlapping_incidents_of_a_round_robin_call_two_people(store: Store) -> None:
    await change(
        store,
        "UPDATE escalation_level SET strategy = 'round_robin' WHERE id = 'PLEVEL1'",
        "INSERT INTO escalation_target (level_id, position, kind, target_id) VALUES ('PLEVEL1', 2, 'user', 'PBO')",
    )

    async def freeze(turn: Turn) -> None:
        await Directory().frozen(turn, ["PPOLICY"])

    await store.work(freeze)  # so that the two do not wait for each other because of the plan
    assert await rows(store, "SELECT count(*) FROM round_robin") == [(0,)], "this level was never called"
    decided = asyncio.Event()

    async def slow(turn: Turn) -> tuple[str, ...]:
        called = await open_one(turn, Directory())
        decided.set()
        await asyncio.sleep(0.3)
        return called

    async def quick(turn: Turn) -> tuple[str, ...]:
        return await open_one(turn, Directory())

    async with asyncio.TaskGroup() as group:
        first = group.create_task(store.work(slow))
        await decided.wait()
        second = group.create_task(store.work(quick))
    assert sorted([first.result(), second.result()]) == [("PANN",), ("PBO",)]
    assert await rows(store, "SELECT turn FROM round_robin") == [(2,)]
