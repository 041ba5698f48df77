"""Timers: whether everything that is due happens on time while people acknowledge in the very same moments."""

import asyncio

import msgspec
from msgspec import Struct

from tocsin.bench.database import Database, connected
from tocsin.bench.figure import Group, Measured, at_most, figure
from tocsin.bench.fill import incident_id, open_incidents, pattern
from tocsin.bench.line import Line, open_lines, request
from tocsin.bench.organisation import Organisation, found
from tocsin.bench.program import running
from tocsin.bench.rounds import Plan, PromiseBroken, calm
from tocsin.bench.sink import a_sink
from tocsin.bench.spread import p99_ms
from tocsin.ground import clock

NAME = "timers"
SAYS = "pending timers that come due while acknowledgements race them"

_PER_SECOND, _PER_SECOND_QUICKLY = 200, 50
_WINDOW_S, _WINDOW_QUICKLY_S = 30, 2
_RACED_EVERY = 10  # one timer in so many is raced by an acknowledgement
_AIMS_MS = (-25, -10, -3, 0, 3, 10, 25)  # when it is sent, as seen from the timer's instant
_LEAD_S = 5  # from the filling of a round to its first timer
_REST_S = 2.0  # from the last timer of a round to the count
_ACKNOWLEDGERS = 16  # connections
_OK = 200
_ROUNDING_S = 0.000_002  # the database counts microseconds

# The timeline says what happened. Its instants are those at which transactions began, which says nothing about the
# order of two that waited for each other; the ids of its entries are made under the lock, in the order of decisions.
_ESCALATED = """
    SELECT e.incident_id, extract(epoch FROM e.at)::float8,
           EXISTS (SELECT FROM log_entry a
                    WHERE a.incident_id = e.incident_id AND a.kind = 'acknowledge' AND a.id < e.id)
      FROM log_entry e WHERE e.kind = 'escalate' AND e.incident_id BETWEEN %s AND %s
"""
_ANSWERED = "SELECT incident_id FROM log_entry WHERE kind = 'acknowledge' AND incident_id BETWEEN %s AND %s"
_EPOCH = "SELECT (extract(epoch FROM tocsin_now()) * 1000)::bigint"


class Window(Struct, frozen=True):
    """The timers of one round: which incidents, how many come due a second, and when the first (seconds since 1970)."""

    first: int
    count: int
    starts_at: float
    per_second: int

    def due_at(self, number: int) -> float:
        """Return when the timer of this incident is due, in seconds since 1970."""
        return self.starts_at + (number - self.first) / self.per_second


class Outcome(Struct):
    """What became of the timers of a round."""

    late_s: list[float]
    lost: int
    early: int
    after_answer: int
    answered: int


async def measure(plan: Plan) -> Group:
    """Fill, let a stretch of timers come due in each round, and account for every one of them."""
    per_second = plan.of(_PER_SECOND, _PER_SECOND_QUICKLY)
    in_window = per_second * plan.of(_WINDOW_S, _WINDOW_QUICKLY_S)
    pending = max(plan.of(100_000, 300), in_window * plan.rounds)
    outcomes = []
    async with a_sink() as sink, running() as program, connected(program.dsn) as database:
        organisation = await found(program)
        people = [await organisation.person(name, webhook=sink.url, at_once=False) for name in ("one", "two")]
        shop = await organisation.shop("Waiting", *people)
        plan.tell(f"timers: filling {pending:,} open incidents")
        model = await pattern(program.port, shop.routing_key, database)
        await open_incidents(database, model, pending)
        for number in range(plan.rounds):
            plan.tell(f"timers: {in_window:,} come due within {in_window / per_second:.0f} s, round {number + 1}")
            await calm(plan)
            window = await _wind_up(database, first=1 + number * in_window, count=in_window, per_second=per_second)
            answered = await _race(organisation, program.port, window)
            await _sleep_until(window.due_at(window.first + window.count) + _REST_S)
            outcomes.append(await _account(database, window, answered))
    name = f"{pending:,} pending timers"
    figures = (
        figure(f"{name}, lateness p99", "ms", [Measured(p99_ms(each.late_s)) for each in outcomes], goal=at_most(100)),
        figure(f"{name}, lost", "", [Measured(each.lost) for each in outcomes], goal=at_most(0)),
        figure(f"{name}, early", "", [Measured(each.early) for each in outcomes], goal=at_most(0)),
        figure(
            f"{name}, called after the answer", "", [Measured(each.after_answer) for each in outcomes], goal=at_most(0)
        ),
    )
    given = ", ".join(str(each.answered) for each in outcomes)
    raced = f"one in {_RACED_EVERY} is raced by an acknowledgement sent within {_AIMS_MS[-1]} ms of it"
    notes = (
        f"{per_second} timers come due each second; {raced}. Acknowledgements given: {given}.",
        "Lateness is the instant of the transaction that did it, less the due one.",
    )
    return Group(NAME, SAYS, figures, notes)


