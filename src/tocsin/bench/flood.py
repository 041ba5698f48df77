"""Flood: while one tool sends as fast as it can, another service's single event still finds its person quickly."""

import asyncio

from tocsin.bench.event import REPEATED_KEYS
from tocsin.bench.figure import Figure, Group, Measured, at_most, figure
from tocsin.bench.hammer import Blow, hammer
from tocsin.bench.line import open_line
from tocsin.bench.load import Load
from tocsin.bench.organisation import found
from tocsin.bench.page import WARM_UP, one_by_one
from tocsin.bench.program import running
from tocsin.bench.rounds import Plan, calm
from tocsin.bench.sink import Sink, a_sink
from tocsin.bench.spread import p99_ms
from tocsin.ground import clock

NAME = "flood"
SAYS = "another service's first page while one routing key is flooded"

_CONNECTIONS = 64
_SECONDS = 10.0
_PROBE_EVERY_S = 0.1
_AFLOAT_S = 0.5  # the flood runs for so long before the first probe
_HOWS = (
    (REPEATED_KEYS, f"{REPEATED_KEYS} problems again and again"),
    (None, "every event a new problem with its page"),
)


async def measure(plan: Plan) -> Group:
    """Probe a calm service before and during a flood of another one, each time in a fresh program."""
    figures: list[Figure] = []
    notes = []
    for different, how in _HOWS:
        rounds = []
        for number in range(plan.rounds):
            plan.tell(f"flood: {how}, round {number + 1}")
            rounds.append(await _round(plan, different))
        p99 = [Measured(p99_ms(during), p99_ms(idle)) for idle, during, _ in rounds]
        times = [Measured(each.share or 0.0) for each in p99]
        name = f"first page beside a flood ({how})"
        figures.append(figure(f"{name}, p99", "ms", p99, goal=at_most(500), ceiling_is="idle"))
        figures.append(figure(f"{name}, times the idle p99", "", times, goal=at_most(5)))
        rates = ", ".join(f"{load.per_second:,.0f}" for *_, load in rounds)
        notes.append(f"with {how} the flood was accepted at {rates} events/s over {_CONNECTIONS} connections")
    notes.append("The limit of events per routing key, 10,000 a minute by default, is lifted for this.")
    return Group(NAME, SAYS, tuple(figures), tuple(notes))


async def _round(plan: Plan, different: int | None) -> tuple[list[float], list[float], Load]:
    async with a_sink() as sink, running() as program:
        organisation = await found(program)
        calm_shop = await organisation.shop("Calm", await organisation.person("ann", webhook=sink.url))
        noisy_shop = await organisation.shop("Noisy", await organisation.person("bo", webhook=sink.url))
        await calm(plan)
        count = WARM_UP + plan.of(int(_SECONDS / _PROBE_EVERY_S / 2), 5)
        idle = (await _probe(program.port, calm_shop.routing_key, sink, count=count))[WARM_UP:]
        blow = Blow(
            port=program.port,
            routing_key=noisy_shop.routing_key,
            prefix=f"flood-{clock.milliseconds()}",
            connections=_CONNECTIONS,
            seconds=plan.seconds(_SECONDS),
            different=different,
        )
        async with asyncio.TaskGroup() as group:
            flooding = group.create_task(hammer(blow))
            await asyncio.sleep(_AFLOAT_S)
            during: list[float] = []
            while not flooding.done():
                during += await _probe(program.port, calm_shop.routing_key, sink, count=1)
        return idle, during, flooding.result()


async def _probe(port: int, routing_key: str, sink: Sink, *, count: int) -> list[float]:
    line = await open_line(port)
    try:
        return await one_by_one(line, routing_key, sink=sink, count=count, pause_s=_PROBE_EVERY_S)
    finally:
        line.close()
