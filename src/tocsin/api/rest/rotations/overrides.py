"""Overrides of a schedule of rotations: one member's shift given to another, for a while."""

from dataclasses import replace
from typing import cast

from msgspec import structs, to_builtins

from tocsin.api.kit import Answer, Call, gone, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.kit.instants import LATEST
from tocsin.api.rest.difference import differences
from tocsin.api.rest.rotations.change import overridable, require_users
from tocsin.api.rest.rotations.course import open_rows
from tocsin.api.rest.rotations.errors import told_by_field
from tocsin.api.rest.rotations.shape import listed_bare, look_of, page_of, show_override
from tocsin.api.rest.rotations.stretch_body import (
    OverrideBody,
    OverridesBody,
    Place,
    changed_override,
    new_override,
    require_shift,
)
from tocsin.api.rest.schedules.reach import reached
from tocsin.api.rest.schedules.warn import people_warnings, warned
from tocsin.api.rest.schedules.window import needed_window, zone_of
from tocsin.domain.oncall.schedule import Override, Schedule
from tocsin.domain.people.permission import Verb
from tocsin.ground.errors import Refused, Why
from tocsin.store.audit import record
from tocsin.store.schedules import overrides
from tocsin.store.turn import Turn

KIND = "override"


@told_by_field("GET", "/v3/schedules/{id}/overrides")
async def list_v3_overrides(call: Call) -> Answer:
    """List the overrides of a schedule between `since` and `until`, by their start."""
    stretch = call.stretch()

    async def job(turn: Turn) -> Answer:
        kept = await reached(turn, call, Verb.READ, kind="rotations")
        window = needed_window(call, zone_of(call, kept.schedule.time_zone))
        look = look_of(call, kept.schedule, turn.now, window)
        page = page_of(await overrides.listed(turn, kept.schedule.id, window.since, window.until), stretch)
        shapes = [show_override(kept.schedule.id, override, look) for override in page.rows]
        return listed_bare("overrides", shapes, page, stretch)

    return await call.store.read(job)


@told_by_field("POST", "/v3/schedules/{id}/overrides")
async def create_v3_overrides(call: Call) -> Answer:
    """Give shifts, or parts of them, to other members: all that the request lists, or none."""
    body = call.body(OverridesBody)

    async def job(turn: Turn) -> Answer:
        kept = await overridable(turn, call, Verb.CREATE)
        schedule = kept.schedule
        now = turn.now.replace(microsecond=0)
        look = look_of(call, schedule, turn.now)
        shapes, given = [], []
        for number, one in enumerate(body.overrides):
            place = Place(path=f"overrides[{number}]", zone=schedule.time_zone, now=now)
            override = new_override(one, place)
            await require_users(turn, [override.user_id], f"{place.path}.overriding_member")
            _check(schedule, override, place.path)
            await overrides.add(turn, schedule.id, override, call.actor)
            change = differences({}, {**_facts(override), "schedule_id": schedule.id})
            await record(turn, call.actor, "create", (KIND, override.id), change)
            schedule = structs.replace(schedule, overrides=(*schedule.overrides, override))
            given.append(override.user_id)
            shapes.append(show_override(schedule.id, override, look))
        return Answer(CREATED, {"overrides": shapes}, warned({}, await people_warnings(turn, given)))

    return await call.store.work(job)


@told_by_field("GET", "/v3/schedules/{id}/overrides/{override_id}")
async def show_v3_override(call: Call) -> Answer:
    """Show an override."""

    async def job(turn: Turn) -> Answer:
        kept = await reached(turn, call, Verb.READ, kind="rotations")
        override = await overrides.found(turn, kept.schedule.id, call.path["override_id"])
        return shown(KIND, show_override(kept.schedule.id, override, look_of(call, kept.schedule, turn.now)))

    return await call.store.read(job)


