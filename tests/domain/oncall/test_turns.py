"""Turns: who is next, counted by the shifts that take place or by the calendar, over however many years."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.domain.oncall.samples import DAY, at
from tocsin.domain.oncall.schedule import (
    ByCalendar,
    ByShift,
    Everyone,
    Layer,
    Pattern,
    Restriction,
    Schedule,
    TurnLayer,
)
from tocsin.domain.oncall.timeline import Timeline

MONDAY = date(2026, 6, 1)
THREE = ("ada", "bo", "cy")
RULES = (
    "FREQ=SECONDLY;INTERVAL=5400",
    "FREQ=MINUTELY;INTERVAL=95",
    "FREQ=HOURLY;INTERVAL=7",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=DAILY;BYDAY=MO,FR",
    "FREQ=WEEKLY;BYDAY=TU,SA;INTERVAL=2",
    "FREQ=MONTHLY;BYDAY=1MO",
    "FREQ=DAILY;BYMONTH=2",
)
BY_DAY = ByCalendar(begin_on=MONDAY, begin_time=time(0), turn_s=86_400)


def pattern(
    *lines: str, turns: ByShift | ByCalendar | Everyone, length_s: int = 8 * 3_600, begin_on: date = MONDAY
) -> Pattern:
    return Pattern(
        id="P", name="Office", time_zone="Etc/UTC", begin_on=begin_on, begin_time=time(9), length_s=length_s,
        recurrence=lines, effective_since=datetime(2000, 1, 1, tzinfo=UTC), effective_until=None,
        members=THREE, turns=turns,
    )  # fmt: skip # a pattern in a few lines


def timeline(*patterns: Pattern) -> Timeline:
    layer = Layer(id="L", patterns=patterns)
    return Timeline(Schedule(id="S", name="", time_zone="Etc/UTC", stacked=False, layers=(layer,)))


def names(kept: Timeline, days: int) -> list[str]:
    """Return day of the month and person of the shifts since Monday, the first of June 2026, asked day by day."""
    since = datetime.combine(MONDAY, time(), tzinfo=UTC)
    asked = [kept.final(since + day * DAY, since + (day + 1) * DAY) for day in range(days)]
    found = [f"{each.start.day} {each.user_id}" for shifts in asked for each in shifts]
    assert found == [f"{each.start.day} {each.user_id}" for each in kept.final(since, since + days * DAY)]
    return found


def test_the_rotation_does_not_advance_over_days_without_a_shift() -> None:
    """T10: members take turns by shift, so the weekend takes nobody's turn away."""
    weekdays = pattern("RRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", turns=ByShift())
    assert names(timeline(weekdays), 9) == ["1 ada", "2 bo", "3 cy", "4 ada", "5 bo", "8 cy", "9 ada"]


def test_the_rotation_advances_over_days_without_a_shift_when_turns_pass_by_the_calendar() -> None:
    """T10: members take turns by the calendar, so the weekend takes two turns, as layers with restrictions do."""
    weekdays = pattern("RRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", turns=BY_DAY)
    expected = ["1 ada", "2 bo", "3 cy", "4 ada", "5 bo", "8 bo", "9 cy"]
    assert names(timeline(weekdays), 9) == expected
    hours = tuple(
        Restriction(kind="weekly", start_time=time(9), length_s=8 * 3_600, start_day=day) for day in range(1, 6)
    )
    layer = TurnLayer(
        start_at=at("2026-06-01T00:00Z"), end_at=None, virtual_start_at=at("2026-06-01T00:00Z"), turn_s=86_400,
        members=THREE, restrictions=hours,
    )  # fmt: skip # a layer in two lines
    layers = (Layer(id="L", turn_layer=layer),)
    assert names(Timeline(Schedule(id="S", name="", time_zone="Etc/UTC", stacked=True, layers=layers)), 9) == expected


def test_a_date_that_is_taken_out_takes_no_turn() -> None:
    """T10: the shift of a holiday is not lost by whose turn it would have been."""
    without = pattern("RRULE:FREQ=DAILY", "EXDATE:20260602T090000", turns=ByShift())
    assert names(timeline(without), 4) == ["1 ada", "3 bo", "4 cy"]
    by_calendar = pattern("RRULE:FREQ=DAILY", "EXDATE:20260602T090000", turns=BY_DAY)
    assert names(timeline(by_calendar), 4) == ["1 ada", "3 cy", "4 ada"]


