"""Schedule: who is on call when, as a list and as a text timeline."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from msgspec import Struct

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Words, filled
from tocsin.cli.named import SCHEDULE, Found, find_schedule, like
from tocsin.cli.node import Json, Node
from tocsin.cli.schedule.gather import Answered, Asked, gather
from tocsin.cli.schedule.moment import day_of, days_after, midnight_of
from tocsin.cli.schedule.paint import paint
from tocsin.cli.schedule.present import on_call_at
from tocsin.cli.screen import listed, when
from tocsin.ground import clock


class Viewed(Struct):
    """The options of `schedule show`."""

    schedule: str
    span: str
    begin: str
    time_zone: str | None
    check: bool


class Listing(Struct):
    """The options of `schedule list`."""

    query: str


@click.group("schedule", cls=Words)
def schedule() -> None:
    """See who is on call when. Schedules are named by name or by id."""


COMMAND = schedule


@schedule.command("list", cls=filled(Listing))
@click.option("--query", default="", metavar="TEXT", help="Only those with this text in their names.")
def list_schedules(frame: Frame, form: Listing) -> None:
    """List schedules, and who is on call by each now."""
    with Node(frame) as node:
        rows = like(node, form.query, SCHEDULE)
        present = on_call_at(node, [str(row["id"]) for row in rows])
    if frame.screen.for_programs:
        frame.screen.data(
            {"schedules": [{**row, "on_call_now": present.get(row["id"], {}).get("shifts", [])} for row in rows]}
        )
        return
    lines = [
        (Found(SCHEDULE, row).name, row.get("time_zone"), *_who(present.get(row["id"])), row["id"]) for row in rows
    ]
    frame.screen.table(("name", "time zone", "on call now", "until", "id"), lines, empty="There is no such schedule.")


@schedule.command("show", cls=filled(Viewed))
@click.argument("schedule", metavar="NAME|ID")
@click.option("--span", default="1w", show_default=True, metavar="SPAN", help="How long: 2d, 1w, 2w or 1m.")
@click.option(
    "--from", "begin", default="today", show_default=True, metavar="DATE", help="First day: 2027-03-28, tomorrow, mon."
)
@click.option("--time-zone", metavar="ZONE", help="On the clocks of this zone, not on those of the schedule.")
@click.option("--check", is_flag=True, help="End with code 5 when there is a gap that is not meant to be.")
def show(frame: Frame, form: Viewed) -> int:
    """Draw a schedule: its layers, the highest first, overrides, who is on call in the end, and where nobody is."""
    with Node(frame) as node:
        answered = look(node, form, clock.utc_now())
    if frame.screen.for_programs:
        frame.screen.data(_data(answered))
    else:
        paint(frame.screen, answered.picture)
    unmeant = any(not gap.intended for gap in answered.picture.gaps)
    return Exit.TROUBLE if form.check and unmeant else Exit.OK


def look(node: Node, form: Viewed, now: datetime) -> Answered:
    """Return what `schedule show` shows at an instant; raise `Ended`."""
    found = find_schedule(node, form.schedule)
    zone = zone_named(form.time_zone or str(found.row["time_zone"]))
    first = day_of(form.begin, zone, now)
    last = days_after(first, form.span)
    return gather(node, found, Asked(midnight_of(first, zone), midnight_of(last, zone), zone, now))


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of this name; raise `Ended` (usage)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as failure:
        raise Ended(Exit.USAGE, f"There is no time zone {name!r}: write it as Europe/Berlin.") from failure


def _who(row: Json | None) -> tuple[str, str]:
    shifts = (row or {}).get("shifts", [])
    people = listed(dict.fromkeys(str(shift["user"]["summary"]) for shift in shifts))
    end = min((shift["end"] for shift in shifts), default=None, key=datetime.fromisoformat)
    return people or "nobody", when(end)


def _data(answered: Answered) -> Json:
    """Return what a program reads: the schedule as the API has it, and what the picture adds to it."""
    picture = answered.picture
    return {
        "schedule": answered.schedule,
        "since": picture.since,
        "until": picture.until,
        "time_zone": picture.zone.key,
        "rows": [
            {"name": row.name, "shifts": [{"start": s.start, "end": s.end, "user": s.person} for s in row.stints]}
            for row in (*picture.rows, picture.final)
        ],
        "gaps": picture.gaps,
        "clock_changes": picture.clock_changes,
        "hours": [{"user": person, "hours": round(picture.hours_of(person), 2)} for person in picture.people],
    }