@told_by_field("PUT", "/v3/schedules/{id}/overrides/{override_id}")
async def update_v3_override(call: Call) -> Answer:
    """Change an override; its start stays once it has begun, and one that is over stays as it was."""
    body = call.body(OverrideBody, wrap=KIND)

    async def job(turn: Turn) -> Answer:
        kept = await overridable(turn, call, Verb.UPDATE)
        schedule = kept.schedule
        before = await overrides.found(turn, schedule.id, call.path["override_id"])
        place = Place(path=KIND, zone=schedule.time_zone, now=turn.now.replace(microsecond=0))
        _refuse_move(body, before)
        after = changed_override(body, before, place)
        if after.user_id != before.user_id:
            await require_users(turn, [after.user_id], f"{KIND}.overriding_member")
        _check(_without(schedule, before.id), after, KIND)
        await overrides.change(turn, schedule.id, after)
        await record(turn, call.actor, "update", (KIND, after.id), differences(_facts(before), _facts(after)))
        answer = shown(KIND, show_override(schedule.id, after, look_of(call, schedule, turn.now)))
        return replace(answer, headers=warned(answer.headers, await people_warnings(turn, [after.user_id])))

    return await call.store.work(job)


@told_by_field("DELETE", "/v3/schedules/{id}/overrides/{override_id}")
async def delete_v3_override(call: Call) -> Answer:
    """Take an override back: one to come is gone, one under way ends now, one that is over stays."""

    async def job(turn: Turn) -> Answer:
        kept = await overridable(turn, call, Verb.DELETE)
        await _end(
            turn, call, kept.schedule.id, await overrides.found(turn, kept.schedule.id, call.path["override_id"])
        )
        return gone()

    return await call.store.work(job)


async def end_overrides(turn: Turn, call: Call, schedule_id: str, place_id: str) -> None:
    """End the overrides of a rotation or custom shift that was ended.

    Those that fulfil a cover request stay: what became of the cover is for the people who agreed on it to see.
    """
    for override in await overrides.listed(turn, schedule_id, turn.now.replace(microsecond=0), LATEST):
        at = override.layer_id or override.custom_shift_id
        if at == place_id and override.cover_id is None and override.end > turn.now:
            await _end(turn, call, schedule_id, override)


async def _end(turn: Turn, call: Call, schedule_id: str, before: Override) -> None:
    if await overrides.remove(turn, schedule_id, before.id) == "deleted":
        await record(turn, call.actor, "delete", (KIND, before.id), differences(_facts(before), {}))
        return
    end = turn.now.replace(microsecond=0)
    await record(turn, call.actor, "update", (KIND, before.id), {"end": {"before": before.end, "after": end}})


def _check(schedule: Schedule, override: Override, path: str) -> None:
    """Raise `Refused` (invalid) unless there is what this overrides, and whom it overrides has it."""
    if override.layer_id is not None and all(layer.id != override.layer_id for layer in open_rows(schedule)):
        raise Refused(Why.INVALID, f"{path}.rotation_id: The schedule has no rotation with this id.")
    if override.custom_shift_id is not None and all(
        shift.id != override.custom_shift_id for shift in schedule.custom_shifts
    ):
        raise Refused(Why.INVALID, f"{path}.custom_shift_id: The schedule has no custom shift with this id.")
    require_shift(schedule, override, path)


def _refuse_move(body: OverrideBody, before: Override) -> None:
    places = (
        ("rotation_id", body.rotation_id, before.layer_id),
        ("custom_shift_id", body.custom_shift_id, before.custom_shift_id),
    )
    faults = tuple(
        f"{KIND}.{name}: It cannot change; create another override."
        for name, told, kept in places
        if told and told != kept
    )
    if faults:
        raise Refused(Why.INVALID, faults[0], faults)


def _without(schedule: Schedule, override_id: str) -> Schedule:
    left = tuple(override for override in schedule.overrides if override.id != override_id)
    return structs.replace(schedule, overrides=left)


def _facts(override: Override) -> dict[str, object]:
    facts = cast("dict[str, object]", to_builtins(override))
    return {name: value for name, value in facts.items() if value is not None}