def test_a_date_that_is_put_in_takes_a_turn_in_its_place() -> None:
    """T10: an additional shift counts where it stands in time."""
    beside = pattern("RRULE:FREQ=WEEKLY", "RDATE:20260603T090000", turns=ByShift())
    assert names(timeline(beside), 16) == ["1 ada", "3 bo", "8 cy", "15 ada"]


def test_a_member_has_several_shifts_before_the_next_one() -> None:
    weekdays = pattern("RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE", turns=ByShift(shifts_per_member=2))
    assert names(timeline(weekdays), 10) == ["1 ada", "2 ada", "3 bo", "8 bo", "9 cy", "10 cy"]


def test_everyone_is_on_call_together() -> None:
    kept = timeline(pattern("RRULE:FREQ=WEEKLY", turns=Everyone()))
    assert kept.who(at("2026-06-08T09:00Z")) == THREE
    assert kept.who(at("2026-06-08T17:00Z")) == ()


def test_an_occurrence_is_cut_where_a_calendar_turn_ends() -> None:
    nights = pattern("RRULE:FREQ=DAILY", turns=BY_DAY, length_s=20 * 3_600)
    found = timeline(nights).final(at("2026-06-01T00:00Z"), at("2026-06-02T09:00Z"))
    assert [(each.user_id, each.start.hour, each.end.hour) for each in found] == [("ada", 9, 0), ("bo", 0, 5)]
    assert len({each.turn for each in found}) == 2


def test_turns_are_counted_from_the_first_occurrence_whether_or_not_it_is_effective() -> None:
    late = Pattern(
        id="P", name="", time_zone="Etc/UTC", begin_on=MONDAY, begin_time=time(9), length_s=3_600,
        recurrence=("RRULE:FREQ=DAILY",), effective_since=at("2026-06-02T09:30Z"),
        effective_until=at("2026-06-04T09:15Z"), members=THREE, turns=ByShift(),
    )  # fmt: skip # a pattern in a few lines
    found = timeline(late).final(at("2026-06-01T00:00Z"), at("2026-06-10T00:00Z"))
    assert [(each.user_id, f"{each.start:%d %H:%M}", f"{each.end:%H:%M}") for each in found] == [
        ("bo", "02 09:30", "10:00"), ("cy", "03 09:00", "10:00"), ("ada", "04 09:00", "09:15"),
    ]  # fmt: skip # the picture in one line


@settings(max_examples=100, deadline=None)
@given(
    rule=some.sampled_from(RULES),
    days=some.integers(0, 9_500),
    each=some.integers(1, 3),
)
def test_a_turn_is_the_same_however_far_from_the_first_one_is_asked(rule: str, days: int, each: int) -> None:
    """The turns of a window follow on those of the window before it, 2015 to 2041, wherever the cut is."""
    old = pattern(f"RRULE:{rule}", turns=ByShift(shifts_per_member=each), length_s=3_600, begin_on=date(2015, 1, 5))
    asked = datetime(2015, 1, 5, tzinfo=UTC) + days * DAY
    alone = timeline(old).final(asked, asked + 60 * DAY, whole=True)
    before = timeline(old).final(asked - 40 * DAY, asked + 60 * DAY, whole=True)
    assert alone == before[len(before) - len(alone) :]
    order = [THREE.index(shift.user_id or "") for shift in before]
    runs = [number for place, number in enumerate(order) if place == 0 or order[place - 1] != number]
    assert all((other - one) % 3 == 1 for one, other in pairwise(runs))


@pytest.mark.parametrize("turn_s", [60, 5_400, 86_400, 366 * 86_400])
def test_a_turn_has_its_length_and_its_number(turn_s: int) -> None:
    layer = TurnLayer(
        start_at=at("2015-01-01T00:00Z"), end_at=None, virtual_start_at=at("2015-01-01T00:00Z"), turn_s=turn_s,
        members=THREE,
    )  # fmt: skip # a layer in two lines
    layers = (Layer(id="L", turn_layer=layer),)
    kept = Timeline(Schedule(id="S", name="", time_zone="Etc/UTC", stacked=True, layers=layers))
    asked = at("2040-05-05T05:05Z")
    number = (asked - layer.start_at) // timedelta(seconds=turn_s)
    assert kept.who(asked) == (THREE[number % 3],)
    if turn_s <= 86_400:
        shift = kept.on_call(asked)[0]
        assert (shift.start, shift.end - shift.start) == (
            layer.start_at + number * timedelta(seconds=turn_s), timedelta(seconds=turn_s),
        )  # fmt: skip # two values in one line
