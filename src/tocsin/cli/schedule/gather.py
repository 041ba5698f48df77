"""Gather: asking a node for everything that a picture of a schedule shows."""

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from itertools import chain
from zoneinfo import ZoneInfo

from msgspec import Struct

from tocsin.cli.named import Found
from tocsin.cli.node import Json, Node
from tocsin.cli.schedule.picture import Person, Picture, Row, Stint
from tocsin.domain.oncall.gaps import OffHours
from tocsin.domain.oncall.schedule import Restriction
from tocsin.domain.oncall.stretches import Stretch, joined, without
from tocsin.domain.oncall.wall import instant_at, seconds_of

FINAL, OVERRIDES, CUSTOM = "Final", "Overrides", "Custom"
_MOST_SHIFTS = 5_000  # of one picture; a year of a large schedule has fewer


class Asked(Struct, frozen=True):
    """Which part of a schedule is wanted, on whose clocks, and what time it is."""

    since: datetime
    until: datetime
    zone: ZoneInfo
    now: datetime


class Answered(Struct, frozen=True):
    """A picture, and the schedule as the node answered it."""

    picture: Picture
    schedule: Json


def gather(node: Node, found: Found, asked: Asked) -> Answered:
    """Return a picture of a schedule of either version of the wire."""
    if found.made_of_rotations:
        return _of_rotations(node, found, asked)
    schedule = node.get(f"/schedules/{found.id}", {**_window(asked), "overflow": "true"})["schedule"]
    layers = [Row(layer["name"], _stints(layer)) for layer in schedule["schedule_layers"]]
    overrides = Row(OVERRIDES, _stints(schedule["overrides_subschedule"]))
    final = Row(FINAL, _stints(schedule["final_schedule"]))
    if _unexplained(final, [*layers, overrides]):
        known = {layer["id"] for layer in schedule["schedule_layers"]}
        layers += _rows_beside(list(shifts_of(node, found, asked)), known)
    rows = tuple(layers) + ((overrides,) if overrides.stints else ())
    return Answered(_picture(schedule, asked, rows, final), schedule)


def _of_rotations(node: Node, found: Found, asked: Asked) -> Answered:
    schedule = node.get(f"/v3/schedules/{found.id}")["schedule"]
    shifts = list(shifts_of(node, found, asked))
    rows = _rows_beside(shifts, frozenset(), _names_of_rotations(schedule))
    overrides = Row(OVERRIDES, tuple(_stint(shift) for shift in shifts if shift["source"]["kind"] == "override"))
    final = Row(FINAL, tuple(_stint(shift) for shift in shifts))
    rows += [overrides] if overrides.stints else []
    return Answered(_picture(schedule, asked, tuple(rows), final), schedule)


def _picture(schedule: Json, asked: Asked, rows: tuple[Row, ...], final: Row) -> Picture:
    restrictions = [_restriction(one) for one in schedule.get("off_hours") or ()]
    window = (seconds_of(asked.since), seconds_of(asked.until))
    off = OffHours(restrictions, schedule["time_zone"]).stretches(*window)
    return Picture(
        title=schedule["name"],
        zone=asked.zone,
        since=asked.since,
        until=asked.until,
        now=asked.now,
        rows=rows,
        final=final,
        off_hours=tuple((instant_at(start), instant_at(end)) for start, end in off),
    )


def _window(asked: Asked) -> dict[str, object]:
    return {"since": asked.since.isoformat(), "until": asked.until.isoformat(), "time_zone": asked.zone.key}


def shifts_of(node: Node, found: Found, asked: Asked) -> Iterable[Json]:
    """Return the shifts with where each comes from."""
    return node.rows(f"/api/schedules/{found.id}/history", "shifts", _window(asked), most=_MOST_SHIFTS)


def _stints(part: Json) -> tuple[Stint, ...]:
    return tuple(_stint(entry) for entry in part["rendered_schedule_entries"])


def _stint(entry: Json) -> Stint:
    user = entry["user"]
    return Stint(
        datetime.fromisoformat(entry["start"]),
        datetime.fromisoformat(entry["end"]),
        Person(str(user["id"]), str(user.get("summary") or user["id"])),
    )


def _unexplained(final: Row, rows: Iterable[Row]) -> bool:
    """Say whether somebody is on call by something that is in none of these rows."""
    explained: dict[str, list[Stretch]] = {}
    for stint in chain.from_iterable(row.stints for row in rows):
        explained.setdefault(stint.person.id, []).append((stint.start, stint.end))
    covers = {person_id: joined(stretches) for person_id, stretches in explained.items()}
    return any(without([(stint.start, stint.end)], covers.get(stint.person.id, ())) for stint in final.stints)


def _rows_beside(shifts: Iterable[Json], known: Iterable[str], names: Mapping[str, str] | None = None) -> list[Row]:
    """Return rows for layers that are not known yet, as calendars feed them, and for custom shifts."""
    told = set(known)
    shifts = list(shifts)
    people = {str(shift["user"]["id"]): _stint(shift).person for shift in shifts}
    layers = {layer_id: Row(name, ()) for layer_id, name in (names or {}).items()}
    custom: list[Stint] = []
    for shift in shifts:
        source, stint = shift["source"], _stint(shift)
        if replaced := source.get("replaced_user_id"):
            stint = Stint(stint.start, stint.end, people.get(replaced, Person(replaced, replaced)))
        layer = source.get("layer")
        if layer and layer["id"] not in told:
            row = layers.setdefault(layer["id"], Row(layer.get("name") or f"Layer {len(layers) + 1}", ()))
            layers[layer["id"]] = Row(row.name, (*row.stints, stint))
        elif source.get("custom_shift_id"):
            custom.append(stint)
    return [*layers.values(), *([Row(CUSTOM, tuple(custom))] if custom else [])]


def _names_of_rotations(schedule: Json) -> dict[str, str]:
    """Return a name for each rotation: version 3 of the wire names only what is in it."""
    names = {}
    for number, rotation in enumerate(schedule.get("rotations") or (), 1):
        events = dict.fromkeys(str(event["name"]) for event in rotation.get("events") or ())
        names[str(rotation["id"])] = ", ".join(events) or f"Rotation {number}"
    return names


def _restriction(told: Json) -> Restriction:
    return Restriction(
        kind="weekly" if told["type"] == "weekly_restriction" else "daily",
        start_time=time.fromisoformat(told["start_time_of_day"]),
        length_s=told["duration_seconds"],
        start_day=told.get("start_day_of_week"),
    )
