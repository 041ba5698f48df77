"""Main: which figures there are, and measuring the chosen ones."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import uvloop
from msgspec import Struct

from tocsin import __version__
from tocsin.bench import (
    accept,
    answer,
    burst,
    coverage,
    flood,
    growth,
    incident,
    lists,
    oncalls,
    page,
    schedules,
    start,
    timers,
)
from tocsin.bench.figure import Group, Report
from tocsin.bench.machine import machine
from tocsin.bench.rounds import Plan
from tocsin.ground.errors import Refused, Why

ROUNDS = 5  # pairs of measurements of one figure: enough to see how far they lie apart
QUICK_ROUNDS = 1


class Bench(Struct, frozen=True):
    """A bench by its name: what it measures, in a sentence, and how."""

    name: str
    says: str
    measure: Callable[[Plan], Awaitable[Group]]


_ROOMS = (
    accept, incident, page, burst, flood, growth, timers, answer, lists, schedules, oncalls, coverage, start,
)  # fmt: skip # in the order of the report
BENCHES = tuple(Bench(each.NAME, each.SAYS, each.measure) for each in _ROOMS)


def run(names: Sequence[str], *, rounds: int | None, quick: bool, tell: Callable[[str], None]) -> Report:
    """Measure the benches of these names, or all of them; `tell` hears of progress.

    Raises `Refused` (invalid) for a name that there is not, `ProgramFailed` when the program does not start,
    `PromiseBroken` when it loses or forgets something while it is measured.
    """
    chosen = _chosen(names)
    plan = Plan(rounds or (QUICK_ROUNDS if quick else ROUNDS), quick, tell)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(measure(chosen, plan))
        except BaseExceptionGroup as failures:
            raise _first(failures) from failures


async def measure(chosen: Sequence[Bench], plan: Plan) -> Report:
    """Measure these benches one after the other."""
    groups = []
    for bench in chosen:
        plan.tell(f"{bench.name}: {bench.says}")
        groups.append(await bench.measure(plan))
    return Report(__version__, plan.quick, plan.rounds, await machine(), tuple(groups))


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the failure that ended a group of tasks; the others followed from it."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _chosen(names: Sequence[str]) -> list[Bench]:
    known = {bench.name: bench for bench in BENCHES}
    for name in names:
        if name not in known:
            raise Refused(Why.INVALID, f"There is no bench {name!r}; there are {', '.join(known)}.")
    return [bench for bench in BENCHES if not names or bench.name in names]
