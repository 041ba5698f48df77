"""Instants as people type them at a shell: ISO 8601, now, tonight 03:00, tomorrow 03:00."""

import re
from datetime import UTC, date, datetime, time, timedelta

from tocsin.cli.ending import Ended, Exit
from tocsin.ground import clock

_SPOKEN = re.compile(r"(?P<day>now|today|tonight|tomorrow)(?:\s+(?P<hour>\d{1,2}):(?P<minute>\d\d))?")
_A_DAY = timedelta(days=1)


def instant_of(text: str, now: datetime | None = None) -> datetime:
    """Return the instant that somebody typed, in UTC; a time without an offset is one of this machine's wall.

    "tonight 03:00" is the next time at which the wall shows three o'clock, "tomorrow 03:00" that of the next date.
    Raises `Ended` (usage) when it cannot be read.
    """
    now = now or clock.utc_now()
    match = _SPOKEN.fullmatch(text.strip().lower())
    if match is None:
        return _written(text)
    if match["day"] == "now":
        return now
    if match["hour"] is None or int(match["hour"]) >= 24 or int(match["minute"]) >= 60:  # noqa: PLR2004 - hours of a day, minutes of an hour
        raise Ended(Exit.USAGE, f'Write the time too, as in "{match["day"]} 03:00".')
    wall = time(int(match["hour"]), int(match["minute"]))
    today = now.astimezone().date()
    if match["day"] == "tomorrow":
        return _on(today + _A_DAY, wall)
    at = _on(today, wall)
    return at if at > now or match["day"] == "today" else _on(today + _A_DAY, wall)


def _written(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as failure:
        raise Ended(
            Exit.USAGE, f'Write when as 2027-03-01T03:00+01:00, "tonight 03:00" or "tomorrow 03:00", not {text!r}.'
        ) from failure
    return at.astimezone(UTC)


def _on(day: date, wall: time) -> datetime:
    """Return the instant at which this machine's wall shows a time on a day."""
    return datetime.combine(day, wall).astimezone(UTC)
