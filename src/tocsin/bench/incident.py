"""Incident: how long an event takes to become an incident that others can see, at a thousand events a second."""

import asyncio

from tocsin.bench.database import Database, connected
from tocsin.bench.event import events
from tocsin.bench.figure import Group, Measured, at_most, figure
from tocsin.bench.load import Answer, paced, refusals
from tocsin.bench.organisation import found
from tocsin.bench.program import running
from tocsin.bench.rounds import Plan, PromiseBroken, a_ceiling, drained, in_turn
from tocsin.bench.sink import a_sink
from tocsin.bench.spread import p99_ms
from tocsin.ground import clock

NAME = "incident"
SAYS = "from an event to its incident, every event a new problem"

_PER_SECOND = 1000
_PER_SECOND_QUICKLY = 100
_SECONDS = 4
_LOOK_EVERY_S = 0.005
_PATIENCE_S = 60.0
_NEW_INCIDENTS = "SELECT number, title FROM incident WHERE number > %s ORDER BY number"
_NEW_ROWS = "SELECT id, body::json ->> 1 FROM inbox WHERE id > %s ORDER BY id"


class _Watcher:
    """Looks at a table every few milliseconds and notes when each row was first seen, by its name."""

    def __init__(self, database: Database, query: str, *, after: int = 0) -> None:
        self.seen: dict[str, float] = {}
        self._database = database
        self._query = query
        self._last = after

    async def watch(self, count: int) -> None:
        """Look until so many rows were seen. Raises `PromiseBroken` when they do not come."""
        began = clock.seconds()
        while len(self.seen) < count:
            rows = await self._database.rows(self._query, (self._last,))
            at = clock.seconds()
            for number, name in rows:
                self.seen[name] = at
                self._last = number
            if at - began > _PATIENCE_S:
                raise PromiseBroken(f"Of {count} accepted events only {len(self.seen)} can be seen.")
            await asyncio.sleep(_LOOK_EVERY_S)


async def measure(plan: Plan) -> Group:
    """Send at a steady pace and watch the incidents appear; the ceiling's rows are watched alike."""
    rounds = []
    rate = plan.of(_PER_SECOND, _PER_SECOND_QUICKLY)
    async with a_sink() as sink, running() as program, connected(program.dsn) as database:
        organisation = await found(program)
        person = await organisation.person("calm", webhook=sink.url, at_once=False)
        shop = await organisation.shop("Busy", person)
        async with a_ceiling(program) as (port, ceiling_database):
            for number in range(plan.rounds):
                plan.tell(f"incident: {rate} events a second, round {number + 1}")
                prefix = f"i{number}-{clock.milliseconds()}"
                count = rate * (1 if plan.quick else _SECONDS)

                async def ours(prefix: str = prefix, count: int = count) -> float:
                    newest = await database.number("SELECT coalesce(max(number), 0) FROM incident")
                    watcher = _Watcher(database, _NEW_INCIDENTS, after=newest)
                    p99 = await _seen(watcher, program.port, shop.routing_key, prefix=prefix, paced_by=(count, rate))
                    await drained(database)
                    return p99

                async def bare(prefix: str = prefix, count: int = count) -> float:
                    watcher = _Watcher(ceiling_database, _NEW_ROWS)
                    p99 = await _seen(watcher, port, shop.routing_key, prefix=prefix, paced_by=(count, rate))
                    await ceiling_database.do("TRUNCATE inbox RESTART IDENTITY")
                    return p99

                rounds.append(Measured(*await in_turn(plan, number, ours, bare)))
    name = f"event to incident at {rate:,} events/s, p99"
    goal = at_most(300)
    notes = (
        f"Every event opens an incident. It is there when a connection that looks every {_LOOK_EVERY_S} s sees it.",
        "Time runs from the instant at which the event was due to be sent.",
    )
    made = figure(name, "ms", rounds, goal=goal, ceiling_is="bare handler, row seen")
    return Group(NAME, SAYS, (made,), notes)


async def _seen(watcher: _Watcher, port: int, routing_key: str, *, prefix: str, paced_by: tuple[int, int]) -> float:
    """Send so many events at such a rate; return the 99th percentile from due to seen, in milliseconds."""
    count, rate = paced_by
    endless = events(routing_key, prefix)
    requests = [next(endless) for _ in range(count)]
    answers: list[Answer] = []

    async def send() -> None:
        answers.extend(await paced(port, requests, per_second=rate))

    async with asyncio.TaskGroup() as group:
        group.create_task(watcher.watch(count))
        group.create_task(send())
    if refused := refusals(answers):
        raise PromiseBroken(f"Events were refused: {refused}")
    return p99_ms([watcher.seen[f"{prefix}-{number}"] - each.due for number, each in enumerate(answers)])
