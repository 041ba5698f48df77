"""Answer: how long an acknowledgement takes while a hundred thousand other incidents are open."""

from tocsin.bench.database import Database, connected
from tocsin.bench.figure import Group, Measured, at_most, figure
from tocsin.bench.fill import incident_id, open_incidents, pattern
from tocsin.bench.line import open_line
from tocsin.bench.organisation import Organisation, found
from tocsin.bench.program import running
from tocsin.bench.rounds import Plan, PromiseBroken, in_turn
from tocsin.bench.sink import a_sink
from tocsin.bench.spread import MILLISECONDS, p99_ms, percentile
from tocsin.bench.timers import acknowledgement
from tocsin.ground import clock

NAME = "answer"
SAYS = "acknowledging over the API with 100,000 open incidents"

_OK = 200
_BARE = "INSERT INTO setting (key, value) VALUES ('bench', '0') ON CONFLICT (key) DO UPDATE SET value = excluded.value"


async def measure(plan: Plan) -> Group:
    """Acknowledge incidents one after the other; the ceiling is one durable write of one row over one connection."""
    pending, count = plan.of(100_000, 200), plan.of(300, 20)
    rounds: list[tuple[list[float], list[float]]] = []
    async with a_sink() as sink, running() as program, connected(program.dsn) as database:
        organisation = await found(program)
        person = await organisation.person("calm", webhook=sink.url, at_once=False)
        shop = await organisation.shop("Waiting", person)
        plan.tell(f"answer: filling {pending:,} open incidents")
        model = await pattern(program.port, shop.routing_key, database)
        await open_incidents(database, model, pending)
        for number in range(plan.rounds):
            plan.tell(f"answer: {count} acknowledgements, round {number + 1}")
            # spread over the table, so that no page of it is warm by accident
            step = pending // (count * plan.rounds) or 1
            ids = [incident_id(1 + (number + place * plan.rounds) * step) for place in range(count)]

            async def ours(ids: list[str] = ids) -> list[float]:
                return await _acknowledge(organisation, program.port, ids)

            async def bare() -> list[float]:
                return await _write(database, count)

            rounds.append(await in_turn(plan, number, ours, bare))
    name = f"acknowledge with {pending:,} open incidents"
    bare_is = "one durable row"
    p99 = [Measured(p99_ms(ours), p99_ms(bare)) for ours, bare in rounds]
    p50 = [Measured(*(percentile(each, 0.5) * MILLISECONDS for each in pair)) for pair in rounds]
    figures = (
        figure(f"{name}, p99", "ms", p99, goal=at_most(30), ceiling_is=bare_is),
        figure(f"{name}, p50", "ms", p50, ceiling_is=bare_is),
    )
    return Group(NAME, SAYS, figures)


async def _acknowledge(organisation: Organisation, port: int, ids: list[str]) -> list[float]:
    line = await open_line(port)
    waits = []
    for each in ids:
        wanted = acknowledgement(organisation, each)
        began = clock.seconds()
        status, said = await line.ask(wanted)
        waits.append(clock.seconds() - began)
        if status != _OK:
            raise PromiseBroken(f"An acknowledgement was answered {status}: {said.decode('utf-8', 'replace')}")
    line.close()
    return waits


async def _write(database: Database, count: int) -> list[float]:
    waits = []
    for _ in range(count):
        began = clock.seconds()
        await database.do(_BARE)
        waits.append(clock.seconds() - began)
    return waits
