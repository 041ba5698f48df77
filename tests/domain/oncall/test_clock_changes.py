"""Clock changes: on the nights on which clocks are moved there is no gap, no overlap, and no hand-off off its hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.domain.oncall import oracle
from tests.domain.oncall.samples import DAY, around_the_clock, at, changes, moments, zone_names, zones
from tocsin.domain.oncall.schedule import Layer, Restriction, Schedule, TurnLayer
from tocsin.domain.oncall.timeline import Timeline

FIRST, LAST = datetime(2020, 1, 2, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)
TURNS_S = (3_600, 5_400, 43_200, 86_400, 3 * 86_400, 7 * 86_400)


def nightly(zone: str, start: time, length_s: int) -> Timeline:
    """Return a schedule with one window each night, from 2005 on."""
    layer = TurnLayer(
        start_at=at("2005-01-01T00:00Z"),
        end_at=None,
        virtual_start_at=at("2005-01-01T00:00Z"),
        turn_s=7 * 86_400,
        members=("ada",),
        restrictions=(Restriction(kind="daily", start_time=start, length_s=length_s),),
    )
    layers = (Layer(id="L", turn_layer=layer),)
    return Timeline(Schedule(id="S", name="", time_zone=zone, stacked=True, layers=layers))


@pytest.mark.parametrize(
    ("zone", "start", "length_s", "expected"),
    [
        ("Europe/Berlin", "2026-03-29 02:30", 3_600, "01:00-01:30"),  # 02:30 is 03:00: half an hour is left
        ("Europe/Berlin", "2026-03-29 02:15", 1_800, None),  # all of it is skipped
        ("Europe/Berlin", "2026-10-25 02:30", 3_600, "00:30-02:30"),  # from the first 02:30 on: two hours
        ("Europe/Berlin", "2026-10-25 02:15", 1_800, "00:15-00:45"),  # ends with the first 02:45
        ("America/New_York", "2026-03-08 01:00", 7_200, "06:00-07:00"),
        ("America/New_York", "2026-11-01 00:00", 10_800, "04:00-08:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:00", 3_600, "15:30-16:00"),
        ("Africa/Cairo", "2026-04-24 00:00", 3_600, None),  # the hour after midnight is not there
        ("Africa/Cairo", "2026-04-24 00:00", 7_200, "22:00-23:00"),
        ("America/Santiago", "2026-09-06 00:00", 7_200, "04:00-05:00"),
        ("Pacific/Apia", "2011-12-30 09:00", 28_800, None),  # the day is not there
        ("Asia/Kathmandu", "2026-06-01 09:00", 3_600, "03:15-04:15"),
    ],
)
def test_a_window_in_the_gap_or_the_fold_is_as_decided(
    zone: str, start: str, length_s: int, expected: str | None
) -> None:
    wall = at(f"{start}Z")
    shifts = nightly(zone, wall.time(), length_s).final(wall - 3 * DAY, wall + 3 * DAY)
    found = [each for each in shifts if each.turn.endswith(f"{wall:%Y-%m-%dT%H:%M:%S}")]
    assert [f"{each.start:%H:%M}-{each.end:%H:%M}" for each in found] == ([] if expected is None else [expected])


@pytest.mark.parametrize("zone", zones())
def test_the_rotation_does_not_drift_when_clocks_change(zone: str) -> None:
    """T9: on both sides of every clock change of 2020 to 2040, in every zone, the hand-off stays at nine."""
    kept = ZoneInfo(zone)
    timeline = Timeline(around_the_clock(zone))
    for change in (each for year in range(2020, 2041) for each in changes(zone, year)):
        since, until = change - 2 * DAY, change + 2 * DAY
        shifts = timeline.final(since, until)
        assert (shifts[0].start, shifts[-1].end) == (since, until)
        assert all(one.end == other.start for one, other in pairwise(shifts))
        for shift in shifts[1:]:
            day = shift.start.astimezone(kept).date()
            assert shift.start == oracle.instant(datetime.combine(day, time(9)), kept)
            if _exists(day, kept):
                assert shift.start.astimezone(kept).time() == time(9)


def _exists(day: date, zone: ZoneInfo) -> bool:
    local = datetime.combine(day, time(9), tzinfo=zone)
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)


@settings(max_examples=60, deadline=None)
@given(zone=zone_names, turn_s=some.sampled_from(TURNS_S), data=some.data())
def test_somebody_is_always_on_call_and_never_two(zone: str, turn_s: int, data: some.DataObject) -> None:
    timeline = Timeline(around_the_clock(zone, turn_s=turn_s))
    since = max(data.draw(moments(zone)), FIRST)
    until = since + data.draw(some.integers(1, 60)) * DAY
    shifts = timeline.final(since, until)
    assert (shifts[0].start, shifts[-1].end) == (since, until)
    assert all(one.end == other.start and one.start < one.end for one, other in pairwise(shifts))
    assert timeline.coverage(since, until) == 100
    assert timeline.gaps(since, until) == ()


@settings(max_examples=100, deadline=None)
@given(zone=zone_names, turn_s=some.sampled_from(TURNS_S), data=some.data())
def test_a_day_is_covered_for_as_long_as_it_is(zone: str, turn_s: int, data: some.DataObject) -> None:
    kept = ZoneInfo(zone)
    day = max(data.draw(moments(zone)), FIRST + DAY).astimezone(kept).date()
    since, until = (oracle.instant(oracle.midnight(each), kept) for each in (day, day + DAY))
    shifts = Timeline(around_the_clock(zone, turn_s=turn_s)).final(since, until)
    assert sum((each.end - each.start for each in shifts), timedelta()) == until - since


def test_days_of_23_hours_half_an_hour_more_and_none_at_all() -> None:
    def length(zone: str, day: date) -> timedelta:
        layers = around_the_clock(zone, first=date(2011, 1, 1))
        since, until = (oracle.instant(oracle.midnight(each), ZoneInfo(zone)) for each in (day, day + DAY))
        return sum((each.end - each.start for each in Timeline(layers).final(since, until)), timedelta())

    assert length("Europe/Berlin", date(2026, 3, 29)) == timedelta(hours=23)
    assert length("Europe/Berlin", date(2026, 10, 25)) == timedelta(hours=25)
    assert length("Australia/Lord_Howe", date(2026, 4, 5)) == timedelta(hours=24.5)
    assert length("Pacific/Apia", date(2011, 12, 30)) == timedelta()
