"""Pattern: the stretches of one recurring pattern, and which member each of them falls to."""

from tocsin.domain.oncall.occurrences import Occurrences
from tocsin.domain.oncall.recurrence import parse
from tocsin.domain.oncall.schedule import ByCalendar, ByShift, Everyone, Pattern
from tocsin.domain.oncall.spans import Origin, Span, Stretch
from tocsin.domain.oncall.wall import FAR_OFF, seconds_of, wall_of, wall_time

_Pieces = tuple[list[int], list[int], list[int]]  # wall times from and until, and the numbers of the turns


class Beat:
    """A pattern made ready to be asked often.

    Turns are counted from the first occurrence of the pattern, whether or not it is effective then, so that a change
    of `effective_since` never moves a turn. An occurrence that runs over the end of a calendar turn is cut there.
    """

    def __init__(self, pattern: Pattern, origin: Origin) -> None:
        """Raise `Refused` (invalid) for a zone or a recurrence that is not understood."""
        begin = wall_time(pattern.begin_on, pattern.begin_time)
        self._pattern = pattern
        self._origin = origin
        self._wall = wall_of(pattern.time_zone)
        self._occurrences = Occurrences(parse(pattern.recurrence), begin, self._wall)
        self._since = seconds_of(pattern.effective_since)
        until = pattern.effective_until
        self._until = FAR_OFF if until is None else seconds_of(until)

    def spans(self, since: int, until: int) -> list[Span]:
        """Return the stretches in a window, cut to it, one for each occurrence and member, in order."""
        since, until = max(since, self._since), min(until, self._until)
        begins = self._begins(since, until)
        if not begins:
            return []
        walls, stops, turns = self._pieces(begins)
        starts, ends = self._wall.instants(walls), self._wall.instants(stops)
        if starts[0] < since or max(ends) > until:
            starts = [max(start, since) for start in starts]
            ends = [min(end, until) for end in ends]
        told = zip(starts, ends, turns, walls, strict=True)
        origin, members = self._origin, self._pattern.members
        if isinstance(self._pattern.turns, Everyone):
            every = tuple(dict.fromkeys(members))
            return [(start, end, each, wall, origin) for start, end, _, wall in told if start < end for each in every]
        count = len(members)
        return [(start, end, members[turn % count], wall, origin) for start, end, turn, wall in told if start < end]

    def reach(self, since: int, until: int) -> Stretch | None:
        """Return from the start of the first to the end of the last occurrence that touches a window."""
        since, until = max(since, self._since), min(until, self._until)
        begins = self._begins(since, until)
        if not begins:
            return None
        start, end = self._wall.instant(begins[0]), self._wall.instant(begins[-1] + self._pattern.length_s)
        return max(start, self._since), min(end, self._until)

    def _begins(self, since: int, until: int) -> list[int]:
        """Return the occurrences that may touch a window; one that a clock change swallows is among them."""
        if since >= until or not self._pattern.members:
            return []
        first = self._wall.latest(since) - self._pattern.length_s + 1
        return self._occurrences.between(first, self._wall.latest(until - 1))

    def _pieces(self, begins: list[int]) -> _Pieces:
        turns, length = self._pattern.turns, self._pattern.length_s
        if isinstance(turns, ByCalendar):
            return _cut(begins, length, turns)
        each = turns.shifts_per_member if isinstance(turns, ByShift) else 1
        rank = self._occurrences.rank(begins[0])
        return (
            begins,
            [begin + length for begin in begins],
            [number // each for number in range(rank, rank + len(begins))],
        )


def _cut(begins: list[int], length: int, turns: ByCalendar) -> _Pieces:
    """Return the parts of occurrences that lie in one calendar turn each."""
    origin, turn_s = wall_time(turns.begin_on, turns.begin_time), turns.turn_s
    firsts = [(begin - origin) // turn_s for begin in begins]
    if firsts == [(begin + length - 1 - origin) // turn_s for begin in begins]:
        return begins, [begin + length for begin in begins], firsts
    walls, stops, numbers = [], [], []
    for begin, first in zip(begins, firsts, strict=True):
        at, end, number = begin, begin + length, first
        stop = origin + (number + 1) * turn_s
        while stop < end:
            walls.append(at)
            stops.append(stop)
            numbers.append(number)
            at, number, stop = stop, number + 1, stop + turn_s
        walls.append(at)
        stops.append(end)
        numbers.append(number)
    return walls, stops, numbers
