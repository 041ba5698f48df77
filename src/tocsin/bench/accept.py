"""Accept: how many events a second are on disk before they are answered, beside the least that could be done."""

import asyncio

from msgspec import Struct, structs

from tocsin.bench.cost import Usage
from tocsin.bench.database import Database, connected
from tocsin.bench.event import REPEATED_KEYS
from tocsin.bench.figure import Figure, Group, Measured, at_least, at_most, figure
from tocsin.bench.hammer import Blow, hammer
from tocsin.bench.load import Load
from tocsin.bench.organisation import Shop, found
from tocsin.bench.program import Program, running
from tocsin.bench.rounds import Plan, a_ceiling, calm, drained, held, in_turn
from tocsin.bench.sink import a_sink
from tocsin.bench.spread import MILLISECONDS
from tocsin.ground import clock

NAME = "accept"
SAYS = "events on disk before their 202, over 1 to 256 connections"

CONNECTIONS = (1, 16, 64, 256)
_JUDGED_AT = 64  # connections: where the goals are set
_SECONDS = 3.0
_LANDS_WITHIN_S = 0.3  # what was under way when the load ended is stored, too, before the rows are counted
_KEYS = ((None, "distinct keys"), (REPEATED_KEYS, f"{REPEATED_KEYS} keys"))
_NODE = "accept and api"
_WHOLE = "whole program"
_NOTES = (
    f"'{_NODE}' is a node process with these two duties.",
    f"'{_WHOLE}' is one process with all duties: its engine opens the flood's incidents meanwhile, on the same core.",
    "The ceiling is a bare ASGI handler that decodes the JSON and inserts the same rows in batches formed alike.",
    "It is one process too, on the same database server. After each run the stored rows are counted.",
)
_STORED = """
    SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM event) + (SELECT count(*) FROM parked_event)
"""


class _Round(Struct):
    """What one round of a setting measured: the product's load and the ceiling's, and the product's processor time."""

    ours: Load
    ceiling: Load
    used: Usage
    worked_per_s: float = 0.0


class _Setting(Struct, frozen=True):
    program: Program
    database: Database
    shop: Shop
    ceiling_port: int
    ceiling_database: Database
    works: bool


async def measure(plan: Plan) -> Group:
    """Measure a node that only accepts, then the whole program, which works on the events meanwhile."""
    figures = await _node(
        plan, duties="api,accept", says=_NODE, connections=(_JUDGED_AT,) if plan.quick else CONNECTIONS
    )
    figures += await _node(plan, duties="", says=_WHOLE, connections=(_JUDGED_AT,))
    return Group(NAME, SAYS, tuple(figures), _NOTES)


async def _node(plan: Plan, *, duties: str, says: str, connections: tuple[int, ...]) -> list[Figure]:
    settings = {"TOCSIN_DUTIES": duties} if duties else {}
    figures: list[Figure] = []
    async with a_sink() as sink, running(settings) as program, connected(program.dsn) as database:
        organisation = await found(program)
        person = await organisation.person("calm", webhook=sink.url, at_once=False)
        shop = await organisation.shop("Flooded", person)
        async with a_ceiling(program) as (port, ceiling_database):
            setting = _Setting(program, database, shop, port, ceiling_database, works=not duties)
            for count in connections:
                for different, keys in _KEYS:
                    plan.tell(f"accept: {says}, {count} connections, {keys}")
                    rounds = [
                        await _round(plan, setting, number, connections=count, different=different)
                        for number in range(plan.rounds)
                    ]
                    figures += _figures(rounds, f"{says}, {count} connections, {keys}", judged=count == _JUDGED_AT)
    return figures


async def _round(plan: Plan, setting: _Setting, number: int, *, connections: int, different: int | None) -> _Round:
    """Let both be hit for some seconds and check that nothing answered is missing."""
    prefix = f"r{number}c{connections}d{different or 0}-{clock.milliseconds()}"
    blow = Blow(
        port=setting.program.port,
        routing_key=setting.shop.routing_key,
        prefix=prefix,
        connections=connections,
        seconds=plan.seconds(_SECONDS),
        different=different,
    )
    used: list[Usage] = []
    worked: list[float] = []

    async def ours() -> Load:
        stored = await setting.database.number(_STORED)
        before, began = setting.program.usage(), clock.seconds()
        load = await hammer(blow)
        if setting.works:
            await drained(setting.database)
        seconds = clock.seconds() - began
        await asyncio.sleep(_LANDS_WITHIN_S)
        used.append(setting.program.usage().since(before))
        stored = await setting.database.number(_STORED) - stored
        worked.append(stored / seconds)
        held(load.accepted, stored, under_way=connections)
        if not setting.works:
            await setting.database.do("TRUNCATE inbox")
        return load

    async def bare() -> Load:
        load = await hammer(structs.replace(blow, port=setting.ceiling_port))
        await asyncio.sleep(_LANDS_WITHIN_S)
        held(load.accepted, await setting.ceiling_database.number("SELECT count(*) FROM inbox"), under_way=connections)
        await setting.ceiling_database.do("TRUNCATE inbox")
        return load

    load, ceiling = await in_turn(plan, number, ours, bare)
    await calm(plan)
    return _Round(load, ceiling, used[0], worked[0])


def _figures(rounds: list[_Round], says: str, *, judged: bool) -> list[Figure]:
    rates = [Measured(each.ours.per_second, each.ceiling.per_second) for each in rounds]
    waits = [Measured(each.ours.p99_ms, each.ceiling.p99_ms) for each in rounds]
    bare = "bare handler"
    rate = figure(f"accepted, {says}", "events/s", rates, goal=at_least(6000) if judged else None, ceiling_is=bare)
    if not judged:
        return [rate, figure(f"p99, {says}", "ms", waits, ceiling_is=bare)]
    shares = [Measured(each.share or 0.0) for each in rates]
    costs = [Measured(each.used.total_s * MILLISECONDS / max(each.ours.accepted, 1)) for each in rounds]
    found = [
        rate,
        figure(f"share of the ceiling, {says}", "", shares, goal=at_least(0.6)),
        figure(f"p99, {says}", "ms", waits, goal=at_most(30), ceiling_is=bare),
    ]
    if says.startswith(_NODE):
        cost = f"processor time for an event to be stored, {says}"
        return [*found, figure(cost, "ms", costs, goal=at_most(0.2))]
    worked = [Measured(each.worked_per_s) for each in rounds]
    return [
        *found,
        figure(f"processor time for an event to be worked on, {says}", "ms", costs),
        figure(f"worked on to the last event, {says}", "events/s", worked),
    ]