async def _wind_up(database: Database, *, first: int, count: int, per_second: int) -> Window:
    """Make the timers of these incidents due one after the other, a few seconds from now."""
    starts_at = await database.number(_EPOCH) / 1000 + _LEAD_S
    window = Window(first, count, starts_at, per_second)
    table = "timer"
    due = f"to_timestamp({starts_at} + (substr(incident_id, 3)::int - {first})::float8 / {per_second})"
    ids = f"'{incident_id(first)}' AND '{incident_id(first + count - 1)}'"
    await database.do(f"UPDATE {table} SET due_at = {due} WHERE incident_id BETWEEN {ids}")  # noqa: S608 - numbers of this file only
    await database.do("SELECT pg_notify('tocsin', 'timers')")
    return window


async def _race(organisation: Organisation, port: int, window: Window) -> set[int]:
    """Acknowledge every tenth incident around the instant of its timer; return those that were accepted."""
    accepted: set[int] = set()
    lines: asyncio.Queue[Line] = asyncio.Queue()
    everything = await open_lines(port, _ACKNOWLEDGERS)
    for line in everything:
        lines.put_nowait(line)

    async def acknowledge(number: int) -> None:
        line = await lines.get()
        status, said = await line.ask(acknowledgement(organisation, incident_id(number)))
        lines.put_nowait(line)
        if status != _OK:
            raise PromiseBroken(f"An acknowledgement was answered {status}: {said.decode('utf-8', 'replace')}")
        accepted.add(number)

    async with asyncio.TaskGroup() as group:
        for place, number in enumerate(range(window.first, window.first + window.count, _RACED_EVERY)):
            await _sleep_until(window.due_at(number) + _AIMS_MS[place % len(_AIMS_MS)] / 1000)
            group.create_task(acknowledge(number))
    for line in everything:
        line.close()
    return accepted


def acknowledgement(organisation: Organisation, wanted: str) -> bytes:
    """Return the request by which somebody acknowledges an incident."""
    body = msgspec.json.encode({"incident": {"type": "incident_reference", "status": "acknowledged"}})
    return request("PUT", f"/incidents/{wanted}", body=body, headers=organisation.headers)


async def _account(database: Database, window: Window, answered: set[int]) -> Outcome:
    """Say of every timer of the window what became of it."""
    last = window.first + window.count - 1
    ends = (incident_id(window.first), incident_id(last))
    rows = await database.rows(_ESCALATED, ends)
    kept = {_number(name) for (name,) in await database.rows(_ANSWERED, ends)}
    if missing := answered - kept:
        raise PromiseBroken(f"{len(missing)} acknowledgements were answered and are not stored.")
    late = {_number(name): at - window.due_at(_number(name)) for name, at, _ in rows}
    return Outcome(
        late_s=list(late.values()),
        lost=sum(1 for number in range(window.first, last + 1) if number not in late and number not in kept),
        early=sum(1 for each in late.values() if each < -_ROUNDING_S),
        after_answer=sum(1 for *_, after in rows if after),
        answered=len(answered),
    )


def _number(name: str) -> int:
    return int(name[2:])


async def _sleep_until(epoch_s: float) -> None:
    """Return at an instant of the machine's wall clock, which the database on it shares."""
    ahead = epoch_s - clock.milliseconds() / 1000
    if ahead > 0:
        await asyncio.sleep(ahead)
