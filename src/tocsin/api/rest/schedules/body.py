"""Schedules as clients write them: what a request says, made into a schedule and checked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, structs

from tocsin.api.kit.zones import zone_named
from tocsin.api.rest.policy_shape import Description, Name, Reference
from tocsin.api.rest.schedules.layer_body import Layers, Restrictions, layers_told, restrictions_told
from tocsin.api.rest.schedules.merge import merged
from tocsin.domain.oncall.faults import faults_of, faults_of_turn_layer
from tocsin.domain.oncall.schedule import Layer, Schedule
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import squash
from tocsin.store.schedules.write import Draft

Order = Literal["lowest_first", "highest_first"]
ORDERS: tuple[Order, ...] = ("lowest_first", "highest_first")


class ScheduleBody(Struct):
    """A schedule as clients write it; absent fields keep what is there."""

    name: Name | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    schedule_layers: Layers | UnsetType | None = UNSET
    teams: list[Reference] | UnsetType | None = UNSET
    off_hours: Restrictions | UnsetType | None = UNSET


def fresh(schedule_id: str) -> Draft:
    """Return an empty schedule to be filled by a body."""
    schedule = Schedule(id=schedule_id, name="", time_zone="", stacked=True)
    return Draft(schedule=schedule, description=None, kind="layers", team_ids=())


def order_named(text: str | None) -> Order | None:
    """Return the order in which a request says that it lists its layers; raise `Refused` (invalid) for another one."""
    for order in ORDERS:
        if text == order:
            return order
    if text is None:
        return None
    raise Refused(Why.INVALID, f"layer_order is one of {', '.join(ORDERS)}.")


def drafted(body: ScheduleBody, before: Draft, now: datetime, *, order: Order | None = None) -> Draft:
    """Return what is to be written: what was there, changed by what the body says.

    A layer that the body leaves out ends now; it is not removed, so that the past stays as it was. `order` says
    how the layers are listed; where it is None, `merged` finds out. Raises `Refused` (missing, invalid, bad date).
    """
    old = before.schedule
    name = squash(old.name if body.name is UNSET else body.name)
    if not name:
        raise Refused(Why.MISSING, "Name can't be blank")
    zone = old.time_zone if body.time_zone is UNSET else zone_named(body.time_zone).key
    if not zone:
        raise Refused(Why.MISSING, "Time zone can't be blank")
    schedule = structs.replace(
        old,
        name=name,
        time_zone=zone,
        layers=_layers(body, old, zone, now=now, order=order),
        off_hours=old.off_hours if body.off_hours is UNSET else restrictions_told(body.off_hours, "schedule.off_hours"),
    )
    if faults := _faults(schedule):
        raise Refused(Why.INVALID, faults[0], faults)
    return Draft(
        schedule=schedule,
        description=before.description if body.description is UNSET else body.description,
        kind=before.kind,
        team_ids=before.team_ids if body.teams is UNSET else _ids(body.teams or ()),
    )


def _faults(schedule: Schedule) -> tuple[str, ...]:
    """Return what is wrong with a schedule; a fault of a layer says which one it is."""
    of_layers = tuple(
        f"Layer {layer.name}: {fault}"
        for layer in schedule.layers
        if layer.turn_layer is not None
        for fault in faults_of_turn_layer(layer.turn_layer)
    )
    return of_layers or faults_of(schedule)


def _layers(body: ScheduleBody, old: Schedule, zone: str, *, now: datetime, order: Order | None) -> tuple[Layer, ...]:
    if body.schedule_layers is UNSET:
        return old.layers
    known = {layer.id: layer for layer in old.layers if layer.turn_layer is not None}
    is_new = not old.name
    told = layers_told(body.schedule_layers or (), None if is_new else known, zone)
    return merged(told, old.layers, now, highest_first=None if order is None else order == "highest_first")


def _ids(references: Sequence[Reference]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reference.id for reference in references))
