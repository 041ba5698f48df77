"""On-calls: how long a page of who is on call takes with a thousand policies that call by schedules."""

from collections.abc import Sequence

from msgspec import Struct

from tocsin.bench import fill_schedules
from tocsin.bench.database import Database, connected
from tocsin.bench.figure import Figure, Group, Measured, at_most, figure
from tocsin.bench.fill_schedules import Levels
from tocsin.bench.line import open_line, request
from tocsin.bench.organisation import Organisation, found
from tocsin.bench.program import Program, running
from tocsin.bench.rounds import Plan, PromiseBroken, calm, in_turn
from tocsin.bench.sink import Sink, a_sink
from tocsin.bench.spread import MILLISECONDS, median, p99_ms
from tocsin.ground import clock
from tocsin.store.directory import Directory
from tocsin.store.turn import Store, Turn

NAME = "oncalls"
SAYS = "a page of 100 on-calls of a thousand policies that call by schedules, and who is on call by all of them, cold"

_OK = 200
_LIMIT = 100
_PEOPLE = 6
_WITHIN_MS = 300
_TIMES_COLD = 3  # in a round; the median counts
_CHANGED = "UPDATE config_stamp SET n = n + 1"
_SCHEDULES = "SELECT id FROM schedule ORDER BY id"
_BARE = "SELECT id, name, time_zone, document::text FROM schedule ORDER BY id"


class _Place(Struct, frozen=True):
    """A filled program: who asks it, and its database."""

    program: Program
    organisation: Organisation
    database: Database


async def measure(plan: Plan) -> Group:
    """Ask two programs in turn: in one of them the same people are called by name."""
    count, times = plan.of(1_000, 40), plan.of(50, 2)
    pages = {
        "first page": f"limit={_LIMIT}&offset=0",
        "deepest page": f"limit={_LIMIT}&offset={max(count - _LIMIT, 0)}",
        "first page with the total": f"limit={_LIMIT}&offset=0&total=true",
    }
    asked: dict[str, list[Measured]] = {name: [] for name in pages}
    changed: list[Measured] = []
    cold: list[Measured] = []
    async with (
        a_sink() as sink,
        running() as program, connected(program.dsn) as database,
        running() as other, connected(other.dsn) as other_database,
    ):  # fmt: skip # a program and its database on one line
        plan.tell(f"oncalls: filling {count:,} policies, twice")
        by_schedule = await _filled(program, database, sink, count=count, by_schedule=True)
        by_name = await _filled(other, other_database, sink, count=count, by_schedule=False)
        for number in range(plan.rounds):
            plan.tell(f"oncalls: {len(pages)} pages, {times} times each, round {number + 1}")
            for name, query in pages.items():

                async def ours(query: str = query) -> list[float]:
                    return await _ask(by_schedule, query, times=times)

                async def named(query: str = query) -> list[float]:
                    return await _ask(by_name, query, times=times)

                both = await in_turn(plan, number, ours, named)
                asked[name].append(Measured(*map(p99_ms, both)))
            query = pages["first page with the total"]
            changed.append(await _after_a_change(by_schedule, query, times=times))
            await calm(plan)
            cold.append(await _cold(by_schedule, count))
    return Group(NAME, SAYS, _figures(count, asked, changed, cold), _notes())


def _notes() -> tuple[str, ...]:
    return (
        f"Each policy calls by a schedule of its own: three layers, {fill_schedules.OVERRIDES_EACH} overrides to come.",
        "The ceiling of a page is the same page of a program whose policies call one of the same people by name.",
        "Cold: a new directory reads all schedules in one transaction, makes them ready and says who is on call.",
    )


def _figures(
    count: int, asked: dict[str, list[Measured]], changed: Sequence[Measured], cold: Sequence[Measured]
) -> tuple[Figure, ...]:
    pages = [
        figure(
            f"on-calls of {count:,} policies, {name}, p99", "ms", measured,
            goal=at_most(_WITHIN_MS), ceiling_is="people named themselves",
        )
        for name, measured in asked.items()
    ]  # fmt: skip # the name and what was measured on one line
    after = f"on-calls of {count:,} policies, first page with the total after a change of configuration"
    return (
        *pages,
        figure(after, "ms", changed),
        figure(f"on call now by {count:,} schedules, cold", "ms", cold, ceiling_is="their bare rows"),
    )


async def _filled(program: Program, database: Database, sink: Sink, *, count: int, by_schedule: bool) -> _Place:
    organisation = await found(program)
    people = [await organisation.person(f"person-{each}", webhook=sink.url, at_once=False) for each in range(_PEOPLE)]
    levels = Levels(people=tuple(people), by_schedule=by_schedule)
    await fill_schedules.policies(organisation, database, levels, count=count)
    return _Place(program, organisation, database)


async def _ask(place: _Place, query: str, *, times: int) -> list[float]:
    """Return how long each answer took, without the first one, which plans and warms."""
    return [await _asked(place, query) for _ in range(times + 1)][1:]


async def _asked(place: _Place, query: str) -> float:
    line = await open_line(place.program.port)
    path = f"/oncalls?{query}"
    wanted = request("GET", path, headers=place.organisation.headers)
    began = clock.seconds()
    status, said = await line.ask(wanted)
    waited = clock.seconds() - began
    line.close()
    if status != _OK or b'"oncalls":[{' not in said:
        raise PromiseBroken(f"GET {path} was answered {status}: {said[:300].decode('utf-8', 'replace')}")
    return waited


async def _after_a_change(place: _Place, query: str, *, times: int) -> Measured:
    """Ask after somebody changed something: everything known is forgotten then."""
    took = []
    for _ in range(min(times, _TIMES_COLD)):
        await place.database.do(_CHANGED)
        took.append(await _asked(place, query))
    return Measured(median(took) * MILLISECONDS)


async def _cold(place: _Place, count: int) -> Measured:
    """Let a directory that knows nothing say who is on call by every schedule."""
    ids = [str(key) for (key,) in await place.database.rows(_SCHEDULES)]

    async def job(turn: Turn) -> int:
        directory = Directory()
        await directory.refresh(turn)
        timelines = await directory.timelines(turn, ids)
        return sum(bool(timeline.who(turn.now)) for timeline in timelines.values())

    took, bare = [], []
    store = Store(place.program.dsn, connections=2)
    await store.open()
    try:
        for _ in range(_TIMES_COLD):
            began = clock.seconds()
            on_call = await store.read(job)
            took.append(clock.seconds() - began)
            if on_call != count:
                raise PromiseBroken(f"{on_call} of {count} schedules have somebody on call.")
            began = clock.seconds()
            await place.database.rows(_BARE)
            bare.append(clock.seconds() - began)
    finally:
        await store.close()
    return Measured(median(took) * MILLISECONDS, median(bare) * MILLISECONDS)
