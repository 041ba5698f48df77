"""Schedules: how long it takes to draw a year of one, and to say who is on call now by a thousand of them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta

from tocsin.bench.figure import Group, Measured, at_most, figure
from tocsin.bench.rounds import Plan, calm
from tocsin.bench.spread import MILLISECONDS, median
from tocsin.domain.oncall.schedule import Layer, Override, Restriction, Schedule, Shift, TurnLayer
from tocsin.domain.oncall.timeline import Timeline
from tocsin.ground import clock

NAME = "schedules"
SAYS = "a year of a large schedule, and who is on call now by a thousand schedules"

_LAYERS, _OVERRIDES = 12, 50
_ORDINARY_LAYERS = 3
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney")
_START = datetime(2020, 1, 6, 8, tzinfo=UTC)
_FIRST_YEAR = 2026
_TIMES = 7  # each look is taken so often in a round; the median counts
_DAY_S = 86_400
_MEMBERS = 6


async def measure(plan: Plan) -> Group:
    """Draw and ask in turn; what is drawn is another year each time, so that nothing is remembered from the last."""
    times, count = plan.of(_TIMES, 1), plan.of(1_000, 20)
    years: list[Measured] = []
    who: list[Measured] = []
    ready: list[Measured] = []
    edges: list[Measured] = []
    schedules = [_schedule(number, _ORDINARY_LAYERS, ()) for number in range(count)]
    for number in range(plan.rounds):
        plan.tell(f"schedules: a year of {_LAYERS} layers, and {count:,} schedules now, round {number + 1}")
        await calm(plan)
        years.append(_year(_FIRST_YEAR + number * times, times))
        asked = _START + timedelta(days=2_500 + number)
        ready.append(_median_ms(lambda: [Timeline(each).who(asked) for each in schedules], times))  # noqa: B023 - called at once
        timelines = [Timeline(each) for each in schedules]
        who.append(_median_ms(lambda: [each.who(asked) for each in timelines], times))  # noqa: B023 - called at once
        edges.append(_median_ms(lambda: [each.on_call(asked) for each in timelines], times))  # noqa: B023 - called at once
    return Group(
        NAME,
        SAYS,
        (
            figure(
                f"a year of {_LAYERS} layers and {_OVERRIDES} overrides", "ms", years,
                goal=at_most(20), ceiling_is="as many shifts made of known instants",
            ),
            figure(f"on call now, {count:,} schedules", "ms", who, goal=at_most(150)),
            figure(f"on call now with the edges of shifts, {count:,} schedules", "ms", edges),
            figure(f"on call now, {count:,} schedules made ready first", "ms", ready),
        ),
    )  # fmt: skip # the figures side by side


def _year(first: int, times: int) -> Measured:
    """Draw a large schedule for several years, each once; the ceiling makes its shifts out of nothing but numbers."""
    took, ceilings = [], []
    for year in range(first, first + times):
        since, until = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        timeline = Timeline(_schedule(0, _LAYERS, _overrides(since)))
        began = clock.seconds()
        shifts = timeline.final(since, until)
        took.append(clock.seconds() - began)
        known = [(int(each.start.timestamp()), int(each.end.timestamp())) for each in shifts]
        began = clock.seconds()
        _made(known, shifts[0])
        ceilings.append(clock.seconds() - began)
    return Measured(median(took) * MILLISECONDS, median(ceilings) * MILLISECONDS)


def _made(known: Sequence[tuple[int, int]], model: Shift) -> list[Shift]:
    return [
        Shift(
            start=datetime.fromtimestamp(start, UTC),
            end=datetime.fromtimestamp(end, UTC),
            user_id=model.user_id,
            source=model.source,
            turn=model.turn,
        )
        for start, end in known
    ]


def _median_ms(look: Callable[[], object], times: int) -> Measured:
    took = []
    for _ in range(times):
        began = clock.seconds()
        look()
        took.append(clock.seconds() - began)
    return Measured(median(took) * MILLISECONDS)


def _schedule(number: int, layers: int, overrides: tuple[Override, ...]) -> Schedule:
    """Return a schedule of layers with restrictions above one that always has somebody."""
    return Schedule(
        id=f"S{number}",
        name=f"Schedule {number}",
        time_zone=_ZONES[number % len(_ZONES)],
        stacked=True,
        layers=tuple(_layer(place) for place in range(layers)),
        overrides=overrides,
    )


def _layer(place: int) -> Layer:
    hours = Restriction(kind="daily", start_time=time(place * 2 % 24), length_s=6 * 3_600)
    turn_layer = TurnLayer(
        start_at=_START,
        end_at=None,
        virtual_start_at=_START,
        turn_s=(1 + place % 7) * _DAY_S,
        members=tuple(f"U{place}-{member}" for member in range(_MEMBERS)),
        restrictions=(hours,) if place else (),
    )
    return Layer(id=f"L{place}", turn_layer=turn_layer)


def _overrides(since: datetime) -> tuple[Override, ...]:
    """Return overrides of a day each, spread over a year."""
    starts = [since + timedelta(days=7 * number, hours=3) for number in range(_OVERRIDES)]
    return tuple(
        Override(id=f"O{number}", start=start, end=start + timedelta(hours=26), user_id=f"V{number}")
        for number, start in enumerate(starts)
    )
