"""Windows: the stretch of time in which a request wants to see who is on call."""

from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from tocsin.api.kit import Call
from tocsin.api.kit.instants import parse_instant
from tocsin.api.kit.zones import zone_named, zone_stored
from tocsin.domain.oncall.timeline import HORIZON
from tocsin.ground.errors import Refused, Why

USUAL = timedelta(weeks=2)  # PagerDuty's documented length where only one end is given
LONGEST = timedelta(days=366)  # of one schedule; how many shifts it may hold is bounded beside (`bulk.py`)
LONGEST_OF_MANY = timedelta(days=93)  # of a list: a quarter of a year, of a hundred schedules that people use


class Window(Struct, frozen=True, kw_only=True):
    """A stretch of time; `whole` leaves entries uncut that reach over its ends (`overflow` on the wire)."""

    since: datetime
    until: datetime
    whole: bool = False

    @property
    def known_since(self) -> datetime:
        """The instant after which overrides that count in this window end: uncut shifts reach back over its start."""
        return self.since - HORIZON if self.whole else self.since


def zone_of(call: Call, fallback: str) -> tzinfo:
    """Return the zone in which a request reads and writes wall times: its own, else that of the schedule."""
    asked = call.text("time_zone")
    return zone_named(asked) if asked else zone_stored(fallback)


def window_of(call: Call, zone: tzinfo, *, longest: timedelta = LONGEST) -> Window | None:
    """Return the window that a request asks for, None where it asks for none; one end alone makes two weeks.

    Raises `Refused` (bad date) when an end is unreadable, or when they are in the wrong order or too far apart.
    """
    since, until = (_end(call, name, zone) for name in ("since", "until"))
    if since is None:
        if until is None:
            return None
        since = until - USUAL
    elif until is None:
        until = since + USUAL
    if not since < until:
        raise Refused(Why.BAD_DATE, "until must be after since.")
    if until - since > longest:
        raise Refused(Why.BAD_DATE, f"since and until are at most {longest.days} days apart here.")
    return Window(since=since, until=until, whole=call.flag("overflow"))


def needed_window(call: Call, zone: tzinfo) -> Window:
    """Return the window of a request that must say both of its ends; raise `Refused` (missing, bad date)."""
    missing = tuple(f"{name} is missing." for name in ("since", "until") if call.text(name) is None)
    window = None if missing else window_of(call, zone)
    if window is None:
        raise Refused(Why.MISSING, missing[0], missing)
    return window


def coming(call: Call, zone: tzinfo, now: datetime) -> Window:
    """Return the window of a request that shows the next two weeks unless it says otherwise."""
    window = window_of(call, zone)
    now = now.replace(microsecond=0)
    return window or Window(since=now, until=now + USUAL, whole=call.flag("overflow"))


def _end(call: Call, name: str, zone: tzinfo) -> datetime | None:
    text = call.text(name)
    if text is None:
        return None
    return parse_instant(text, zone, name=name).replace(microsecond=0)
