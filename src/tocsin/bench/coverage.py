"""Coverage: how long the guard takes to look at the nights to come of two hundred schedules."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from tocsin.bench import fill_schedules
from tocsin.bench.database import connected
from tocsin.bench.figure import Group, Measured, at_most, figure
from tocsin.bench.fill_schedules import Levels
from tocsin.bench.line import open_line, request
from tocsin.bench.organisation import Organisation, found
from tocsin.bench.program import running
from tocsin.bench.rounds import Plan, PromiseBroken, calm
from tocsin.bench.sink import a_sink
from tocsin.domain.oncall.coverage import examine
from tocsin.ground import clock
from tocsin.store.coverage.facts import Wanted
from tocsin.store.coverage.gather import Gathered, gather
from tocsin.store.turn import Store, Turn

NAME = "coverage"
SAYS = "looking ahead over two hundred schedules and their policies"

_OK = 200
_DAYS = 90
_PEOPLE = 6
_WITHIN_S = 5


async def measure(plan: Plan) -> Group:
    """Look ahead once in each round: by the rules alone on facts already read, then over the API."""
    count = plan.of(200, 8)
    examined: list[Measured] = []
    answered: list[Measured] = []
    async with a_sink() as sink, running() as program, connected(program.dsn) as database:
        organisation = await found(program)
        people = [await organisation.person(f"person-{each}", webhook=sink.url) for each in range(_PEOPLE)]
        plan.tell(f"coverage: filling {count:,} policies with a schedule each")
        levels = Levels(people=tuple(people), stand_in=people[0])
        await fill_schedules.policies(organisation, database, levels, count=count)
        store = Store(program.dsn, connections=2)
        await store.open()
        try:
            for number in range(plan.rounds):
                plan.tell(f"coverage: {_DAYS} days, round {number + 1}")
                await calm(plan)
                examined.append(await _examined(store, count))
                await calm(plan)
                answered.append(Measured(await _took(lambda: _answer(organisation, program.port, count))))
        finally:
            await store.close()
    what = f"{count:,} schedules for {_DAYS} days"
    figures = (
        figure(
            f"coverage of {what}",
            "s",
            examined,
            goal=at_most(_WITHIN_S),
            ceiling_is="read, and drawn once",
        ),
        figure(f"coverage of {what}, over the API", "s", answered, goal=at_most(_WITHIN_S)),
    )
    return Group(NAME, SAYS, figures, ("The first figure holds the reading of the facts and the rules over them.",))


async def _took(act: Callable[[], Awaitable[object]]) -> float:
    began = clock.seconds()
    await act()
    return clock.seconds() - began


async def _examined(store: Store, count: int) -> Measured:
    """Read the facts and examine them; the ceiling reads them and draws every schedule once."""

    async def job(turn: Turn) -> tuple[Gathered, datetime, datetime]:
        until = turn.now + timedelta(days=_DAYS)
        return await gather(turn, Wanted(), turn.now, until), turn.now, until

    async def drawn() -> None:
        gathered, since, until = await store.read(job)
        for timeline in gathered.facts.timelines.values():
            timeline.final(since, until)

    async def looked() -> None:
        gathered, since, until = await store.read(job)
        if len(gathered.facts.timelines) != count or not examine(gathered.facts, since, until):
            raise PromiseBroken(f"The guard saw {len(gathered.facts.timelines)} of {count} schedules, or no fault.")

    return Measured(await _took(looked), await _took(drawn))


async def _answer(organisation: Organisation, port: int, count: int) -> None:
    line = await open_line(port)
    path = f"/api/coverage?days={_DAYS}&limit=100"
    status, said = await line.ask(request("GET", path, headers=organisation.headers))
    line.close()
    if status != _OK or b'"schedules":%d' % count not in said:
        raise PromiseBroken(f"GET {path} was answered {status}: {said[:300].decode('utf-8', 'replace')}")
