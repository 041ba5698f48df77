"""A page about to leave and an acknowledgement about to be written: every order of their steps, on a real database."""

import asyncio
from itertools import combinations

import pytest
from msgspec import Struct

from tests.town.seed import seed_on_call
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.moves import decide
from tocsin.domain.incidents.order import Acknowledge, By, Opening
from tocsin.engine.respond import open_by_hand
from tocsin.engine.turn import begin, finish
from tocsin.ground.limits import FIRST_PAGE_LATE, LEASE
from tocsin.store.directory import Directory
from tocsin.store.notifications import CLAIM, Claimed
from tocsin.store.query import Query
from tocsin.store.turn import Store, Turn

STEPS = 3  # of each side: claim, commit, send; and lock, write, commit
CLAIMING = {"channel": "email", "most": 10, "limited": False, "lease": LEASE, "late": FIRST_PAGE_LATE}
BLOCKED_AFTER_S = 0.05  # a step that has not ended by then waits for the other side's lock


class Side:
    """One of two actors, who takes a step when the test says so."""

    def __init__(self) -> None:
        """Start before the first step."""
        self._may = [asyncio.Event() for _ in range(STEPS)]
        self._did = [asyncio.Event() for _ in range(STEPS)]

    async def step(self, number: int) -> None:
        """Let this step happen; return when it has, or when it waits for somebody."""
        self._may[number].set()
        try:
            await asyncio.wait_for(self._did[number].wait(), BLOCKED_AFTER_S)
        except TimeoutError:
            return

    async def gate(self, number: int) -> None:
        """Wait, as the actor, until the step may happen."""
        await self._may[number].wait()

    def done(self, number: int) -> None:
        """Say, as the actor, that the step has happened."""
        self._did[number].set()


async def page(store: Store, side: Side) -> tuple[list[Claimed], float]:
    """Claim the page that is due, commit, send it; return what was claimed and when it was sent."""

    async def job(turn: Turn) -> list[Claimed]:
        await side.gate(0)
        claimed = await turn.rows(CLAIM, CLAIMING)
        side.done(0)
        await side.gate(1)
        return claimed

    claimed = await store.work(job)
    side.done(1)
    await side.gate(2)
    side.done(2)
    return [each for each in claimed if each.status == "triggered"], asyncio.get_running_loop().time()


async def acknowledge(store: Store, side: Side, incident_id: str) -> float:
    """Lock the incident, write the acknowledgement, commit; return when that was."""
    by = By(Agent("user", "PANN", "Ann"), Via("api"))
    directory = Directory()

    async def job(turn: Turn) -> None:
        await side.gate(0)
        decisions = await begin(turn, directory, [incident_id])
        side.done(0)
        await side.gate(1)
        decide(decisions[incident_id], Acknowledge(by))
        await finish(turn, decisions.values())
        side.done(1)
        await side.gate(2)

    await store.work(job)
    side.done(2)
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("pager_slots", list(combinations(range(2 * STEPS), STEPS)))
async def test_no_page_is_claimed_after_an_acknowledgement(database: str, pager_slots: tuple[int, ...]) -> None:
    """Whatever the order: a page claimed after the commit does not exist, and one claimed before it leaves at once."""
    store = Store(database)
    await store.open()
    try:
        await seed_on_call(store)
        incident_id = await _open_incident(store)
        pager, answerer = Side(), Side()
        async with asyncio.TaskGroup() as group:
            paging = group.create_task(page(store, pager))
            answering = group.create_task(acknowledge(store, answerer, incident_id))
            taken = {"pager": 0, "answerer": 0}
            for slot in range(2 * STEPS):
                name, side = ("pager", pager) if slot in pager_slots else ("answerer", answerer)
                await side.step(taken[name])
                taken[name] += 1
        sent, _ = paging.result()
        assert answering.done()
        claimed_first = pager_slots[0] < [slot for slot in range(2 * STEPS) if slot not in pager_slots][2]
        if not claimed_first:
            assert not sent
        states = await store.read(_states)
        assert states == (["leased"] if sent else ["cancelled"])
    finally:
        await store.close()


async def _open_incident(store: Store) -> str:
    directory = Directory()

    async def job(turn: Turn) -> str:
        await directory.refresh(turn)
        plan_id, _ = (await directory.frozen(turn, ["PPOLICY"]))["PPOLICY"]
        by = By(Agent("user", "PBO", "Bo"), Via("api"))
        opening = Opening(by, "Disk full", "high", plan_id)
        decision = await open_by_hand(turn, directory, opening, service_id="PSERVICE")
        return decision.incident.id

    return await store.work(job)


class State(Struct):
    """The state of a page."""

    state: str


_STATES = Query("states of all pages", "SELECT state FROM notification ORDER BY id", row=State)


async def _states(turn: Turn) -> list[str]:
    return [row.state for row in await turn.rows(_STATES)]
