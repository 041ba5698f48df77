"""Support hours: told by the clock on the wall, on every night on which that clock is moved."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.services.support_hours import SupportHours, instant_of, zone_named
from tocsin.ground.errors import Refused

# Whole hours, half an hour (Lord Howe), a skipped day (Apia 2011), midnight gaps (Havana), odd offsets, none.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Havana",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Etc/UTC",
)

instants = some.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=some.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
walls = some.times().map(lambda at: at.replace(microsecond=0))
hours = some.builds(
    SupportHours,
    time_zone=some.sampled_from(ZONES),
    days=some.lists(some.integers(1, 7), min_size=1, max_size=7, unique=True).map(tuple),
    start=walls,
    end=walls,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


OFFICE = SupportHours("Europe/Berlin", (1, 2, 3, 4, 5), time(9), time(17))
NIGHTS = SupportHours("America/New_York", (6, 7), time(22), time(6))


@pytest.mark.parametrize(
    ("kept", "instant", "held"),
    [
        (OFFICE, "2026-11-23T07:59:59+00:00", False),
        (OFFICE, "2026-11-23T08:00:00+00:00", True),
        (OFFICE, "2026-11-23T15:59:59+00:00", True),
        (OFFICE, "2026-11-23T16:00:00+00:00", False),
        (OFFICE, "2026-07-06T07:00:00+00:00", True),
        (OFFICE, "2026-11-22T10:00:00+00:00", False),
        (NIGHTS, "2026-11-22T03:00:00+00:00", True),
        (NIGHTS, "2026-11-22T10:59:00+00:00", True),
        (NIGHTS, "2026-11-22T11:00:00+00:00", False),
        (NIGHTS, "2026-11-23T10:00:00+00:00", True),
        (NIGHTS, "2026-11-24T10:00:00+00:00", False),
    ],
)
def test_hours_hold_their_start_and_not_their_end(kept: SupportHours, instant: str, *, held: bool) -> None:
    assert kept.hold(at(instant)) is held


def test_a_time_that_is_skipped_is_the_first_instant_after_the_gap() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert instant_of(date(2026, 3, 29), time(2, 30), berlin) == at("2026-03-29T01:00:00+00:00")
    assert instant_of(date(2026, 3, 29), time(2), berlin) == at("2026-03-29T01:00:00+00:00")
    assert instant_of(date(2026, 3, 29), time(3), berlin) == at("2026-03-29T01:00:00+00:00")


def test_a_time_that_comes_twice_is_the_first() -> None:
    assert instant_of(date(2026, 10, 25), time(2, 30), ZoneInfo("Europe/Berlin")) == at("2026-10-25T00:30:00+00:00")


def test_a_day_that_never_was_has_no_support_hours() -> None:
    fridays = SupportHours("Pacific/Apia", (5,), time(9), time(17))
    thursday_evening = at("2011-12-30T08:00:00+00:00")
    assert fridays.next_edge(thursday_evening, "start") == at("2012-01-05T19:00:00+00:00")


def test_hours_that_a_clock_change_swallows_are_left_out() -> None:
    gap = SupportHours("Europe/Berlin", (7,), time(2, 10), time(2, 50))
    assert gap.next_edge(at("2026-03-28T12:00:00+00:00"), "start") == at("2026-04-05T00:10:00+00:00")


def test_equal_times_are_a_whole_day_of_23_24_or_25_hours() -> None:
    sundays = SupportHours("Europe/Berlin", (7,), time(0), time(0))
    for day, length in (("2026-03-29", 23), ("2026-04-05", 24), ("2026-10-25", 25)):
        start = instant_of(date.fromisoformat(day), time(0), ZoneInfo("Europe/Berlin"))
        assert sundays.next_edge(start, "end") == start + timedelta(hours=length)


@given(hours, instants)
def test_in_hours_means_that_the_next_end_comes_before_the_next_start(kept: SupportHours, instant: datetime) -> None:
    start, end = kept.next_edge(instant, "start"), kept.next_edge(instant, "end")
    if start is None or end is None:
        return  # a week in which every stretch was swallowed by one clock change
    touching = start == end  # whole days on end, or hours that end where the next ones start
    assert kept.hold(instant) is (end < start or (touching and kept.hold(start - timedelta(seconds=1))))


@given(hours, instants)
def test_edges_lie_ahead_and_change_what_they_name(kept: SupportHours, instant: datetime) -> None:
    start, end = kept.next_edge(instant, "start"), kept.next_edge(instant, "end")
    assert start is None or (start > instant and kept.hold(start))
    assert end is None or (end > instant and kept.hold(end - timedelta(microseconds=1)))


@given(some.sampled_from(ZONES), some.dates(date(2005, 1, 1), date(2035, 1, 1)), walls, walls)
def test_later_on_the_wall_is_never_earlier_in_time(zone: str, day: date, one: time, other: time) -> None:
    first, second = sorted((one, other))
    assert instant_of(day, first, ZoneInfo(zone)) <= instant_of(day, second, ZoneInfo(zone))


@given(some.sampled_from(ZONES), some.dates(date(2005, 1, 1), date(2035, 1, 1)), walls)
def test_an_instant_shows_its_time_or_the_end_of_a_gap(zone: str, day: date, wall: time) -> None:
    local = instant_of(day, wall, ZoneInfo(zone)).astimezone(ZoneInfo(zone))
    assert (local.date(), local.time()) >= (day, wall)
    if (local.date(), local.time()) != (day, wall):
        before = (local.astimezone(UTC) - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
        assert before.utcoffset() != local.utcoffset()


@pytest.mark.parametrize("days", [(), (0,), (8,), (1, 1)])
def test_days_are_one_to_seven_each_once(days: tuple[int, ...]) -> None:
    assert SupportHours("Europe/Berlin", days, time(9), time(17)).faults()


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "a\x00b", "Europe"])
def test_what_names_no_zone_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        zone_named(name)
    assert SupportHours(name, (1,), time(9), time(17)).faults()
