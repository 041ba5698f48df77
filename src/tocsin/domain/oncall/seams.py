"""Seams: the instants at which the clocks of a schedule's zones change, and the stretches that they swallow."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from tocsin.domain.oncall.occurrences import Occurrences
from tocsin.domain.oncall.recurrence import parse
from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.oncall.turn_layer import patterns_of
from tocsin.domain.oncall.wall import DAY_S, instant_at, seconds_of, wall_of, wall_time

_WITHOUT_A_BREAK = "RRULE:FREQ=SECONDLY"  # how the turns of a layer without restrictions recur


class ClockChange(Struct, frozen=True):
    """The clocks of a zone change at an instant, by so many seconds; forward is more than zero."""

    time_zone: str
    at: datetime
    by_s: int


def zones_of(schedule: Schedule) -> tuple[str, ...]:
    """Return the zones on whose walls a schedule is told, each once."""
    zones = [schedule.time_zone]
    zones += [pattern.time_zone for layer in schedule.layers for pattern in layer.patterns]
    return tuple(dict.fromkeys(zones))


def clock_changes(time_zone: str, since: datetime, until: datetime) -> Iterator[ClockChange]:
    """Yield the changes of a zone's clocks in [since, until), in order."""
    wall = wall_of(time_zone)
    at, last = seconds_of(since), seconds_of(until)
    while at < last:
        offset, following = wall.shown(at) - at, min(at + DAY_S, last)
        if wall.shown(following) - following != offset:
            change = _first(at, following, offset, time_zone)
            yield ClockChange(time_zone, instant_at(change), wall.shown(change) - change - offset)
            following = change
        at = following


def _first(before: int, after: int, offset: int, time_zone: str) -> int:
    """Return the first second in (before, after] at which the zone has another offset."""
    wall = wall_of(time_zone)
    while after - before > 1:
        middle = (before + after) // 2
        if wall.shown(middle) - middle == offset:
            before = middle
        else:
            after = middle
    return after


def lost_windows(schedule: Schedule, change: ClockChange) -> Iterator[str]:
    """Yield the name of each layer with a window that lies whole in the hour that a change of its clocks skips.

    Turns that pass without a break lose nothing: whoever is next begins at once.
    """
    wall = wall_of(change.time_zone)
    at = seconds_of(change.at)
    skipped_from, skipped_until = wall.shown(at - 1) + 1, wall.shown(at)
    for layer in schedule.layers:
        turns = layer.turn_layer
        patterns = layer.patterns if turns is None else patterns_of(layer.id, turns, schedule.time_zone)
        for pattern in patterns:
            if pattern.time_zone != change.time_zone or pattern.recurrence[0].startswith(_WITHOUT_A_BREAK):
                continue
            begin = wall_time(pattern.begin_on, pattern.begin_time)
            occurrences = Occurrences(parse(pattern.recurrence), begin, wall)
            if occurrences.between(skipped_from, skipped_until - pattern.length_s):
                yield layer.name or layer.id
                break
