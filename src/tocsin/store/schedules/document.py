"""The document of a schedule: its layers and off-hours as one JSON text, with every instant in whole seconds of UTC."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.schedule import CustomShift, Layer, Override, Restriction, Schedule
from tocsin.domain.oncall.tolerant import UNREADABLE, fault_of


class Document(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a schedule's row keeps as JSON: everything but its names, its overrides and its custom shifts."""

    stacked: bool
    layers: tuple[Layer, ...] = ()
    off_hours: tuple[Restriction, ...] = ()


_DECODER = msgspec.json.Decoder(Document)


def written(schedule: Schedule) -> str:
    """Return the document of a schedule as JSON text."""
    document = Document(stacked=schedule.stacked, layers=schedule.layers, off_hours=schedule.off_hours)
    plain = msgspec.to_builtins(document, builtin_types=(datetime, date, time))
    return msgspec.json.encode(_in_whole_seconds(plain)).decode()


def read(text: str) -> Document:
    """Return the document that a JSON text tells."""
    return _DECODER.decode(text)


def schedule_of(row: "Told", overrides: Iterable[Override] = (), custom_shifts: Iterable[CustomShift] = ()) -> Schedule:
    """Return the schedule that a row tells, with what was laid over it."""
    document = read(row.document)
    return Schedule(
        id=row.id,
        name=row.name,
        time_zone=row.time_zone,
        stacked=document.stacked,
        layers=document.layers,
        custom_shifts=tuple(custom_shifts),
        overrides=tuple(overrides),
        off_hours=document.off_hours,
    )


def readable(
    row: "Told", overrides: Iterable[Override] = (), custom_shifts: Iterable[CustomShift] = (), *, stacked: bool = False
) -> tuple[Schedule, str | None]:
    """Return the schedule that a row tells, or what is left of it when its document cannot be read, and why it cannot.

    What is left has no layers; it is `stacked` as the caller knows it to be.
    """
    over = tuple(overrides), tuple(custom_shifts)
    try:
        return schedule_of(row, *over), None
    except UNREADABLE as failure:
        left = Schedule(
            id=row.id,
            name=row.name,
            time_zone=row.time_zone,
            stacked=stacked,
            overrides=over[0],
            custom_shifts=over[1],
        )
        return left, f"its document is damaged ({fault_of(failure)})"


class Told(Struct, frozen=True):
    """A schedule as a row of the database or of its versions tells it."""

    id: str
    name: str
    time_zone: str
    document: str


def members_of(layers: Iterable[Layer]) -> set[str]:
    """Return the ids of everybody whom these layers name."""
    found: set[str | None] = set()
    for layer in layers:
        if layer.turn_layer is not None:
            found.update(layer.turn_layer.members)
        for pattern in layer.patterns:
            found.update(pattern.members)
        found.update(told.user_id for told in layer.told)
    return {user_id for user_id in found if user_id is not None}


def whole_second(instant: datetime) -> datetime:
    """Return the second of UTC that an instant lies in."""
    return instant.astimezone(UTC).replace(microsecond=0)


def _in_whole_seconds(value: object) -> object:
    if isinstance(value, datetime):
        return whole_second(value)
    if isinstance(value, dict):
        return {name: _in_whole_seconds(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_in_whole_seconds(inner) for inner in value]
    return value
