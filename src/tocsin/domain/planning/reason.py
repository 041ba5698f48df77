"""Reasons: why exactly this person was called, down to the layer or override that put them on call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tocsin.domain.oncall.policy import Policy, Target
from tocsin.domain.oncall.schedule import Schedule, Shift
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.oncall.tolerant import TolerantTimeline

ReasonKind = Literal["user", "schedule", "fallback", "assigned"]


class Because(Struct, frozen=True, kw_only=True):
    """One reason for calling one person.

    `user` names them on the level itself, `schedule` found them on call there, `fallback` took them because the policy
    had nobody, `assigned` means that the incident was theirs already or was given to them. `since` and `until` are the
    edges of the shift. `instead_of` are those who would have been on call without the override; `version` numbers the
    schedule as it was configured then, where that is known.
    """

    kind: ReasonKind
    policy: str = ""
    level: int = 0
    fallback: str | None = None
    schedule_id: str | None = None
    schedule: str | None = None
    version: int | None = None
    source: Literal["layer", "custom_shift", "override"] | None = None
    layer_id: str | None = None
    layer: str | None = None
    override_id: str | None = None
    custom_shift_id: str | None = None
    instead_of: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


class Watched(Struct, frozen=True, kw_only=True):
    """The schedules as they were at one instant, and which version of each that was."""

    timelines: Mapping[str, Timeline]
    versions: Mapping[str, int] = {}


def reasons(
    plan: Policy, level: int, *, user_ids: Sequence[str], at: datetime, watched: Watched
) -> dict[str, tuple[Because, ...]]:
    """Return, for each person that a level (counted from 1) called at an instant, all reasons that hold for them."""
    found: dict[str, list[Because]] = {user_id: [] for user_id in user_ids}
    targets = plan.levels[level - 1].targets if 1 <= level <= len(plan.levels) else ()
    for target in targets:
        for user_id, because in _behind(target, at, watched):
            if user_id in found:
                found[user_id].append(replace(because, policy=plan.name, level=level))
    nameless = Because(kind="assigned", policy=plan.name, level=level)
    return {user_id: tuple(each) or (nameless,) for user_id, each in found.items()}


def _behind(target: Target, at: datetime, watched: Watched) -> list[tuple[str, Because]]:
    """Return who answered for a target at an instant, each with the reason."""
    if target.kind == "user":
        return [(target.id, Because(kind="user"))]
    timeline = watched.timelines.get(target.id)
    if timeline is None:
        return []
    return [
        (shift.user_id, _of_shift(timeline, shift, at, watched.versions.get(target.id)))
        for shift in timeline.on_call(at)
        if shift.user_id is not None
    ]


def _of_shift(timeline: Timeline, shift: Shift, at: datetime, version: int | None) -> Because:
    schedule, source = timeline.schedule, shift.source
    return Because(
        kind="schedule",
        schedule_id=schedule.id,
        schedule=schedule.name,
        version=version,
        source=source.kind,
        layer_id=source.layer_id,
        layer=_layer_name(schedule, source.layer_id),
        override_id=source.override_id,
        custom_shift_id=source.custom_shift_id,
        instead_of=_instead_of(schedule, shift, at),
        since=shift.start,
        until=shift.end,
    )


def _layer_name(schedule: Schedule, layer_id: str | None) -> str | None:
    """Return the name of a layer; one without a name goes by its place, counted from the lowest."""
    for place, layer in enumerate(schedule.layers, start=1):
        if layer.id == layer_id:
            return layer.name or f"layer {place}"
    return None


def _instead_of(schedule: Schedule, shift: Shift, at: datetime) -> tuple[str, ...]:
    """Return who would be on call if the override of this shift were not there."""
    source = shift.source
    if source.kind != "override":
        return ()
    if source.replaced_user_id is not None:
        return (source.replaced_user_id,)
    others = tuple(override for override in schedule.overrides if override.id != source.override_id)
    before = TolerantTimeline(replace(schedule, overrides=others)).who(at)
    return tuple(user_id for user_id in before if user_id != shift.user_id)
