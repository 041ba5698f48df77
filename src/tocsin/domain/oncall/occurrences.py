"""Occurrences: the wall times at which something recurs, each with its number, found without counting from the first.

A rule by seconds, minutes, hours, days or weeks repeats itself after a while, so its occurrences are reckoned, however
long ago the first one was. A rule by months or years, or one that skips months, is walked through once and kept.
"""

from bisect import bisect_left
from calendar import isleap, monthrange
from collections.abc import Iterator
from datetime import MAXYEAR, date, timedelta
from math import lcm
from typing import Protocol

from tocsin.domain.oncall.recurrence import STEP_S, Moment, Recurrence, Weekday
from tocsin.domain.oncall.wall import DAY_S, FAR_OFF, WEEK_S, Wall, day_of, midnight, weekday_of

_DAY = timedelta(days=1)
_MONTHS = 12

Batch = tuple[int, list[int]]  # a wall time before which nothing more comes, and the occurrences from it on


class _Rule(Protocol):
    """The occurrences of a rule without end and without single dates."""

    def rank(self, wall: int) -> int:
        """Return how many occurrences begin before a wall time."""

    def between(self, first: int, last: int) -> list[int]:
        """Return the occurrences that begin from one wall time to another, both included."""


class Occurrences:
    """What takes place: the rule within its COUNT and UNTIL, without its EXDATEs, and its RDATEs beside it."""

    def __init__(self, recurrence: Recurrence, begin: int, wall: Wall) -> None:
        """Begin at a wall time; nothing that the rule names before it is an occurrence."""
        self._rule = _rule_of(recurrence, begin)
        self._most = FAR_OFF if recurrence.count is None else recurrence.count
        self._last = FAR_OFF if recurrence.until is None else _bounds(recurrence.until, wall)[1]
        ranges = [_bounds(moment, wall) for moment in recurrence.without]
        self._dropped = sorted({each for first, last in ranges for each in self._ruled(first, last)})
        added = {self._beside(moment, begin, wall) for moment in recurrence.beside}
        self._added = sorted(
            each
            for each in added
            if not self._ruled(each, each) and not any(first <= each <= last for first, last in ranges)
        )

    def rank(self, wall: int) -> int:
        """Return how many take place before a wall time: the number, from 0, of the first one that does not."""
        ruled = min(self._rule.rank(min(wall, self._last + 1)), self._most)
        return ruled - bisect_left(self._dropped, wall) + bisect_left(self._added, wall)

    def between(self, first: int, last: int) -> list[int]:
        """Return those that begin from one wall time to another, both included, sorted."""
        found = self._ruled(first, last)
        if self._dropped:
            gone = set(self._dropped)
            found = [each for each in found if each not in gone]
        if self._added:
            more = self._added[bisect_left(self._added, first) : bisect_left(self._added, last + 1)]
            found = sorted(found + more) if more else found
        return found

    def single(self) -> list[int]:
        """Return the RDATEs that the rule does not name itself."""
        return self._added

    def _ruled(self, first: int, last: int) -> list[int]:
        last = min(last, self._last)
        if first > last:
            return []
        found = self._rule.between(first, last)
        if self._most < FAR_OFF and found:
            del found[max(self._most - self._rule.rank(found[0]), 0) :]
        return found

    @staticmethod
    def _beside(moment: Moment, begin: int, wall: Wall) -> int:
        if moment.kind == "day":
            return moment.seconds + begin % DAY_S
        return wall.shown(moment.seconds) if moment.kind == "instant" else moment.seconds


def _bounds(moment: Moment, wall: Wall) -> tuple[int, int]:
    """Return the first and the last wall time that a date of a recurrence means."""
    if moment.kind == "day":
        return moment.seconds, moment.seconds + DAY_S - 1
    if moment.kind == "wall":
        return moment.seconds, moment.seconds
    return wall.latest(moment.seconds - 1) + 1, wall.latest(moment.seconds)


