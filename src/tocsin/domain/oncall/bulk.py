"""Bulk: the most shifts that a schedule can show in a stretch of time, reckoned without drawing any of them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from tocsin.domain.oncall.history import Version
from tocsin.domain.oncall.recurrence import STEP_S, Recurrence, parse
from tocsin.domain.oncall.schedule import ByCalendar, Everyone, Layer, Pattern, Schedule, TurnLayer
from tocsin.domain.oncall.tolerant import UNREADABLE
from tocsin.domain.oncall.wall import DAY_S, FAR_OFF, seconds_of, wall_time

_DAYS_OF_WEEK, _MONTHS = 7, 12
_SHORT_MONTH, _SHORT_YEAR = 28, 365  # days: what recurs by them is never denser
_SAME_DAYS = 5  # of one month, at most, fall on the same day of the week
_MOST_DAYS = 31  # of a month
_EDGES = 2  # shifts that reach into a stretch, one at each end
_PIECES = 3  # parts into which an override can cut what it lies over
_MARGIN_S = 2 * DAY_S  # a wall time and an instant of the same name are no further apart


class Part(Struct, frozen=True, kw_only=True):
    """Something in a layer that tells shifts: the instants within which it does, and how many a day at most.

    `dates` are single ones beside the rule, and `each` the number of people who take every occurrence.
    """

    since: int
    until: int
    a_day: float
    most: int = FAR_OFF
    dates: tuple[int, ...] = ()
    each: int = 1

    def within(self, since: int, until: int) -> float:
        """Return the most shifts in a stretch."""
        first, last = max(since, self.since), min(until, self.until)
        if first >= last:
            return 0.0
        ruled = min(self.a_day * (last - first) / DAY_S + _EDGES, self.most)
        near = range(since - _MARGIN_S, until + _MARGIN_S)
        return self.each * (ruled + sum(1 for date in self.dates if date in near))

    def densest(self) -> float:
        """Return the most shifts of one day; being asked costs as much as one, so that is the least."""
        dates = max(Counter(date // DAY_S for date in self.dates).values(), default=0)
        return max(1.0, self.each * (self.a_day + dates))


def most_shifts(schedule: Schedule, since: datetime, until: datetime) -> int:
    """Return a number of shifts that the rows of a schedule do not exceed in a window; what is unreadable has none."""
    first, last = seconds_of(since), seconds_of(until)
    told = sum(1 for layer in schedule.layers for shift in layer.told if shift.start < until and shift.end > since)
    over = sum(1 for each in schedule.overrides if each.start < until and each.end > since)
    over += sum(1 for each in schedule.custom_shifts if each.start < until and each.end > since)
    try:
        ruled = sum(part.within(first, last) for part in _parts_of(schedule.layers))
    except UNREADABLE:
        ruled = 0.0
    return int(told + _PIECES * over + ruled)


def most_of_versions(versions: Iterable[Version], since: datetime, until: datetime) -> int:
    """Return a number of shifts that versions of one schedule do not exceed in a window, each in the time it held."""
    found = 0
    for version in versions:
        last = until if version.valid_until is None else min(until, version.valid_until)
        if (first := max(since, version.valid_since)) < last:
            found += most_shifts(version.schedule, first, last)
    return found


def most_a_day(schedule: Schedule) -> int:
    """Return the most shifts of one day that the layers which hold at the same time tell, each part at least one.

    Raises `Refused` (invalid) when a recurrence is not understood.
    """
    changes: list[tuple[int, float]] = []
    for part in _parts_of(schedule.layers):
        if part.since < part.until:
            dense = part.densest()
            changes += [(part.since, dense), (part.until, -dense)]
    most = held = 0.0
    for _, change in sorted(changes):  # at one instant what ends comes before what begins
        held += change
        most = max(most, held)
    return int(most + 0.5)


def _parts_of(layers: Iterable[Layer]) -> Iterator[Part]:
    for layer in layers:
        if layer.turn_layer is not None:
            yield from _of_turns(layer.turn_layer)
        for pattern in layer.patterns:
            yield _of_pattern(pattern)


def _of_turns(turns: TurnLayer) -> Iterator[Part]:
    since, until = seconds_of(turns.start_at), FAR_OFF if turns.end_at is None else seconds_of(turns.end_at)
    turn_s = turns.turn_s
    if turn_s < 1:
        return  # damaged: no turn can be drawn
    if not turns.restrictions:
        yield Part(since=since, until=until, a_day=DAY_S / turn_s)
    for hours in turns.restrictions:
        days = 1 if hours.kind == "daily" else _DAYS_OF_WEEK
        yield Part(since=since, until=until, a_day=_cut(1 / days, hours.length_s, turn_s))


def _of_pattern(pattern: Pattern) -> Part:
    rule = parse(pattern.recurrence)
    begin = wall_time(pattern.begin_on, pattern.begin_time)
    until = FAR_OFF if pattern.effective_until is None else seconds_of(pattern.effective_until)
    if rule.until is not None and not rule.beside:
        until = min(until, rule.until.seconds + pattern.length_s + _MARGIN_S)
    turns = pattern.turns
    a_day, pieces = _a_day(rule), 1
    if isinstance(turns, ByCalendar):
        a_day, pieces = _cut(a_day, pattern.length_s, turns.turn_s), _pieces(pattern.length_s, turns.turn_s)
    return Part(
        since=max(seconds_of(pattern.effective_since), min(begin, *_dates_of(rule), FAR_OFF) - _MARGIN_S),
        until=until,
        a_day=a_day,
        most=FAR_OFF if rule.count is None else rule.count * pieces,
        dates=_dates_of(rule),
        each=len(set(pattern.members)) if isinstance(turns, Everyone) else 1,
    )


def _pieces(length_s: int, turn_s: int) -> int:
    """Return into how many parts turns can cut one occurrence."""
    return -(-length_s // max(turn_s, 1)) + 1


def _cut(a_day: float, length_s: int, turn_s: int) -> float:
    """Return how many shifts a day come of so many occurrences; no more are added than turns end."""
    return min(a_day * _pieces(length_s, turn_s), a_day + DAY_S / max(turn_s, 1))


def _dates_of(rule: Recurrence) -> tuple[int, ...]:
    return tuple(moment.seconds for moment in rule.beside)


def _a_day(rule: Recurrence) -> float:
    """Return how often a rule recurs on a day, on an average that it does not exceed over a week, month or year."""
    days = len({each.day for each in rule.by_day})
    if rule.frequency in STEP_S:
        share = days / _DAYS_OF_WEEK if days and rule.frequency == "DAILY" else 1.0
        return share * DAY_S / (STEP_S[rule.frequency] * rule.interval)
    if rule.frequency == "WEEKLY":
        return max(days, 1) / (_DAYS_OF_WEEK * rule.interval)
    if rule.frequency == "MONTHLY":
        return _a_month(rule) / (_SHORT_MONTH * rule.interval)
    months = len(rule.by_month) or (_MONTHS if rule.by_day or rule.by_month_day else 1)
    return months * _a_month(rule) / (_SHORT_YEAR * rule.interval)


def _a_month(rule: Recurrence) -> int:
    """Return the most days of one month that a rule names."""
    by_day = sum(1 if each.nth else _SAME_DAYS for each in rule.by_day)
    named = [count for count in (by_day, len(rule.by_month_day), len(rule.by_set_pos)) if count]
    return min([*named, _MOST_DAYS]) if named else 1
