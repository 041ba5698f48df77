"""Samples: random schedules of every kind, many of them on the night on which the clocks of their zone change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as some

from tocsin.domain.oncall.schedule import (
    ByCalendar,
    ByShift,
    CustomShift,
    Everyone,
    Layer,
    Override,
    Pattern,
    Restriction,
    Schedule,
    ToldShift,
    TurnLayer,
)

DAY = timedelta(days=1)
TURNS = (timedelta(hours=1), timedelta(minutes=95), timedelta(hours=12), DAY, 2 * DAY, 7 * DAY)
USERS = ("ada", "bo", "cy", "di", "ed")
RULES = (
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=DAILY;INTERVAL=2;BYMONTH=1,3,4,9,10,11",
    "FREQ=DAILY;COUNT=45",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=SA,SU",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU",
    "FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,WE,SU",
    "FREQ=HOURLY;INTERVAL=5",
    "FREQ=HOURLY;INTERVAL=9;BYDAY=SA,SU,MO",
    "FREQ=MONTHLY",
    "FREQ=MONTHLY;BYMONTHDAY=1,-1,28,29",
    "FREQ=MONTHLY;BYDAY=1SU,-1SU,2SA",
    "FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1,-1",
    "FREQ=MONTHLY;INTERVAL=2;BYDAY=SU",
    "FREQ=YEARLY;BYMONTH=3,4,10;BYDAY=SU",
    "FREQ=YEARLY;BYDAY=13SU,-10SU,FR",
)


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """Return one name for each set of rules in the zone data."""
    data = files("tzdata") / "zoneinfo"
    named: dict[bytes, str] = {}
    for name in sorted(available_timezones() - {"localtime", "posixrules"}):
        named.setdefault(data.joinpath(*name.split("/")).read_bytes(), name)
    return tuple(sorted(named.values()))


@lru_cache(maxsize=4096)
def changes(zone: str, year: int) -> tuple[datetime, ...]:
    """Return the instants of a year at which the clocks of a zone change, to the hour before."""
    kept = ZoneInfo(zone)
    start = datetime(year, 1, 1, tzinfo=UTC)
    found = []
    for day in range(366):
        at = start + day * DAY
        if at.astimezone(kept).utcoffset() != (at + DAY).astimezone(kept).utcoffset():
            hours = [at + timedelta(hours=hour) for hour in range(24)]
            found += [
                hour
                for hour in hours
                if hour.astimezone(kept).utcoffset() != (hour + timedelta(hours=1)).astimezone(kept).utcoffset()
            ]
    return tuple(found)


zone_names = some.sampled_from(zones())
users = some.sampled_from((*USERS, *USERS, None, None))
members = some.lists(users, min_size=2, max_size=5).map(tuple)
clock_times = some.one_of(
    some.sampled_from([time(0), time(1), time(2), time(2, 30), time(3), time(9), time(17)]),
    some.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0)),
)


def minutes(most: timedelta, *, least: int = 1) -> some.SearchStrategy[timedelta]:
    """Return durations of whole minutes."""
    return some.integers(least, most // timedelta(minutes=1)).map(lambda count: timedelta(minutes=count))


def instants(around: datetime, spread: timedelta) -> some.SearchStrategy[datetime]:
    """Return whole minutes around an instant."""
    wide = spread // timedelta(minutes=1)
    return some.integers(-wide, wide).map(lambda count: around + timedelta(minutes=count))


@some.composite
def moments(draw: some.DrawFn, zone: str) -> datetime:
    """Draw a minute from 2020 to 2040, more often than not on the day of a clock change."""
    year = draw(some.integers(2020, 2040))
    near = changes(zone, year)
    if near and draw(some.sampled_from([True, True, False])):
        return draw(instants(draw(some.sampled_from(near)), timedelta(hours=30)))
    return draw(instants(datetime(year, 7, 2, tzinfo=UTC), timedelta(days=180)))


@some.composite
def restrictions(draw: some.DrawFn) -> Restriction:
    """Draw hours of the day or of the week."""
    start = draw(clock_times)
    if draw(some.booleans()):
        return Restriction(kind="daily", start_time=start, length_s=_seconds(draw(minutes(DAY))))
    length = draw(minutes(draw(some.sampled_from([DAY, 7 * DAY]))))
    return Restriction(kind="weekly", start_time=start, length_s=_seconds(length), start_day=draw(some.integers(1, 7)))


@some.composite
def turn_layers(draw: some.DrawFn, around: datetime) -> TurnLayer:
    """Draw a layer of turns, mostly one that holds an instant."""
    start = draw(instants(around - 12 * DAY, 13 * DAY))
    turn = draw(
        some.sampled_from([timedelta(hours=1), timedelta(minutes=95), timedelta(hours=12), DAY, 2 * DAY, 7 * DAY])
    )
    return TurnLayer(
        start_at=start,
        end_at=draw(some.one_of(some.none(), minutes(30 * DAY, least=600).map(lambda length: start + length))),
        virtual_start_at=draw(instants(around - 30 * DAY, 40 * DAY)),
        turn_s=_seconds(turn),
        members=draw(members),
        restrictions=tuple(draw(some.lists(restrictions(), max_size=3))),
    )


@some.composite
def patterns(draw: some.DrawFn, around: datetime, number: int) -> Pattern:
    """Draw a recurring pattern with single dates, which may overlap itself and others."""
    begin_on = around.date() - draw(some.integers(0, 70)) * DAY
    begin_time = draw(clock_times)
    rule = draw(some.sampled_from(RULES))
    lines = [f"RRULE:{rule}"]
    for name in ("EXDATE", "RDATE"):
        days = draw(some.lists(some.integers(-5, 75), max_size=3, unique=True))
        if days:
            times = [datetime.combine(begin_on + day * DAY, begin_time) for day in days]
            lines.append(f"{name}:{','.join(each.strftime('%Y%m%dT%H%M%S') for each in times)}")
    turns = draw(
        some.one_of(
            some.integers(1, 3).map(lambda count: ByShift(shifts_per_member=count)),
            some.just(Everyone()),
            some.builds(
                ByCalendar,
                begin_on=some.just(begin_on),
                begin_time=clock_times,
                turn_s=some.sampled_from([5 * 3_600, 86_400, 7 * 86_400]),
            ),
        )
    )
    since = draw(instants(around - 8 * DAY, 9 * DAY))
    return Pattern(
        id=f"P{number}",
        name=f"pattern {number}",
        time_zone=draw(zone_names),
        begin_on=begin_on,
        begin_time=begin_time,
        length_s=_seconds(draw(minutes(draw(some.sampled_from([timedelta(hours=4), DAY, 3 * DAY])), least=20))),
        recurrence=tuple(lines),
        effective_since=since,
        effective_until=draw(some.one_of(some.none(), minutes(20 * DAY, least=600).map(lambda length: since + length))),
        members=draw(members),
        turns=turns,
    )


@some.composite
def layers(draw: some.DrawFn, around: datetime, number: int) -> Layer:
    """Draw a layer of any kind."""
    id_ = f"L{number}"
    kind = draw(some.sampled_from(["turns", "turns", "patterns", "patterns", "told"]))
    if kind == "turns":
        return Layer(id=id_, turn_layer=draw(turn_layers(around)))
    if kind == "patterns":
        count = draw(some.integers(1, 2))
        return Layer(id=id_, patterns=tuple(draw(patterns(around, each)) for each in range(count)))
    told = [
        ToldShift(key=f"k{each}", start=start, end=start + draw(minutes(2 * DAY, least=30)), user_id=draw(users))
        for each, start in enumerate(draw(some.lists(instants(around, 3 * DAY), max_size=3)))
    ]
    return Layer(id=id_, calendar_id="C", told=tuple(told))


@some.composite
def custom_shifts(draw: some.DrawFn, around: datetime, number: int) -> CustomShift:
    """Draw a stretch beside all layers."""
    start = draw(instants(around, 2 * DAY))
    return CustomShift(id=f"S{number}", start=start, end=start + draw(minutes(2 * DAY, least=30)), user_id=draw(users))


@some.composite
def overrides(draw: some.DrawFn, around: datetime, number: int) -> Override:
    """Draw an override of everything, of a layer or of a custom shift."""
    start = draw(instants(around, 2 * DAY))
    of = draw(some.sampled_from(["all", "L0", "L1", "L2", "S0"]))
    return Override(
        id=f"O{number}",
        start=start,
        end=start + draw(minutes(2 * DAY, least=30)),
        user_id=draw(users),
        layer_id=of if of[0] == "L" else None,
        custom_shift_id=of if of[0] == "S" else None,
        replaced_user_id=None if of == "all" else draw(users),
    )


@some.composite
def schedules(draw: some.DrawFn, around: datetime, zone: str) -> Schedule:
    """Draw a schedule that has something to say around an instant."""
    return Schedule(
        id="SCHED",
        name="Random",
        time_zone=zone,
        stacked=draw(some.booleans()),
        layers=tuple(draw(layers(around, number)) for number in range(draw(some.integers(1, 4)))),
        custom_shifts=tuple(draw(custom_shifts(around, number)) for number in range(draw(some.integers(0, 1)))),
        overrides=tuple(draw(overrides(around, number)) for number in range(draw(some.integers(0, 5)))),
        off_hours=tuple(draw(some.lists(restrictions(), max_size=2))),
    )


@some.composite
def cases(draw: some.DrawFn) -> tuple[Schedule, datetime, datetime]:
    """Draw a schedule and a window of up to two days in which something may happen."""
    zone = draw(zone_names)
    since = draw(moments(zone))
    return draw(schedules(since, zone)), since, since + draw(minutes(2 * DAY, least=900))


def at(text: str) -> datetime:
    """Return an instant written in ISO 8601."""
    return datetime.fromisoformat(text)


def around_the_clock(time_zone: str, *, turn_s: int = 86_400, first: date = date(2019, 12, 30)) -> Schedule:
    """Return a schedule that always has somebody on call; turns end at nine in the morning."""
    start = datetime.combine(first, time(9), tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    layer = TurnLayer(start_at=start, end_at=None, virtual_start_at=start, turn_s=turn_s, members=USERS)
    return Schedule(
        id="SCHED", name="Always", time_zone=time_zone, stacked=True, layers=(Layer(id="L0", turn_layer=layer),)
    )


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())
