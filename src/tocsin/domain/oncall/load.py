"""Fair load: how much on-call time and how many pages each person has had, and how much would have been fair."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from tocsin.domain.oncall.hours import KINDS, HourBook, Kind, Piece, longest_run, nights_of
from tocsin.domain.oncall.schedule import Shift
from tocsin.domain.oncall.stretches import Stretch, joined, without

_HOUR_S = 3600
_MINUTE_S = 60
_DECIMALS = 2
_HUNDREDTHS = 100  # weights are kept in hundredths, so that sums stay whole numbers

MOST_WEIGHT = Decimal(100)
LONGEST_PAGE_MINUTES = 1440  # a page that counts for more than a day is a mistake in typing


class Weights(Struct, frozen=True, kw_only=True):
    """How heavy an hour of each kind is, and for how many minutes of its hour a page counts.

    The defaults are our own: an hour of the night or the weekend costs twice an hour at the desk, a holiday three
    times as much, and a page counts like an hour on call of its kind. Weights have two decimals at most.
    """

    business: Decimal = Decimal(1)
    evening: Decimal = Decimal("1.5")
    night: Decimal = Decimal(2)
    weekend: Decimal = Decimal(2)
    holiday: Decimal = Decimal(3)
    page_minutes: int = 60

    def hundredths(self, kind: Kind) -> int:
        """Return the weight of this kind of hour in hundredths."""
        return int(self.of(kind) * _HUNDREDTHS)

    def of(self, kind: Kind) -> Decimal:
        """Return the weight of this kind of hour."""
        weights: dict[Kind, Decimal] = {
            "business": self.business,
            "evening": self.evening,
            "night": self.night,
            "weekend": self.weekend,
            "holiday": self.holiday,
        }
        return weights[kind]

    def faults(self) -> tuple[str, ...]:
        """Return one sentence for each weight that cannot be; none when all can."""
        found = [
            f"{kind} is 0 to {MOST_WEIGHT}, with at most two decimals."
            for kind in KINDS
            if not _is_weight(self.of(kind))
        ]
        if not 0 <= self.page_minutes <= LONGEST_PAGE_MINUTES:
            found.append(f"page_minutes is 0 to {LONGEST_PAGE_MINUTES}.")
        return tuple(found)


class Worker(Struct, frozen=True):
    """A person as fair load sees them: the zone of their wall, and the days that are holidays for them."""

    id: str
    zone: ZoneInfo
    holidays: frozenset[date] = frozenset()


class Watched(Struct, frozen=True, kw_only=True):
    """A schedule in the window: who was or will be on call, who takes part, and what its hours weigh."""

    id: str
    shifts: tuple[Shift, ...]
    members: tuple[str, ...] = ()
    weights: Weights = Weights()


class Paged(Struct, frozen=True, kw_only=True):
    """One interruption: an incident reached a person, the first time at `at`.

    `schedule_ids` are the schedules that the incident's escalation policy calls.
    """

    user_id: str
    at: datetime
    schedule_ids: tuple[str, ...] = ()


class Line(Struct, kw_only=True):
    """What came together for one person, or for all of a schedule.

    `load` is in weighted seconds, in hundredths; `fair` is what it would be if the load of each schedule were
    spread evenly over those who take part in it.
    """

    seconds: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    pages: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    weighted_time: int = 0
    weighted_pages: int = 0
    shifts: int = 0
    nights: frozenset[date] = frozenset()
    weekends: frozenset[date] = frozenset()
    fair: float = 0.0

    @property
    def load(self) -> int:
        """Return weighted time and weighted pages together."""
        return self.weighted_time + self.weighted_pages

    @property
    def longest_nights(self) -> int:
        """Return how many nights followed one another at most."""
        return longest_run(self.nights)

    def take(self, pieces: Sequence[Piece], weights: Weights) -> None:
        """Count this time in."""
        for piece in pieces:
            length = piece.end - piece.start
            self.seconds[piece.kind] += length
            self.weighted_time += length * weights.hundredths(piece.kind)
        self.weekends |= {piece.weekend_on for piece in pieces if piece.weekend_on is not None}

    def take_page(self, kind: Kind, weights: Weights) -> None:
        """Count one page in."""
        self.pages[kind] += 1
        self.weighted_pages += weights.page_minutes * _MINUTE_S * weights.hundredths(kind)

    def add(self, other: "Line") -> None:
        """Count what somebody else had into a total; nights and weekends are those of anybody."""
        for kind in KINDS:
            self.seconds[kind] += other.seconds[kind]
            self.pages[kind] += other.pages[kind]
        self.weighted_time += other.weighted_time
        self.weighted_pages += other.weighted_pages
        self.shifts += other.shifts
        self.nights |= other.nights
        self.weekends |= other.weekends
        self.fair += other.fair


class Loads(Struct, frozen=True):
    """The report: people in all, and people by schedule."""

    people: dict[str, Line]
    schedules: dict[str, dict[str, Line]]


def weighted_hours(weighted: float) -> float:
    """Return weighted seconds in hundredths as weighted hours, to four decimals."""
    return round(weighted / (_HOUR_S * _HUNDREDTHS), 4)


def total(lines: Iterable[Line]) -> Line:
    """Return what these lines are together."""
    everything = Line()
    for line in lines:
        everything.add(line)
    return everything


def loads_of(
    watched: Sequence[Watched],
    pages: Sequence[Paged],
    workers: Mapping[str, Worker],
    *,
    window: Stretch,
    all_pages: bool = True,
) -> Loads:
    """Return how the load of this window was spread.

    Within a schedule somebody's parallel shifts count once, and in a person's total so do the same hours of several
    schedules, by the schedule that weighs most. A page counts for the schedules through which it came: those of the
    incident's policy on which its receiver was on call then, else all on which they were. With `all_pages` it counts
    for the person even if it came through none of these.
    """
    book = HourBook(_second(window[0]), _second(window[1]))
    report = _Report(workers, book)
    for schedule in watched:
        report.take_schedule(schedule)
    report.take_totals(watched)
    report.take_pages(watched, [page for page in pages if window[0] <= page.at < window[1]], all_pages=all_pages)
    report.share(watched)
    return Loads(report.people, report.schedules)


class _Report:
    """The report while it is being made."""

    def __init__(self, workers: Mapping[str, Worker], book: HourBook) -> None:
        self.people: dict[str, Line] = {}
        self.schedules: dict[str, dict[str, Line]] = {}
        self._workers, self._book = workers, book
        self._times: dict[str, dict[str, tuple[Stretch, ...]]] = {}  # by person, then by schedule

    def take_schedule(self, schedule: Watched) -> None:
        """Write the lines of one schedule; all who take part have one, whether or not they were on call."""
        lines = self.schedules[schedule.id] = {
            user_id: Line() for user_id in schedule.members if user_id in self._workers
        }
        of_user: dict[str, list[Shift]] = {}
        for shift in schedule.shifts:
            if shift.user_id in self._workers:
                of_user.setdefault(str(shift.user_id), []).append(shift)
        for user_id, shifts in of_user.items():
            times = joined((shift.start, shift.end) for shift in shifts)
            self._times.setdefault(user_id, {})[schedule.id] = times
            line = lines.setdefault(user_id, Line())
            line.shifts = len({shift.turn for shift in shifts})
            pieces = self._pieces(user_id, times)
            line.take(pieces, schedule.weights)
            line.nights = nights_of(pieces)

    def take_totals(self, watched: Sequence[Watched]) -> None:
        """Write each person's line over all schedules, in which no hour counts twice."""
        heaviest = sorted(watched, key=lambda one: (-sum(one.weights.of(kind) for kind in KINDS), one.id))
        for user_id in {user_id: None for lines in self.schedules.values() for user_id in lines}:
            line = self.people[user_id] = Line()
            taken: tuple[Stretch, ...] = ()
            everything: list[Piece] = []
            for schedule in heaviest:
                times = self._times.get(user_id, {}).get(schedule.id, ())
                if not times:
                    continue
                pieces = self._pieces(user_id, without(times, taken) if taken else times)
                line.take(pieces, schedule.weights)
                line.shifts += self.schedules[schedule.id][user_id].shifts
                everything += pieces
                taken = joined([*taken, *times])
            line.nights = nights_of(everything)

    def take_pages(self, watched: Sequence[Watched], pages: Sequence[Paged], *, all_pages: bool) -> None:
        """Count pages where they belong."""
        weights = {schedule.id: schedule.weights for schedule in watched}
        for page in pages:
            worker = self._workers.get(page.user_id)
            if worker is None:
                continue
            through = self._through(page)
            if not through and not all_pages:
                continue
            kind = self._book.of(worker.zone, worker.holidays).kind_at(_second(page.at))
            for schedule_id in through:
                self.schedules[schedule_id][page.user_id].take_page(kind, weights[schedule_id])
            heaviest = max((weights[each] for each in through), key=lambda one: one.of(kind), default=Weights())
            self.people.setdefault(page.user_id, Line()).take_page(kind, heaviest)

    def share(self, watched: Sequence[Watched]) -> None:
        """Spread each schedule's load evenly over those who take part, as what would be fair."""
        for schedule in watched:
            lines = self.schedules[schedule.id]
            everything = sum(line.load for line in lines.values())
            for user_id, line in lines.items():
                line.fair = everything / len(lines)
                self.people[user_id].fair += line.fair

    def _through(self, page: Paged) -> list[str]:
        on_call = [
            schedule_id for schedule_id, times in self._times.get(page.user_id, {}).items() if _holds(times, page.at)
        ]
        return [schedule_id for schedule_id in on_call if schedule_id in page.schedule_ids] or on_call

    def _pieces(self, user_id: str, times: Sequence[Stretch]) -> list[Piece]:
        worker = self._workers[user_id]
        mine = self._book.of(worker.zone, worker.holidays)
        return [piece for start, end in times for piece in mine.pieces(_second(start), _second(end))]


def _holds(times: Sequence[Stretch], at: datetime) -> bool:
    index = bisect_right(times, at, key=lambda stretch: stretch[0]) - 1
    return index >= 0 and at < times[index][1]


def _second(at: datetime) -> int:
    return int(at.timestamp())


def _is_weight(weight: Decimal) -> bool:
    exponent = weight.as_tuple().exponent
    return weight.is_finite() and 0 <= weight <= MOST_WEIGHT and isinstance(exponent, int) and exponent >= -_DECIMALS


def window_of(since: datetime, until: datetime, longest: timedelta) -> Stretch | None:
    """Return the window in whole seconds, or None when it is empty or longer than this."""
    window = since.replace(microsecond=0), until.replace(microsecond=0)
    return window if timedelta() < window[1] - window[0] <= longest else None
