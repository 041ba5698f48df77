"""Fill: an installation with years behind it, made in a minute from copies of one real incident."""

from collections.abc import Callable

from msgspec import Struct

from tocsin.bench.database import Database
from tocsin.bench.event import event
from tocsin.bench.line import open_line
from tocsin.bench.program import ProgramFailed
from tocsin.bench.rounds import drained, until

PREFIX = "QX"  # of the ids of copied incidents: later than any id that the program makes for years
_DIGITS = 12
_STEP = 100_000  # incidents between two lines of progress
_ACCEPTED = 202
_FAR = "interval '30 days'"  # timers of filled incidents are due long after the bench


class Pattern(Struct, frozen=True):
    """The incident that is copied."""

    incident_id: str


def copy_id(prefix: str = PREFIX) -> str:
    """Return the SQL expression of the id of copy `g`."""
    return f"'{prefix}' || lpad(g::text, {_DIGITS}, '0')"


def incident_id(number: int) -> str:
    """Return the id of a copied incident."""
    return f"{PREFIX}{number:0{_DIGITS}}"


async def pattern(port: int, routing_key: str, database: Database) -> Pattern:
    """Let the program open one incident by an event, and return it to be copied."""
    line = await open_line(port)
    status, _ = await line.ask(event(routing_key, "pattern"))
    line.close()
    if status != _ACCEPTED:
        raise ProgramFailed(f"The event for the pattern was answered {status}.")
    await drained(database)
    title = "SELECT id FROM incident WHERE title = 'pattern'"

    async def opened() -> bool:
        return await database.text(title) is not None

    await until(opened, "the incident of the pattern is not open")
    return Pattern(await database.text(title) or "")


async def open_incidents(
    database: Database, model: Pattern, count: int, *, due_at: str | None = None, alerts_each: int = 1
) -> None:
    """Copy an open incident with its person, its timer, its timeline and its alerts; all of it is open.

    `due_at` is the SQL expression of the instant at which the timer of copy `g` is due, far away if not given.
    """
    here = f"t.incident_id = '{model.incident_id}'"
    owner = {"incident_id": copy_id()}
    due = due_at or f"tocsin_now() + {_FAR}"
    past = {"created_at": "t.created_at - g * interval '1 second'"}
    await database.copies("incident", count, of=f"t.id = '{model.incident_id}'", fresh={"id": copy_id(), **past})
    await database.copies("assignment", count, of=here, fresh=owner)
    await database.copies("timer", count, of=here, fresh=owner | {"due_at": due})
    await database.copies("log_entry", count, of=f"{here} AND t.kind = 'trigger'", fresh=owner | {"id": copy_id("RX")})
    mine = f"'{PREFIX}' || lpad(((g - 1) / {alerts_each} + 1)::text, {_DIGITS}, '0')"
    fresh = {"id": copy_id("QA"), "incident_id": mine, "dedup_key": "'filled-' || g"}
    await database.copies("alert", count * alerts_each, of=here, fresh=fresh)
    await settle(database)


async def resolved_incidents(
    database: Database, model: Pattern, count: int, *, first: int, tell: Callable[[str], None]
) -> None:
    """Copy an incident that is over, many times, each a little older than the one before."""
    created = "t.created_at - g * interval '2 seconds'"
    fresh = {
        "id": copy_id(),
        "status": "'resolved'",
        "urgency": "CASE WHEN g % 3 = 0 THEN 'low' ELSE 'high' END",
        "created_at": created,
        "resolved_at": f"{created} + interval '20 minutes'",
        "alerts_triggered": "0",
    }
    for start in range(first, first + count, _STEP):
        size = min(_STEP, first + count - start)
        await database.copies("incident", size, of=f"t.id = '{model.incident_id}'", fresh=fresh, first=start)
        tell(f"filled {start + size - first:,} of {count:,} incidents")
    await settle(database)


async def settle(database: Database) -> None:
    """Let the database do now what it would do in its own time after so many rows."""
    await database.do("VACUUM (ANALYZE) incident, alert, timer, assignment, log_entry")
    await database.do("CHECKPOINT")
