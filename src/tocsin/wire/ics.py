"""Calendars as text: what may be one at all, and what is asked about one and answered by its reader."""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from tocsin.domain.oncall.calendar import Entry
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import repair

LONGEST_CALENDAR = 2 * 1024 * 1024  # bytes; some 5,000 entries as calendars write them, read in two seconds


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be read of a calendar: its entries, or its whole days; bare times are read in `time_zone`."""

    kind: Literal["entries", "days"]
    text: str
    since: datetime
    until: datetime
    time_zone: str = "Etc/UTC"


class Found(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was read, or the sentence that says why not."""

    entries: tuple[Entry, ...] = ()
    days: tuple[tuple[date, str], ...] = ()
    refused: str | None = None


def decoded(raw: bytes) -> str:
    """Return the text of a calendar file; raise `Refused` (invalid or too large) when it cannot be one."""
    if len(raw) > LONGEST_CALENDAR:
        raise Refused(Why.TOO_LARGE, f"A calendar is at most {LONGEST_CALENDAR // 1024} KiB.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise Refused(Why.INVALID, "The calendar is not UTF-8 text, as RFC 5545 asks for.") from failure
    if "BEGIN:VCALENDAR" not in text[:2048].upper():
        raise Refused(Why.INVALID, "This is not a calendar: it does not begin with BEGIN:VCALENDAR.")
    return repair(text)
