"""Oracle: who is on call at each minute, found slowly and from the rules alone, to be compared with the product.

It shares no code with the product. It steps through days and minutes with the standard library's own datetimes, and
asks of each minute which occurrence holds it. Everything that it is given lies on whole minutes.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tocsin.domain.oncall.schedule import ByCalendar, ByShift

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.domain.oncall.schedule import Layer, Member, Override, Pattern, Schedule, TurnLayer

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

Minutes = dict[datetime, list["Member"]]  # who has each minute of a window; a place that is left empty is a None


def people(schedule: Schedule, since: datetime, until: datetime) -> dict[datetime, set[str]]:
    """Return the set of people on call at each minute of a window."""
    drawn = [_layer(schedule, layer, since, until) for layer in schedule.layers]
    beside = [
        _named(_marked([(shift.start, shift.end, shift.user_id)], since, until), schedule.overrides, shift.id)
        for shift in schedule.custom_shifts
    ]
    found = {}
    for at in _minutes(since, until):
        here: set[Member] = {user for minutes in beside for user in minutes.get(at, [])}
        held = [each for each in schedule.overrides if not _names(each) and each.start <= at < each.end]
        if held:
            here.add(held[-1].user_id)
        else:
            for minutes in reversed(drawn):
                users = {user for user in minutes.get(at, []) if user is not None}
                here |= users
                if users and schedule.stacked:
                    break
        found[at] = {user for user in here if user is not None}
    return found


def _minutes(since: datetime, until: datetime) -> Iterator[datetime]:
    at = since
    while at < until:
        yield at
        at += MINUTE


def _names(override: Override) -> str | None:
    return override.layer_id or override.custom_shift_id


def _marked(stretches: Iterable[tuple[datetime, datetime, Member]], since: datetime, until: datetime) -> Minutes:
    found: Minutes = defaultdict(list)
    for start, end, user in stretches:
        for at in _minutes(max(start, since), min(end, until)):
            found[at].append(user)
    return found


def _named(minutes: Minutes, overrides: Iterable[Override], place: str) -> Minutes:
    """Return the minutes of a layer or custom shift with the overrides that name it."""
    named = [each for each in overrides if _names(each) == place]
    found: Minutes = {}
    for at, users in minutes.items():
        now = []
        for first in users:
            user, had = first, {first}
            for override in named:
                if override.start <= at < override.end and override.replaced_user_id in had:
                    user = override.user_id
                    had.add(user)
            now.append(user)
        found[at] = now
    return found


def _layer(schedule: Schedule, layer: Layer, since: datetime, until: datetime) -> Minutes:
    if layer.turn_layer is not None:
        minutes = _turns(layer.turn_layer, ZoneInfo(schedule.time_zone), since, until)
    else:
        minutes = defaultdict(list)
        told = [(each.start, each.end, each.user_id) for each in layer.told]
        for at, users in _marked(told, since, until).items():
            minutes[at] += users
        for pattern in layer.patterns:
            for at, users in _pattern(pattern, since, until).items():
                minutes[at] += users
    return _named(minutes, schedule.overrides, layer.id)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the wall shows this time or a later one."""
    at = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while (at - MINUTE).astimezone(zone).replace(tzinfo=None) >= wall:
        at -= MINUTE
    return at


def _turns(layer: TurnLayer, zone: ZoneInfo, since: datetime, until: datetime) -> Minutes:
    """Find for each minute the turn that began last, and whether a restriction holds it."""
    begin = layer.virtual_start_at.astimezone(zone).replace(tzinfo=None)
    length = timedelta(seconds=layer.turn_s)
    number = (since.astimezone(zone).replace(tzinfo=None) - 3 * DAY - begin) // length
    hours = None if not layer.restrictions else _hours(layer, zone, since, until)
    found: Minutes = {}
    due = instant(begin + (number + 1) * length, zone)
    for at in _minutes(since, until):
        while at >= due:
            number += 1
            due = instant(begin + (number + 1) * length, zone)
        if at < layer.start_at or (layer.end_at is not None and at >= layer.end_at):
            continue
        if hours is None or at in hours:
            found[at] = [layer.members[number % len(layer.members)]]
    return found


def _hours(layer: TurnLayer, zone: ZoneInfo, since: datetime, until: datetime) -> set[datetime]:
    stretches = []
    day = since.astimezone(zone).date() - 10 * DAY
    while day <= until.astimezone(zone).date() + DAY:
        for each in layer.restrictions:
            if each.kind == "daily" or day.isoweekday() == each.start_day:
                start = datetime.combine(day, each.start_time)
                end = start + timedelta(seconds=each.length_s)
                stretches.append((instant(start, zone), instant(end, zone), None))
        day += DAY
    return set(_marked(stretches, since, until))


def _pattern(pattern: Pattern, since: datetime, until: datetime) -> Minutes:
    zone = ZoneInfo(pattern.time_zone)
    length = timedelta(seconds=pattern.length_s)
    found: Minutes = defaultdict(list)
    for number, begin in enumerate(_taking_place(pattern, until.astimezone(zone).replace(tzinfo=None) + 2 * DAY)):
        start, end = instant(begin, zone), instant(begin + length, zone)
        if end <= since or start >= until:
            continue
        for at in _minutes(max(start, since, pattern.effective_since), min(end, until)):
            if pattern.effective_until is None or at < pattern.effective_until:
                found[at] += _who(pattern, number, at, zone)
    return found