class _Cycle:
    """A rule that repeats itself: the same places in each period."""

    def __init__(self, anchor: int, period: int, places: tuple[int, ...], begin: int) -> None:
        """Lay periods from an anchor on; `places` are sorted seconds within a period."""
        self._anchor, self._period, self._places = anchor, period, places
        self._begin = begin
        self._skipped = self._laid(begin)

    def _laid(self, wall: int) -> int:
        """Return how many places lie between the anchor and a wall time."""
        periods, rest = divmod(wall - self._anchor, self._period)
        return periods * len(self._places) + bisect_left(self._places, rest)

    def rank(self, wall: int) -> int:
        return max(self._laid(wall) - self._skipped, 0)

    def between(self, first: int, last: int) -> list[int]:
        count = len(self._places)
        if not count:
            return []
        low, high = self._laid(max(first, self._begin)), self._laid(last + 1)
        if low >= high:
            return []
        if count == 1:
            start = self._anchor + self._places[0]
            return list(range(start + low * self._period, start + high * self._period, self._period))
        bases = range(low // count, (high - 1) // count + 1)
        found = [self._anchor + base * self._period + place for base in bases for place in self._places]
        return found[low % count : low % count + high - low]


class _Walked:
    """A rule that is walked through once, batch by batch, and remembered."""

    def __init__(self, batches: Iterator[Batch], begin: int) -> None:
        self._batches = batches
        self._begin = begin
        self._found: list[int] = []
        self._until = begin

    def _walk(self, wall: int) -> None:
        while self._until <= wall:
            at, found = next(self._batches, (FAR_OFF, []))
            self._found.extend(each for each in found if each >= self._begin)
            self._until = at

    def rank(self, wall: int) -> int:
        self._walk(wall)
        return bisect_left(self._found, wall)

    def between(self, first: int, last: int) -> list[int]:
        return self._found[self.rank(first) : self.rank(last + 1)]


def _rule_of(recurrence: Recurrence, begin: int) -> _Rule:
    if recurrence.frequency in {"MONTHLY", "YEARLY"}:
        walk = _by_months if recurrence.frequency == "MONTHLY" else _by_years
        return _Walked(walk(recurrence, begin), begin)
    cycle = _weeks(recurrence, begin) if recurrence.frequency == "WEEKLY" else _steps(recurrence, begin)
    if recurrence.by_month or recurrence.by_month_day:
        return _Walked(_filtered(cycle, recurrence, begin), begin)
    return cycle


def _steps(recurrence: Recurrence, begin: int) -> _Cycle:
    step = STEP_S[recurrence.frequency] * recurrence.interval
    if not recurrence.by_day:
        return _Cycle(begin, step, (0,), begin)
    period = lcm(step, WEEK_S)
    days = {each.day for each in recurrence.by_day}
    places = tuple(place for place in range(0, period, step) if weekday_of(begin + place) in days)
    return _Cycle(begin, period, places, begin)


def _weeks(recurrence: Recurrence, begin: int) -> _Cycle:
    since_week_start = (weekday_of(begin) - recurrence.week_start) % 7
    days = {each.day for each in recurrence.by_day} or {weekday_of(begin)}
    places = sorted((day - recurrence.week_start) % 7 * DAY_S for day in days)
    return _Cycle(begin - since_week_start * DAY_S, recurrence.interval * WEEK_S, tuple(places), begin)


def _filtered(cycle: _Cycle, recurrence: Recurrence, begin: int) -> Iterator[Batch]:
    """Yield what a cycle names in the months and on the days of the month that are asked for, a month at a time."""
    day = day_of(begin)
    year, month = day.year, day.month
    while year < MAXYEAR:
        first = _first_of(year, month)
        year, month = _later(year, month, 1)
        end = _first_of(year, month)
        wanted = not recurrence.by_month or day_of(first).month in recurrence.by_month
        found = cycle.between(first, end - 1) if wanted else []
        if recurrence.by_month_day:
            allowed = set(_numbered(day_of(first), recurrence.by_month_day))
            found = [each for each in found if day_of(each) in allowed]
        yield end, found


def _by_months(recurrence: Recurrence, begin: int) -> Iterator[Batch]:
    day, at = day_of(begin), begin % DAY_S
    year, month = day.year, day.month
    while year < MAXYEAR:
        found: list[date] = []
        if not recurrence.by_month or month in recurrence.by_month:
            found = _at_positions(_days_of_month(recurrence, date(year, month, 1), day.day), recurrence.by_set_pos)
        year, month = _later(year, month, recurrence.interval)
        yield _first_of(year, month), [midnight(each) + at for each in found]


def _by_years(recurrence: Recurrence, begin: int) -> Iterator[Batch]:
    day, at = day_of(begin), begin % DAY_S
    months = sorted(recurrence.by_month) or (range(1, _MONTHS + 1) if recurrence.by_month_day else [day.month])
    year = day.year
    while year < MAXYEAR:
        if recurrence.by_day and not recurrence.by_month:
            found = _days_of_year(recurrence, year)
        else:
            found = [each for month in months for each in _days_of_month(recurrence, date(year, month, 1), day.day)]
        year = min(year + recurrence.interval, MAXYEAR)
        yield _first_of(year, 1), [midnight(each) + at for each in found]


def _days_of_month(recurrence: Recurrence, first: date, usual: int) -> list[date]:
    """Return the days of a month that a rule names; `usual` is the day of the month when it names none."""
    last = monthrange(first.year, first.month)[1]
    if not recurrence.by_day:
        return _numbered(first, recurrence.by_month_day or (usual,))
    named = _weekdays([first + offset * _DAY for offset in range(last)], recurrence.by_day)
    if recurrence.by_month_day:
        allowed = set(_numbered(first, recurrence.by_month_day))
        named = [each for each in named if each in allowed]
    return named


def _days_of_year(recurrence: Recurrence, year: int) -> list[date]:
    first, length = date(year, 1, 1), 366 if isleap(year) else 365
    named = _weekdays([first + offset * _DAY for offset in range(length)], recurrence.by_day)
    if recurrence.by_month_day:
        months = [date(year, month, 1) for month in range(1, _MONTHS + 1)]
        allowed = {each for month in months for each in _numbered(month, recurrence.by_month_day)}
        named = [each for each in named if each in allowed]
    return named


def _weekdays(days: list[date], wanted: tuple[Weekday, ...]) -> list[date]:
    """Return the days that are one of the weekdays, or the nth of them."""
    found: set[date] = set()
    for weekday in wanted:
        same = [day for day in days if day.weekday() == weekday.day]
        if not weekday.nth:
            found.update(same)
        elif abs(weekday.nth) <= len(same):
            found.add(same[weekday.nth - 1 if weekday.nth > 0 else weekday.nth])
    return sorted(found)


def _numbered(first: date, numbers: tuple[int, ...]) -> list[date]:
    """Return the days of a month with these numbers, counted from its end when negative, that the month has."""
    last = monthrange(first.year, first.month)[1]
    counted = {number if number > 0 else last + 1 + number for number in numbers}
    return [first.replace(day=number) for number in sorted(counted) if 1 <= number <= last]


def _at_positions(days: list[date], positions: tuple[int, ...]) -> list[date]:
    if not positions:
        return days
    places = {position - 1 if position > 0 else len(days) + position for position in positions}
    return [days[place] for place in sorted(places) if 0 <= place < len(days)]


def _later(year: int, month: int, months: int) -> tuple[int, int]:
    years, place = divmod(year * _MONTHS + month - 1 + months, _MONTHS)
    return (years, place + 1) if years < MAXYEAR else (MAXYEAR, 1)


def _first_of(year: int, month: int) -> int:
    return midnight(date(year, month, 1))
