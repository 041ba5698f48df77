"""Gaps: where nobody is on call, parted into what is meant to be so and what is not."""

from collections.abc import Iterable
from datetime import date

from tocsin.domain.oncall.pattern import Beat
from tocsin.domain.oncall.schedule import Everyone, Gap, Pattern, Restriction, Source
from tocsin.domain.oncall.spans import Cover, Origin, Stretch, edges_of
from tocsin.domain.oncall.turn_layer import recurrence_of
from tocsin.domain.oncall.wall import instant_at

_LONG_AGO = date(1970, 1, 1)  # off-hours have no beginning; nobody was on call by this program before


class OffHours:
    """The weekly hours in which nobody is meant to be on call, in the zone of their schedule."""

    def __init__(self, restrictions: Iterable[Restriction], time_zone: str) -> None:
        """Raise `Refused` (invalid) for an unknown zone."""
        origin = Origin(Source(kind="layer"), "")
        self._beats = [Beat(_pattern(each, time_zone), origin) for each in restrictions]

    def stretches(self, since: int, until: int) -> list[Stretch]:
        """Return the off-hours in a window, in seconds since 1970."""
        return [edges_of(span) for beat in self._beats for span in beat.spans(since, until)]


def _pattern(restriction: Restriction, time_zone: str) -> Pattern:
    return Pattern(
        id="",
        name="",
        time_zone=time_zone,
        begin_on=_LONG_AGO,
        begin_time=restriction.start_time,
        length_s=restriction.length_s,
        recurrence=(recurrence_of(restriction),),
        effective_since=instant_at(0),
        effective_until=None,
        members=(None,),
        turns=Everyone(),
    )


def gaps_in(window: Stretch, taken: Cover, intended: Cover) -> list[Gap]:
    """Return the gaps of a window, in order; one that is intended only in part is told in parts."""
    found: list[tuple[int, int, bool]] = []
    for first, last in taken.outside(*window):
        unmeant = intended.outside(first, last)
        found.extend((start, end, False) for start, end in unmeant)
        found.extend((start, end, True) for start, end in Cover(unmeant).outside(first, last))
    return [Gap(start=instant_at(start), end=instant_at(end), intended=meant) for start, end, meant in sorted(found)]
