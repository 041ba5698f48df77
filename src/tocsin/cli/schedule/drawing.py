"""Drawing: a picture of a schedule as lines of text, as wide as there is room."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

from tocsin.cli.schedule.axis import Axis, Label, axis_of, length_of_day
from tocsin.cli.schedule.lanes import BESIDE, EMPTY, GAP, OFF, Cells, lanes_of
from tocsin.cli.schedule.marks import marks_of
from tocsin.cli.schedule.picture import Picture, Row, hours
from tocsin.domain.oncall.seams import ClockChange

NARROWEST = 40  # columns that a picture needs, whatever the terminal says
_WIDEST_NAME = 16  # of a row
_MOST_GAPS = 8  # that are told one by one
_FORWARD, _BACK = "»", "«"  # on the ruler, where the clocks change
_PRESENT = "▲"
_A_MINUTE = 1 / 60  # hours


class Piece(Struct, frozen=True):
    """A part of a line; `ink` names what it stands for: a person's id, or one of gap, off, faint, strong."""

    text: str
    ink: str = ""


Line = tuple[Piece, ...]


def drawn(picture: Picture, width: int) -> list[Line]:
    """Return a picture in lines of at most `width` columns (at least 40); names of people are never cut."""
    return _Drawing(picture, max(width, NARROWEST)).lines()


def plain(line: Line) -> str:
    """Return a line as text."""
    return "".join(piece.text for piece in line).rstrip()


class _Drawing:
    """One picture on its way to paper."""

    def __init__(self, picture: Picture, width: int) -> None:
        self._picture = picture
        self._width = width
        self._marks = marks_of(picture.people)
        self._gaps = picture.gaps
        rows = (*picture.rows, picture.final)
        self._margin = min(max(cell_len(row.name) for row in rows), _WIDEST_NAME) + 2
        self._axis = axis_of((picture.since, picture.until), picture.zone, width - self._margin)

    def lines(self) -> list[Line]:
        """Return all lines."""
        return [
            *self._head(),
            (),
            self._written(self._axis.labels()),
            (Piece(" " * self._margin), Piece(self._ruler(), "faint")),
            *(line for row in self._picture.rows for line in self._row(row)),
            *self._row(self._picture.final, final=True),
            *self._present(),
            (),
            *self._legend(),
            *self._notes(),
        ]

    def _head(self) -> Iterator[Line]:
        picture = self._picture
        zone, span = f" · {picture.zone.key}", f" · {_span(picture)}"
        if cell_len(picture.title + zone + span) <= self._width:
            yield (Piece(picture.title, "strong"), Piece(zone + span))
        else:
            yield (Piece(picture.title, "strong"), Piece(zone))
            yield (Piece(_span(picture)),)
        scale = f"one column is {_scale(self._axis.step)}"
        if not picture.since <= picture.now < picture.until:
            yield (Piece(scale, "faint"),)
            return
        people = [f"{one.person.name} until {_until(one.end, picture)}" for one in picture.on_call]
        yield (Piece(f"now: {', '.join(people) or 'nobody'} · "), Piece(scale, "faint"))

    def _row(self, row: Row, *, final: bool = False) -> Iterator[Line]:
        name = set_cell_size(row.name, self._margin - 2)
        if cell_len(row.name) > self._margin - 2:
            name = set_cell_size(row.name, self._margin - 3) + "…"
        for number, cells in enumerate(lanes_of(row, self._axis, self._gaps if final else ())):
            shown = name if not number else " " * (self._margin - 2)
            yield (Piece(shown + "  ", "strong" if final else ""), *_pieces(cells, self._marks))

    def _ruler(self) -> str:
        """Return the marks of days, hours and clock changes."""
        line = [" "] * self._axis.columns
        for label in self._axis.hours():
            for offset, letter in enumerate(label.text):
                if label.column + offset < len(line):
                    line[label.column + offset] = letter
        for label in self._axis.labels():
            line[label.column] = "│"
        for change in self._picture.clock_changes:
            line[self._axis.column(change.at)] = _FORWARD if change.by_s > 0 else _BACK
        return "".join(line)

    def _written(self, labels: Iterable[Label]) -> Line:
        line = ""
        for label in labels:
            line = line.ljust(label.column) + label.text
        return (Piece(" " * self._margin), Piece(line[: self._width - self._margin], "faint"))

    def _present(self) -> Iterator[Line]:
        picture = self._picture
        if picture.since <= picture.now < picture.until:
            column = self._axis.column(picture.now)
            at = picture.now.astimezone(picture.zone)
            text = f"{_PRESENT} now, {at:%a %H:%M}"
            room = self._axis.columns
            if column + len(text) > room:
                text = f"now, {at:%a %H:%M} {_PRESENT}"
                column -= len(text) - 1
            yield (Piece(" " * (self._margin + max(column, 0))), Piece(text, "strong"))

    def _legend(self) -> Iterator[Line]:
        picture = self._picture
        entries = [
            Piece(f"{self._marks[person.id]} {person.name} {length(picture.hours_of(person))}", person.id)
            for person in picture.people
        ]
        for intended, mark, words, ink in ((False, GAP, "nobody", "gap"), (True, OFF, "off by design", "off")):
            spent = hours((gap.start, gap.end) for gap in self._gaps if gap.intended is intended)
            if spent:
                entries.append(Piece(f"{mark} {words} {length(spent)}", ink))
        yield from _folded(entries, self._width)

    def _notes(self) -> Iterator[Line]:
        zone = self._picture.zone
        for change in self._picture.clock_changes:
            yield (Piece(_told(change, self._axis)),)
        gaps = [gap for gap in self._gaps if not gap.intended]
        for gap in gaps[:_MOST_GAPS]:
            spent = length(hours([(gap.start, gap.end)]))
            yield (Piece(f"{GAP} {_instant(gap.start, zone)} → {_instant(gap.end, zone)}: nobody, {spent}", "gap"),)
        if len(gaps) > _MOST_GAPS:
            yield (Piece(f"{GAP} and {len(gaps) - _MOST_GAPS} more", "gap"),)


