"""Faults: whatever cannot be a schedule is told in a sentence, and whatever can be one is not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from tests.domain.oncall.samples import DAY, around_the_clock, at, cases
from tocsin.domain.oncall.bounds import (
    MOST_LAYERS,
    MOST_PATTERN_LAYERS,
    MOST_PATTERN_MEMBERS,
    MOST_PATTERNS,
    MOST_RESTRICTIONS,
    MOST_TURN_MEMBERS,
)
from tocsin.domain.oncall.faults import (
    faults_of,
    faults_of_pattern,
    faults_of_turn_layer,
    overlapping,
)
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
from tocsin.domain.oncall.timeline import Timeline

MONDAY = at("2026-06-01T00:00Z")
TURNS = TurnLayer(start_at=MONDAY, end_at=None, virtual_start_at=MONDAY, turn_s=86_400, members=("ada",))
DAILY = Restriction(kind="daily", start_time=time(9), length_s=3_600)
WEEKLY = Restriction(kind="weekly", start_time=time(9), length_s=3_600, start_day=1)
PATTERN = Pattern(
    id="P", name="Office", time_zone="Europe/Berlin", begin_on=date(2026, 6, 1), begin_time=time(9), length_s=8 * 3_600,
    recurrence=("RRULE:FREQ=DAILY",), effective_since=MONDAY, effective_until=None, members=("ada",), turns=ByShift(),
)  # fmt: skip # a pattern in a few lines
NEVER = ToldShift(key="k", start=MONDAY, end=MONDAY, user_id=None)
OF_TWO = Override(id="O", start=MONDAY, end=MONDAY + DAY, user_id="a", layer_id="L", custom_shift_id="C")
GOOD = around_the_clock("Europe/Berlin")


def of_patterns(*patterns: Pattern) -> Layer:
    return Layer(id="L", patterns=patterns)


def of_turns(id_: str) -> Layer:
    return Layer(id=id_, turn_layer=TURNS)


def renamed(number: int) -> Pattern:
    return replace(PATTERN, id=f"P{number}")


def parted(time_zone: str, *, at_hour: int, length_s: int) -> Pattern:
    """Return the nightly neighbour of `PATTERN` in some zone."""
    return replace(PATTERN, id="Q", name="Night", time_zone=time_zone, begin_time=time(at_hour), length_s=length_s)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (replace(TURNS, turn_s=3_599), "turn must last"),
        (replace(TURNS, turn_s=366 * 86_400 + 1), "turn must last"),
        (replace(TURNS, members=()), "users"),
        (replace(TURNS, members=("ada",) * (MOST_TURN_MEMBERS + 1)), "users"),
        (replace(TURNS, end_at=MONDAY - DAY), "must not end before it starts"),
        (replace(TURNS, virtual_start_at=datetime(1969, 1, 1, tzinfo=UTC)), "years"),
        (replace(TURNS, restrictions=(DAILY,) * (MOST_RESTRICTIONS + 1)), "at most 50"),
        (replace(TURNS, restrictions=(replace(DAILY, length_s=0),)), "lasts 1 to"),
        (replace(TURNS, restrictions=(replace(DAILY, length_s=86_401),)), "lasts 1 to"),
        (replace(TURNS, restrictions=(replace(DAILY, start_day=1),)), "no start day"),
        (replace(TURNS, restrictions=(replace(WEEKLY, length_s=7 * 86_400 + 1),)), "lasts 1 to"),
        (replace(TURNS, restrictions=(replace(WEEKLY, start_day=None),)), "start day"),
        (replace(TURNS, restrictions=(replace(WEEKLY, start_day=8),)), "start day"),
    ],
)
def test_what_is_no_layer_of_turns_is_named(layer: TurnLayer, says: str) -> None:
    faults = faults_of_turn_layer(layer)
    assert len(faults) == 1
    assert says in faults[0]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (replace(PATTERN, time_zone="Mars/Olympus"), "Mars/Olympus"),
        (replace(PATTERN, length_s=-3_600), "end after it starts"),
        (replace(PATTERN, length_s=367 * 86_400), "end after it starts"),
        (replace(PATTERN, effective_until=MONDAY), "effective until"),
        (replace(PATTERN, begin_on=date(1, 1, 1)), "years"),
        (replace(PATTERN, members=()), "members"),
        (replace(PATTERN, members=("ada",) * (MOST_PATTERN_MEMBERS + 1)), "members"),
        (replace(PATTERN, turns=ByShift(shifts_per_member=0)), "Shifts per member"),
        (replace(PATTERN, turns=ByCalendar(begin_on=date(2026, 6, 1), begin_time=time(), turn_s=0)), "turn must last"),
        (replace(PATTERN, recurrence=("RRULE:FREQ=DAILY;BYHOUR=9",)), "BYHOUR"),
        (replace(PATTERN, recurrence=("RRULE:FREQ=MINUTELY;INTERVAL=600",)), "not offered"),
        (replace(PATTERN, recurrence=("RRULE:FREQ=HOURLY",)), "before it recurs"),
        (replace(PATTERN, recurrence=("RRULE:FREQ=HOURLY;INTERVAL=9;BYMONTH=1",)), "use FREQ=DAILY"),
        (replace(PATTERN, recurrence=("RRULE:FREQ=MONTHLY", "EXDATE:20990101T090000")), "within 30 years"),
        (replace(PATTERN, recurrence=("RRULE:FREQ=MONTHLY", "EXDATE:99991231T000000")), "years 1970 to 2100"),
        (replace(PATTERN, recurrence=("RRULE:FREQ=WEEKLY;BYDAY=MO,TU",), length_s=90_000), "before it recurs"),
        (
            replace(PATTERN, recurrence=("RRULE:FREQ=WEEKLY", "RDATE:20501202T120000", "RDATE:20501202T090000")),
            "before",
        ),
        (replace(PATTERN, recurrence=("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",)), "names no date"),
        (replace(PATTERN, recurrence=("RRULE:FREQ=DAILY;UNTIL=20260501",)), "names no date"),
    ],
)
def test_what_is_no_pattern_is_named(pattern: Pattern, says: str) -> None:
    faults = faults_of_pattern(pattern)
    assert len(faults) == 1
    assert says in faults[0]


def test_turns_of_seconds_are_ours_alone() -> None:
    by_seconds = replace(PATTERN, recurrence=("RRULE:FREQ=SECONDLY;INTERVAL=28800",))
    assert faults_of_pattern(by_seconds, wire=False) == ()
    assert len(faults_of_pattern(by_seconds)) == 1


def test_a_leap_day_takes_place() -> None:
    leap = replace(PATTERN, begin_on=date(2026, 3, 1), recurrence=("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",))
    assert faults_of_pattern(leap) == ()


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        (parted("Europe/Berlin", at_hour=17, length_s=16 * 3_600), False),
        (parted("Europe/Berlin", at_hour=16, length_s=3_600), True),
        (parted("Etc/UTC", at_hour=15, length_s=3_600), True),  # apart in summer, together in winter
        (replace(PATTERN, effective_since=MONDAY + 9 * DAY), True),
        (replace(PATTERN, begin_on=date(2027, 6, 1), recurrence=("RRULE:FREQ=YEARLY",)), True),
    ],
)
def test_patterns_of_a_layer_may_not_overlap(other: Pattern, *, overlaps: bool) -> None:
    one = replace(PATTERN, members=("ada", "bo"), turns=Everyone())
    found = overlapping((one, other))
    assert bool(found) is overlaps
    assert all("overlap at 202" in each for each in found)


def test_patterns_that_are_effective_one_after_the_other_do_not_overlap() -> None:
    ended = replace(PATTERN, effective_until=MONDAY + 9 * DAY)
    assert overlapping((ended, replace(PATTERN, effective_since=MONDAY + 9 * DAY))) == ()


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        (replace(GOOD, time_zone="Mars/Olympus"), "Mars/Olympus"),
        (replace(GOOD, layers=(*GOOD.layers, *GOOD.layers)), "layer is given twice"),
        (replace(GOOD, layers=tuple(of_turns(f"L{each}") for each in range(MOST_LAYERS + 1))), "most"),
        (replace(GOOD, layers=(Layer(id="L", turn_layer=TURNS, patterns=(PATTERN,)),)), "two ways"),
        (replace(GOOD, layers=(of_patterns(PATTERN, parted("Etc/UTC", at_hour=9, length_s=60)),)), "overlap"),
        (replace(GOOD, layers=(of_patterns(*map(renamed, range(MOST_PATTERNS + 1))),)), "events"),
        (replace(GOOD, layers=(of_patterns(replace(PATTERN, members=())),)), "members"),
        (replace(GOOD, layers=(Layer(id="L", calendar_id="C", told=(NEVER,)),)), "end after"),
        (replace(GOOD, custom_shifts=(CustomShift(id="C", start=MONDAY, end=MONDAY, user_id="ada"),)), "end after"),
        (replace(GOOD, overrides=(Override(id="O", start=MONDAY, end=MONDAY - DAY, user_id="ada"),)), "end after"),
        (replace(GOOD, overrides=(Override(id="O", start=MONDAY, end=at("2600-01-01T00:00Z"), user_id="a"),)), "years"),
        (replace(GOOD, overrides=(OF_TWO,)), "keep one"),
        (replace(GOOD, off_hours=(replace(DAILY, length_s=0),)), "Off-hours"),
    ],
)
def test_what_is_no_schedule_is_named(schedule: Schedule, says: str) -> None:
    faults = faults_of(schedule)
    assert len(faults) == 1
    assert says in faults[0]


def test_version_three_bounds_its_rotations() -> None:
    layers = tuple(Layer(id=f"L{each}", patterns=(PATTERN,)) for each in range(MOST_PATTERN_LAYERS + 1))
    assert len(faults_of(replace(GOOD, layers=layers))) == 1
    assert faults_of(replace(GOOD, layers=layers[1:])) == ()


def test_a_schedule_without_faults_has_none() -> None:
    assert faults_of(GOOD) == ()
    assert faults_of(replace(GOOD, layers=(), off_hours=(DAILY, WEEKLY))) == ()


@settings(max_examples=30, deadline=None)
@given(case=cases())
def test_a_timeline_answers_for_any_schedule_and_json_keeps_it(case: tuple[Schedule, datetime, datetime]) -> None:
    schedule, since, until = case
    assert all(fault.endswith(".") for fault in faults_of(schedule))
    kept = msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule)
    assert kept == schedule
    assert Timeline(kept).final(since, until + timedelta(days=3)) == Timeline(schedule).final(since, until + 3 * DAY)
