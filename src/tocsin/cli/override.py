"""Override: a stretch of a schedule given to somebody else, from a shell."""

from collections.abc import Callable, Iterable, Sequence
from zoneinfo import ZoneInfo

import click
from msgspec import Struct

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Word, Words, filled
from tocsin.cli.named import USER, Found, find, find_schedule
from tocsin.cli.node import Node
from tocsin.cli.schedule.drawing import length
from tocsin.cli.schedule.gather import Asked, gather
from tocsin.cli.schedule.laid import coming, lay, path_of
from tocsin.cli.schedule.moment import moment_of, told
from tocsin.cli.schedule.picture import Person, balance
from tocsin.cli.screen import listed
from tocsin.ground import clock

MINUS = "\N{MINUS SIGN}"


class Given(Struct):
    """The options of `override add`."""

    schedule: str
    user: str
    start: str
    end: str


class GivenThere(Struct):
    """The options of `override SCHEDULE`."""

    user: str
    start: str
    end: str


class Taken(Struct):
    """The options of `override remove`."""

    schedule: str
    override_id: str


def _stretch(command: Callable[..., None]) -> Callable[..., None]:
    """Add what every new override says: to whom, from when, until when."""
    when_told = 'ISO 8601, "today 18:00", "tomorrow 09:00", "mon 09:00"'
    end = click.option("--until", "end", required=True, metavar="WHEN", help="Until when; +8h is from the beginning.")
    start = click.option(
        "--from", "start", required=True, metavar="WHEN", help=f"From when: {when_told}, on the schedule's clocks."
    )
    return click.argument("user", metavar="USER")(start(end(command)))


class Overrides(Words):
    """A family of commands in which the name of a schedule is one as well: `override Platform bo@example.org`."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or the one that gives away a stretch of the schedule of this name."""
        return super().get_command(ctx, cmd_name) or _command_of(cmd_name)


@click.group(
    "override",
    cls=Overrides,
    subcommand_metavar="SCHEDULE USER --from WHEN --until WHEN | COMMAND [ARGS]...",
)
def override() -> None:
    """Give a stretch of a schedule to somebody else. A schedule that is called like a command goes by `add`."""


COMMAND = override


def _command_of(schedule: str) -> Word:
    def give(frame: Frame, form: GivenThere) -> None:
        _give(frame, Given(schedule, form.user, form.start, form.end))

    about = f"Give a stretch of {schedule} to somebody else."
    command = click.command(schedule, cls=filled(GivenThere), help=about)(_stretch(give))
    if not isinstance(command, Word):
        raise TypeError("a command of ours is a word")
    return command


@override.command("add", cls=filled(Given))
@click.argument("schedule", metavar="SCHEDULE")
@_stretch
def add(frame: Frame, form: Given) -> None:
    """Give a stretch of a schedule to somebody else, and show what changes."""
    _give(frame, form)


@override.command("list")
@click.argument("schedule", metavar="SCHEDULE")
def list_overrides(frame: Frame, schedule: str) -> None:
    """List the overrides of a schedule that are not over, for the year to come."""
    with Node(frame) as node:
        found = find_schedule(node, schedule)
        rows, laid = coming(node, found, clock.utc_now())
    if frame.screen.for_programs:
        frame.screen.data({"overrides": rows})
        return
    zone = _zone(found)
    lines = [(one.person, told(one.start, zone), told(one.end, zone), one.id) for one in laid]
    frame.screen.table(("who", "from", "until", "id"), lines, empty=f"{found.name} has no override that is not over.")


@override.command("remove", cls=filled(Taken))
@click.argument("schedule", metavar="SCHEDULE")
@click.argument("override_id", metavar="ID")
def remove(frame: Frame, form: Taken) -> None:
    """Take an override back: one to come is gone, one under way ends now, one that is over stays."""
    now = clock.utc_now()
    with Node(frame) as node:
        found = find_schedule(node, form.schedule)
        one = next((each for each in coming(node, found, now)[1] if each.id == form.override_id), None)
        if one is None:
            raise Ended(Exit.NOT_FOUND, f"{found.name} has no override {form.override_id} that is not over.")
        change = _Change(node, found, Asked(max(one.start, now), one.end, _zone(found), now))
        node.delete(f"{path_of(found)}/{one.id}")
        what = "is taken back" if one.start > now else "ends now"
        change.show(frame, f"The override of {found.name} for {one.person} {what}.", [one.id])


def _give(frame: Frame, form: Given) -> None:
    now = clock.utc_now()
    with Node(frame) as node:
        found = find_schedule(node, form.schedule)
        person = find(node, form.user, USER)
        zone = _zone(found)
        start = moment_of(form.start, zone, now)
        end = moment_of(form.end, zone, now, after=start)
        if end <= start:
            raise Ended(Exit.USAGE, f"It would end {told(end, zone)}, not after it begins, {told(start, zone)}.")
        if end <= now:
            raise Ended(Exit.USAGE, f"It would be over already: it ends {told(end, zone)}.")
        # One that should have begun already begins now: nothing is given away that is over.
        change = _Change(node, found, Asked(max(start, now), end, zone, now))
        rows = lay(node, found, person.id, change.asked)
        change.show(frame, f"{found.name} is given to {person.name}.", [str(row["id"]) for row in rows])


class _Change:
    """What a change of overrides does to a stretch of a schedule: who had it before, and who has it then."""

    def __init__(self, node: Node, found: Found, asked: Asked) -> None:
        """Look at the stretch before the change."""
        self.asked = asked
        self._node = node
        self._found = found
        self._before = gather(node, found, asked).picture

    def show(self, frame: Frame, headline: str, ids: Sequence[str]) -> None:
        """Look again, and show what is different."""
        asked = self.asked
        after = gather(self._node, self._found, asked).picture
        changes = balance(self._before, after, (asked.since, asked.until))
        if frame.screen.for_programs:
            hours = [{"user": person, "before": first, "after": then} for person, first, then in changes]
            stretch = {"start": asked.since, "end": asked.until, "time_zone": asked.zone.key}
            frame.screen.data({"override_ids": ids, **stretch, "hours": hours})
            return
        frame.screen.say(headline)
        frame.screen.facts({
            "from": told(asked.since, asked.zone),
            "until": told(asked.until, asked.zone),
            "before": _shares((person, first) for person, first, _ in changes),
            "after": _shares((person, then) for person, _, then in changes),
            "change": _moves(changes),
            "id": listed(ids),
        })  # fmt: skip # one fact a line


def _zone(found: Found) -> ZoneInfo:
    return ZoneInfo(str(found.row["time_zone"]))


def _shares(shares: Iterable[tuple[Person, float]]) -> str:
    return listed(f"{person.name} {length(hours)}" for person, hours in shares if hours) or "nobody"


def _moves(changes: Iterable[tuple[Person, float, float]]) -> str:
    moves = [(person.name, then - first) for person, first, then in changes if then != first]
    told_moves = (f"{name} {'+' if by > 0 else MINUS}{length(abs(by))}" for name, by in sorted(moves, key=_by_hours))
    return listed(told_moves) or "none"


def _by_hours(move: tuple[str, float]) -> tuple[float, str]:
    return move[1], move[0]
