"""The window of a report: from when to when, in whole seconds and within bounds."""

from datetime import datetime, timedelta

from tocsin.api.kit import Call
from tocsin.domain.oncall.load import window_of
from tocsin.ground.errors import Refused, Why

LONGEST_REPORT = timedelta(days=366)  # a year of pay
FURTHEST = timedelta(days=366)  # ahead of now: schedules of a later year are guesses


def window(call: Call) -> tuple[datetime, datetime]:
    """Return the window that the call names; raise `Refused` (missing, or bad date)."""
    since, until = call.instant("since"), call.instant("until")
    if since is None or until is None:
        raise Refused(Why.MISSING, "Send since and until.")
    found = window_of(since, until, LONGEST_REPORT)
    if found is None:
        raise Refused(Why.BAD_DATE, f"until comes after since, by at most {LONGEST_REPORT.days} days.")
    return found


def near(until: datetime, now: datetime) -> None:
    """Raise `Refused` (bad date) when a window reaches too far ahead."""
    if until > now + FURTHEST:
        raise Refused(Why.BAD_DATE, f"until is at most {FURTHEST.days} days from now.")
