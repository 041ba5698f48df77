"""Bulk: no schedule shows more shifts than its estimate says, and one that would cost seconds is refused at save."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from msgspec.structs import replace

from tests.domain.oncall.samples import DAY, at, cases
from tocsin.domain.oncall.bounds import MOST_A_DAY, MOST_SHOWN
from tocsin.domain.oncall.bulk import most_a_day, most_shifts
from tocsin.domain.oncall.faults import faults_of
from tocsin.domain.oncall.schedule import ByShift, Everyone, Layer, Pattern, Restriction, Schedule, TurnLayer
from tocsin.domain.oncall.timeline import Timeline

MONDAY = at("2026-06-01T00:00Z")
HOUR_S = 3_600


def turns(turn_s: int, *restrictions: Restriction, end_at: datetime | None = None) -> TurnLayer:
    return TurnLayer(
        start_at=MONDAY, end_at=end_at, virtual_start_at=MONDAY, turn_s=turn_s, members=("ada", "bo"),
        restrictions=restrictions,
    )  # fmt: skip # a layer in a few lines


def schedule(*layers: TurnLayer) -> Schedule:
    told = tuple(Layer(id=f"L{number}", name=f"L{number}", turn_layer=each) for number, each in enumerate(layers))
    return Schedule(id="S", name="S", time_zone="Europe/Berlin", stacked=True, layers=told)


def of_pattern(*recurrence: str, members: int = 2) -> Schedule:
    pattern = Pattern(
        id="P", name="P", time_zone="Europe/Berlin", begin_on=date(2026, 6, 1), begin_time=time(9), length_s=600,
        recurrence=recurrence, effective_since=MONDAY, effective_until=None,
        members=tuple(f"U{each}" for each in range(members)), turns=Everyone() if members > 2 else ByShift(),
    )  # fmt: skip # a pattern in a few lines
    return Schedule(
        id="S", name="S", time_zone="Europe/Berlin", stacked=False, layers=(Layer(id="L", patterns=(pattern,)),)
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases(), days=some.integers(1, 40))
def test_no_schedule_shows_more_shifts_than_were_reckoned(case: tuple[Schedule, datetime, datetime], days: int) -> None:
    drawn, since, _ = case
    until = since + days * DAY
    timeline = Timeline(drawn)
    most = most_shifts(drawn, since, until)
    assert sum(len(timeline.layer(layer.id, since, until)) for layer in drawn.layers) <= most
    # Each shift of an upper layer, and each override, can cut one below it in two, and no more.
    assert len(timeline.final(since, until)) <= 2 * most


@pytest.mark.parametrize(
    "rule",
    [
        "RRULE:FREQ=HOURLY",
        "RRULE:FREQ=HOURLY;INTERVAL=5",
        "RRULE:FREQ=DAILY;BYDAY=MO,WE",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE",
        "RRULE:FREQ=MONTHLY;BYDAY=MO,2TU,-1FR",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=1,2,3,-1",
        "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=1,-1",
        "RRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        "RRULE:FREQ=YEARLY;BYMONTH=2,3;BYDAY=SU",
        "RRULE:FREQ=YEARLY",
        "RRULE:FREQ=DAILY;COUNT=5",
    ],
)
def test_each_kind_of_recurrence_is_reckoned_near_to_what_it_shows(rule: str) -> None:
    asked = of_pattern(rule)
    until = MONDAY + timedelta(days=366)
    shown = len(Timeline(asked).final(MONDAY, until))
    assert shown <= most_shifts(asked, MONDAY, until) <= shown * 1.5 + 12


def test_a_year_of_a_large_schedule_that_people_use_is_one_answer() -> None:
    nights = Restriction(kind="daily", start_time=time(18), length_s=14 * HOUR_S)
    large = schedule(*(turns(86_400, nights) for _ in range(6)), *(turns(7 * 86_400) for _ in range(20)))
    assert most_shifts(large, MONDAY, MONDAY + timedelta(days=366)) <= MOST_SHOWN
    assert faults_of(large) == ()


def test_turns_of_a_minute_are_refused_with_the_shortest_turn() -> None:
    assert faults_of(schedule(turns(60))) == ("A turn must last 3600 to 31622400 seconds.",)


def test_more_shifts_a_day_than_anybody_hands_over_are_refused_in_words() -> None:
    hourly = schedule(*(turns(HOUR_S) for _ in range(21)))
    assert most_a_day(hourly) == 21 * 24 > MOST_A_DAY
    (fault,) = faults_of(hourly)
    assert "at most 500 shifts a day" in fault
    assert "up to 504" in fault
    assert "Make turns longer" in fault


def test_hours_that_are_asked_one_by_one_count_each() -> None:
    weekly = Restriction(kind="weekly", start_time=time(9), length_s=HOUR_S, start_day=1)
    assert most_a_day(schedule(*(turns(86_400, *(weekly,) * 50) for _ in range(11)))) > MOST_A_DAY


def test_everybody_on_call_together_counts_everybody() -> None:
    assert most_a_day(of_pattern("RRULE:FREQ=HOURLY", members=20)) == 20 * 24


def test_dates_that_crowd_in_a_day_count() -> None:
    crowd = of_pattern("RRULE:FREQ=YEARLY", "RDATE:" + ",".join(f"20260701T{hour:02}0000" for hour in range(24)))
    assert most_a_day(crowd) == 24


def test_layers_that_ended_before_the_next_began_do_not_add_up() -> None:
    ended = [turns(HOUR_S, end_at=MONDAY + DAY) for _ in range(12)]
    later = [replace(turns(HOUR_S), start_at=MONDAY + DAY) for _ in range(12)]
    assert most_a_day(schedule(*ended, *later)) == 12 * 24


def test_two_weeks_of_the_densest_schedule_are_one_answer() -> None:
    densest = schedule(*(turns(HOUR_S) for _ in range(20)))
    assert faults_of(densest) == ()
    assert most_shifts(densest, MONDAY, MONDAY + timedelta(days=14)) <= MOST_SHOWN
