"""Picture: everything that a text timeline of a schedule shows, before it is drawn."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from tocsin.domain.oncall.schedule import Gap
from tocsin.domain.oncall.seams import ClockChange, clock_changes
from tocsin.domain.oncall.stretches import Stretch, common, joined, total, without

_AN_HOUR = timedelta(hours=1)


class Person(Struct, frozen=True):
    """Somebody in a picture."""

    id: str
    name: str


class Stint(Struct, frozen=True):
    """A stretch of one person in a row; it may reach over the ends of the picture."""

    start: datetime
    end: datetime
    person: Person


class Row(Struct, frozen=True):
    """One row of a picture: a layer, the custom shifts, the overrides, or who is on call in the end."""

    name: str
    stints: tuple[Stint, ...]


class Picture(Struct, frozen=True, kw_only=True):
    """A schedule from `since` until `until` as somebody sees it `now`, on the clocks of `zone`.

    `rows` are listed as they are drawn, the highest layer first. `off_hours` are the stretches in which nobody is
    meant to be on call.
    """

    title: str
    zone: ZoneInfo
    since: datetime
    until: datetime
    now: datetime
    rows: tuple[Row, ...]
    final: Row
    off_hours: tuple[Stretch, ...] = ()

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody in the picture, those who are on call first, in the order in which they come."""
        stints = [*self.final.stints, *(stint for row in self.rows for stint in row.stints)]
        return tuple({stint.person.id: stint.person for stint in stints}.values())

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Where nobody is on call, in order; what lies in off-hours is intended."""
        window: list[Stretch] = [(self.since, self.until)]
        free = without(window, joined((stint.start, stint.end) for stint in self.final.stints))
        off = joined(self.off_hours)
        found = [Gap(start=start, end=end, intended=False) for start, end in without(free, off)]
        found += [Gap(start=start, end=end, intended=True) for start, end in common(free, off)]
        return tuple(sorted(found, key=lambda gap: gap.start))

    @property
    def clock_changes(self) -> tuple[ClockChange, ...]:
        """Where the clocks of the picture change."""
        return tuple(clock_changes(self.zone.key, self.since, self.until))

    @property
    def on_call(self) -> tuple[Stint, ...]:
        """Who is on call now, each with the end of the contiguous stretch as far as it is known."""
        return tuple(
            Stint(start, end, person)
            for person in self.people
            for start, end in joined((one.start, one.end) for one in self.final.stints if one.person.id == person.id)
            if start <= self.now < end
        )

    def hours_of(self, person: Person) -> float:
        """Return how many hours a person is on call in the picture."""
        return hours(_cut(self.final.stints, person, (self.since, self.until)))


def balance(before: Picture, after: Picture, window: Stretch) -> tuple[tuple[Person, float, float], ...]:
    """Return how many hours of a window each person has before and after a change, for those who have any."""
    people = {person.id: person for person in (*before.people, *after.people)}
    rows = []
    for person in people.values():
        first, then = (hours(_cut(picture.final.stints, person, window)) for picture in (before, after))
        if first or then:
            rows.append((person, first, then))
    return tuple(rows)


def hours(stretches: Iterable[Stretch]) -> float:
    """Return how many hours they are together."""
    return total(stretches) / _AN_HOUR


def _cut(stints: Iterable[Stint], person: Person, window: Stretch) -> tuple[Stretch, ...]:
    mine = joined((stint.start, stint.end) for stint in stints if stint.person.id == person.id)
    return common(mine, [window])
