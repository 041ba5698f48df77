"""Crashes: killed again and again under load, the program loses nothing, forgets nobody and repeats nothing."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.town.office import Office, Shop
from tests.town.town import OWNER, found_the_town
from tests.town.webhook_sink import Sink, webhook_sink
from tests.wreck.ledger import Ledger, to_do, untold
from tests.wreck.load import Load, note_arrivals
from tests.wreck.program import AS_RELEASED, SOURCES, Program, installation
from tocsin.store.invariants import FORGOTTEN_INCIDENTS
from tocsin.store.turn import Store

pytestmark = [pytest.mark.wreck, pytest.mark.slow, pytest.mark.timeout(420), pytest.mark.xdist_group("wreck")]

EVENTS_EACH_S = 500
KILLS = 22
FEWEST_EVENTS = 5000
RECOVERY_PATIENCE_S = 90.0  # leases of killed holders run out after 30 s
PLANTED = (str(SOURCES.parent / "tests" / "wreck" / "planted.py"),)


@dataclass
class Scene:
    """A running installation with a service, and a receiver of its pages."""

    program: Program
    office: Office
    shop: Shop
    sink: Sink
    ledger: Ledger


@asynccontextmanager
async def scene(command: Sequence[str] = AS_RELEASED) -> AsyncIterator[Scene]:
    """Set an installation up with one policy of two levels, whose pages go to the receiver."""
    async with installation(command) as program, webhook_sink() as sink:
        store = Store(program.dsn, connections=2)
        await store.open()
        token = await store.work(found_the_town)
        await store.close()
        office = Office(program.url, token, OWNER)
        people = [await office.person("Ada"), await office.person("Bo")]
        for person in people:
            await office.rules(person, (await office.method(person, "webhook", sink.url), 0))
        policy = await office.policy("Web", [[person] for person in people], minutes=1, repeats=9)
        shop = await office.service("Shop", policy)
        ledger = Ledger()
        async with asyncio.TaskGroup() as group:
            noting = group.create_task(note_arrivals(sink, ledger))
            try:
                yield Scene(program, office, shop, sink, ledger)
            finally:
                noting.cancel()
                await office.client.aclose()


async def wreck(scene: Scene, *, kills: int, seed: int, longest_s: float) -> None:
    """Send events and kill the program or its database at random instants, so many times."""
    chance = random.Random(seed)
    stop = asyncio.Event()
    load = Load(scene.program.port, scene.shop, scene.ledger, chance, EVENTS_EACH_S, stop)
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(scene.office, scene.sink))
        until = time.monotonic() + longest_s
        while scene.program.kills < kills and time.monotonic() < until:
            await scene.program.ready()
            await asyncio.sleep(chance.uniform(0.2, 4.0))
            scene.program.revive()
            if chance.random() < 0.5:
                scene.program.kill()
            else:
                scene.program.kill_database()
        await scene.program.ready()
        await asyncio.sleep(2)
        stop.set()
    await scene.program.ready()


async def recover(scene: Scene) -> int:
    """Return how much is left undone once the program had time to recover."""
    until = time.monotonic() + RECOVERY_PATIENCE_S
    calm = 0
    while (left := to_do(scene.program.dsn)) or calm < 3:
        calm = 0 if left else calm + 1
        if time.monotonic() > until:
            break
        await asyncio.sleep(0.3)
    return left


async def forgotten(dsn: str) -> list[str]:
    """Return the open incidents that nothing and nobody looks after."""
    store = Store(dsn, connections=1)
    await store.open()
    try:
        return [row.incident_id for row in await store.read(lambda turn: turn.rows(FORGOTTEN_INCIDENTS))]
    finally:
        await store.close()


async def broken_promises(scene: Scene, left: int) -> dict[str, object]:
    """Return every promise that does not hold, with what breaks it; nothing when all is well."""
    ledger, program = scene.ledger, scene.program
    found: dict[str, object] = {
        "accepted and lost": ledger.lost(program.dsn),
        "due and not done": left,
        "open and forgotten": await forgotten(program.dsn),
        "open and nobody told": untold(program.dsn),
        "repeated without a mark": ledger.unmarked_repeats(),
        "paged after the acknowledgement": ledger.late(),
        "repaired by the auditor": program.log.count("open incident without anything due"),
        "ended without being asked to": program.ends,
    }
    return {promise: breach for promise, breach in found.items() if breach}


async def test_twenty_kills_under_load_break_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    async with scene() as there:
        await wreck(there, kills=KILLS, seed=20_261_124, longest_s=200)
        broken = await broken_promises(there, await recover(there))
        stopped = there.program.stop()
    with capsys.disabled():
        print(f"\n{there.program.kills} kills: {there.ledger.figures()}")  # noqa: T201 - a run's figures are its result
    assert there.program.kills >= KILLS
    assert len(there.ledger.accepted) > FEWEST_EVENTS, "too little happened to prove anything"
    assert broken == {}
    assert stopped == 0


async def test_a_program_that_answers_before_it_stores_is_found_out() -> None:
    async with scene(PLANTED) as there:
        await wreck(there, kills=8, seed=7, longest_s=60)
        lost = there.ledger.lost(there.program.dsn)
    assert lost, "the checker is blind: this program loses what it accepted"
