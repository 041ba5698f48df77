"""Rounds: what every bench is given, and how the product and its ceiling take turns so that both meet one machine."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from tocsin.bench.database import Database, beside, connected
from tocsin.bench.program import Program, ProgramFailed, environment

One = TypeVar("One")
Other = TypeVar("Other")

_CALM_BELOW = 0.12  # share of the processors that others may use while we measure
_CALM_WITHIN_S = 5.0  # how long a calm moment is waited for; then it is measured as it is
_LOOK_FOR_S = 0.3
_DRAINS_WITHIN_S = 300.0  # for everything that was accepted to be worked on
_LOOK_EVERY_S = 0.02
_STAT = Path("/proc/stat")


class PromiseBroken(Exception):
    """The program did not keep a promise while it was measured: its speed does not matter then."""


class Plan(Struct, frozen=True):
    """How much is measured: rounds, whether only quickly, and who hears of progress."""

    rounds: int
    quick: bool
    tell: Callable[[str], None]

    def of(self, full: int, quick: int) -> int:
        """Return a count: the full one, or the one of a quick look."""
        return quick if self.quick else full

    def seconds(self, full: float) -> float:
        """Return for how long a load is kept up."""
        return 1.0 if self.quick else full


async def in_turn(
    plan: Plan, number: int, one: Callable[[], Awaitable[One]], other: Callable[[], Awaitable[Other]]
) -> tuple[One, Other]:
    """Measure one after the other in this round and return both; who begins changes with the rounds."""
    if number % 2:
        await calm(plan)
        second = await other()
        await calm(plan)
        return await one(), second
    await calm(plan)
    first = await one()
    await calm(plan)
    return first, await other()


async def calm(plan: Plan) -> None:
    """Wait a little for the machine to have nothing else to do."""
    waited = 0.0
    while not plan.quick and waited < _CALM_WITHIN_S:
        before = _busy()
        await asyncio.sleep(_LOOK_FOR_S)
        after = _busy()
        total = after[1] - before[1]
        if total and (after[0] - before[0]) / total < _CALM_BELOW:
            return
        waited += _LOOK_FOR_S


def _busy() -> tuple[int, int]:
    fields = [int(field) for field in _STAT.read_text("ascii").split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


@asynccontextmanager
async def a_ceiling(program: Program, *, sink_port: int = 0) -> AsyncIterator[tuple[int, Database]]:
    """Run the ceiling on a database of its own on the program's server; give its port and that database."""
    dsn = await beside(program.dsn, "ceiling")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin.bench.ceiling", dsn, str(sink_port),
        stdout=asyncio.subprocess.PIPE, env=environment({}),
    )  # fmt: skip # one command line on one line
    try:
        line = await process.stdout.readline() if process.stdout else b""
        if not line.strip().isdigit():
            raise ProgramFailed("The ceiling did not start.")
        async with connected(dsn) as database:
            yield int(line), database
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def drained(database: Database) -> None:
    """Return when the inbox is empty. Raises `PromiseBroken` when that takes unreasonably long."""
    await until(lambda: _empty(database), "accepted events are still waiting")


async def _empty(database: Database) -> bool:
    return not await database.rows("SELECT 1 FROM inbox LIMIT 1")


async def until(true: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Return when something is true. Raises `PromiseBroken` that says `otherwise` when it does not become so."""
    try:
        async with asyncio.timeout(_DRAINS_WITHIN_S):
            while not await true():  # noqa: ASYNC110 - another process changes what is looked at
                await asyncio.sleep(_LOOK_EVERY_S)
    except TimeoutError as failure:
        raise PromiseBroken(f"After {_DRAINS_WITHIN_S:.0f} s {otherwise}.") from failure


def held(answered: int, stored: int, *, under_way: int) -> None:
    """Compare what was answered with what is stored; `under_way` requests may be stored without an answer heard.

    Raises `PromiseBroken` when an answered event is missing.
    """
    if not answered <= stored <= answered + under_way:
        raise PromiseBroken(f"{answered} events were answered and {stored} are stored.")
