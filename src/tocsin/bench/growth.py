"""Growth: whether a million open alerts make the work on new events slower than it is in an empty installation."""

from tocsin.bench.database import Database, connected
from tocsin.bench.event import events
from tocsin.bench.figure import Group, Measured, at_least, figure
from tocsin.bench.fill import open_incidents, pattern
from tocsin.bench.load import closed, refusals
from tocsin.bench.organisation import Shop, found
from tocsin.bench.program import Program, running
from tocsin.bench.rounds import Plan, PromiseBroken, drained, in_turn
from tocsin.bench.sink import a_sink
from tocsin.ground import clock

NAME = "growth"
SAYS = "events worked on in an installation with a million open alerts, beside an empty one"

_CONNECTIONS = 64
_ALERTS_EACH = 10  # of one incident


async def measure(plan: Plan) -> Group:
    """Send the same bursts to two programs, of which one has the alerts, and compare what they get through."""
    incidents, count = plan.of(100_000, 50), plan.of(3_000, 50)
    alerts = incidents * _ALERTS_EACH
    rounds = []
    async with (
        a_sink() as sink,
        running() as full, connected(full.dsn) as full_database,
        running() as empty, connected(empty.dsn) as empty_database,
    ):  # fmt: skip # a program and its database on one line
        shops = []
        for program in (full, empty):
            organisation = await found(program)
            person = await organisation.person("calm", webhook=sink.url, at_once=False)
            shops.append(await organisation.shop("Busy", person))
        plan.tell(f"growth: filling {alerts:,} open alerts of {incidents:,} incidents")
        model = await pattern(full.port, shops[0].routing_key, full_database)
        await open_incidents(full_database, model, incidents, alerts_each=_ALERTS_EACH)
        for number in range(plan.rounds):
            plan.tell(f"growth: {count:,} events each, round {number + 1}")

            async def in_full() -> float:
                return await _through(full, full_database, shops[0], count=count)

            async def in_empty() -> float:
                return await _through(empty, empty_database, shops[1], count=count)

            rounds.append(Measured(*await in_turn(plan, number, in_full, in_empty)))
    name = f"with {alerts:,} open alerts"
    shares = [Measured(each.share or 0.0) for each in rounds]
    figures = (
        figure(f"events worked on {name}", "events/s", rounds, ceiling_is="empty installation"),
        figure(f"share of the empty rate {name}", "", shares, goal=at_least(0.8)),
    )
    notes = ("From the first event sent to the last one worked on; every event opens an incident.",)
    return Group(NAME, SAYS, figures, notes)


async def _through(program: Program, database: Database, shop: Shop, *, count: int) -> float:
    """Return how many events a second went through, from the first sent to the last worked on."""
    endless = events(shop.routing_key, f"g{clock.milliseconds()}")
    requests = [next(endless) for _ in range(count)]
    began = clock.seconds()
    answers = await closed(program.port, iter(requests), connections=_CONNECTIONS, until=lambda: False)
    if refused := refusals(answers):
        raise PromiseBroken(f"Events were refused: {refused}")
    await drained(database)
    return count / (clock.seconds() - began)
