"""Wall: every zone's clock is read as the zone data says, and each wall time means one instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.domain.oncall import oracle
from tests.domain.oncall.samples import at, moments, zone_names
from tocsin.domain.oncall.wall import day_of, instant_at, seconds_of, time_of, wall_of, wall_time, weekday_of, written
from tocsin.ground.errors import Refused


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("Europe/Berlin", "2026-03-29 01:59", "2026-03-29T00:59Z"),
        ("Europe/Berlin", "2026-03-29 02:00", "2026-03-29T01:00Z"),  # skipped: the first instant after the gap
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:00Z"),
        ("Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00Z"),
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30Z"),  # twice: the first
        ("Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00Z"),
        ("America/New_York", "2026-03-08 02:30", "2026-03-08T07:00Z"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01T05:30Z"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03T15:30Z"),  # half an hour is skipped
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04T14:45Z"),  # half an hour comes twice
        ("Africa/Cairo", "2026-04-24 00:00", "2026-04-23T22:00Z"),  # there is no midnight
        ("America/Santiago", "2026-09-06 00:00", "2026-09-06T04:00Z"),
        ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30T10:00Z"),  # there is no such day
        ("Asia/Kathmandu", "2026-06-01 00:00", "2026-05-31T18:15Z"),
        ("Europe/Berlin", "2500-07-01 12:00", "2500-07-01T10:00Z"),  # after the table, by the rule
    ],
)
def test_a_wall_time_is_one_instant(zone: str, wall: str, instant: str) -> None:
    assert instant_at(wall_of(zone).instant(seconds_of(at(f"{wall}+00:00")))) == at(instant)


@given(data=some.data(), zone=zone_names)
def test_a_wall_shows_what_the_zone_data_says(data: some.DataObject, zone: str) -> None:
    instant = data.draw(moments(zone))
    shown = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert written(wall_of(zone).shown(seconds_of(instant))) == shown.isoformat()


@given(data=some.data(), zone=zone_names)
def test_a_wall_time_is_the_first_instant_at_which_the_wall_shows_it_or_more(data: some.DataObject, zone: str) -> None:
    shown = data.draw(moments(zone)).replace(tzinfo=None)
    instant = wall_of(zone).instant(wall_time(shown.date(), shown.time()))
    assert instant_at(instant) == oracle.instant(shown, ZoneInfo(zone))


@given(data=some.data(), zone=zone_names)
def test_the_latest_wall_time_is_the_last_that_has_come(data: some.DataObject, zone: str) -> None:
    wall, instant = wall_of(zone), seconds_of(data.draw(moments(zone)))
    latest = wall.latest(instant)
    assert wall.instant(latest) <= instant < wall.instant(latest + 1)


@settings(max_examples=50)
@given(data=some.data(), zone=zone_names)
def test_many_wall_times_are_the_instants_of_each(data: some.DataObject, zone: str) -> None:
    first = seconds_of(data.draw(moments(zone)))
    step = data.draw(some.sampled_from([900, 3_600, 86_400, 12 * 86_400, 500 * 86_400]))
    walls = data.draw(some.permutations([first + number * step for number in range(40)]))
    assert wall_of(zone).instants(walls) == [wall_of(zone).instant(each) for each in walls]


@given(some.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda shown: shown.replace(microsecond=0)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_wall_seconds_are_dates_and_times(shown: datetime) -> None:
    wall = wall_time(shown.date(), shown.time())
    assert (day_of(wall), time_of(wall), weekday_of(wall)) == (shown.date(), shown.time(), shown.weekday())
    assert written(wall) == shown.isoformat()


def test_instants_are_whole_seconds_in_utc() -> None:
    moment = datetime(2026, 3, 29, 12, 0, 1, 999_999, tzinfo=ZoneInfo("Asia/Kathmandu"))
    assert instant_at(seconds_of(moment)) == datetime(2026, 3, 29, 6, 15, 1, tzinfo=UTC)
    before = datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)
    assert instant_at(seconds_of(before)) == before.replace(microsecond=0)


def test_the_ends_of_the_calendar_are_no_trap() -> None:
    wall = wall_of("Europe/Berlin")
    for day in (date.min, date(1850, 1, 1), date.max):
        asked = wall_time(day, time(12))
        assert abs(wall.instant(asked) - asked) < 86_400
        assert abs(wall.shown(asked) - asked) < 86_400
    assert timedelta(seconds=wall.shown(0)) == timedelta(hours=1)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(Refused, match="Mars"):
        wall_of("Mars/Olympus")
