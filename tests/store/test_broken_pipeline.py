"""A transaction that failed in the middle of a batch leaves nothing behind that spoils the next one."""

from collections.abc import AsyncIterator

import psycopg
import pytest

from tests.engine.scribe import incident_ids, receive, rows, work
from tests.town.seed import seed_on_call
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.order import By, Opening, Rename, Reopen, Resolve
from tocsin.engine.escalate import escalate
from tocsin.engine.respond import open_by_hand
from tocsin.engine.turn import act
from tocsin.ground.errors import Refused, Why
from tocsin.store.directory import Directory
from tocsin.store.query import Command
from tocsin.store.turn import Store, Turn

ANN = By(Agent("user", "PANN", "Ann"), Via("api"))
_SET = Command("a setting", "INSERT INTO setting (key, value) VALUES (%(key)s, to_jsonb(%(value)s::text))")
_COUNT = Command("a count", "UPDATE setting SET value = value WHERE key = %(key)s")


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """A store with a single connection, so that each transaction inherits what the one before it left."""
    opened = Store(database, connections=1)
    await opened.open()
    await seed_on_call(opened)
    yield opened
    await opened.close()


async def refuse(_turn: Turn) -> None:
    raise Refused(Why.INVALID, "nothing is wrong with the database")


async def refused(store: Store) -> None:
    """Undo one transaction: the driver treats the second undoing of a connection differently from the first."""
    with pytest.raises(Refused, match="nothing is wrong"):
        await store.work(refuse)


async def in_one_batch(turn: Turn, *keys: str) -> None:
    async with turn.connection.pipeline():
        for key in keys:
            await turn.run(_SET, {"key": key, "value": "1"})
            await turn.run(_COUNT, {"key": key})


async def test_a_batch_that_met_a_duplicate_spoils_no_later_batch(store: Store) -> None:
    await refused(store)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await store.work(lambda turn: in_one_batch(turn, "a", "a", "b"))
    await store.work(lambda turn: in_one_batch(turn, "c"))
    await store.work(lambda turn: in_one_batch(turn, "d"))
    await store.work(lambda turn: in_one_batch(turn, "e"))
    assert await rows(store, "SELECT key FROM setting WHERE key IN ('a', 'b', 'c', 'd', 'e') ORDER BY key") == [
        ("c",),
        ("d",),
        ("e",),
    ]


async def open_with_key(turn: Turn, directory: Directory) -> str:
    await directory.refresh(turn)
    plan_id, _ = (await directory.frozen(turn, ["PPOLICY"]))["PPOLICY"]
    opening = Opening(ANN, "Disk full", "high", plan_id, incident_key="disk")
    return (await open_by_hand(turn, directory, opening, service_id="PSERVICE")).incident.id


async def test_reopening_beside_an_open_incident_of_the_same_key_is_a_conflict(store: Store) -> None:
    directory = Directory()
    first = await store.work(lambda turn: open_with_key(turn, directory))
    await store.work(lambda turn: act(turn, directory, {first: [Resolve(ANN)]}))
    second = await store.work(lambda turn: open_with_key(turn, directory))
    with pytest.raises(Refused) as refusal:
        await store.work(lambda turn: act(turn, directory, {first: [Reopen(ANN)]}))
    assert refusal.value.why is Why.CONFLICT
    statuses = await rows(store, "SELECT id, status FROM incident ORDER BY number")
    assert statuses == [(first, "resolved"), (second, "triggered")]


async def test_after_a_refusal_that_the_database_spoke_everything_goes_on(store: Store) -> None:
    """The refusal hides the database's own error, and the connection is as broken as by the error itself."""
    directory = Directory()
    await refused(store)
    await store.work(lambda turn: open_with_key(turn, directory))
    for _ in range(3):
        with pytest.raises(Refused, match="same incident key"):
            await store.work(lambda turn: open_with_key(turn, directory))
    await receive(store, ("trigger", "disk"), ("trigger", "fan"))
    assert await work(store, directory) == 2
    orders = {incident_id: [Rename(ANN, "Renamed")] for incident_id in await incident_ids(store)}
    await store.work(lambda turn: act(turn, directory, orders))
    await store.work(lambda turn: escalate(turn, directory, most=10))
    assert await rows(store, "SELECT title, count(*) FROM incident GROUP BY 1") == [("Renamed", 3)]
