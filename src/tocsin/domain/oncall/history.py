"""History: who was on call at past instants, each told by the version of the schedule that was valid then."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from tocsin.domain.oncall.schedule import Schedule, Shift
from tocsin.domain.oncall.tolerant import TolerantTimeline


class Version(Struct, frozen=True, kw_only=True):
    """A schedule as it was configured and overridden from one instant to another; without an end it is the present."""

    number: int
    valid_since: datetime
    valid_until: datetime | None
    schedule: Schedule


def final(versions: Sequence[Version], since: datetime, until: datetime) -> tuple[tuple[int, Shift], ...]:
    """Return who was on call in a window, in order, each shift with the number of the version that says so.

    A shift is cut where a version ends; the next version tells the rest of it. Versions do not overlap.
    """
    found = []
    for version in versions:
        first = max(since, version.valid_since)
        last = until if version.valid_until is None else min(until, version.valid_until)
        if first < last:
            found += [(version.number, shift) for shift in TolerantTimeline(version.schedule).final(first, last)]
    return tuple(sorted(found, key=_by_start))


def _by_start(told: tuple[int, Shift]) -> tuple[datetime, int]:
    return told[1].start, told[0]
