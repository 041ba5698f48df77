"""Recurrence: what recurs is read from its lines, and what is not understood is refused by name."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.domain.oncall import oracle
from tocsin.domain.oncall.occurrences import Occurrences
from tocsin.domain.oncall.recurrence import MOST_DATES, parse
from tocsin.domain.oncall.wall import seconds_of, wall_of, wall_time, written
from tocsin.ground.errors import Refused, Why

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
DAYS = oracle.WEEKDAYS


def dates(*lines: str, days: int = 40, zone: str = "Etc/UTC") -> list[str]:
    """Return month and day of what takes place within so many days of the second of March 2026."""
    begin = wall_time(BEGIN.date(), BEGIN.time())
    found = Occurrences(parse(lines), begin, wall_of(zone)).between(begin - 86_400, begin + days * 86_400)
    return [written(each)[5:10] for each in found]


@some.composite
def rules(draw: some.DrawFn) -> str:
    """Draw a rule of any kind that is understood."""
    frequency = draw(some.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    by_month = frequency in {"MONTHLY", "YEARLY"}
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(some.integers(1, 4))}"]
    weekdays = draw(some.lists(some.sampled_from(DAYS), max_size=3, unique=True))
    nth = draw(some.sampled_from(["", "", "1", "2", "-1", "5"])) if by_month else ""
    month_days = draw(some.lists(some.sampled_from([1, 2, 15, 29, 31, -1, -30]), max_size=3, unique=True))
    months = draw(some.lists(some.integers(1, 12), max_size=4, unique=True))
    if weekdays:
        parts.append("BYDAY=" + ",".join(nth + day for day in weekdays))
    if month_days and frequency != "WEEKLY" and not nth:
        parts.append("BYMONTHDAY=" + ",".join(map(str, month_days)))
    if months:
        parts.append("BYMONTH=" + ",".join(map(str, months)))
    if frequency == "MONTHLY" and len(parts) > 2 and parts[2].startswith(("BYDAY", "BYMONTHDAY")):
        parts += draw(some.sampled_from([[], ["BYSETPOS=1"], ["BYSETPOS=-1,2"]]))
    if frequency == "WEEKLY":
        parts.append(f"WKST={draw(some.sampled_from(DAYS))}")
    parts += draw(some.sampled_from([[], [], ["COUNT=17"], ["UNTIL=20270101T000000"]]))
    return ";".join(parts)


@settings(max_examples=150, deadline=None)
@given(rule=rules(), begin=some.integers(0, 800), since=some.integers(-20, 500), length=some.integers(1, 200))
def test_a_rule_names_what_the_oracle_names(rule: str, begin: int, since: int, length: int) -> None:
    first = (BEGIN + timedelta(days=begin)).replace(tzinfo=None)
    low = first + timedelta(days=since)
    high = low + timedelta(days=length)
    expected = list(oracle.ruled(rule, first, high))
    occurrences = Occurrences(parse([f"RRULE:{rule}"]), wall_time(first.date(), first.time()), wall_of("Etc/UTC"))
    low_wall, high_wall = (wall_time(each.date(), each.time()) for each in (low, high))
    found = [written(each) for each in occurrences.between(low_wall, high_wall)]
    assert found == [each.isoformat() for each in expected if each >= low]
    assert occurrences.rank(low_wall) == len([each for each in expected if each < low])


@settings(max_examples=60, deadline=None)
@given(
    rule=rules(),
    without=some.lists(some.integers(0, 90), max_size=4),
    beside=some.lists(some.integers(0, 90), max_size=4),
    after=some.integers(0, 100),
)
def test_each_date_has_its_number(rule: str, without: list[int], beside: list[int], after: int) -> None:
    lines = [f"RRULE:{rule}"]
    for name, days in (("EXDATE", without), ("RDATE", beside)):
        if days:
            dated = [BEGIN + timedelta(days=day) for day in days]
            lines.append(f"{name}:{','.join(f'{each:%Y%m%dT%H%M%S}' for each in dated)}")
    begin = wall_time(BEGIN.date(), BEGIN.time())
    occurrences = Occurrences(parse(lines), begin, wall_of("Etc/UTC"))
    at = begin + after * 86_400
    assert occurrences.rank(at) == len(occurrences.between(begin, at - 1))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["RRULE:FREQ=WEEKLY"], "03-02 03-09 03-16"),
        (["rrule:freq=weekly"], "03-02 03-09 03-16"),
        (["RRULE:FREQ=WEEKLY;BYDAY=TU"], "03-03 03-10 03-17"),  # the beginning itself only when the rule names it
        (["RRULE:FREQ=DAILY;INTERVAL=7;COUNT=2"], "03-02 03-09"),
        (["RRULE:FREQ=WEEKLY;UNTIL=20260309"], "03-02 03-09"),  # all of that day
        (["RRULE:FREQ=WEEKLY;UNTIL=20260309T085959"], "03-02"),
        (["RRULE:FREQ=WEEKLY;UNTIL=20260309T090000Z"], "03-02 03-09"),
        (["RRULE:FREQ=WEEKLY", "EXDATE:20260309T090000,20260310T090000"], "03-02 03-16"),
        (["RRULE:FREQ=WEEKLY", "EXDATE;VALUE=DATE:20260309"], "03-02 03-16"),
        (["RRULE:FREQ=WEEKLY", "EXDATE;TZID=Asia/Tokyo:20260309T180000"], "03-02 03-16"),
        (["RRULE:FREQ=WEEKLY", "EXDATE:20260309T090000Z"], "03-02 03-16"),
        (["RRULE:FREQ=WEEKLY", "RDATE:20260312T090000Z", "RDATE;VALUE=DATE:20260311"], "03-02 03-09 03-11 03-12 03-16"),
        (["RRULE:FREQ=WEEKLY", "RDATE:20260309T090000"], "03-02 03-09 03-16"),  # named twice, takes place once
        (["RRULE:FREQ=WEEKLY", "RDATE:20260312T090000", "EXDATE:20260312T090000"], "03-02 03-09 03-16"),
        (["RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260302T090000"], "03-03 03-04"),  # COUNT counts what EXDATE takes out
        (["RRULE:FREQ=MONTHLY;BYDAY=2MO"], "03-09"),
    ],
)
def test_lines_say_which_dates(lines: list[str], expected: str) -> None:
    assert dates(*lines, days=20) == expected.split()


def test_a_date_in_utc_takes_out_what_begins_at_that_instant_on_the_wall() -> None:
    assert dates("RRULE:FREQ=WEEKLY", "EXDATE:20260309T130000Z", days=20, zone="America/New_York") == ["03-02", "03-16"]


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([], "exactly one RRULE"),
        (["RRULE:FREQ=DAILY", "RRULE:FREQ=DAILY"], "exactly one RRULE"),
        (["FREQ=DAILY"], "not a line"),
        (["DTSTART:20260302T090000"], "DTSTART"),
        (["EXRULE:FREQ=DAILY", "RRULE:FREQ=DAILY"], "EXRULE"),
        (["RRULE:INTERVAL=2"], "FREQ"),
        (["RRULE:FREQ=FORTNIGHTLY"], "FREQ"),
        (["RRULE:FREQ=DAILY;BYHOUR=9"], "BYHOUR"),
        (["RRULE:FREQ=YEARLY;BYWEEKNO=3"], "BYWEEKNO"),
        (["RRULE:FREQ=DAILY;INTERVAL=0"], "INTERVAL"),
        (["RRULE:FREQ=DAILY;INTERVAL=2;INTERVAL=3"], "twice"),
        (["RRULE:FREQ=DAILY;INTERVAL=99999999999999999999"], "INTERVAL"),
        (["RRULE:FREQ=DAILY;INTERVAL=²"], "INTERVAL"),
        (["RRULE:FREQ=WEEKLY;BYDAY=1MO"], "BYDAY"),
        (["RRULE:FREQ=MONTHLY;BYDAY=0MO"], "0MO"),
        (["RRULE:FREQ=WEEKLY;BYDAY=XX"], "XX"),
        (["RRULE:FREQ=WEEKLY;BYMONTHDAY=3"], "BYMONTHDAY"),
        (["RRULE:FREQ=MONTHLY;BYMONTHDAY=0"], "BYMONTHDAY"),
        (["RRULE:FREQ=MONTHLY;BYMONTH=-1"], "BYMONTH"),
        (["RRULE:FREQ=MONTHLY;BYSETPOS=1"], "BYSETPOS"),
        (["RRULE:FREQ=WEEKLY;BYDAY=MO;BYSETPOS=1"], "BYSETPOS"),
        (["RRULE:FREQ=WEEKLY;WKST=XX"], "WKST"),
        (["RRULE:FREQ=DAILY;COUNT=2;UNTIL=20260401"], "COUNT and UNTIL"),
        (["RRULE:FREQ=DAILY;UNTIL=2026-04-01"], "UNTIL"),
        (["RRULE:FREQ=DAILY;UNTIL=20260431"], "UNTIL"),
        (["RRULE:FREQ=SECONDLY;BYDAY=MO"], "SECONDLY"),
        (["RRULE:FREQ=DAILY", "EXDATE:tomorrow"], "EXDATE"),
        (["RRULE:FREQ=DAILY", "RDATE;VALUE=PERIOD:20260302T090000Z/PT1H"], "PERIOD"),
        (["RRULE:FREQ=DAILY", "RDATE;X-WHAT=1:20260302T090000Z"], "X-WHAT"),
        (["RRULE:FREQ=DAILY", "EXDATE;TZID=Mars/Olympus:20260302T090000"], "Mars/Olympus"),
        (["RRULE:FREQ=DAILY", "RDATE:" + ",".join(["20260302T090000"] * (MOST_DATES + 1))], "at most"),
        (["RRULE:FREQ=DAILY;" + "X" * 20_000], "characters"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(lines: list[str], named: str) -> None:
    with pytest.raises(Refused, match=named) as caught:
        parse(lines)
    assert caught.value.why is Why.INVALID
    assert caught.value.message.endswith(".")


@given(some.lists(some.text(max_size=60), max_size=3))
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    with suppress(Refused):
        parse([f"RRULE:FREQ=DAILY;{lines[0]}", *lines[1:]] if lines else lines)


def test_a_rule_that_names_nothing_ends() -> None:
    assert dates("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", days=90_000) == []
    assert dates("RRULE:FREQ=MONTHLY;INTERVAL=12;BYMONTH=2", days=90_000) == []


def test_a_year_of_an_old_rule_is_as_quick_as_one_of_a_new_rule() -> None:
    """The hundred-thousandth occurrence is reckoned, not counted to."""
    begin = seconds_of(datetime(1970, 1, 1, tzinfo=UTC))
    occurrences = Occurrences(parse(["RRULE:FREQ=SECONDLY;INTERVAL=60"]), begin, wall_of("Etc/UTC"))
    far = seconds_of(datetime(2400, 1, 1, tzinfo=UTC))
    assert occurrences.rank(far) == far // 60
    assert occurrences.between(far, far + 119) == [far, far + 60]
