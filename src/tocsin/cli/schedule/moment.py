"""Moments: instants and dates as people type them, read on the wall of a schedule."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tocsin.cli.ending import Ended, Exit
from tocsin.domain.oncall.wall import instant_at, seconds_of, wall_of, wall_time

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPOKEN = re.compile(
    rf"(?P<day>today|tonight|tomorrow|{'|'.join(_DAYS)})(?:(?:s|nes|rs|ur)?day)?(?:\s+(?P<hour>\d{{1,2}}):(?P<minute>[0-5]\d))?"
)
_LENGTH = re.compile(r"\+(\d{1,5})([mhd])")
_SPAN = re.compile(r"(\d{1,3})([dwm])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_A_DAY = timedelta(days=1)
_FIRST_YEAR, _LAST_YEAR = 1970, 2100  # the node takes no instants outside them
_LONGEST_SPAN = timedelta(days=366)  # what the node shows of one schedule at once


def moment_of(text: str, zone: ZoneInfo, now: datetime, *, after: datetime | None = None) -> datetime:
    """Return the instant that somebody typed, in UTC; a time without an offset is one of the zone's wall.

    It may be ISO 8601, "now", "today 18:00", "tonight 03:00", "tomorrow 09:00", "mon 09:00", or a length such as
    "+8h". Days of the week and lengths count from `after`, or from now: "mon 09:00" is the next one that comes. A time
    that the clocks skip is the first instant after that, one that comes twice is the first. Raises `Ended` (usage).
    """
    said = text.strip().lower()
    if said == "now":
        return now
    base = after or now
    if (match := _LENGTH.fullmatch(said)) is not None:
        return base + int(match[1]) * _UNITS[match[2]]
    if (match := _SPOKEN.fullmatch(said)) is not None:
        if match["hour"] is None or int(match["hour"]) > 23:  # noqa: PLR2004 - the last hour of a day
            raise Ended(Exit.USAGE, f'Write the time too, as in "{said.split()[0]} 09:00".')
        wall = time(int(match["hour"]), int(match["minute"]))
        return _spoken(match["day"], wall, zone, now=now, base=base)
    return _written(text.strip(), zone)


def day_of(text: str, zone: ZoneInfo, now: datetime) -> date:
    """Return the date that somebody typed: 2027-03-28, "today", "tomorrow", or the next "mon"; raise `Ended`."""
    said = text.strip().lower()
    today = now.astimezone(zone).date()
    match = _SPOKEN.fullmatch(said)
    if match is not None and match["hour"] is None:
        if match["day"] in _DAYS:
            return today + _A_DAY * ((_DAYS.index(match["day"]) - today.weekday()) % 7)
        return today + (_A_DAY if match["day"] == "tomorrow" else timedelta())
    try:
        day = date.fromisoformat(said)
    except ValueError as failure:
        raise Ended(Exit.USAGE, f"Write a date as 2027-03-28, today, tomorrow or mon, not {text!r}.") from failure
    if not _FIRST_YEAR <= day.year < _LAST_YEAR:
        raise Ended(Exit.USAGE, f"A picture lies between the years {_FIRST_YEAR} and {_LAST_YEAR}.")
    return day


def days_after(first: date, span: str) -> date:
    """Return the date so long after another one: 3d, 2w or 1m, which is a month of the calendar; raise `Ended`."""
    match = _SPAN.fullmatch(span.strip().lower())
    if match is None or not int(match[1]):
        raise Ended(Exit.USAGE, f"Write how long as 3d, 2w or 1m (a month), not {span!r}.")
    count = int(match[1])
    if match[2] == "m":
        months = first.year * 12 + first.month - 1 + count
        last = _same_day(months // 12, months % 12 + 1, first.day)
    else:
        last = first + count * (7 if match[2] == "w" else 1) * _A_DAY
    if last - first > _LONGEST_SPAN:
        raise Ended(Exit.USAGE, f"A picture is at most {_LONGEST_SPAN.days} days long.")
    return last


def midnight_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a day begins."""
    return _on(day, time(), zone)


def told(at: datetime, zone: ZoneInfo) -> str:
    """Return an instant as people read it, with its zone."""
    return at.astimezone(zone).strftime("%a %-d %b %Y %H:%M %Z")


def _spoken(day: str, wall: time, zone: ZoneInfo, *, now: datetime, base: datetime) -> datetime:
    today = now.astimezone(zone).date()
    if day == "tomorrow":
        return _on(today + _A_DAY, wall, zone)
    if day == "today":
        return _on(today, wall, zone)
    if day == "tonight":
        at = _on(today, wall, zone)
        return at if at > now else _on(today + _A_DAY, wall, zone)
    first = base.astimezone(zone).date()
    first += _A_DAY * ((_DAYS.index(day) - first.weekday()) % 7)
    at = _on(first, wall, zone)
    return at if at > base else _on(first + 7 * _A_DAY, wall, zone)


def _written(text: str, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as failure:
        raise Ended(
            Exit.USAGE,
            f'Write when as 2027-03-28T18:00+02:00, "today 18:00", "tomorrow 09:00", "mon 09:00" or +8h, not {text!r}.',
        ) from failure
    if at.tzinfo is None:
        at = _on(at.date(), at.time().replace(microsecond=0), zone)
    return instant_at(seconds_of(at.astimezone(UTC)))


def _on(day: date, wall: time, zone: ZoneInfo) -> datetime:
    return instant_at(wall_of(zone.key).instant(wall_time(day, wall)))


def _same_day(year: int, month: int, day: int) -> date:
    """Return a day of a month, or the last one of a month that is shorter."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + (day - 1) * _A_DAY, following - _A_DAY)
