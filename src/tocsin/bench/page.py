"""Page: how long a single event takes to become a page in the receiver's hands, on a calm day."""

import asyncio

from tocsin.bench.event import event
from tocsin.bench.figure import Group, Measured, at_most, figure
from tocsin.bench.line import Line, open_line
from tocsin.bench.organisation import found
from tocsin.bench.program import running
from tocsin.bench.rounds import Plan, PromiseBroken, a_ceiling, in_turn
from tocsin.bench.sink import Sink, a_sink
from tocsin.bench.spread import MILLISECONDS, p99_ms, percentile
from tocsin.ground import clock

NAME = "page"
SAYS = "from an event to its page handed over, one at a time"

_PAUSE_S = 0.02  # between a page and the next event: every event finds the program idle
WARM_UP = 3  # events whose time does not count: the first of anything is slow once
_PATIENCE_S = 20.0
_ACCEPTED = 202  # the status of a stored event


async def measure(plan: Plan) -> Group:
    """Send an event, wait for its page, and so on; the ceiling does the same with its bare page."""
    rounds: list[tuple[list[float], list[float]]] = []
    count = plan.of(100, 5)
    async with a_sink() as sink, running() as program:
        organisation = await found(program)
        shop = await organisation.shop("Calm", await organisation.person("ann", webhook=sink.url))
        async with a_ceiling(program, sink_port=sink.port) as (port, _):
            line, bare_line = await open_line(program.port), await open_line(port)
            for number in range(plan.rounds):
                plan.tell(f"page: {count} events, round {number + 1}")

                async def ours() -> list[float]:
                    waits = await one_by_one(line, shop.routing_key, sink=sink, count=WARM_UP + count)
                    return waits[WARM_UP:]

                async def bare() -> list[float]:
                    waits = await one_by_one(bare_line, shop.routing_key, sink=sink, count=WARM_UP + count)
                    return waits[WARM_UP:]

                rounds.append(await in_turn(plan, number, ours, bare))
    bare_is = "bare handler and page"
    p99 = [Measured(p99_ms(ours), p99_ms(bare)) for ours, bare in rounds]
    p50 = [Measured(*(percentile(each, 0.5) * MILLISECONDS for each in pair)) for pair in rounds]
    figures = (
        figure("event to page handed over, one at a time, p99", "ms", p99, goal=at_most(100), ceiling_is=bare_is),
        figure("event to page handed over, one at a time, p50", "ms", p50, ceiling_is=bare_is),
    )
    return Group(NAME, SAYS, figures, ("Time runs from sending the event to its page's arrival at the webhook.",))


async def one_by_one(line: Line, routing_key: str, *, sink: Sink, count: int, pause_s: float = _PAUSE_S) -> list[float]:
    """Return the seconds from each event to its page. Raises `PromiseBroken` when one is refused or has no page."""
    waits = []
    for number in range(count):
        key = f"single-{clock.milliseconds()}-{number}"
        began = clock.seconds()
        status, said = await line.ask(event(routing_key, key))
        if status != _ACCEPTED:
            raise PromiseBroken(f"An event was answered {status}: {said.decode('utf-8', 'replace')}")
        arrived_at = await arrival(sink, key)
        waits.append(arrived_at - began)
        await asyncio.sleep(pause_s)
    return waits


async def arrival(sink: Sink, key: str) -> float:
    """Return when the first page about this incident arrived. Raises `PromiseBroken` when none does."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await sink.arrival(key)
    except TimeoutError as failure:
        raise PromiseBroken(f"No page came for an accepted event within {_PATIENCE_S:.0f} s.") from failure
