"""Timeline: who is on call when by a schedule, its overrides and custom shifts, and where nobody is."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cached_property

from msgspec import Struct

from tocsin.domain.oncall.gaps import OffHours, gaps_in
from tocsin.domain.oncall.row import Row
from tocsin.domain.oncall.schedule import Gap, Override, Schedule, Shift, Source
from tocsin.domain.oncall.spans import Cover, Origin, Span, Stretch, edges_of, outside, shifts_of
from tocsin.domain.oncall.wall import instant_at, seconds_of
from tocsin.ground.errors import Refused, Why

HORIZON = timedelta(days=90)  # how far the real edges of a shift, and the next one, are searched

_HORIZON_S = int(HORIZON.total_seconds())
_FIRST_LOOK_S = 14 * 86_400  # most people are on call again within two weeks


class Handoff(Struct, frozen=True, kw_only=True):
    """An instant at which the set of people on call changes; ids are sorted, and there may be nobody."""

    at: datetime
    before: tuple[str, ...]
    after: tuple[str, ...]


class Timeline:
    """A schedule made ready to be asked often; it reads no clock, and the same question has the same answer.

    Instants may be of any zone, and their fractions of a second are dropped; what is returned is in UTC. Windows and
    shifts hold their start and not their end. Without `whole` shifts are cut to the window; with it they keep the
    edges that they have, searched up to `HORIZON` on both sides. Methods raise `Refused` (invalid) when the schedule
    has a zone or a recurrence that is not understood; `faults.faults_of` finds that before.
    """

    def __init__(self, schedule: Schedule) -> None:
        """Keep the schedule; layers are made ready when they are first asked."""
        self.schedule = schedule
        named: dict[str, list[Override]] = defaultdict(list)
        self._over: list[Span] = []  # overrides of whole instants, youngest first
        for override in schedule.overrides:
            place = override.layer_id or override.custom_shift_id
            if place is None:
                self._over.append(_over(override))
            else:
                named[place].append(override)
        self._over.reverse()
        zone = schedule.time_zone
        self._rows = {layer.id: Row(layer, zone, named.get(layer.id, ())) for layer in schedule.layers}
        self._beside = [Row(shift, zone, named.get(shift.id, ())) for shift in schedule.custom_shifts]
        self._downwards = list(reversed(self._rows.values()))

    def final(self, since: datetime, until: datetime, *, whole: bool = False) -> tuple[Shift, ...]:
        """Return who is on call: one shift for each turn or occurrence and person, sorted by start."""
        return shifts_of(self._drawn(lambda first, last: self._final(first, last)[0], since, until, whole=whole))

    def layer(self, layer_id: str, since: datetime, until: datetime, *, whole: bool = False) -> tuple[Shift, ...]:
        """Return one layer alone, without overrides; places that are left empty have no user.

        Raises `Refused` (not found) when the schedule has no such layer.
        """
        if layer_id not in self._rows:
            raise Refused(Why.NOT_FOUND, "The schedule has no such layer.")
        return shifts_of(self._drawn(self._rows[layer_id].bare, since, until, whole=whole))

    def overrides(self, since: datetime, until: datetime, *, whole: bool = False) -> tuple[Shift, ...]:
        """Return the stretches in which an override holds, the youngest where several do.

        One that names a layer or a custom shift is told only where the person whom it replaces had the shift.
        """
        return shifts_of(self._drawn(self._overridden, since, until, whole=whole))

    def custom_shifts(self, since: datetime, until: datetime, *, whole: bool = False) -> tuple[Shift, ...]:
        """Return the custom shifts alone, without overrides."""

        def draw(first: int, last: int) -> list[Span]:
            return [span for row in self._beside for span in row.bare(first, last)]

        return shifts_of(self._drawn(draw, since, until, whole=whole))

    def on_call(self, at: datetime) -> tuple[Shift, ...]:
        """Return the shifts that hold an instant, with the edges that they really have."""
        return self.final(at, at + timedelta(seconds=1), whole=True)

    def who(self, at: datetime) -> tuple[str, ...]:
        """Return the ids of the users on call at an instant, each once."""
        instant = seconds_of(at)
        found = [span[2] for row in self._beside for span in row.spans(instant, instant + 1)]
        for start, end, user_id, _, _ in self._over:
            if start <= instant < end:
                return _present([user_id, *found])
        for row in self._downwards:
            users = [span[2] for span in row.spans(instant, instant + 1)]
            if self.schedule.stacked and any(user is not None for user in users):
                return _present([*users, *found])
            found += users
        return _present(found)

    def gaps(self, since: datetime, until: datetime) -> tuple[Gap, ...]:
        """Return the stretches with nobody on call; what lies in off-hours or empty places is told apart."""
        first, last = seconds_of(since), seconds_of(until)
        spans, empty = self._final(first, last)
        intended = Cover([*empty, *self._off_hours.stretches(first, last)])
        return tuple(gaps_in((first, last), Cover(map(edges_of, spans)), intended))

    def coverage(self, since: datetime, until: datetime) -> float:
        """Return the share of a window with somebody on call, 0 to 100; an empty window has none."""
        first, last = seconds_of(since), seconds_of(until)
        if first >= last:
            return 0.0
        return 100 * Cover(map(edges_of, self._final(first, last)[0])).length() / (last - first)

    def next_shift(self, user_id: str, after: datetime) -> Shift | None:
        """Return the first shift of a user that starts at or after an instant, within `HORIZON`, or None."""
        instant = seconds_of(after)
        for look_s in (_FIRST_LOOK_S, _HORIZON_S):
            # A second earlier: what runs already is then seen to have started before.
            spans = self._final(instant - 1, instant + look_s)[0]
            starts = [span[0] for span in spans if span[2] == user_id and span[0] >= instant]
            if starts:
                start = instant_at(min(starts))
                return next(each for each in self.on_call(start) if each.user_id == user_id and each.start == start)
        return None

    def handoffs(self, since: datetime, until: datetime) -> tuple[Handoff, ...]:
        """Return the instants of a window at which other people are on call than in the second before."""
        first, last = seconds_of(since), seconds_of(until)
        changes: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for start, end, user_id, _, _ in self._final(first - 1, last)[0]:
            if user_id is not None:
                changes[start].append((user_id, 1))
                changes[end].append((user_id, -1))
        shifts: dict[str, int] = defaultdict(int)
        before: tuple[str, ...] = ()
        found = []
        for instant in sorted(each for each in changes if each < last):
            for user_id, more in changes[instant]:
                shifts[user_id] += more
            after = tuple(sorted(user_id for user_id, count in shifts.items() if count))
            if after != before and instant >= first:
                found.append(Handoff(at=instant_at(instant), before=before, after=after))
            before = after
        return tuple(found)

    def members(self) -> tuple[str, ...]:
        """Return the id of everybody who is named anywhere in the schedule, sorted."""
        return tuple(sorted(_members(self.schedule)))

    @cached_property
    def _off_hours(self) -> OffHours:
        return OffHours(self.schedule.off_hours, self.schedule.time_zone)

    def _final(self, since: int, until: int) -> tuple[list[Span], list[Stretch]]:
        """Return who is on call in a window, and the places in it that are left empty on purpose."""
        found = self._over_in(since, until)
        taken = Cover(map(edges_of, found))
        stacked = self.schedule.stacked
        for row in self._downwards:
            free = outside(row.spans(since, until), taken)
            found += free
            if stacked:
                taken.add([(span[0], span[1]) for span in free if span[2] is not None])
                if taken.holds(since, until):
                    break
        for row in self._beside:
            found += row.spans(since, until)
        return [span for span in found if span[2] is not None], [edges_of(span) for span in found if span[2] is None]

    def _over_in(self, since: int, until: int) -> list[Span]:
        """Return the overrides that name no layer, cut to a window, the youngest where several hold."""
        found: list[Span] = []
        taken = Cover()
        for start, end, user_id, wall, origin in self._over:
            if start < until and end > since:
                first, last = max(start, since), min(end, until)
                found += [(free, stop, user_id, wall, origin) for free, stop in taken.outside(first, last)]
                taken.add([(first, last)])
        return found

    def _overridden(self, since: int, until: int) -> list[Span]:
        rows = [*self._rows.values(), *self._beside]
        given = [span for row in rows for span in row.spans(since, until) if span[4].source.kind == "override"]
        return self._over_in(since, until) + given

    def _drawn(
        self, draw: Callable[[int, int], list[Span]], since: datetime, until: datetime, *, whole: bool
    ) -> list[Span]:
        """Return spans of a window; with `whole` drawn in one so wide that nothing in this one is cut by it."""
        first, last = seconds_of(since), seconds_of(until)
        if first >= last or not whole:
            return draw(first, last) if first < last else []
        touched = self._reach(draw(first, last), first, last)
        low = max(min((start for start, _ in touched), default=first), first - _HORIZON_S)
        high = min(max((end for _, end in touched), default=last), last + _HORIZON_S)
        spans = draw(min(low, first), max(high, last))
        return [span for span in spans if span[0] < last and span[1] > first]

    def _reach(self, spans: Iterable[Span], since: int, until: int) -> list[Stretch]:
        """Return stretches that hold, whole, the turns of which spans show a part."""
        sources = {span[4].source for span in spans}
        places = {source.layer_id or source.custom_shift_id for source in sources}
        found = [reach for place in places if place in self._rows for reach in self._rows[place].reach(since, until)]
        found += [reach for row in self._beside if row.id in places for reach in row.reach(since, until)]
        return found + [edges_of(span) for span in self._over if span[0] < until and span[1] > since]


def _present(users: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(user for user in users if user is not None))


def _over(override: Override) -> Span:
    source = Source(kind="override", override_id=override.id)
    start, end = seconds_of(override.start), seconds_of(override.end)
    return start, end, override.user_id, 0, Origin(source, f"override/{override.id}")


def _members(schedule: Schedule) -> set[str]:
    named: set[str | None] = set()
    for layer in schedule.layers:
        named.update(layer.turn_layer.members if layer.turn_layer else ())
        named.update(member for pattern in layer.patterns for member in pattern.members)
        named.update(told.user_id for told in layer.told)
    named.update(shift.user_id for shift in schedule.custom_shifts)
    for override in schedule.overrides:
        named.update((override.user_id, override.replaced_user_id))
    return {user_id for user_id in named if user_id is not None}
