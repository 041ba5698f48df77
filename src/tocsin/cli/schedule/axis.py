"""Axis: how time becomes columns, to one scale, so that a day of 25 hours is wider than one of 24."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from tocsin.domain.oncall.stretches import Stretch
from tocsin.domain.oncall.wall import DAY_S, instant_at, midnight, wall_of

_AN_HOUR = timedelta(hours=1)
_A_DAY = timedelta(days=1)
_LENGTHS = (
    *(timedelta(minutes=minutes) for minutes in (15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 4, 6, 8, 12, 24, 48)),
    *(timedelta(weeks=weeks) for weeks in (1, 2, 4, 13, 52)),
)  # of a column: what people can count in
_WIDEST_LABELS = ("%a %-d %b", "%a %-d", "%-d")  # of days, by the room there is
_ROOM_BETWEEN_HOURS = 5  # columns


class Label(Struct, frozen=True):
    """A text that begins at a column."""

    column: int
    text: str


class Axis(Struct, frozen=True, kw_only=True):
    """The columns of a picture: each lasts as long as every other one."""

    zone: ZoneInfo
    since: datetime
    until: datetime
    step: timedelta

    @property
    def columns(self) -> int:
        """How many columns there are; the last one may reach over the end."""
        return -((self.since - self.until) // self.step)

    def column(self, at: datetime) -> int:
        """Return the column that holds an instant."""
        return (at - self.since) // self.step

    def stretch(self, column: int) -> Stretch:
        """Return the stretch of time of a column."""
        start = self.since + column * self.step
        return start, min(start + self.step, self.until)

    def days(self) -> Iterator[tuple[date, datetime]]:
        """Yield the days that begin in the picture, and at which instant; the first one may have begun before it."""
        wall = wall_of(self.zone.key)
        yield self.since.astimezone(self.zone).date(), self.since
        day = self.since.astimezone(self.zone).date() + _A_DAY
        while (at := instant_at(wall.instant(midnight(day)))) < self.until:
            yield day, at
            day += _A_DAY

    def labels(self) -> tuple[Label, ...]:
        """Return the names of days, or of weeks or months where days are too narrow for a name."""
        days = list(self.days())
        width = _A_DAY // self.step
        for form in _WIDEST_LABELS:
            if width > len(_written(date(2000, 9, 27), form)):
                return tuple(Label(self.column(at), _written(day, form)) for day, at in days)
        weeks = [(day, at) for day, at in days if not day.weekday()]
        if 7 * _A_DAY // self.step > len("27 Sep"):
            return _apart([Label(self.column(at), _written(day, "%-d %b")) for day, at in (days[0], *weeks)])
        months = [(day, at) for day, at in days if day.day == 1]
        return _apart([Label(self.column(at), _written(day, "%b")) for day, at in (days[0], *months)])

    def hours(self) -> tuple[Label, ...]:
        """Return the hours that are named within each day: 6, 12 and 18, or noon, or none where days are narrow."""
        step = next((each for each in (3, 6, 12) if each * _AN_HOUR >= _ROOM_BETWEEN_HOURS * self.step), None)
        if step is None:
            return ()
        wall = wall_of(self.zone.key)
        times = [
            (hour, instant_at(wall.instant(midnight(day) + hour * 3600)))
            for day, _ in self.days()
            for hour in range(step, 24, step)
        ]
        return tuple(Label(self.column(at), f"{hour:02}") for hour, at in times if self.since < at < self.until)


def axis_of(stretch: Stretch, zone: ZoneInfo, room: int) -> Axis:
    """Return the axis with the shortest columns of which a stretch of time has no more than `room`."""
    since, until = stretch
    wanted = (until - since) / max(room, 1)
    step = next((length for length in _LENGTHS if length >= wanted), _LENGTHS[-1])
    return Axis(zone=zone, since=since, until=until, step=step)


def length_of_day(day: date, zone: ZoneInfo) -> timedelta:
    """Return how long a day really is on the clocks of a zone."""
    wall = wall_of(zone.key)
    begin = midnight(day)
    return timedelta(seconds=wall.instant(begin + DAY_S) - wall.instant(begin))


def _written(day: date, form: str) -> str:
    return day.strftime(form)


def _apart(labels: list[Label]) -> tuple[Label, ...]:
    """Return labels without those that the next one would write over; the first one gives way."""
    if len(labels) > 1 and labels[1].column - labels[0].column <= len(labels[0].text):
        labels = labels[1:]
    return tuple(dict.fromkeys(labels))