def _pieces(cells: Cells, marks: Mapping[str, str]) -> Iterator[Piece]:
    """Yield the cells of a line, those of the same ink together."""
    inks = {EMPTY: "faint", BESIDE: "faint", GAP: "gap", OFF: "off"}
    text, ink = "", ""
    for cell in cells:
        mark, colour = (cell, inks[cell]) if isinstance(cell, str) else (marks[cell.person.id], cell.person.id)
        if colour != ink and text:
            yield Piece(text, ink)
            text = ""
        text, ink = text + mark, colour
    if text:
        yield Piece(text, ink)


def _folded(entries: Sequence[Piece], width: int) -> Iterator[Line]:
    """Yield entries in lines, as many in each as fit."""
    line: list[Piece] = []
    taken = 0
    for entry in entries:
        if line and taken + 3 + cell_len(entry.text) > width:
            yield tuple(line)
            line, taken = [], 0
        if line:
            line.append(Piece("   "))
            taken += 3
        line.append(entry)
        taken += cell_len(entry.text)
    if line:
        yield tuple(line)


def _told(change: ClockChange, axis: Axis) -> str:
    zone, second = axis.zone, timedelta(seconds=1)
    before, after = (change.at - second).astimezone(zone), change.at.astimezone(zone)
    way, mark = ("forward", _FORWARD) if change.by_s > 0 else ("back", _BACK)
    day = length_of_day(after.date(), zone) / timedelta(hours=1)
    return (
        f"{mark} {before + second:%a %-d %b, %H:%M} {before:%Z}: "
        f"the clocks go {way} to {after:%H:%M %Z}; the day has {length(day)}"
    )


def _span(picture: Picture) -> str:
    """Return the first and the last day of a picture."""
    first, last = (at.astimezone(picture.zone) for at in (picture.since, picture.until - timedelta.resolution))
    if first.date() == last.date():
        return f"{last:%a %-d %b %Y}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first:%a %-d %b}{year} to {last:%a %-d %b %Y}"


def _until(end: datetime, picture: Picture) -> str:
    told = _instant(end, picture.zone)
    return f"{told} at least" if end == picture.until else told


def _instant(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%a %-d %b %H:%M %Z")


def _scale(step: timedelta) -> str:
    return f"{step.days} days" if step.days > 1 else length(step / timedelta(hours=1))


def length(count: float) -> str:
    """Return hours as people write them."""
    if count < 1:
        return f"{round(count * 60)} min" if count >= _A_MINUTE else f"{round(count * 3600)} s"
    return f"{round(count, 1):g} h"
