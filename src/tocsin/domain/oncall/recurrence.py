"""Recurrence: the lines that say on which days something recurs, read from their text or refused in words."""

import re
from collections.abc import Callable, Sequence
from datetime import date, time
from functools import lru_cache
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tocsin.domain.oncall.bounds import FIRST_YEAR, LAST_YEAR
from tocsin.domain.oncall.wall import DAY_S, wall_of, wall_time
from tocsin.ground.errors import Refused, Why

Frequency = Literal["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]

STEP_S: dict[str, int] = {"SECONDLY": 1, "MINUTELY": 60, "HOURLY": 3_600, "DAILY": DAY_S}
FREQUENCIES: dict[str, Frequency] = {
    "SECONDLY": "SECONDLY", "MINUTELY": "MINUTELY", "HOURLY": "HOURLY", "DAILY": "DAILY",
    "WEEKLY": "WEEKLY", "MONTHLY": "MONTHLY", "YEARLY": "YEARLY",
}  # fmt: skip # seven pairs read better in two lines
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

MOST_DATES = 400  # single dates of one recurrence: more than one for each day of a year is another recurrence
MOST_COUNTED = 100_000  # occurrences that COUNT may ask for: an hourly one for eleven years
LONGEST_STEP = 366 * DAY_S  # INTERVAL of a rule by seconds: a turn of a year
LONGEST_LINE = 16_384  # characters: so many dates fit, and nothing more is needed

_BEYOND_THE_YEAR = 53  # weeks of a year that a weekday's number can mean
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII)
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,9}", re.ASCII)


class Moment(Struct, frozen=True, gc=False):
    """A date of a recurrence: a whole day or a time on the wall, in wall seconds, or an instant since 1970."""

    kind: Literal["day", "wall", "instant"]
    seconds: int


class Weekday(Struct, frozen=True, gc=False):
    """A day of the week, Monday = 0; with `nth` only the nth of its month or year, from the end when negative."""

    day: int
    nth: int = 0


