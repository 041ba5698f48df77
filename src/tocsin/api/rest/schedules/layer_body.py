"""Layers as clients write them: people who take turns, the length of a turn, and the hours in which they count."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tocsin.api.kit.instants import EARLIEST, parse_instant
from tocsin.api.kit.zones import zone_named
from tocsin.api.rest.policy_shape import Name, Reference
from tocsin.domain.oncall.bounds import MOST_LAYERS_TOLD, MOST_RESTRICTIONS, MOST_TURN_MEMBERS
from tocsin.domain.oncall.schedule import Layer, Restriction, RestrictionKind, TurnLayer
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.ground.text import squash

KIND_OF_TYPE: dict[str, RestrictionKind] = {"daily_restriction": "daily", "weekly_restriction": "weekly"}

_WALL_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_NEEDED = ("start", "rotation_virtual_start", "rotation_turn_length_seconds", "users")


class LayerUserBody(Struct):
    """A user of a layer as clients write it; Terraform's provider says `type: user`, others `user_reference`."""

    user: Reference


class RestrictionBody(Struct):
    """Hours of the day or of the week as clients write them."""

    type: Literal["daily_restriction", "weekly_restriction"]
    start_time_of_day: str
    duration_seconds: int
    start_day_of_week: int | None = None


Users = Annotated[list[LayerUserBody], Meta(max_length=MOST_TURN_MEMBERS)]
Restrictions = Annotated[list[RestrictionBody], Meta(max_length=MOST_RESTRICTIONS)]


class LayerBody(Struct):
    """A layer as clients write it; of a layer that is there, absent fields keep what they were."""

    id: str | None = None
    name: Name | None = None
    start: str | UnsetType = UNSET
    end: str | UnsetType | None = UNSET
    rotation_virtual_start: str | UnsetType = UNSET
    rotation_turn_length_seconds: int | UnsetType = UNSET
    users: Users | UnsetType = UNSET
    restrictions: Restrictions | UnsetType | None = UNSET


Layers = Annotated[list[LayerBody], Meta(max_length=MOST_LAYERS_TOLD)]


def bounded(text: str, zone_name: str, name: str) -> datetime:
    """Return an instant that a client wrote, in UTC and whole seconds; without an offset it is read in that zone.

    Raises `Refused` (bad date) when it is unreadable, or lies before 1970 or after 2100.
    """
    return parse_instant(text, zone_named(zone_name), name=name).replace(microsecond=0)


def layers_told(bodies: Sequence[LayerBody], known: Mapping[str, Layer] | None, time_zone: str) -> tuple[Layer, ...]:
    """Return the layers that a request tells, in its order.

    `known` holds the layers that a request may name by their ids; where it is None every layer is a new one,
    whatever id it came with. Raises `Refused` (missing, invalid, bad date) with the place of what is wrong.
    """
    told: dict[str, Layer] = {}
    for number, body in enumerate(bodies):
        where = f"schedule.schedule_layers[{number}]"
        kept = _known(body, known, where)
        layer = _layer(body, kept, where, time_zone)
        named = layer if layer.name else structs.replace(layer, name=f"Layer {number + 1}")
        if told.setdefault(layer.id, named) is not named:
            raise Refused(Why.INVALID, f"{where}.id: the layer {layer.id} is there twice.")
    return tuple(told.values())


def restrictions_told(bodies: Sequence[RestrictionBody] | None, where: str) -> tuple[Restriction, ...]:
    """Return the restrictions that a request tells; raise `Refused` (invalid) with the place of what is wrong."""
    return tuple(
        Restriction(
            kind=KIND_OF_TYPE[body.type],
            start_time=_wall_time(body.start_time_of_day, f"{where}[{number}].start_time_of_day"),
            length_s=body.duration_seconds,
            start_day=body.start_day_of_week or None,
        )
        for number, body in enumerate(bodies or ())
    )


def _known(body: LayerBody, known: Mapping[str, Layer] | None, where: str) -> Layer | None:
    if known is None or not body.id:
        return None
    if body.id not in known:
        raise Refused(Why.INVALID, f"{where}.id: the schedule has no layer {body.id}; leave the id out to add a layer.")
    return known[body.id]


def _layer(body: LayerBody, kept: Layer | None, where: str, time_zone: str) -> Layer:
    if kept is None or kept.turn_layer is None:
        missing = tuple(f"{where}.{name} is missing." for name in _NEEDED if getattr(body, name) is UNSET)
        if missing:
            raise Refused(Why.MISSING, missing[0], missing)
        base = TurnLayer(start_at=EARLIEST, end_at=None, virtual_start_at=EARLIEST, turn_s=0, members=())
        return Layer(id=new_id(), name=squash(body.name or ""), turn_layer=_turns(body, base, where, time_zone))
    name = squash(body.name or "") or kept.name
    return structs.replace(kept, name=name, turn_layer=_turns(body, kept.turn_layer, where, time_zone))


def _turns(body: LayerBody, base: TurnLayer, where: str, time_zone: str) -> TurnLayer:
    def instant(name: str, text: str | UnsetType, kept: datetime) -> datetime:
        return kept if text is UNSET else bounded(text, time_zone, f"{where}.{name}")

    end_at = base.end_at
    if body.end is not UNSET:
        # Terraform's provider says an empty text where a layer does not end.
        end_at = bounded(body.end, time_zone, f"{where}.end") if body.end else None
    length = body.rotation_turn_length_seconds
    return TurnLayer(
        start_at=instant("start", body.start, base.start_at),
        end_at=end_at,
        virtual_start_at=instant("rotation_virtual_start", body.rotation_virtual_start, base.virtual_start_at),
        turn_s=base.turn_s if length is UNSET else length,
        members=base.members if body.users is UNSET else tuple(one.user.id for one in body.users),
        restrictions=base.restrictions
        if body.restrictions is UNSET
        else restrictions_told(body.restrictions, f"{where}.restrictions"),
    )


def _wall_time(text: str, where: str) -> time:
    match = _WALL_TIME.fullmatch(text)
    if match is None:
        raise Refused(Why.INVALID, f"{where} is not a time of day, such as 09:00:00.")
    return time(int(match[1]), int(match[2]), int(match[3] or 0))
