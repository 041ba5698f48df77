"""Lanes: a row of a picture as characters, on as many lines as people are on call side by side."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.cli.schedule.axis import Axis
from tocsin.cli.schedule.picture import Row, Stint
from tocsin.domain.oncall.schedule import Gap
from tocsin.domain.oncall.stretches import joined

EMPTY, BESIDE, GAP, OFF = "·", " ", "\N{BOX DRAWINGS LIGHT DIAGONAL CROSS}", "░"
NOTHING = timedelta()

Cells = list[Stint | str]
"""What each column of a line shows: somebody, or one of the four characters above."""


def lanes_of(row: Row, axis: Axis, gaps: Sequence[Gap] = ()) -> list[Cells]:
    """Return the lines of a row, at least one; gaps are drawn on the first.

    A column shows whoever has most of it. Whoever has most of none still gets the one in the middle, and a gap
    that is not intended gets every column that it touches: nothing is too short to be seen.
    """
    lanes = [_drawn(stints, axis, BESIDE if number else EMPTY) for number, stints in enumerate(_apart(row))]
    lanes = lanes or [[EMPTY] * axis.columns]
    for gap in gaps:
        _draw_gap(lanes, axis, gap)
    return lanes


def _apart(row: Row) -> list[list[Stint]]:
    """Return stints in groups within which no two hold at once; stints of a person that meet are one."""
    people = {stint.person.id: stint.person for stint in row.stints}
    merged = [
        Stint(start, end, person)
        for person in people.values()
        for start, end in joined((one.start, one.end) for one in row.stints if one.person.id == person.id)
    ]
    groups: list[list[Stint]] = []
    for stint in sorted(merged, key=lambda one: (one.start, one.person.name, one.person.id)):
        free = next((group for group in groups if group[-1].end <= stint.start), None)
        if free is None:
            groups.append([stint])
        else:
            free.append(stint)
    return groups


def _drawn(stints: Sequence[Stint], axis: Axis, nobody: str) -> Cells:
    cells: Cells = [nobody] * axis.columns
    most = [NOTHING] * axis.columns
    visible = [stint for stint in stints if stint.start < axis.until and stint.end > axis.since]
    for stint in visible:
        for column in _columns(axis, stint.start, stint.end):
            share = _share(axis, column, stint.start, stint.end)
            if share > most[column]:
                cells[column], most[column] = stint, share
    for stint in visible:
        if all(cell is not stint for cell in cells):
            start, end = max(stint.start, axis.since), min(stint.end, axis.until)
            cells[axis.column(start + (end - start) / 2)] = stint
    return cells


def _draw_gap(lanes: list[Cells], axis: Axis, gap: Gap) -> None:
    first_lane, *others = lanes
    for column in _columns(axis, gap.start, gap.end):
        first, last = axis.stretch(column)
        if not gap.intended:
            first_lane[column] = GAP
            for lane in others:
                lane[column] = BESIDE
        elif 2 * _share(axis, column, gap.start, gap.end) > last - first or first_lane[column] == EMPTY:
            first_lane[column] = OFF


def _columns(axis: Axis, start: datetime, end: datetime) -> range:
    """Return the columns that a stretch touches."""
    return range(max(axis.column(start), 0), min(axis.column(end - timedelta.resolution) + 1, axis.columns))


def _share(axis: Axis, column: int, start: datetime, end: datetime) -> timedelta:
    """Return how much of a column a stretch has."""
    first, last = axis.stretch(column)
    return min(end, last) - max(start, first)
