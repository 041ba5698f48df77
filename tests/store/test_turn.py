"""A turn happens once: after conflicts it is run anew, and after a cut line the database says what became of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import psycopg
import pytest
from msgspec import Struct

from tests.town.database import tell
from tests.town.wiretap import Wiretap, wiretap
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.store.hints import Topic
from tocsin.store.query import Command, Query
from tocsin.store.turn import LONGEST_TURN_S, Store, TooLong, Turn, Uncertain


class Number(Struct, frozen=True):
    """A number."""

    n: int


class Clocks(Struct, frozen=True):
    """The product's instant and the server's."""

    product: datetime
    server: datetime


CLOCKS = Query("clocks", "SELECT tocsin_now() AS product, now() AS server", Clocks)
ADD = Command("a mark", "INSERT INTO mark (n) VALUES (%(n)s)")
COUNT = Query("count of marks", "SELECT count(*) AS n FROM mark", Number)
LOCK = Query("row of a pair", "SELECT n FROM pair WHERE n = %(n)s FOR UPDATE", Number)
MISSING = Query("such mark", "SELECT n FROM mark WHERE n = -1", Number)
END_ME = Query("own end", "SELECT count(*) AS n FROM (SELECT pg_terminate_backend(pg_backend_pid())) AS ended", Number)


@pytest.fixture
def marks(database: str) -> str:
    tell(database, "CREATE TABLE mark (n int)", "CREATE TABLE pair AS SELECT generate_series(1, 2) AS n")
    return database


@pytest.fixture
async def tap(marks: str) -> AsyncIterator[Wiretap]:
    async with wiretap(marks) as line:
        yield line


@pytest.fixture
async def store(tap: Wiretap) -> AsyncIterator[Store]:
    opened = Store(tap.dsn, connections=4)
    await opened.open()
    yield opened
    await opened.close()


class Job:
    """Writes one mark, and counts how often it was run."""

    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self, turn: Turn) -> str:
        self.runs += 1
        await turn.run(ADD, {"n": self.runs})
        turn.hints.add(Topic.FEED)
        return f"run {self.runs}"


async def marks_in(dsn: str) -> int:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        row = await (await connection.execute("SELECT count(*) FROM mark")).fetchone()
    assert row is not None
    return int(row[0])


async def test_two_turns_that_block_each_other_both_happen(store: Store, marks: str) -> None:
    runs: list[int] = []
    both_hold_one = asyncio.Barrier(2)

    async def take(first: int, second: int) -> None:
        async def job(turn: Turn) -> None:
            again = first in runs
            runs.append(first)
            await turn.one(LOCK, {"n": first})
            if not again:
                async with asyncio.timeout(5):
                    await both_hold_one.wait()
            await turn.one(LOCK, {"n": second})
            await turn.run(ADD, {"n": first})

        await store.work(job)

    async with asyncio.TaskGroup() as group:
        group.create_task(take(1, 2))
        group.create_task(take(2, 1))
    assert await marks_in(marks) == 2
    assert len(runs) == 3, "the one that the database chose was run anew"


async def test_a_connection_lost_in_the_middle_costs_nothing(store: Store, marks: str) -> None:
    runs = 0

    async def job(turn: Turn) -> None:
        nonlocal runs
        runs += 1
        await turn.run(ADD, {"n": runs})
        if runs == 1:
            await turn.one(END_ME)

    await store.work(job)
    assert (runs, await marks_in(marks)) == (2, 1)


async def test_a_line_cut_after_commit_is_not_worked_on_again(store: Store, tap: Wiretap, marks: str) -> None:
    job = Job()
    tap.cut = "after commit"
    with store.hints.listening(Topic.FEED) as bell:
        assert await store.work(job) == "run 1"
        assert await bell.wait(0.1), "the hints of a turn that happened are given"
    assert (job.runs, tap.cuts, await marks_in(marks)) == (1, 1, 1)


async def test_a_line_cut_before_commit_is_worked_on_again(store: Store, tap: Wiretap, marks: str) -> None:
    job = Job()
    tap.cut = "before commit"
    assert await store.work(job) == "run 2"
    assert (job.runs, tap.cuts, await marks_in(marks)) == (2, 1, 1)


@pytest.mark.slow
async def test_what_cannot_be_known_is_said(store: Store, tap: Wiretap, marks: str) -> None:
    job = Job()
    tap.cut = "after commit"

    async def work(turn: Turn) -> str:
        tap.dead = True
        return await job(turn)

    with pytest.raises(Uncertain):
        await store.work(work)
    assert job.runs == 1, "nothing is done twice on a guess"
    assert await marks_in(marks) == 1


async def test_a_refusal_writes_nothing_and_gives_no_hint(store: Store, marks: str) -> None:
    job = Job()

    async def refused(turn: Turn) -> None:
        await job(turn)
        raise Refused(Why.CONFLICT, "no")

    with store.hints.listening(Topic.FEED) as bell:
        with pytest.raises(Refused):
            await store.work(refused)
        assert not await bell.wait(0.05)
    assert (job.runs, await marks_in(marks)) == (1, 0)


async def test_a_read_cannot_write(store: Store, marks: str) -> None:
    with pytest.raises(StoreUnavailable):  # a primary that became a standby answers so too
        await store.read(Job())
    assert await marks_in(marks) == 0


async def test_what_is_not_there_is_refused_by_its_name(store: Store) -> None:
    with pytest.raises(Refused, match="There is no such mark") as refusal:
        await store.read(lambda turn: turn.one(MISSING))
    assert refusal.value.why is Why.NOT_FOUND


async def test_the_clock_of_a_turn_is_the_databases_and_can_be_moved(store: Store) -> None:
    async def look(turn: Turn) -> tuple[float, bool]:
        clocks = await turn.one(CLOCKS)
        return (clocks.product - clocks.server).total_seconds(), clocks.product == turn.now

    assert await store.read(look) == (0.0, True)
    store.clock_shift = timedelta(hours=3)
    assert await store.read(look) == (3 * 3600.0, True)
    assert await store.work(look) == (3 * 3600.0, True)
    store.clock_shift = timedelta()
    assert await store.work(look) == (0.0, True), "the connection forgets the shift with its transaction"


async def test_a_database_that_is_away_is_said_within_seconds(store: Store, tap: Wiretap) -> None:
    tap.dead = True
    for writer in tap.writers:
        writer.transport.abort()
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(20):
            await store.read(lambda turn: turn.one(COUNT))


async def test_a_commit_that_no_standby_confirmed_is_not_done_twice(marks: str) -> None:
    """The commit is local: it must neither hang, nor be taken for undone."""
    tell(marks, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    store = Store(f"{marks} options='-c synchronous_commit=on'", connections=2)
    job = Job()
    try:
        await store.open()
        async with asyncio.TaskGroup() as group:
            working = group.create_task(store.work(job))
            await cancel_waiting_commits(marks)
            await working
    finally:
        await store.close()
        tell(marks, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    assert (job.runs, await marks_in(marks)) == (1, 1)


async def cancel_waiting_commits(dsn: str) -> None:
    """Cancel, as an impatient operator does, the first commit that waits for a standby."""
    async with asyncio.timeout(10), await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cancelled = None
        while not cancelled:
            await asyncio.sleep(0.05)
            question = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            cancelled = await (await connection.execute(question)).fetchone()


async def test_a_job_that_computes_for_long_happens_once(store: Store, marks: str) -> None:
    job = Job()

    async def slow(turn: Turn) -> str:
        said = await job(turn)
        time.sleep(LONGEST_TURN_S + 1)  # noqa: ASYNC251 - the very fault: computing that holds up the whole loop
        await turn.one(COUNT)
        return said

    assert await store.work(slow) == "run 1"
    assert (job.runs, await marks_in(marks)) == (1, 1)


async def test_a_job_that_does_not_come_back_to_the_database_is_ended_and_not_tried_again(
    store: Store, marks: str
) -> None:
    job = Job()

    async def aside(turn: Turn) -> str:
        said = await job(turn)
        await asyncio.sleep(LONGEST_TURN_S + 1)
        await turn.one(COUNT)
        return said

    with pytest.raises(TooLong, match="ask for less"):
        await store.work(aside)
    assert (job.runs, await marks_in(marks)) == (1, 0)
    assert await store.work(job) == "run 2", "the next turn has a connection"
