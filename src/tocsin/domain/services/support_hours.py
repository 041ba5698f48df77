"""Support hours: the hours of the week in which people expect to be called, told by the clock on their wall."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from tocsin.ground.errors import Refused, Why

Edge = Literal["start", "end"]

_DAY = timedelta(days=1)
_A_WEEK_AND_MORE = 9  # days: a stretch that recurs weekly has its next edge within them


class SupportHours(Struct, frozen=True):
    """The same hours on some days of the week, in one zone.

    `days` counts from Monday = 1 to Sunday = 7 and names the day on which a stretch begins. A stretch holds its
    start and not its end; it reaches into the next day when `end` is before `start`, and is a whole day when
    they are equal.
    """

    time_zone: str
    days: tuple[int, ...]
    start: time
    end: time

    def hold(self, at: datetime) -> bool:
        """Say whether the instant is in support hours."""
        return any(begin <= at < finish for begin, finish in self._stretches_near(at))

    def next_edge(self, at: datetime, edge: Edge) -> datetime | None:
        """Return the next instant after `at` at which support hours start, or end."""
        side = 0 if edge == "start" else 1
        return min((stretch[side] for stretch in self._stretches_near(at) if stretch[side] > at), default=None)

    def _stretches_near(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the stretches that begin from two days before the instant to nine days after it.

        A stretch that a clock change swallows whole is left out.
        """
        zone = zone_named(self.time_zone)
        today = at.astimezone(zone).date()
        length = _DAY if self.end <= self.start else timedelta()
        for offset in range(-2, _A_WEEK_AND_MORE + 1):
            day = today + offset * _DAY
            if day.isoweekday() in self.days:
                begin = instant_of(day, self.start, zone)
                finish = instant_of(day + length, self.end, zone)
                if begin < finish:
                    yield begin, finish

    def faults(self) -> tuple[str, ...]:
        """Return one sentence for each thing that is wrong with these hours."""
        faults = []
        if not self.days or not set(self.days) <= set(range(1, 8)) or len(set(self.days)) < len(self.days):
            faults.append("Support hours need days of the week from 1 (Monday) to 7 (Sunday), each once.")
        try:
            zone_named(self.time_zone)
        except Refused as refusal:
            faults.append(refusal.message)
        return tuple(faults)


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """Return the zone of this IANA name; raise `Refused` (bad date) when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as failure:
        raise Refused(Why.INVALID, f"Time zone {name!r} is not known.") from failure


def instant_of(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the instant, in UTC, at which a clock on a wall in this zone shows the time on that day.

    A time that a clock change skips is the first instant after the gap; one that comes twice is the first.
    """
    local = datetime.combine(day, wall.replace(tzinfo=None), tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    return _end_of_gap(local.replace(fold=1).astimezone(UTC), instant, zone)


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first whole second in (before, after] at which the zone keeps the later offset."""
    offset = after.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return before + timedelta(seconds=high)