class Recurrence(Struct, frozen=True, kw_only=True):
    """What a rule and its single dates say; the first occurrence and the zone belong to whoever uses it."""

    frequency: Frequency
    interval: int = 1
    by_day: tuple[Weekday, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0
    count: int | None = None
    until: Moment | None = None
    without: tuple[Moment, ...] = ()
    beside: tuple[Moment, ...] = ()


def parse(lines: Sequence[str]) -> Recurrence:
    """Read RFC 5545 lines: one RRULE, then any EXDATE and RDATE.

    Raises `Refused` (invalid) with a sentence that names what is not understood.
    """
    return _parsed(tuple(lines))


@lru_cache(maxsize=4096)
def _parsed(lines: tuple[str, ...]) -> Recurrence:
    rules: list[Recurrence] = []
    without: list[Moment] = []
    beside: list[Moment] = []
    for line in lines:
        name, options, value = _parts(line)
        if name == "RRULE":
            rules.append(_rule(value))
        elif name == "EXDATE":
            without.extend(_dates(name, options, value))
        elif name == "RDATE":
            beside.extend(_dates(name, options, value))
        else:
            raise _refused(f"{_quoted(name)} is not understood; a recurrence has one RRULE, then any EXDATE and RDATE")
    if len(rules) != 1:
        raise _refused(f"A recurrence needs exactly one RRULE; this one has {len(rules)}")
    if len(without) + len(beside) > MOST_DATES:
        raise _refused(f"A recurrence has at most {MOST_DATES} dates in EXDATE and RDATE")
    return replace(rules[0], without=tuple(without), beside=tuple(beside))


def _parts(line: str) -> tuple[str, dict[str, str], str]:
    """Return a line's name, its options and its value."""
    if len(line) > LONGEST_LINE:
        raise _refused(f"A line of a recurrence has at most {LONGEST_LINE} characters")
    head, colon, value = line.strip().partition(":")
    if not colon:
        raise _refused(f"{_quoted(line)} is not a line of a recurrence; write it as RRULE:FREQ=WEEKLY")
    name, *options = head.split(";")
    pairs = [option.partition("=") for option in options]
    return name.upper(), {key.upper(): text.strip('"') for key, _, text in pairs}, value.strip()


def _rule(text: str) -> Recurrence:
    parts: dict[str, str] = {}
    for part in text.upper().removesuffix(";").split(";"):
        key, _, value = part.partition("=")
        if key in parts:
            raise _refused(f"{_quoted(key)} is given twice in RRULE")
        parts[key] = value
    if parts.get("FREQ") not in FREQUENCIES:
        raise _refused(f"RRULE needs FREQ, one of {', '.join(FREQUENCIES)}")
    rule = Recurrence(frequency=FREQUENCIES[parts.pop("FREQ")])
    for key, value in parts.items():
        if key not in _READERS:
            raise _refused(f"{_quoted(key)} is not understood in RRULE; use FREQ, {', '.join(_READERS)}")
        rule = _READERS[key](rule, value)
    return _sound(rule)


def _with_interval(rule: Recurrence, value: str) -> Recurrence:
    most = LONGEST_STEP if rule.frequency == "SECONDLY" else LONGEST_STEP // 3_600
    return replace(rule, interval=_number("INTERVAL", value, 1, most))


def _with_days(rule: Recurrence, value: str) -> Recurrence:
    days = []
    for text in value.split(","):
        found = _DAY.fullmatch(text)
        nth = int(found[1] or 0) if found else 0
        if found is None or abs(nth) > _BEYOND_THE_YEAR or (found[1] and not nth):
            raise _refused(f"BYDAY does not know {_quoted(text)}; days are MO, TU, WE, TH, FR, SA, SU, or 2TU, -1FR")
        days.append(Weekday(WEEKDAYS.index(found[2]), nth))
    return replace(rule, by_day=tuple(days))


def _with_month_days(rule: Recurrence, value: str) -> Recurrence:
    return replace(rule, by_month_day=_numbers("BYMONTHDAY", value, 31))


def _with_months(rule: Recurrence, value: str) -> Recurrence:
    months = _numbers("BYMONTH", value, 12)
    if min(months) < 1:
        raise _refused("BYMONTH is 1 to 12")
    return replace(rule, by_month=months)


def _with_set_positions(rule: Recurrence, value: str) -> Recurrence:
    return replace(rule, by_set_pos=_numbers("BYSETPOS", value, 366))


def _with_week_start(rule: Recurrence, value: str) -> Recurrence:
    if value not in WEEKDAYS:
        raise _refused(f"WKST is one of {', '.join(WEEKDAYS)}")
    return replace(rule, week_start=WEEKDAYS.index(value))


def _with_count(rule: Recurrence, value: str) -> Recurrence:
    return replace(rule, count=_number("COUNT", value, 1, MOST_COUNTED))


def _with_until(rule: Recurrence, value: str) -> Recurrence:
    return replace(rule, until=_moment("UNTIL", value, None))


_READERS: dict[str, Callable[[Recurrence, str], Recurrence]] = {
    "INTERVAL": _with_interval,
    "BYDAY": _with_days,
    "BYMONTHDAY": _with_month_days,
    "BYMONTH": _with_months,
    "BYSETPOS": _with_set_positions,
    "WKST": _with_week_start,
    "COUNT": _with_count,
    "UNTIL": _with_until,
}


def _sound(rule: Recurrence) -> Recurrence:
    """Return the rule if its parts can stand together."""
    by_month = rule.frequency in {"MONTHLY", "YEARLY"}
    clashes = {
        "COUNT and UNTIL cannot both end a recurrence": rule.count is not None and rule.until is not None,
        "BYDAY takes a number before the day only with FREQ=MONTHLY and FREQ=YEARLY": not by_month
        and any(day.nth for day in rule.by_day),
        "BYMONTHDAY does not go with FREQ=WEEKLY": bool(rule.by_month_day) and rule.frequency == "WEEKLY",
        "BYSETPOS goes only with FREQ=MONTHLY, and with BYDAY or BYMONTHDAY": bool(rule.by_set_pos)
        and not (rule.frequency == "MONTHLY" and (rule.by_day or rule.by_month_day)),
        "FREQ=SECONDLY and FREQ=MINUTELY take no BYDAY, BYMONTHDAY or BYMONTH": rule.frequency
        in {"SECONDLY", "MINUTELY"}
        and bool(rule.by_day or rule.by_month_day or rule.by_month),
    }
    for sentence, clash in clashes.items():
        if clash:
            raise _refused(sentence)
    return rule


def _dates(name: str, options: dict[str, str], value: str) -> list[Moment]:
    if options.get("VALUE", "DATE-TIME").upper() not in {"DATE", "DATE-TIME"}:
        raise _refused(f"{name} takes dates and times; VALUE={options['VALUE'][:40]} is not understood")
    unknown = [key for key in options if key not in {"VALUE", "TZID"}]
    if unknown:
        raise _refused(f"{_quoted(unknown[0])} is not understood in {name}")
    return [_near(name, text, options.get("TZID")) for text in value.split(",")]


def _near(name: str, text: str, time_zone: str | None) -> Moment:
    """Return a date of sensible years: a rule is walked through up to each one, unlike to its UNTIL."""
    found = _DATE.fullmatch(text.strip().upper())
    if found is not None and not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        raise _refused(f"{name} takes dates of the years {FIRST_YEAR} to {LAST_YEAR}, and not {_quoted(text)}")
    return _moment(name, text, time_zone)


def _moment(name: str, text: str, time_zone: str | None) -> Moment:
    found = _DATE.fullmatch(text.strip().upper())
    seconds = None if found is None else _wall_seconds([int(part or 0) for part in found.groups()[:6]])
    if found is None or seconds is None:
        raise _refused(f"{name} does not know the date {_quoted(text)}; write 20260329 or 20260329T090000Z")
    if found[4] is None:
        return Moment("day", seconds)
    if found[7]:
        return Moment("instant", seconds)
    return Moment("wall", seconds) if time_zone is None else Moment("instant", wall_of(time_zone).instant(seconds))


def _wall_seconds(parts: list[int]) -> int | None:
    """Return year, month, day, hour, minute and second as wall seconds; None when there is no such time."""
    try:
        return wall_time(date(*parts[:3]), time(parts[3], parts[4], parts[5]))
    except ValueError:
        return None


def _number(name: str, text: str, least: int, most: int) -> int:
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise _refused(f"{name} is a number from {least} to {most}")
    return int(text)


def _numbers(name: str, text: str, most: int) -> tuple[int, ...]:
    """Return the distinct numbers of a list, none of them 0, in order of their appearance."""
    found = tuple(dict.fromkeys(_number(name, part, -most, most) for part in text.split(",")))
    if 0 in found:
        raise _refused(f"{name} counts from 1, or from -1 at the end")
    return found


def _quoted(text: str) -> str:
    return repr(text[:40])


def _refused(sentence: str) -> Refused:
    return Refused(Why.INVALID, f"{sentence}.")
