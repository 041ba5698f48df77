"""Instants on the wire: reading the many ways in which clients write them, and writing them one way."""

import re
from datetime import UTC, datetime, tzinfo

from tocsin.domain.oncall.bounds import FIRST_YEAR, LAST_YEAR
from tocsin.ground.errors import Refused, Why

# Instants outside these two are slips of the keyboard; inside them any span that is asked for can be added.
EARLIEST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
LATEST = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)

# The Terraform provider sends Go's text of a time, such as "2026-12-02 01:00:00 +0000 UTC".
_GO = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4})(?: [A-Z+-]\w*)?")
# A plus sign that was not percent-encoded in a query arrives as a space.
_LOST_PLUS = re.compile(r"(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:?\d\d)")


def parse_instant(text: str, zone: tzinfo = UTC, *, name: str = "date") -> datetime:
    """Return the instant that a client wrote; without an offset it is read on the clocks of `zone`.

    Raises `Refused` (bad date) when it is not a date of ISO 8601 with or without time, seconds and offset, and when
    it lies before 1970 or after 2100, because what is reckoned from it must be a date too.
    """
    text = text.strip()
    if match := _GO.fullmatch(text):
        text = f"{match[1]}T{match[2]}{match[3]}"
    elif match := _LOST_PLUS.search(text):
        text = f"{text[: match.start()]}{match[1]}+{match[2]}"
    try:
        instant = datetime.fromisoformat(text)
        at = (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        at = None
    except ValueError as failure:
        raise Refused(Why.BAD_DATE, f"{name} is not a date of ISO 8601, such as 2026-01-31T08:00Z.") from failure
    if at is None or not EARLIEST <= at <= LATEST:
        raise Refused(Why.BAD_DATE, f"{name} is not between the years {EARLIEST.year} and {LATEST.year}.")
    return at


def show_instant(at: datetime, zone: tzinfo = UTC) -> str:
    """Return the instant as RFC 3339 text to the second on the clocks of `zone`; UTC is written Z."""
    text = at.astimezone(zone).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")
