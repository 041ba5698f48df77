"""Wall: what the clock on a wall in a zone shows at an instant, and at which instant it shows a time.

Both sides are whole seconds: an instant counts them since 1970 in UTC, a wall time counts them since the wall showed
1970-01-01 00:00. A wall time that a clock change skips is the first instant after the gap; one that comes twice is
the first. So `instant` never falls when the wall time rises, and a stretch on the wall can be searched by its edges.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from msgspec import Struct

from tocsin.domain.services.support_hours import zone_named

DAY_S = 86_400
WEEK_S = 7 * DAY_S
LONG_AGO = -(1 << 60)  # before every instant
FAR_OFF = 1 << 60  # after every instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1).toordinal()
_SECOND = timedelta(seconds=1)
_STRETCH = 25  # bits of seconds, 388 days: so much of a zone's history is looked up at once
_MARGIN_S = 2 * DAY_S  # no zone is further from UTC, and no clock change is longer
_EARLIEST = -70 * 366 * DAY_S  # about 1900; before it a zone keeps the offset that it had then
_LATEST = 7_000 * 365 * DAY_S  # about 8966: dates end with the year 9999


class _Segments(Struct, frozen=True, gc=False):
    """The offsets of a stretch of time; each begins at an instant, and on the wall where the one before it ends."""

    starts: list[int]
    edges: list[int]
    offsets: list[int]


class Wall:
    """The wall clock of one zone; clock changes are looked up once and kept."""

    def __init__(self, time_zone: str) -> None:
        """Raise `Refused` (invalid) when there is no zone of this name."""
        self._zone = zone_named(time_zone)
        self._known: dict[int, _Segments] = {}

    def shown(self, instant: int) -> int:
        """Return what the wall shows at an instant."""
        segments = self._near(instant)
        return instant + segments.offsets[bisect_right(segments.starts, instant) - 1]

    def latest(self, instant: int) -> int:
        """Return the latest wall time that has come by this instant.

        It is what the wall shows, except while a fold is lived through a second time.
        """
        segments = self._near(instant)
        place = bisect_right(segments.starts, instant) - 1
        return max(instant + segments.offsets[place], segments.edges[place] - 1)

    def instant(self, wall: int) -> int:
        """Return the instant of a wall time."""
        segments = self._near(wall)
        place = bisect_right(segments.edges, wall) - 1
        return max(wall - segments.offsets[place], segments.starts[place])

    def instants(self, walls: list[int]) -> list[int]:
        """Return the instants of wall times: as `instant`, and quicker when they are sorted."""
        if sorted(walls) != walls:
            return [self.instant(wall) for wall in walls]
        found: list[int] = []
        place, count = 0, len(walls)
        while place < count:
            until, offset, start = self._stretch(walls[place])
            beyond = bisect_left(walls, until, place)
            stretch = [wall - offset for wall in walls[place:beyond]]
            if stretch[0] < start:
                stretch = [max(instant, start) for instant in stretch]
            found += stretch
            place = beyond
        return found

    def _stretch(self, wall: int) -> tuple[int, int, int]:
        """Return until which wall time the offset of this one holds, the offset, and since which instant."""
        segments = self._near(wall)
        place = bisect_right(segments.edges, wall) - 1
        until = ((wall >> _STRETCH) + 1) << _STRETCH
        if place + 1 < len(segments.edges):
            until = min(until, segments.edges[place + 1])
        return until, segments.offsets[place], segments.starts[place]

    def _near(self, seconds: int) -> _Segments:
        number = seconds >> _STRETCH
        return self._known.get(number) or self._looked_up(number)

    def _looked_up(self, number: int) -> _Segments:
        at, last = (number << _STRETCH) - _MARGIN_S, ((number + 1) << _STRETCH) + _MARGIN_S
        found = _Segments([LONG_AGO], [LONG_AGO], [self._offset(at)])
        while at < last:
            offset, following = found.offsets[-1], at + DAY_S
            if self._offset(following) == offset:
                at = following
                continue
            at = self._change(at, following, offset)
            found.starts.append(at)
            found.edges.append(at + offset)
            found.offsets.append(self._offset(at))
        self._known[number] = found
        return found

    def _change(self, before: int, after: int, offset: int) -> int:
        """Return the first instant in (before, after] at which the offset is another one."""
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == offset:
                before = middle
            else:
                after = middle
        return after

    def _offset(self, instant: int) -> int:
        local = datetime.fromtimestamp(min(max(instant, _EARLIEST), _LATEST), self._zone)
        return int((local.utcoffset() or timedelta()).total_seconds())


@lru_cache(maxsize=1024)
def wall_of(time_zone: str) -> Wall:
    """Return the wall clock of the zone of this IANA name; raise `Refused` (invalid) when there is none."""
    return Wall(time_zone)


def seconds_of(instant: datetime) -> int:
    """Return an instant as whole seconds since 1970, its fraction dropped."""
    return (instant - _EPOCH) // _SECOND


def instant_at(seconds: int) -> datetime:
    """Return the instant, in UTC, of so many seconds since 1970."""
    return _midnight_at(seconds // DAY_S) + _into_day(seconds % DAY_S)


# A picture has few days and few times of day, and a sum of two known parts costs a fifth of a conversion.
@lru_cache(maxsize=1 << 12)
def _midnight_at(days: int) -> datetime:
    return datetime.fromtimestamp(days * DAY_S, UTC)


@lru_cache(maxsize=1 << 12)
def _into_day(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


def wall_time(day: date, at: time) -> int:
    """Return a date and a time on the wall as wall seconds."""
    return midnight(day) + at.hour * 3_600 + at.minute * 60 + at.second


def midnight(day: date) -> int:
    """Return the wall time at which a day begins."""
    return (day.toordinal() - _FIRST_DAY) * DAY_S


def day_of(wall: int) -> date:
    """Return the date of a wall time."""
    return date.fromordinal(wall // DAY_S + _FIRST_DAY)


def time_of(wall: int) -> time:
    """Return the time of day of a wall time."""
    seconds = wall % DAY_S
    return time(seconds // 3_600, seconds // 60 % 60, seconds % 60)


def weekday_of(wall: int) -> int:
    """Return the day of the week of a wall time, Monday = 0."""
    return (wall // DAY_S + 3) % 7  # the first of January 1970 was a Thursday


def written(wall: int) -> str:
    """Return a wall time as text: 2026-03-29T02:30:00."""
    return f"{_written_day(wall // DAY_S)}T{_written_time(wall % DAY_S)}"


@lru_cache(maxsize=1 << 12)
def _written_day(days: int) -> str:
    return date.fromordinal(days + _FIRST_DAY).isoformat()


@lru_cache(maxsize=1 << 12)
def _written_time(seconds: int) -> str:
    return time_of(seconds).isoformat()
