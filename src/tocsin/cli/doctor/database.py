"""Database: how the doctor looks at PostgreSQL, at its promises, and at who works on it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg

from tocsin.cli.database import address
from tocsin.cli.doctor.finding import Finding, graded
from tocsin.cli.ending import ending_of
from tocsin.cli.frame import Frame
from tocsin.engine.loops.auditor import audit
from tocsin.engine.watch import Watch
from tocsin.ground import clock
from tocsin.ground.errors import StoreUnavailable
from tocsin.store.health import END_OF_TRIAL, LIVE_NODES, SERVER, STEPS, TRY_COMMIT, NodeRow, ServerRow
from tocsin.store.held import on_hold
from tocsin.store.migrate import known
from tocsin.store.turn import Store, Turn

_OLDEST = 150_000  # PostgreSQL 15
_COMMITS = 10
_PATIENCE_S = 5
_SLOW_COMMIT_MS = 50.0
_CLOCKS_APART = timedelta(seconds=1)
_CLOCKS_FAR_APART = timedelta(seconds=10)
_MS = 1000.0


async def look_at_database(frame: Frame) -> AsyncIterator[Finding]:
    """Return what there is to say about the database; only that it is away when it is."""
    advice = "Start a node (tocsin serve), or check database_url and data_dir."
    try:
        async with address(frame.config(), frame.screen.tell) as dsn:
            # A first connection of its own: the pool is patient with a database that starts, the doctor is not.
            async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=_PATIENCE_S):
                store = Store(dsn, connections=2)
            await store.open()
            try:
                async for finding in _look(store):
                    yield finding
            finally:
                await store.close()
    except (psycopg.Error, StoreUnavailable) as failure:
        yield Finding("database", "fail", str(failure).strip(), advice)
    except Exception as failure:  # foreseen failures are findings, all others are not
        ending = ending_of(failure)
        if ending is None:
            raise
        yield Finding("database", "fail", ending.message, advice)


async def _look(store: Store) -> AsyncIterator[Finding]:
    began = clock.utc_now()
    server = await store.read(lambda turn: turn.one(SERVER))
    ended = clock.utc_now()
    yield graded(
        "database", f"PostgreSQL {server.version}", bad=server.recovering, worse=server.version_number < _OLDEST,
        advice="It must be version 15 or newer, and the one that can be written to.",
    )  # fmt: skip # the verdict reads on one line
    schema = await _schema(store)
    yield schema
    apart = abs(server.at - (began + (ended - began) / 2))
    yield graded(
        "clocks", f"{apart.total_seconds() * _MS:.0f} ms between this machine and the database",
        bad=apart > _CLOCKS_APART, worse=apart > _CLOCKS_FAR_APART,
        advice="Let both follow a time server.",
    )  # fmt: skip # the verdict reads on one line
    yield _durability(server)
    if schema.verdict == "ok":
        async for finding in _promises(store, server):
            yield finding


async def _schema(store: Store) -> Finding:
    try:
        done = {row.number for row in await store.read(lambda turn: turn.rows(STEPS))}
    except psycopg.errors.UndefinedTable:
        return Finding("schema", "fail", "the database was never set up", "Run: tocsin migrate")
    steps = known()
    newest, missing = max(done, default=0), [step for step in steps if step.number not in done]
    if newest > steps[-1].number:
        return Finding("schema", "fail", f"step {newest} is newer than this version", "Start the newer version.")
    bad = any(step.phase == "pre" for step in missing)
    return graded(
        "schema", f"step {newest} of {steps[-1].number}", bad=bool(missing), worse=bad, advice="Run: tocsin migrate"
    )


def _durability(server: ServerRow) -> Finding:
    saw = f"fsync {server.fsync}, synchronous_commit {server.synchronous_commit}"
    unsafe = server.fsync != "on" or server.synchronous_commit in {"off", "local"}
    return graded("durability", saw, bad=False, worse=unsafe, advice="Switch both on: an accepted event could be lost.")


async def _promises(store: Store, server: ServerRow) -> AsyncIterator[Finding]:
    median_ms = await _commit_ms(store)
    yield graded(
        "commit", f"{median_ms:.1f} ms", bad=median_ms > _SLOW_COMMIT_MS,
        advice="Each accepted event waits for this: look at the disk, or at the standby.",
    )  # fmt: skip # the verdict reads on one line
    nodes = await store.read(lambda turn: turn.rows(LIVE_NODES))
    yield _nodes(nodes, server)
    if await store.read(on_hold):
        yield Finding("pages", "warn", "all pages are on hold since a restore", "Let them go: tocsin release")
    findings = await audit(store, Watch())
    for promise, subjects in findings.broken.items():
        if subjects:
            saw = f"{len(subjects)} times: {promise}"
            yield Finding("promises", "fail", saw, "Is a node with the duties engine and notify running?")
    if findings.clean:
        yield Finding("promises", "ok", "nothing waits, nothing is overdue, nothing is forgotten")


async def _commit_ms(store: Store) -> float:
    """Return how long a small transaction takes to be durable: the median of a few."""

    async def write(turn: Turn) -> None:
        await turn.run(TRY_COMMIT)

    async def clear(turn: Turn) -> None:
        await turn.run(END_OF_TRIAL)

    took = []
    for _ in range(_COMMITS):
        began = clock.seconds()
        await store.work(write)
        took.append((clock.seconds() - began) * _MS)
    await store.work(clear)
    return sorted(took)[len(took) // 2]


def _nodes(nodes: list[NodeRow], server: ServerRow) -> Finding:
    names = ", ".join(f"{node.name} ({node.version})" for node in nodes)
    if not nodes:
        return Finding("nodes", "warn", "no node was seen within 90 seconds", "Start one: tocsin serve")
    alone = len(nodes) > 1 and not server.synchronous_standbys
    return graded(
        "nodes", names, bad=alone,
        advice="Several nodes share one database without a synchronous standby: its machine is a single point of loss.",
    )  # fmt: skip # the verdict reads on one line
