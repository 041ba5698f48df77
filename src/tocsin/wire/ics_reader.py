"""Reader of calendars: the entries and the whole days of an iCalendar file, with a bound on everything in it.

A calendar comes from outside and may be made to hurt, so the rooms above read it only through `read_apart`, which runs
this file as a program in a process that can be ended; nothing else loads its libraries, which takes 0.3 s. RFC 5545 is
the source of the rules; `icalendar` reads the text and `recurring_ical_events` lays out what recurs.
"""

import hashlib
import os
import re
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
import recurring_ical_events  # type: ignore[import-untyped] # the library ships no types
from icalendar import Calendar
from icalendar.cal import Component

from tocsin.domain.oncall.calendar import LONGEST_KEY, LONGEST_TEXT, Entry
from tocsin.domain.oncall.wall import Wall, instant_at, wall_of, wall_time
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import one_line, repair, trim
from tocsin.wire.ics import Found, Wanted

MOST_LINES = 200_000  # lines; the shortest real entry has eight
MOST_ENTRIES = 10_000  # occurrences in the stretch that is read: a handoff every hour for 13 months
MOST_DAYS = 2_000  # whole days in the stretch that is read: the holidays of twenty countries for five years
DEEPEST = 8  # components inside one another; a calendar, an entry and its alarm make three
LONGEST_ENTRY = timedelta(days=366)  # a shift that lasts longer is a mistake in the year
CPU_S = 6  # seconds of processor time for one calendar
POLITENESS = 10  # steps of nice: pages and doors come first on a busy machine
MEMORY = 768 * 1024 * 1024  # bytes of address space; a calendar of full length takes 150 MB

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_SEARCHED = 4_000  # characters of a description that are searched for addresses
_RECURS = frozenset({"RRULE", "RDATE", "RECURRENCE-ID"})
_TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY"})
_MOST_STEPS = 100_000  # INTERVAL and COUNT of a rule
_MAILTO = "mailto:"
# What the two libraries raise over text that is not what they expect.
_BROKEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def entries(text: str, time_zone: str, since: datetime, until: datetime) -> tuple[Entry, ...]:
    """Return what the calendar has in [since, until), recurring entries laid out, cancelled ones left out.

    Whole days and times without a zone are read on the wall of `time_zone`. Raises `Refused` (invalid) with what is
    wrong. It may take as long as the text asks for: `read_apart` bounds it.
    """
    wall = wall_of(time_zone)
    calendar = _parsed(text)
    recurring = frozenset(_uid(component) for component in calendar.walk("VEVENT") if _RECURS & set(component))
    found: list[Entry] = []
    for occurrence in _occurrences(calendar, since - timedelta(days=1), until + timedelta(days=1)):
        if str(occurrence.get("STATUS", "")).upper() == "CANCELLED":
            continue
        start, end = _instant(_date(occurrence, "DTSTART"), wall), _instant(_date(occurrence, "DTEND"), wall)
        if start < end and start < until and end > since and end - start <= LONGEST_ENTRY:
            key = _key(occurrence, start, alone=_uid(occurrence) not in recurring)
            found.append(_entry(occurrence, key, start, end))
    return tuple(sorted(found, key=lambda entry: (entry.start, entry.end, entry.key)))


def days(text: str, since: date, until: date) -> list[tuple[date, str]]:
    """Return the whole days that the calendar names in [since, until), each with its name, sorted.

    An entry over several days counts for each of them; entries with a time of day are left out. Raises `Refused`
    (invalid) with what is wrong. It may take as long as the text asks for: `read_apart` bounds it.
    """
    found: set[tuple[date, str]] = set()
    begin = datetime.combine(since, time(), UTC) - timedelta(days=1)
    end = datetime.combine(until, time(), UTC) + timedelta(days=1)
    for occurrence in _occurrences(_parsed(text), begin, end):
        first, last = _date(occurrence, "DTSTART"), _date(occurrence, "DTEND")
        if isinstance(first, datetime) or isinstance(last, datetime):
            continue
        name = trim(one_line(repair(str(occurrence.get("SUMMARY", "")))), LONGEST_TEXT)
        day = max(first, since)
        while day < min(max(last, first + timedelta(days=1)), until):
            found.add((day, name))
            day += timedelta(days=1)
        if len(found) > MOST_DAYS:
            raise Refused(Why.INVALID, f"The calendar names more than {MOST_DAYS} days in the time that is read.")
    return sorted(found)


def _parsed(text: str) -> Calendar:
    _check_shape(text)
    try:
        calendar = Calendar.from_ical(text)
        for component in calendar.walk("VEVENT"):
            _check_entry(component)
    except _BROKEN as failure:
        raise Refused(Why.INVALID, f"The calendar cannot be read: {_words(failure)}") from failure
    if not isinstance(calendar, Calendar):
        raise Refused(Why.INVALID, "The file holds something else than one calendar.")
    return calendar


def _check_shape(text: str) -> None:
    """Refuse what only a machine would write to wear another one out, before it is parsed."""
    depth = lines = 0
    for line in text.splitlines():
        lines += 1
        depth += line.upper().startswith("BEGIN:")
        depth -= line.upper().startswith("END:")
        if depth > DEEPEST:
            raise Refused(Why.INVALID, f"The calendar has components inside one another, more than {DEEPEST} deep.")
    if lines > MOST_LINES:
        raise Refused(Why.INVALID, f"The calendar has more than {MOST_LINES} lines.")


