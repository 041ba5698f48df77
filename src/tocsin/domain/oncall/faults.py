"""Faults: what keeps a schedule from being one, in sentences that say what to do."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, combinations, pairwise

from msgspec.structs import replace

from tocsin.domain.oncall.bounds import (
    FIRST_YEAR,
    LAST_YEAR,
    LONGEST_AHEAD,
    LONGEST_TURN,
    MOST_A_DAY,
    MOST_LAYERS,
    MOST_PATTERN_LAYERS,
    MOST_PATTERN_MEMBERS,
    MOST_PATTERNS,
    MOST_RESTRICTIONS,
    MOST_SHIFTS_PER_MEMBER,
    MOST_TURN_MEMBERS,
    SHORTEST_SHIFT,
    SHORTEST_TURN,
)
from tocsin.domain.oncall.bulk import most_a_day
from tocsin.domain.oncall.occurrences import Occurrences
from tocsin.domain.oncall.pattern import Beat
from tocsin.domain.oncall.recurrence import Recurrence, parse
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
    Source,
    TurnLayer,
)
from tocsin.domain.oncall.spans import Origin, Stretch, edges_of
from tocsin.domain.oncall.wall import DAY_S, FAR_OFF, WEEK_S, instant_at, seconds_of, wall_of, wall_time
from tocsin.ground.errors import Refused

_LOOKS_AHEAD = timedelta(days=731)  # for overlaps: yearly recurrences and clock changes come by twice
_LOOKS_FOR = (1, 30, 366, 4 * 366)  # days: what recurs often shows itself early
_LOOKS_AT = 1_000  # occurrences: more than any week of hours has
_Known = dict[tuple[str, Stretch], list[Stretch]]  # what a pattern shows in a window, looked up once

_OFF_WIRE = frozenset({"SECONDLY", "MINUTELY"})  # ours alone, for turns of any length


def faults_of(schedule: Schedule) -> tuple[str, ...]:
    """Return one sentence for each thing that keeps this from being a schedule; none when it is one."""
    found = tuple(
        chain(
            _faults_of_zone(schedule.time_zone),
            _faults_of_counts(schedule.layers),
            _twice("layer", [layer.id for layer in schedule.layers]),
            _twice("custom shift", [shift.id for shift in schedule.custom_shifts]),
            _twice("override", [override.id for override in schedule.overrides]),
            *(_faults_of_layer(layer) for layer in schedule.layers),
            *(_faults_of_stretch("Custom shift", shift) for shift in schedule.custom_shifts),
            *(_faults_of_override(override) for override in schedule.overrides),
            _faults_of_restrictions("Off-hours", schedule.off_hours),
        )
    )
    return found or faults_of_bulk(schedule)


def faults_of_bulk(schedule: Schedule) -> tuple[str, ...]:
    """Return a sentence where the layers of a schedule that is well-formed otherwise tell too many shifts."""
    dense = most_a_day(schedule)
    if dense <= MOST_A_DAY:
        return ()
    most = f"A schedule has at most {MOST_A_DAY} shifts a day, each restriction and each event counted at least once"
    return (f"{most}; this one has up to {dense}. Make turns longer, or remove layers, restrictions or members.",)


def faults_of_turn_layer(layer: TurnLayer) -> tuple[str, ...]:
    """Return one sentence for each thing that keeps turns and restrictions from being a layer."""
    found = []
    if not _seconds(SHORTEST_TURN) <= layer.turn_s <= _seconds(LONGEST_TURN):
        found.append(f"A turn must last {_seconds(SHORTEST_TURN)} to {_seconds(LONGEST_TURN)} seconds.")
    if not 1 <= len(layer.members) <= MOST_TURN_MEMBERS:
        found.append(f"A layer needs 1 to {MOST_TURN_MEMBERS} users.")
    if layer.end_at is not None and layer.end_at < layer.start_at:
        found.append("A layer must not end before it starts.")
    if not _in_range(layer.start_at, layer.virtual_start_at, layer.end_at):
        found.append(f"A layer must lie between the years {FIRST_YEAR} and {LAST_YEAR}.")
    found.extend(_faults_of_restrictions("Restriction", layer.restrictions))
    return tuple(found)


def faults_of_pattern(pattern: Pattern, *, wire: bool = True) -> tuple[str, ...]:
    """Return one sentence for each thing that keeps this from being a pattern.

    With `wire` it comes from outside, where nothing recurs by seconds or minutes.
    """
    found = list(_faults_of_zone(pattern.time_zone))
    if not _seconds(SHORTEST_SHIFT) <= pattern.length_s <= _seconds(LONGEST_TURN):
        found.append(
            "An event must end after it starts and last "
            f"{_seconds(SHORTEST_SHIFT)} seconds to {LONGEST_TURN.days} days."
        )
    if pattern.effective_until is not None and pattern.effective_until <= pattern.effective_since:
        found.append("An event must be effective until an instant after the one since which it is effective.")
    if not FIRST_YEAR <= pattern.begin_on.year <= LAST_YEAR or not _in_range(
        pattern.effective_since, pattern.effective_until
    ):
        found.append(f"An event must lie between the years {FIRST_YEAR} and {LAST_YEAR}.")
    if not 1 <= len(pattern.members) <= MOST_PATTERN_MEMBERS:
        found.append(f"An event needs 1 to {MOST_PATTERN_MEMBERS} members.")
    found.extend(_faults_of_turns(pattern))
    try:
        recurrence = parse(pattern.recurrence)
    except Refused as refusal:
        return (*found, refusal.message)
    found.extend(_faults_of_walk(pattern, recurrence))
    if wire and recurrence.frequency in _OFF_WIRE:
        found.append(f"FREQ={recurrence.frequency} is not offered; use HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY.")
    return tuple(found) if found else tuple(_faults_of_times(pattern, recurrence))


def overlapping(patterns: Sequence[Pattern]) -> tuple[str, ...]:
    """Return one sentence for each two patterns of a layer that hold at the same instant.

    They are compared for two years from the first instant at which both can hold. All of them must be
    without faults and have ids of their own.
    """
    found = []
    known: _Known = {}
    for one, other in combinations(patterns, 2):
        at = _meet(one, other, known)
        if at is not None:
            found.append(
                f"Events {one.name!r} and {other.name!r} of a rotation overlap at {instant_at(at).isoformat()}; "
                "let one end where the other begins."
            )
    return tuple(found)


def _faults_of_zone(time_zone: str) -> Iterator[str]:
    try:
        wall_of(time_zone)
    except Refused as refusal:
        yield refusal.message


def _faults_of_counts(layers: Sequence[Layer]) -> Iterator[str]:
    if len(layers) > MOST_LAYERS:
        yield f"A schedule has at most {MOST_LAYERS} layers."
    if sum(1 for layer in layers if layer.patterns) > MOST_PATTERN_LAYERS:
        yield f"A schedule has at most {MOST_PATTERN_LAYERS} rotations."


def _twice(what: str, ids: Sequence[str]) -> Iterator[str]:
    if len(set(ids)) < len(ids):
        yield f"The id of a {what} is given twice."


def _faults_of_layer(layer: Layer) -> Iterator[str]:
    if (layer.turn_layer is not None) + bool(layer.patterns) + (layer.calendar_id is not None) > 1:
        yield f"Layer {layer.id} is told in two ways; keep its turns, its events or its calendar."
    if layer.turn_layer is not None:
        yield from faults_of_turn_layer(layer.turn_layer)
    if len(layer.patterns) > MOST_PATTERNS:
        yield f"A rotation has at most {MOST_PATTERNS} events."
        return
    twice = list(_twice("event", [pattern.id for pattern in layer.patterns]))
    yield from twice
    faults = [fault for pattern in layer.patterns for fault in faults_of_pattern(pattern)]
    yield from faults or ([] if twice else overlapping(layer.patterns))
    if any(told.end <= told.start for told in layer.told):
        yield f"Layer {layer.id} has a shift that does not end after it starts."


def _faults_of_stretch(what: str, stretch: CustomShift | Override) -> Iterator[str]:
    if stretch.end <= stretch.start:
        yield f"{what} {stretch.id} must end after it starts."
    elif not _in_range(stretch.start, stretch.end):
        yield f"{what} {stretch.id} must lie between the years {FIRST_YEAR} and {LAST_YEAR}."


def _faults_of_override(override: Override) -> Iterator[str]:
    yield from _faults_of_stretch("Override", override)
    if override.layer_id is not None and override.custom_shift_id is not None:
        yield f"Override {override.id} names a layer and a custom shift; keep one of them."


def _faults_of_restrictions(what: str, restrictions: Sequence[Restriction]) -> Iterator[str]:
    if len(restrictions) > MOST_RESTRICTIONS:
        yield f"{what}: there are at most {MOST_RESTRICTIONS}."
    for restriction in restrictions:
        yield from _faults_of_restriction(what, restriction)


def _faults_of_restriction(what: str, restriction: Restriction) -> Iterator[str]:
    daily = restriction.kind == "daily"
    longest = DAY_S if daily else WEEK_S
    if not 1 <= restriction.length_s <= longest:
        yield f"{what}: a {restriction.kind} one lasts 1 to {longest} seconds."
    if daily and restriction.start_day is not None:
        yield f"{what}: a daily one has no start day of the week; make it weekly or leave the day out."
    if not daily and (restriction.start_day is None or not 1 <= restriction.start_day <= 7):  # noqa: PLR2004 - days of a week
        yield f"{what}: a weekly one needs a start day of the week from 1 (Monday) to 7 (Sunday)."


def _faults_of_turns(pattern: Pattern) -> Iterator[str]:
    turns = pattern.turns
    if isinstance(turns, ByShift) and not 1 <= turns.shifts_per_member <= MOST_SHIFTS_PER_MEMBER:
        yield f"Shifts per member must be 1 to {MOST_SHIFTS_PER_MEMBER}."
    if isinstance(turns, ByCalendar) and not _seconds(SHORTEST_TURN) <= turns.turn_s <= _seconds(LONGEST_TURN):
        yield f"A turn must last {_seconds(SHORTEST_TURN)} to {_seconds(LONGEST_TURN)} seconds."


def _faults_of_walk(pattern: Pattern, recurrence: Recurrence) -> Iterator[str]:
    """Yield what would make a rule be walked through for long, each time that a schedule is made ready."""
    if recurrence.frequency == "HOURLY" and (recurrence.by_month or recurrence.by_month_day):
        yield "FREQ=HOURLY takes no BYMONTH or BYMONTHDAY; use FREQ=DAILY."
    latest = wall_time(pattern.begin_on, pattern.begin_time) + _seconds(LONGEST_AHEAD)
    if any(moment.seconds > latest for moment in (*recurrence.without, *recurrence.beside)):
        yield "EXDATE and RDATE must lie within 30 years after the start of an event."


def _faults_of_times(pattern: Pattern, recurrence: Recurrence) -> Iterator[str]:
    """Yield what is wrong with the occurrences of a pattern that is well-formed otherwise."""
    begin = wall_time(pattern.begin_on, pattern.begin_time)
    occurrences = Occurrences(recurrence, begin, wall_of(pattern.time_zone))
    near = chain(
        _first_ones(occurrences, begin),
        *(occurrences.between(each - pattern.length_s, each + pattern.length_s) for each in occurrences.single()),
    )
    begins = sorted(set(near))
    if not begins:
        yield "An event must take place; its recurrence names no date in the four years after its start."
    if any(later - earlier < pattern.length_s for earlier, later in pairwise(begins)):
        yield "An event must end before it recurs; make it shorter or let it recur less often."


def _first_ones(occurrences: Occurrences, begin: int) -> list[int]:
    """Return the first occurrences of four years, in which the 29th of February comes by."""
    found: list[int] = []
    for days in _LOOKS_FOR:
        found = occurrences.between(begin - _seconds(LONGEST_TURN), begin + days * DAY_S)
        if len(found) >= _LOOKS_AT:
            break
    return found[:_LOOKS_AT]


def _meet(one: Pattern, other: Pattern, known: _Known) -> int | None:
    """Return the first instant that two patterns share, in seconds since 1970, or None."""
    since = max(_first(one), _first(other))
    until = min(since + _seconds(_LOOKS_AHEAD), *(_end(each) for each in (one, other)))
    held = sorted(_occurrences(one, (since, until), known) + _occurrences(other, (since, until), known))
    return next((later[0] for earlier, later in pairwise(held) if later[0] < earlier[1]), None)


def _occurrences(pattern: Pattern, window: Stretch, known: _Known) -> list[Stretch]:
    """Return the stretches of a pattern in a window, each once, whoever takes them."""
    key = pattern.id, window
    if key not in known:
        bare = replace(pattern, members=(None,), turns=Everyone())
        known[key] = [edges_of(span) for span in Beat(bare, Origin(Source(kind="layer"), "")).spans(*window)]
    return known[key]


def _first(pattern: Pattern) -> int:
    begin = wall_of(pattern.time_zone).instant(wall_time(pattern.begin_on, pattern.begin_time))
    return max(seconds_of(pattern.effective_since), begin)


def _end(pattern: Pattern) -> int:
    return FAR_OFF if pattern.effective_until is None else seconds_of(pattern.effective_until)


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


def _in_range(*instants: datetime | None) -> bool:
    return all(FIRST_YEAR <= each.year <= LAST_YEAR for each in instants if each is not None)