def _who(pattern: Pattern, number: int, at: datetime, zone: ZoneInfo) -> list[Member]:
    turns, members = pattern.turns, pattern.members
    if isinstance(turns, ByShift):
        return [members[number // turns.shifts_per_member % len(members)]]
    if isinstance(turns, ByCalendar):
        begin = datetime.combine(turns.begin_on, turns.begin_time)
        turn = (at.astimezone(zone).replace(tzinfo=None) - 2 * DAY - begin) // timedelta(seconds=turns.turn_s)
        while instant(begin + timedelta(seconds=(turn + 1) * turns.turn_s), zone) <= at:
            turn += 1
        return [members[turn % len(members)]]
    return list(members)


def _taking_place(pattern: Pattern, last: datetime) -> list[datetime]:
    """Return when the pattern takes place on the wall, up to a time, with single dates worked in."""
    rule, without, beside = "", set(), set()
    for line in pattern.recurrence:
        head, _, value = line.partition(":")
        if head == "RRULE":
            rule = value
        elif head == "EXDATE":
            without = {datetime.strptime(text, "%Y%m%dT%H%M%S") for text in value.split(",")}  # noqa: DTZ007 - on a wall
        else:
            beside = {datetime.strptime(text, "%Y%m%dT%H%M%S") for text in value.split(",")}  # noqa: DTZ007 - on a wall
    named = set(ruled(rule, datetime.combine(pattern.begin_on, pattern.begin_time), last))
    return sorted(each for each in (named | beside) - without if each <= last)


def ruled(rule: str, begin: datetime, last: datetime) -> Iterator[datetime]:
    """Yield when a rule takes place on the wall, in order, asking of each day or step whether the rule names it."""
    parts = dict(part.split("=") for part in rule.split(";"))
    count = int(parts.get("COUNT", "0"))
    if "UNTIL" in parts:
        last = min(last, datetime.strptime(parts["UNTIL"], "%Y%m%dT%H%M%S"))  # noqa: DTZ007 - on a wall
    steps = {"SECONDLY": timedelta(seconds=1), "MINUTELY": MINUTE, "HOURLY": timedelta(hours=1)}
    step = steps.get(parts["FREQ"])
    at, yielded = begin, 0
    while at <= last and not (count and yielded >= count):
        if _filtered(parts, at.date()) if step else _on_day(parts, begin.date(), at.date()):
            yield at
            yielded += 1
        at += step * int(parts.get("INTERVAL", "1")) if step else DAY


def _on_day(parts: dict[str, str], begin: date, day: date) -> bool:
    interval, frequency = int(parts.get("INTERVAL", "1")), parts["FREQ"]
    if frequency == "DAILY":
        return (day - begin).days % interval == 0 and _filtered(parts, day)
    if frequency == "WEEKLY":
        start = WEEKDAYS.index(parts.get("WKST", "MO"))
        weeks = (_week(day, start) - _week(begin, start)).days // 7
        weekdays = parts.get("BYDAY", WEEKDAYS[begin.weekday()]).split(",")
        return weeks % interval == 0 and WEEKDAYS[day.weekday()] in weekdays and _filtered(parts, day)
    if frequency == "MONTHLY":
        months = (day.year - begin.year) * 12 + day.month - begin.month
        return months % interval == 0 and _in_month(parts, begin, day) and _at_position(parts, begin, day)
    return (day.year - begin.year) % interval == 0 and _in_year(parts, begin, day)


def _week(day: date, start: int) -> date:
    while day.weekday() != start:
        day -= DAY
    return day


def _filtered(parts: dict[str, str], day: date) -> bool:
    if "BYMONTH" in parts and str(day.month) not in parts["BYMONTH"].split(","):
        return False
    if "BYMONTHDAY" in parts and not _month_day(parts, day):
        return False
    return "BYDAY" not in parts or any(text[-2:] == WEEKDAYS[day.weekday()] for text in parts["BYDAY"].split(","))


def _month_day(parts: dict[str, str], day: date) -> bool:
    left = day.day - monthrange(day.year, day.month)[1] - 1
    return bool({str(day.day), str(left)} & set(parts["BYMONTHDAY"].split(",")))


def _in_month(parts: dict[str, str], begin: date, day: date) -> bool:
    """Say whether a rule by months names a day, set positions aside."""
    if not _filtered(parts, day):
        return False
    if "BYDAY" in parts:
        last = monthrange(day.year, day.month)[1]
        return _numbered(parts, day, (day.day - 1) // 7 + 1, -((last - day.day) // 7 + 1))
    return "BYMONTHDAY" in parts or day.day == begin.day


def _in_year(parts: dict[str, str], begin: date, day: date) -> bool:
    if "BYDAY" in parts and "BYMONTH" not in parts:
        first, last = date(day.year, 1, 1), date(day.year, 12, 31)
        numbered = _numbered(parts, day, (day - first).days // 7 + 1, -((last - day).days // 7 + 1))
        return _filtered(parts, day) and numbered
    if "BYMONTH" not in parts and "BYMONTHDAY" not in parts and day.month != begin.month:
        return False
    return _in_month(parts, begin, day)


def _numbered(parts: dict[str, str], day: date, nth: int, nth_last: int) -> bool:
    for text in parts["BYDAY"].split(","):
        number = re.sub("[A-Z]", "", text)
        if text[-2:] == WEEKDAYS[day.weekday()] and (not number or int(number) in {nth, nth_last}):
            return True
    return False


def _at_position(parts: dict[str, str], begin: date, day: date) -> bool:
    if "BYSETPOS" not in parts:
        return True
    days = [day.replace(day=number) for number in range(1, monthrange(day.year, day.month)[1] + 1)]
    named = [each for each in days if _in_month(parts, begin, each)]
    place = named.index(day)
    return bool({str(place + 1), str(place - len(named))} & set(parts["BYSETPOS"].split(",")))


def midnight(day: date) -> datetime:
    """Return the wall time at which a day begins."""
    return datetime.combine(day, time())
