"""Course of a rotation: what of it is over, active or still to come, and what is left when it is ended."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Literal

from msgspec import structs

from tocsin.domain.oncall.schedule import Layer, Pattern, Schedule
from tocsin.ground.errors import Refused, Why

Standing = Literal["over", "active", "coming"]

MOST_OVER = 40  # events of a rotation, and deleted rotations, kept after their end; older ones are in the versions


def standing(pattern: Pattern, now: datetime) -> Standing:
    """Say whether an event is over, active or still to come."""
    if pattern.effective_until is not None and pattern.effective_until <= now:
        return "over"
    return "active" if pattern.effective_since <= now else "coming"


def present(layer: Layer, now: datetime) -> tuple[Pattern, ...]:
    """Return the events of a rotation that are not over."""
    return tuple(pattern for pattern in layer.patterns if standing(pattern, now) != "over")


def rotations_of(schedule: Schedule) -> tuple[Layer, ...]:
    """Return the rotations that clients see; deleted ones and layers that a calendar feeds are not among them."""
    return tuple(layer for layer in open_rows(schedule) if layer.calendar_id is None)


def open_rows(schedule: Schedule) -> tuple[Layer, ...]:
    """Return the layers whose shifts can be overridden: rotations, and what a calendar feeds."""
    return tuple(layer for layer in schedule.layers if not layer.removed)


def rotation_in(schedule: Schedule, rotation_id: str) -> Layer:
    """Return this rotation; raise `Refused` (not found) when there is none."""
    for layer in rotations_of(schedule):
        if layer.id == rotation_id:
            return layer
    raise Refused(Why.NOT_FOUND, "The schedule has no rotation with this id.")


def event_in(layer: Layer, event_id: str) -> Pattern:
    """Return this event; raise `Refused` (not found) when the rotation has none."""
    for pattern in layer.patterns:
        if pattern.id == event_id:
            return pattern
    raise Refused(Why.NOT_FOUND, "The rotation has no event with this id.")


def fresh_name(schedule: Schedule) -> str:
    """Return a name for a new rotation, as histories and explanations show it."""
    taken = {layer.name for layer in schedule.layers}
    return next(name for number in count(1) if (name := f"Layer {number}") not in taken)


def with_pattern(layer: Layer, pattern: Pattern, now: datetime) -> Layer:
    """Return the rotation with an event added, or with another one in the place of the event of the same id."""
    known = any(each.id == pattern.id for each in layer.patterns)
    kept = tuple(pattern if each.id == pattern.id else each for each in layer.patterns)
    return structs.replace(layer, patterns=_trimmed(kept if known else (*kept, pattern), now))


def without_pattern(layer: Layer, pattern: Pattern, now: datetime) -> Layer:
    """Return the rotation with an event ended: what has been stays, what was to come never was."""
    left = [ended for each in layer.patterns if (ended := _ended(each, now) if each.id == pattern.id else each)]
    return structs.replace(layer, patterns=_trimmed(left, now))


def with_layer(schedule: Schedule, layer: Layer) -> Schedule:
    """Return the schedule with a rotation added, or with another one in the place of that of the same id."""
    known = any(each.id == layer.id for each in schedule.layers)
    kept = tuple(layer if each.id == layer.id else each for each in schedule.layers)
    return structs.replace(schedule, layers=kept if known else (*kept, layer))


def without_layer(schedule: Schedule, layer: Layer, now: datetime) -> Schedule:
    """Return the schedule with a rotation ended; one of which nothing has been yet leaves nothing behind."""
    patterns = tuple(ended for each in layer.patterns if (ended := _ended(each, now)) is not None)
    left = structs.replace(layer, removed=True, patterns=patterns)
    others = tuple(each for each in schedule.layers if each.id != layer.id)
    if not patterns:
        return structs.replace(schedule, layers=others)
    deleted = [each.id for each in others if each.removed]
    old = set(deleted[: max(0, len(deleted) - MOST_OVER + 1)])
    return with_layer(
        structs.replace(schedule, layers=tuple(one for one in schedule.layers if one.id not in old)), left
    )


def _ended(pattern: Pattern, now: datetime) -> Pattern | None:
    if standing(pattern, now) == "over":
        return pattern
    return structs.replace(pattern, effective_until=now) if pattern.effective_since < now else None


def _trimmed(patterns: Sequence[Pattern], now: datetime) -> tuple[Pattern, ...]:
    over = [pattern.id for pattern in patterns if standing(pattern, now) == "over"]
    old = set(over[: max(0, len(over) - MOST_OVER)])
    return tuple(pattern for pattern in patterns if pattern.id not in old)
