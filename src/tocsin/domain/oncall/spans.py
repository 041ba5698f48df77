"""Spans: stretches of seconds with the person who is on call in each, cut and joined without reading a calendar."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import chain
from operator import itemgetter

from msgspec import Struct

from tocsin.domain.oncall.schedule import Member, Shift, Source
from tocsin.domain.oncall.wall import LONG_AGO, instant_at, written

Stretch = tuple[int, int]  # instants: from, until


class Origin(Struct, frozen=True, gc=False):
    """Where spans come from, and how their turns are called: a `dated` name is followed by a wall time."""

    source: Source
    name: str
    dated: bool = False


Span = tuple[int, int, Member, int, Origin]  # from, until, who, wall time at which its turn or occurrence began, origin

edges_of = itemgetter(0, 1)
_start_of = itemgetter(0)
_NOWHERE = Origin(Source(kind="layer"), "")


def shifts_of(spans: Iterable[Span]) -> tuple[Shift, ...]:
    """Return spans as shifts, sorted by start."""
    return tuple(
        [
            Shift(
                start=instant_at(start),
                end=instant_at(end),
                user_id=user_id,
                source=origin.source,
                turn=f"{origin.name}/{written(wall)}" if origin.dated else origin.name,
            )
            for start, end, user_id, wall, origin in sorted(spans, key=_start_of)
        ]
    )


class Cover:
    """Stretches joined where they meet: what is taken already."""

    def __init__(self, stretches: Iterable[Stretch] = ()) -> None:
        """Join these stretches."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.add(stretches)

    def add(self, stretches: Iterable[Stretch]) -> None:
        """Take these stretches too."""
        every = sorted(chain(zip(self._starts, self._ends, strict=True), stretches))
        starts: list[int] = []
        ends: list[int] = []
        reached = None
        for start, end in every:
            if reached is not None and start <= reached:
                if end > reached:
                    ends[-1] = reached = end
            elif start < end:
                starts.append(start)
                ends.append(end)
                reached = end
        self._starts, self._ends = starts, ends

    def outside(self, start: int, end: int) -> list[Stretch]:
        """Return the parts of a stretch that are not taken."""
        return [edges_of(span) for span in outside([(start, end, None, 0, _NOWHERE)], self)] if start < end else []

    def edges(self) -> tuple[list[int], list[int]]:
        """Return where what is taken starts, and where it ends, each sorted."""
        return self._starts, self._ends

    def holds(self, start: int, end: int) -> bool:
        """Say whether all of a stretch is taken."""
        place = bisect_right(self._starts, start) - 1
        return place >= 0 and self._ends[place] >= end

    def length(self) -> int:
        """Return the seconds that are taken."""
        return sum(self._ends) - sum(self._starts)


def outside(spans: Iterable[Span], cover: Cover) -> list[Span]:
    """Return the parts of spans that a cover leaves free; quickest for spans in order of their start."""
    starts, ends = cover.edges()
    count = len(starts)
    found: list[Span] = []
    near, before = 0, LONG_AGO  # the first stretch of the cover that ends after the start of the span before
    for span in spans:
        start, end, user_id, wall, origin = span
        if start < before:
            near = 0
        before = start
        if near < count and ends[near] <= start:
            near = bisect_right(ends, start, near)
        if near == count or starts[near] >= end:
            found.append(span)
            continue
        place = near
        while place < count and starts[place] < end:
            if start < starts[place]:
                found.append((start, starts[place], user_id, wall, origin))
            start = ends[place]
            place += 1
        if start < end:
            found.append((start, end, user_id, wall, origin))
    return found
