"""Kinds of hours: which part of a shift is business, evening, night, weekend or holiday on a person's own wall."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

Kind = Literal["business", "evening", "night", "weekend", "holiday"]
KINDS: tuple[Kind, ...] = ("business", "evening", "night", "weekend", "holiday")

# The edges of kinds on the wall, in hours. A night is named by the day on which it begins.
NIGHT_ENDS, EVENING_BEGINS, NIGHT_BEGINS = 8, 18, 22
_EDGES = (NIGHT_ENDS, EVENING_BEGINS, NIGHT_BEGINS, 24)

_SATURDAY = 5
_HOUR_S = 3600
_DAY = timedelta(days=1)

SHORTEST_NIGHT_S = 5 * _HOUR_S  # half a night: a handoff at midnight gives it to whoever has the longer part


class Piece(Struct, frozen=True):
    """A stretch in seconds since 1970 in which the kind of hour does not change.

    `night_on` is the day on which the night began that this is part of, holidays or not; `weekend_on` the Saturday
    of the weekend that this is part of.
    """

    start: int
    end: int
    kind: Kind
    night_on: date | None
    weekend_on: date | None


class Hours:
    """The kinds of hours of one person between two instants: their zone and the holidays that they have.

    The kind of an instant is what the wall clock reads then, so an hour that the clocks repeat counts twice and one
    that they skip does not count. `holiday` beats `night`, which beats `weekend`, `evening` and `business`.
    """

    def __init__(self, zone: ZoneInfo, holidays: Collection[date], *, since: int, until: int) -> None:
        self._pieces = tuple(_pieces(zone, frozenset(holidays), since, until))
        self._starts = [piece.start for piece in self._pieces]

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """Yield what [start, end) is made of, in order; what lies outside the two instants is left out."""
        index = max(bisect_right(self._starts, start) - 1, 0)
        while index < len(self._pieces) and self._pieces[index].start < end:
            piece = self._pieces[index]
            first, last = max(piece.start, start), min(piece.end, end)
            if first < last:
                yield Piece(first, last, piece.kind, piece.night_on, piece.weekend_on)
            index += 1

    def kind_at(self, at: int) -> Kind:
        """Return the kind of the hour that holds this second, which lies between the two."""
        return self._pieces[max(bisect_right(self._starts, at) - 1, 0)].kind


class HourBook:
    """The book of many people between two instants, each made once for a zone and a set of holidays."""

    def __init__(self, since: int, until: int) -> None:
        self._since, self._until = since, until
        self._made: dict[tuple[str, frozenset[date]], Hours] = {}

    def of(self, zone: ZoneInfo, holidays: frozenset[date]) -> Hours:
        """Return the hours of somebody in this zone with these holidays."""
        key = (zone.key, holidays)
        hours = self._made.get(key)
        if hours is None:
            hours = self._made[key] = Hours(zone, holidays, since=self._since, until=self._until)
        return hours


def kind_of(wall: datetime, holidays: Collection[date]) -> Kind:
    """Return the kind of the hour that this reading of the wall clock is in."""
    if wall.date() in holidays:
        return "holiday"
    if wall.hour >= NIGHT_BEGINS or wall.hour < NIGHT_ENDS:
        return "night"
    if wall.weekday() >= _SATURDAY:
        return "weekend"
    return "evening" if wall.hour >= EVENING_BEGINS else "business"


def longest_run(nights: Collection[date]) -> int:
    """Return how many nights follow one another at most."""
    longest = run = 0
    before: date | None = None
    for night in sorted(nights):
        run = run + 1 if before is not None and night - before == _DAY else 1
        longest, before = max(longest, run), night
    return longest


def nights_of(pieces: Sequence[Piece]) -> frozenset[date]:
    """Return the nights of which these pieces hold half or more."""
    lasted: dict[date, int] = {}
    for piece in pieces:
        if piece.night_on is not None:
            lasted[piece.night_on] = lasted.get(piece.night_on, 0) + piece.end - piece.start
    return frozenset(night for night, seconds in lasted.items() if seconds >= SHORTEST_NIGHT_S)


def _pieces(zone: ZoneInfo, holidays: frozenset[date], since: int, until: int) -> Iterator[Piece]:
    at = since
    while at < until:
        wall = datetime.fromtimestamp(at, zone)
        end = min(at + _to_next_edge(wall), until)
        if _offset(zone, end - 1) != wall.utcoffset():
            end = _first_change(zone, at, end - 1)
        yield Piece(at, end, kind_of(wall, holidays), _night_on(wall), _weekend_on(wall))
        at = end


def _to_next_edge(wall: datetime) -> int:
    passed = wall.hour * _HOUR_S + wall.minute * 60 + wall.second
    return next(edge * _HOUR_S for edge in _EDGES if edge * _HOUR_S > passed) - passed


def _offset(zone: ZoneInfo, at: int) -> timedelta | None:
    return datetime.fromtimestamp(at, zone).utcoffset()


def _first_change(zone: ZoneInfo, low: int, high: int) -> int:
    """Return the first second in (low, high] at which the clocks show another offset than at `low`."""
    offset = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high


def _night_on(wall: datetime) -> date | None:
    if wall.hour >= NIGHT_BEGINS:
        return wall.date()
    return wall.date() - _DAY if wall.hour < NIGHT_ENDS else None


def _weekend_on(wall: datetime) -> date | None:
    past = wall.weekday() - _SATURDAY
    return wall.date() - past * _DAY if past >= 0 else None