def _check_entry(component: Component) -> None:
    """Refuse an entry whose times cannot be told, because a wrong hour is worse than none."""
    name = trim(one_line(str(component.get("SUMMARY", ""))), 60)
    if "DTSTART" not in component:
        raise Refused(Why.INVALID, f"The entry {name!r} has no DTSTART.")
    for each in ("DTSTART", "DTEND"):
        value = component.get(each)
        if value is None:
            continue
        at = getattr(value, "dt", None)
        if not isinstance(at, date):
            raise Refused(Why.INVALID, f"The entry {name!r} has a {each} that is no date.")
        zone = value.params.get("TZID")
        if zone and isinstance(at, datetime) and at.tzinfo is None:
            raise Refused(Why.INVALID, f"The entry {name!r} is in the time zone {zone!r}, which nobody here knows.")
    for rule in _many(component.get("RRULE")):
        _check_rule(rule, name)


def _check_rule(rule: Mapping[str, object], name: str) -> None:
    if {str(value).upper() for value in _many(rule.get("FREQ"))} & _TOO_OFTEN:
        raise Refused(Why.INVALID, f"The entry {name!r} recurs each second or minute, which no shift does.")
    if any(not 1 <= number <= _MOST_STEPS for each in ("INTERVAL", "COUNT") for number in _many(rule.get(each))):
        raise Refused(Why.INVALID, f"The entry {name!r} recurs by a number that is zero or beyond reason.")


def _occurrences(calendar: Calendar, since: datetime, until: datetime) -> Iterator[Component]:
    count = 0
    try:
        for series in recurring_ical_events.of(calendar).series:
            for occurrence in series.between(since, until):
                count += 1
                if count > MOST_ENTRIES:
                    raise Refused(
                        Why.INVALID, f"The calendar has more than {MOST_ENTRIES} entries in the time that is read."
                    )
                yield occurrence.as_component(keep_recurrence_attributes=False)
    except _BROKEN as failure:
        raise Refused(Why.INVALID, f"The calendar cannot be laid out: {_words(failure)}") from failure


def _entry(occurrence: Component, key: str, start: datetime, end: datetime) -> Entry:
    summary = trim(one_line(repair(str(occurrence.get("SUMMARY", "")))), LONGEST_TEXT)
    described = str(occurrence.get("DESCRIPTION", ""))[:_SEARCHED]
    mentioned = [found.lower() for found in _EMAIL.findall(f"{summary} {described}")]
    return Entry(
        key=key,
        start=start,
        end=end,
        summary=summary,
        attendees=tuple(_emails(each for each in _many(occurrence.get("ATTENDEE")) if _comes(each))),
        mentioned=tuple(dict.fromkeys(mentioned)),
        organizer=next(_emails(_many(occurrence.get("ORGANIZER"))), None),
    )


def _uid(component: Component) -> str:
    """Return the name of an entry, made of its text when it has none."""
    told = repair(one_line(str(component.get("UID", ""))))
    made = told or _digest(str(component.get("SUMMARY", "")))
    return made if len(made) <= LONGEST_KEY else _digest(made)


def _key(occurrence: Component, start: datetime, *, alone: bool) -> str:
    """Return the name of an occurrence: its entry's, and which one of the series it is unless it stands alone."""
    if alone and occurrence.get("UID"):
        return _uid(occurrence)
    which = _date(occurrence, "RECURRENCE-ID") if "RECURRENCE-ID" in occurrence else start
    if isinstance(which, datetime) and which.tzinfo is not None:
        return f"{_uid(occurrence)} {which.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f"{_uid(occurrence)} {which:%Y%m%dT%H%M%S}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _date(component: Component, name: str) -> date:
    at = getattr(component[name], "dt", None)
    if not isinstance(at, date):
        raise Refused(Why.INVALID, f"The calendar has a {name} that is no date.")
    return at


def _instant(at: date, wall: Wall) -> datetime:
    if isinstance(at, datetime):
        if at.tzinfo is not None:
            return at.astimezone(UTC).replace(microsecond=0)
        return instant_at(wall.instant(wall_time(at.date(), at.time())))
    return instant_at(wall.instant(wall_time(at, time())))


def _comes(attendee: Any) -> bool:  # noqa: ANN401 - icalendar's address types share only their parameters
    return str(getattr(attendee, "params", {}).get("PARTSTAT", "")).upper() != "DECLINED"


def _emails(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        text = str(value).strip().lower()
        if text.startswith(_MAILTO):
            yield text.removeprefix(_MAILTO).partition("?")[0]


def _many(value: object) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _words(failure: Exception) -> str:
    return trim(one_line(repair(str(failure))) or type(failure).__name__, LONGEST_TEXT)


def answer(raw: bytes) -> bytes:
    """Return what was found, as JSON, for a JSON text that says what is wanted."""
    wanted = msgspec.json.decode(raw, type=Wanted)
    try:
        if wanted.kind == "days":
            found = Found(days=tuple(days(wanted.text, wanted.since.date(), wanted.until.date())))
        else:
            found = Found(entries=entries(wanted.text, wanted.time_zone, wanted.since, wanted.until))
    except Refused as refused:
        found = Found(refused=refused.message)
    except (MemoryError, RecursionError):
        found = Found(refused="The calendar asks for more memory than any real one.")
    return msgspec.json.encode(found)


def main() -> None:
    """Read what is wanted from the standard input and write what was found, within hard bounds."""
    os.nice(POLITENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    sys.stdout.buffer.write(answer(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
