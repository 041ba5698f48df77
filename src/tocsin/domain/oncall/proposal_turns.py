"""Open turns: which coming turns of a schedule's layers can be given to somebody else, and what stays as it is."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from tocsin.domain.oncall.occurrences import Occurrences
from tocsin.domain.oncall.recurrence import parse
from tocsin.domain.oncall.schedule import ByCalendar, ByShift, Layer, Pattern, Shift
from tocsin.domain.oncall.stretches import Stretch, joined
from tocsin.domain.oncall.wall import seconds_of, wall_of, wall_time

_Number = Callable[[datetime], int]  # the number of the turn that holds an instant


class OpenTurn(Struct, frozen=True, kw_only=True):
    """A turn of a layer that can be given to somebody else: the parts of it that the final schedule shows.

    A week of nights is one turn with seven parts; the same person keeps all of it.
    """

    key: str
    layer_id: str
    holder: str
    parts: tuple[Stretch, ...]

    @property
    def start(self) -> datetime:
        """Return when it begins."""
        return self.parts[0][0]

    @property
    def end(self) -> datetime:
        """Return when it ends."""
        return self.parts[-1][1]


def open_turns(
    shifts: Iterable[Shift], layers: Iterable[Layer], window: Stretch, *, time_zone: str
) -> tuple[tuple[OpenTurn, ...], tuple[Shift, ...]]:
    """Part a final schedule into the turns of these layers that can be given away, and the shifts that stay.

    A turn stays when it is not whole in the window, when an override took all of it, or when several people have it
    together. What overrides took of a turn stays with whom it was given to. `time_zone` is the schedule's.
    """
    numbers = {layer.id: _numbers(layer, time_zone) for layer in layers}
    of_turn: dict[str, list[Shift]] = {}
    fixed: list[Shift] = []
    for shift in shifts:
        if shift.source.kind == "layer" and shift.source.layer_id in numbers and shift.user_id is not None:
            of_turn.setdefault(_key(shift, numbers[shift.source.layer_id]), []).append(shift)
        else:
            fixed.append(shift)
    found: list[OpenTurn] = []
    for key, parts in of_turn.items():
        inside = min(part.start for part in parts) >= window[0] and max(part.end for part in parts) <= window[1]
        if inside and len({part.user_id for part in parts}) == 1:
            times = joined((part.start, part.end) for part in parts)
            layer_id = parts[0].source.layer_id or ""
            found.append(OpenTurn(key=key, layer_id=layer_id, holder=str(parts[0].user_id), parts=times))
        else:
            fixed.extend(parts)
    return tuple(sorted(found, key=lambda turn: (turn.start, turn.key))), tuple(fixed)


def _key(shift: Shift, numbers: dict[str | None, _Number]) -> str:
    """Return the name of the turn: its number where a turn has several occurrences, else the occurrence's own name."""
    number = numbers.get(shift.source.pattern_id, numbers.get(None))
    if number is None:
        return shift.turn
    return f"{shift.source.layer_id} turn {number(shift.start)}"


def _numbers(layer: Layer, time_zone: str) -> dict[str | None, _Number]:
    """Return how turns with several occurrences are numbered, by the pattern; None is for all of the layer."""
    told = layer.turn_layer
    if told is None:
        return {each.id: number for each in layer.patterns if (number := _of_pattern(each)) is not None}
    if not told.restrictions:
        return {}
    wall, turn_s = wall_of(time_zone), told.turn_s
    origin = wall.shown(seconds_of(told.virtual_start_at))
    return {None: lambda at: (wall.shown(seconds_of(at)) - origin) // turn_s}


def _of_pattern(pattern: Pattern) -> _Number | None:
    wall, turns = wall_of(pattern.time_zone), pattern.turns
    if isinstance(turns, ByCalendar):
        origin, turn_s = wall_time(turns.begin_on, turns.begin_time), turns.turn_s
        return lambda at: (wall.shown(seconds_of(at)) - origin) // turn_s
    if isinstance(turns, ByShift) and turns.shifts_per_member > 1:
        begin, each = wall_time(pattern.begin_on, pattern.begin_time), turns.shifts_per_member
        occurrences = Occurrences(parse(pattern.recurrence), begin, wall)
        return lambda at: (occurrences.rank(wall.shown(seconds_of(at)) + 1) - 1) // each
    return None


def layers_of(layers: Iterable[Layer], layer_ids: Sequence[str]) -> tuple[Layer, ...]:
    """Return those of these layers that are named."""
    return tuple(layer for layer in layers if layer.id in layer_ids)
