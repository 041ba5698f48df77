"""Burst: a thousand or ten thousand problems at once, each of which somebody must be paged for."""

from msgspec import Struct

from tocsin.bench.cost import Usage
from tocsin.bench.database import connected
from tocsin.bench.event import events
from tocsin.bench.figure import Figure, Group, Measured, at_most, figure
from tocsin.bench.load import closed, refusals
from tocsin.bench.organisation import found
from tocsin.bench.program import running
from tocsin.bench.rounds import Plan, PromiseBroken, a_ceiling, drained, in_turn, until
from tocsin.bench.sink import Sink, a_sink
from tocsin.bench.spread import MILLISECONDS
from tocsin.ground import clock

NAME = "burst"
SAYS = "many events at once, an incident and a page for each"

_CONNECTIONS = 64
_LARGE, _SMALL = 10_000, 1_000
_LARGE_WITHIN_S, _SMALL_WITHIN_S = 30.0, 3.0
_MOST_LARGE_ROUNDS = 3  # of ten thousand; they take long enough for the machine's noise to even out
_PATIENCE = 10  # times the goal, for pages that are late
_UNSETTLED = "SELECT count(*) FROM notification WHERE state IN ('pending', 'leased')"


class _Round(Struct):
    last_s: float
    bare_s: float
    used: Usage
    pages: int


async def measure(plan: Plan) -> Group:
    """Send the bursts over 64 connections and wait for the last page."""
    figures: list[Figure] = []
    notes = []
    sizes = ((30, _SMALL_WITHIN_S),) if plan.quick else ((_SMALL, _SMALL_WITHIN_S), (_LARGE, _LARGE_WITHIN_S))
    for size, within_s in sizes:
        rounds = await _rounds(plan, size, within_s)
        name = f"burst of {size:,} events"
        last = [Measured(each.last_s, each.bare_s) for each in rounds]
        cost = [Measured(each.used.total_s * MILLISECONDS / size) for each in rounds]
        bare = "bare handler and page"
        figures.append(figure(f"{name}, last page handed over", "s", last, goal=at_most(within_s), ceiling_is=bare))
        figures.append(figure(f"{name}, processor time to paged", "ms/event", cost, goal=at_most(0.6)))
        notes += [
            f"{each.pages} pages for {size} incidents: some were sent twice" for each in rounds if each.pages > size
        ]
    notes.append("Time runs from the first event sent to the arrival of the last incident's first page.")
    return Group(NAME, SAYS, tuple(figures), tuple(notes))


async def _rounds(plan: Plan, size: int, within_s: float) -> list[_Round]:
    found_rounds = []
    count = min(plan.rounds, _MOST_LARGE_ROUNDS) if size >= _LARGE else plan.rounds
    async with a_sink() as sink, running() as program, connected(program.dsn) as database:
        organisation = await found(program)
        shop = await organisation.shop("Storm", await organisation.person("ann", webhook=sink.url))
        async with a_ceiling(program, sink_port=sink.port) as (port, ceiling_database):
            for number in range(count):
                plan.tell(f"burst: {size:,} events, round {number + 1}")
                prefix = f"b{number}-{clock.milliseconds()}"
                used: list[Usage] = []
                pages: list[int] = []

                async def settled() -> bool:
                    return not await database.number(_UNSETTLED)

                async def ours(prefix: str = prefix, used: list[Usage] = used, pages: list[int] = pages) -> float:
                    before = program.usage()
                    last_s = await _burst(
                        sink, program.port, shop.routing_key, prefix=prefix, size_within=(size, within_s)
                    )
                    await drained(database)
                    await until(settled, "pages are still to be sent")
                    used.append(program.usage().since(before))
                    pages.append(sink.pages)
                    return last_s

                async def bare(prefix: str = prefix) -> float:
                    last_s = await _burst(sink, port, shop.routing_key, prefix=prefix, size_within=(size, within_s))
                    await ceiling_database.do("TRUNCATE inbox")
                    return last_s

                last_s, bare_s = await in_turn(plan, number, ours, bare)
                found_rounds.append(_Round(last_s, bare_s, used[0], pages[0]))
    return found_rounds


async def _burst(sink: Sink, port: int, routing_key: str, *, prefix: str, size_within: tuple[int, float]) -> float:
    """Return the seconds from the first event to the last incident's page. Raises `PromiseBroken` for a lost page."""
    size, within_s = size_within
    sink.clear()
    endless = events(routing_key, prefix)
    requests = [next(endless) for _ in range(size)]
    began = clock.seconds()
    answers = await closed(port, iter(requests), connections=min(_CONNECTIONS, size), until=lambda: False)
    if refused := refusals(answers):
        raise PromiseBroken(f"Events of a burst were refused: {refused}")
    paged = await sink.wait(size, patience_s=within_s * _PATIENCE)
    if paged < size:
        raise PromiseBroken(f"Of {size} incidents only {paged} were paged within {within_s * _PATIENCE:.0f} s.")
    return max(sink.first.values()) - began
