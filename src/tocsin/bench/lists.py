"""Lists: how long a page of the list of incidents takes with a million of them, at any depth that the API allows."""

from msgspec import Struct

from tocsin.bench.database import Database, connected
from tocsin.bench.figure import Group, Measured, at_most, figure
from tocsin.bench.fill import open_incidents, pattern, resolved_incidents
from tocsin.bench.line import open_line, request
from tocsin.bench.organisation import Organisation, found
from tocsin.bench.program import running
from tocsin.bench.rounds import Plan, PromiseBroken, in_turn
from tocsin.bench.sink import a_sink
from tocsin.bench.spread import p99_ms
from tocsin.ground import clock

NAME = "lists"
SAYS = "a page of 100 incidents out of a million, first and deepest"

_OK = 200
_LIMIT = 100
_DEEPEST = 9_900  # offset: with the limit the API's 10,000
_ALL = "date_range=all"
_BARE = """
    SELECT i.* FROM (SELECT id FROM incident ORDER BY created_at DESC, id DESC LIMIT 100 OFFSET %s) AS page
      JOIN incident i ON i.id = page.id ORDER BY i.created_at DESC, i.id DESC
"""


class Ask(Struct, frozen=True):
    """A list that clients ask for, by its query; `{service}` stands for the service's id."""

    name: str
    query: str


_ASKS = (
    Ask("newest", _ALL),
    Ask("of the last month", ""),
    Ask("open", "statuses[]=triggered&statuses[]=acknowledged"),
    Ask("of a service", _ALL + "&service_ids[]={service}"),
    Ask("of low urgency", _ALL + "&urgencies[]=low"),
    Ask("resolved", _ALL + "&statuses[]=resolved"),
    Ask("by urgency", _ALL + "&sort_by=urgency:desc"),
    Ask("oldest", _ALL + "&sort_by=created_at:asc"),
)


class Place(Struct, frozen=True):
    """Where lists are asked for: by whom, on which port, and the service that some are about."""

    organisation: Organisation
    port: int
    service_id: str


async def measure(plan: Plan) -> Group:
    """Ask for each list on its first and its deepest page; the ceiling is the bare query of the newest."""
    total, count = plan.of(1_000_000, 500), plan.of(50, 2)
    still_open = total // 50
    deepest = _DEEPEST if not plan.quick else 100
    rounds: list[tuple[dict[str, float], float]] = []
    async with a_sink() as sink, running() as program, connected(program.dsn) as database:
        organisation = await found(program)
        person = await organisation.person("calm", webhook=sink.url, at_once=False)
        shop = await organisation.shop("Old", person)
        plan.tell(f"lists: filling {total:,} incidents")
        model = await pattern(program.port, shop.routing_key, database)
        await open_incidents(database, model, still_open)
        await resolved_incidents(database, model, total - still_open, first=still_open + 1, tell=plan.tell)
        place = Place(organisation, program.port, shop.id)
        for number in range(plan.rounds):
            plan.tell(f"lists: {len(_ASKS)} lists, {count} times each at both ends, round {number + 1}")

            async def ours() -> dict[str, float]:
                return await _ask_all(place, count=count, offsets=(0, deepest))

            async def bare() -> float:
                return await _bare(database, count, deepest)

            rounds.append(await in_turn(plan, number, ours, bare))
    figures = [
        figure(
            f"incidents {name} of {total:,}, p99", "ms", [Measured(found[name], bare) for found, bare in rounds],
            goal=at_most(60), ceiling_is="bare query",
        )
        for name in rounds[0][0]
    ]  # fmt: skip # the name and what was measured on one line
    return Group(NAME, SAYS, tuple(figures))


async def _ask_all(place: Place, *, count: int, offsets: tuple[int, ...]) -> dict[str, float]:
    """Return the 99th percentile in milliseconds of each list at each depth."""
    return {
        f"{ask.name}, offset {offset:,}": p99_ms(await _ask(place, ask, offset=offset, count=count))
        for ask in _ASKS
        for offset in offsets
    }


async def _ask(place: Place, ask: Ask, *, offset: int, count: int) -> list[float]:
    line = await open_line(place.port)
    query = ask.query.replace("{service}", place.service_id)
    path = f"/incidents?limit={_LIMIT}&offset={offset}&{query}"
    wanted = request("GET", path, headers=place.organisation.headers)
    waits = []
    for _ in range(count + 1):
        began = clock.seconds()
        status, said = await line.ask(wanted)
        waits.append(clock.seconds() - began)
        if status != _OK or b'"incidents"' not in said:
            raise PromiseBroken(f"GET {path} was answered {status}: {said[:300].decode('utf-8', 'replace')}")
    line.close()
    return waits[1:]  # the first one plans and warms


async def _bare(database: Database, count: int, offset: int) -> float:
    waits = []
    for _ in range(count + 1):
        began = clock.seconds()
        await database.rows(_BARE, (offset,))
        waits.append(clock.seconds() - began)
    return p99_ms(waits[1:])
