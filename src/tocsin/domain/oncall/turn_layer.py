"""Turn layer: a layer told by the length of a turn and by restrictions, written as recurring patterns."""

from datetime import timedelta

from tocsin.domain.oncall.recurrence import WEEKDAYS
from tocsin.domain.oncall.schedule import ByCalendar, ByShift, Pattern, Restriction, TurnLayer
from tocsin.domain.oncall.wall import Wall, day_of, seconds_of, time_of, wall_of

_BEFORE = timedelta(days=8)  # a weekly restriction that reaches into the first day began within a week and a day


def patterns_of(layer_id: str, turn_layer: TurnLayer, time_zone: str) -> tuple[Pattern, ...]:
    """Return the patterns that say the same as the layer.

    Without restrictions each turn is an occurrence. With them each restriction recurs by itself, and turns pass by
    the calendar meanwhile; restrictions that overlap are a union, which is up to whoever joins the patterns.
    Raises `Refused` (invalid) for an unknown zone.
    """
    wall = wall_of(time_zone)
    if not turn_layer.restrictions:
        return (_unrestricted(layer_id, turn_layer, time_zone, wall),)
    return tuple(
        _restricted(f"{layer_id}.{number}", turn_layer, restriction, wall, time_zone)
        for number, restriction in enumerate(turn_layer.restrictions)
    )


def _unrestricted(layer_id: str, turn_layer: TurnLayer, time_zone: str, wall: Wall) -> Pattern:
    begin = wall.shown(seconds_of(turn_layer.virtual_start_at))
    early = begin - wall.shown(seconds_of(turn_layer.start_at))
    if early > 0:
        # Whole rounds earlier the same member has the turn: the layer may start before its virtual start.
        round_s = turn_layer.turn_s * max(len(turn_layer.members), 1)
        begin -= -(-early // round_s) * round_s
    return Pattern(
        id=layer_id,
        name="",
        time_zone=time_zone,
        begin_on=day_of(begin),
        begin_time=time_of(begin),
        length_s=turn_layer.turn_s,
        recurrence=(f"RRULE:FREQ=SECONDLY;INTERVAL={turn_layer.turn_s}",),
        effective_since=turn_layer.start_at,
        effective_until=turn_layer.end_at,
        members=turn_layer.members,
        turns=ByShift(),
    )


def _restricted(id_: str, turn_layer: TurnLayer, restriction: Restriction, wall: Wall, time_zone: str) -> Pattern:
    turns_from = wall.shown(seconds_of(turn_layer.virtual_start_at))
    return Pattern(
        id=id_,
        name="",
        time_zone=time_zone,
        begin_on=day_of(wall.shown(seconds_of(turn_layer.start_at))) - _BEFORE,
        begin_time=restriction.start_time,
        length_s=restriction.length_s,
        recurrence=(recurrence_of(restriction),),
        effective_since=turn_layer.start_at,
        effective_until=turn_layer.end_at,
        members=turn_layer.members,
        turns=ByCalendar(begin_on=day_of(turns_from), begin_time=time_of(turns_from), turn_s=turn_layer.turn_s),
    )


def recurrence_of(restriction: Restriction) -> str:
    """Return the line that says when the hours of a restriction begin."""
    if restriction.kind == "daily":
        return "RRULE:FREQ=DAILY"
    return f"RRULE:FREQ=WEEKLY;BYDAY={WEEKDAYS[(restriction.start_day or 1) - 1]}"
