"""Start: how soon a started program takes its first event, and what it costs when nothing happens."""

import asyncio
from pathlib import Path

from msgspec import Struct

from tocsin.bench.cost import memory_mb, readable
from tocsin.bench.event import event
from tocsin.bench.figure import Group, Measured, at_most, figure
from tocsin.bench.line import open_line
from tocsin.bench.organisation import Organisation, found
from tocsin.bench.program import Program, a_folder, running
from tocsin.bench.rounds import Plan, PromiseBroken, calm
from tocsin.bench.sink import Sink, a_sink
from tocsin.ground import clock

NAME = "start"
SAYS = "from the command to the first accepted event, and an idle program's memory and processor time"

_ACCEPTED = 202
_SETTLES_FOR_S = 5.0
_IDLE_FOR_S = 20.0
_PERCENT = 100


class _Round(Struct):
    empty_s: float
    existing_s: float
    program_mb: float
    database_mb: float
    program_percent: float
    database_percent: float


async def measure(plan: Plan) -> Group:
    """Start on nothing, set up, stop, start again, and leave it alone."""
    rounds = []
    measurable = True
    async with a_sink() as sink:
        for number in range(plan.rounds):
            plan.tell(f"start: empty, existing, idle, round {number + 1}")
            await calm(plan)
            async with a_folder() as folder:
                measured, measurable = await _round(plan, folder, sink)
                rounds.append(measured)
    empty = [Measured(each.empty_s) for each in rounds]
    existing = [Measured(each.existing_s) for each in rounds]
    idle = [Measured(each.program_percent + each.database_percent) for each in rounds]
    core = "% of a core"
    figures = [
        figure("start on an empty directory to the first event", "s", empty, goal=at_most(12)),
        figure("start on existing data to the first event", "s", existing, goal=at_most(2)),
        figure("idle processor time, program and database", core, idle, goal=at_most(1)),
        figure("idle processor time, program", core, [Measured(each.program_percent) for each in rounds]),
        figure("idle processor time, database", core, [Measured(each.database_percent) for each in rounds]),
    ]
    if measurable:
        whole = [Measured(each.program_mb + each.database_mb) for each in rounds]
        figures.append(figure("idle memory (PSS), program and database", "MB", whole, goal=at_most(150)))
        figures.append(figure("idle memory (PSS), program", "MB", [Measured(each.program_mb) for each in rounds]))
        figures.append(figure("idle memory (PSS), database", "MB", [Measured(each.database_mb) for each in rounds]))
    notes = (
        () if measurable else ("The database runs under another account, so its memory cannot be looked at from here.",)
    )
    return Group(NAME, SAYS, tuple(figures), notes)


async def _round(plan: Plan, folder: Path, sink: Sink) -> tuple[_Round, bool]:
    began = clock.seconds()
    async with running(folder=folder) as program:
        organisation = await found(program)
        routing_key = await _service(organisation, sink)
        await _first_event(program, routing_key)
        empty_s = clock.seconds() - began
    began = clock.seconds()
    async with running(folder=folder) as program:
        await _first_event(program, routing_key)
        existing_s = clock.seconds() - began
        await asyncio.sleep(plan.seconds(_SETTLES_FOR_S))
        idle_for_s = plan.seconds(_IDLE_FOR_S)
        before = program.usage()
        await asyncio.sleep(idle_for_s)
        used = program.usage().since(before)
        measurable = readable(program.postmaster)
        program_mb, database_mb = memory_mb(program.pid, program.postmaster) if measurable else (0.0, 0.0)
    program_percent, database_percent = (each / idle_for_s * _PERCENT for each in (used.program_s, used.database_s))
    return _Round(empty_s, existing_s, program_mb, database_mb, program_percent, database_percent), measurable


async def _service(organisation: Organisation, sink: Sink) -> str:
    """Make the least that an event needs to be accepted, and return its routing key."""
    person = await organisation.person("ann", webhook=sink.url)
    return (await organisation.shop("First", person)).routing_key


async def _first_event(program: Program, routing_key: str) -> None:
    line = await open_line(program.port)
    status, said = await line.ask(event(routing_key, "first"))
    line.close()
    if status != _ACCEPTED:
        raise PromiseBroken(f"The first event was answered {status}: {said.decode('utf-8', 'replace')}")
