"""The bell-rope: orders change incidents whole or not at all, one after the other, and are written with their facts."""

import asyncio
from datetime import timedelta

import pytest

from tests.engine.scribe import incident_ids, receive, rows, work
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.order import Acknowledge, By, Order, Reassign, Rename, Resolve, Snooze
from tocsin.engine.turn import act
from tocsin.ground.errors import Refused, Why
from tocsin.store.directory import Directory
from tocsin.store.turn import Store

ANN = By(Agent("user", "PANN", "Ann"), Via("api"))
BO = By(Agent("user", "PBO", "Bo"), Via("api"))


async def opened(store: Store, directory: Directory, count: int = 1) -> list[str]:
    await receive(store, *[("trigger", f"disk-{number}") for number in range(count)])
    await work(store, directory)
    return await incident_ids(store)


async def test_an_order_is_written_with_everything_that_follows(store: Store, directory: Directory) -> None:
    (incident_id,) = await opened(store, directory)
    await store.work(lambda turn: act(turn, directory, {incident_id: [Acknowledge(ANN)]}))
    assert await rows(store, "SELECT status, version FROM incident") == [("acknowledged", 2)]
    assert await rows(store, "SELECT count(*) FROM timer") == [(0,)]
    assert await rows(store, "SELECT DISTINCT state FROM notification") == [("cancelled",)]
    assert await rows(store, "SELECT kind FROM feed ORDER BY id") == [
        ("incident.triggered",),
        ("incident.acknowledged",),
    ]


async def test_orders_of_several_incidents_happen_together_or_not_at_all(store: Store, directory: Directory) -> None:
    one, two = await opened(store, directory, 2)
    await store.work(lambda turn: act(turn, directory, {two: [Resolve(ANN)]}))
    with pytest.raises(Refused) as refusal:
        await store.work(lambda turn: act(turn, directory, {one: [Acknowledge(ANN)], two: [Acknowledge(ANN)]}))
    assert refusal.value.why is Why.ALREADY_RESOLVED
    assert await rows(store, "SELECT status FROM incident ORDER BY number") == [("triggered",), ("resolved",)]


async def test_an_incident_that_is_not_there_is_named(store: Store, directory: Directory) -> None:
    with pytest.raises(Refused, match="PNOWHERE") as refusal:
        await store.work(lambda turn: act(turn, directory, {"PNOWHERE": [Acknowledge(ANN)]}))
    assert refusal.value.why is Why.NOT_FOUND


async def test_ten_people_who_acknowledge_at_once_are_all_written(store: Store, directory: Directory) -> None:
    (incident_id,) = await opened(store, directory)
    people = [By(Agent("user", f"P{number}", "Somebody"), Via("api")) for number in range(10)]

    async def acknowledge(by: By) -> None:
        await store.work(lambda turn: act(turn, Directory(), {incident_id: [Acknowledge(by)]}))

    await asyncio.gather(*(acknowledge(by) for by in people))
    assert await rows(store, "SELECT count(*) FROM acknowledgement") == [(10,)]
    assert await rows(store, "SELECT version FROM incident") == [(11,)]


async def test_incidents_locked_in_opposite_orders_do_not_block_each_other(store: Store, directory: Directory) -> None:
    one, two = await opened(store, directory, 2)

    async def rename(first: str, second: str, title: str) -> None:
        orders = {first: [Rename(ANN, title)], second: [Rename(ANN, title)]}
        await store.work(lambda turn: act(turn, Directory(), orders))

    async with asyncio.timeout(10):
        await asyncio.gather(*(rename(*pair, f"t{n}") for n in range(10) for pair in ((one, two), (two, one))))
    titles = await rows(store, "SELECT DISTINCT title FROM incident")
    assert len(titles) == 1, "the last order named both"


async def test_somebody_unknown_cannot_be_given_an_incident(store: Store, directory: Directory) -> None:
    (incident_id,) = await opened(store, directory)
    with pytest.raises(Refused, match="PNOBODY"):
        await store.work(lambda turn: act(turn, directory, {incident_id: [Reassign(ANN, ("PNOBODY",))]}))
    await store.work(lambda turn: act(turn, directory, {incident_id: [Reassign(ANN, ("PBO",))]}))
    assert await rows(store, "SELECT user_id FROM assignment") == [("PBO",)]


async def test_several_orders_in_a_row_are_one_change(store: Store, directory: Directory) -> None:
    (incident_id,) = await opened(store, directory)
    orders: list[Order] = [Rename(BO, "Renamed"), Snooze(BO, timedelta(hours=1))]
    await store.work(lambda turn: act(turn, directory, {incident_id: orders}))
    found = await rows(store, "SELECT title, status, snoozed_until IS NOT NULL FROM incident")
    assert found == [("Renamed", "acknowledged", True)]
    assert await rows(store, "SELECT kind FROM timer") == [("unsnooze",)]
