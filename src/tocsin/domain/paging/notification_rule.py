"""Notification rules: after how long, and for which urgency, a contact method is tried."""

from datetime import timedelta
from typing import Final

from tocsin.ground.errors import Refused, Why

MOST_RULES: Final = 100  # of one user: both urgencies, every contact method, a few delays
LONGEST_DELAY: Final = timedelta(days=7)  # an incident that waits longer is a matter for the escalation policy
URGENCIES: Final = ("high", "low")


def checked_delay(minutes: int) -> timedelta:
    """Return the delay before this rule notifies; raise `Refused` (invalid) when it is negative or over a week."""
    if not 0 <= minutes <= LONGEST_DELAY // timedelta(minutes=1):
        raise Refused(Why.INVALID, "Start delay in minutes is between 0 and 10080.")
    return timedelta(minutes=minutes)


def checked_urgency(text: str) -> str:
    """Return the urgency; raise `Refused` (invalid) when it is neither high nor low."""
    if text not in URGENCIES:
        raise Refused(Why.INVALID, "Urgency is high or low.")
    return text
