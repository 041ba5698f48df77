"""Alterations: what differs between two versions of a schedule, in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from tocsin.domain.oncall.schedule import Layer, Member, Schedule, TurnLayer
from tocsin.domain.paging.wording import moment

MOST_SENTENCES: Final = 50  # of one version; a schedule that was written wholly anew says no more by more of them
_UNITS: Final = ((timedelta(days=7), "week"), (timedelta(days=1), "day"), (timedelta(hours=1), "hour"))


def alterations(before: Schedule | None, after: Schedule, names: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each thing that the later version tells differently, in the order of its layers.

    `names` are those of people by id. What is laid over a schedule, overrides and custom shifts, is no part of it.
    """
    said = [] if before is None else _around(before, after)
    earlier = {} if before is None else {layer.id: layer for layer in before.layers}
    for layer in after.layers:
        known = earlier.get(layer.id)
        said.extend([_added(layer, names)] if known is None else _of_layer(known, layer, after.time_zone, names=names))
    kept = {layer.id for layer in after.layers}
    said.extend(f"{_called(layer)} was removed." for layer in earlier.values() if layer.id not in kept)
    if before is not None and _order(before, kept) != _order(after, earlier):
        said.append("The order of the layers changed.")
    return tuple(said[:MOST_SENTENCES])


def _around(before: Schedule, after: Schedule) -> list[str]:
    said = []
    if before.name != after.name:
        said.append(f"The schedule was renamed from {before.name} to {after.name}.")
    if before.time_zone != after.time_zone:
        said.append(f"The time zone changed from {before.time_zone} to {after.time_zone}.")
    if before.off_hours != after.off_hours:
        said.append("The off-hours changed." if after.off_hours else "The off-hours were removed.")
    return said


def _order(schedule: Schedule, shared: Mapping[str, object] | set[str]) -> list[str]:
    return [layer.id for layer in schedule.layers if layer.id in shared]


def _added(layer: Layer, names: Mapping[str, str]) -> str:
    people = _people(_members(layer), names)
    return f"{_called(layer)} was added{f': {people}' if people else ''}."


def _of_layer(before: Layer, after: Layer, zone: str, *, names: Mapping[str, str]) -> list[str]:
    said = []
    if before.name != after.name:
        said.append(f"{_called(before)} was renamed to {after.name or 'no name'}.")
    said.extend(_of_members(before, after, names))
    if before.turn_layer is not None and after.turn_layer is not None:
        said.extend(_of_turns(before.turn_layer, after.turn_layer, _called(after), zone))
    elif (before.turn_layer is None) != (after.turn_layer is None):
        said.append(f"{_called(after)} tells its shifts in another way.")
    said.extend(_of_patterns(before, after))
    if before.calendar_id != after.calendar_id:
        said.append(f"{_called(after)} follows another calendar.")
    return said


def _of_members(before: Layer, after: Layer, names: Mapping[str, str]) -> list[str]:
    old, new = _members(before), _members(after)
    came = _people([each for each in new if each not in old], names)
    left = _people([each for each in old if each not in new], names)
    said = [f"{came} joined {_called(after)}."] if came else []
    if left:
        said.append(f"{left} left {_called(after)}.")
    if not said and before.turn_layer is not None and after.turn_layer is not None and old != new:
        said.append(f"The order of the members of {_called(after)} changed.")
    return said


def _of_turns(before: TurnLayer, after: TurnLayer, called: str, zone: str) -> list[str]:
    said = []
    if before.turn_s != after.turn_s:
        said.append(f"A turn of {called} lasts {_length(after.turn_s)} now, {_length(before.turn_s)} before.")
    if (before.start_at, before.virtual_start_at) != (after.start_at, after.virtual_start_at):
        said.append(f"{called} starts at {_moment(after.start_at, zone)}, its turns are counted anew.")
    if before.end_at != after.end_at:
        said.append(f"{called} ends at {_moment(after.end_at, zone)}." if after.end_at else f"{called} has no end now.")
    if before.restrictions != after.restrictions:
        said.append(f"The hours in which {called} counts changed.")
    return said


def _of_patterns(before: Layer, after: Layer) -> list[str]:
    old = {pattern.id: pattern for pattern in before.patterns}
    new = {pattern.id: pattern for pattern in after.patterns}
    said = []
    for pattern_id in dict.fromkeys((*new, *old)):
        if old.get(pattern_id) == new.get(pattern_id):
            continue
        name = (new.get(pattern_id) or old[pattern_id]).name or "without a name"
        done = "removed" if pattern_id not in new else "changed" if pattern_id in old else "added"
        said.append(f"Pattern {name} of {_called(after)} was {done}.")
    return said


def _members(layer: Layer) -> tuple[Member, ...]:
    """Return who takes turns in a layer, in order; those whom a calendar names are not the schedule's to tell."""
    if layer.turn_layer is not None:
        return layer.turn_layer.members
    return tuple(dict.fromkeys(member for pattern in layer.patterns for member in pattern.members))


def _called(layer: Layer) -> str:
    name = layer.name or layer.id
    return name if name.lower().startswith("layer") else f"Layer {name}"


def _people(members: Sequence[Member], names: Mapping[str, str]) -> str:
    return ", ".join(dict.fromkeys("nobody" if each is None else names.get(each, each) for each in members))


def _length(seconds: int) -> str:
    length = timedelta(seconds=seconds)
    for unit, name in _UNITS:
        if not length % unit:
            count = length // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds // 60} minutes"


def _moment(at: datetime, zone: str) -> str:
    return f"{moment(at, zone)} ({zone})"
