"""Custom shifts: stretches given to one member beside all rotations, listed, added, changed, ended."""

from dataclasses import replace
from typing import cast

from msgspec import to_builtins

from tocsin.api.kit import Answer, Call, gone, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.difference import differences
from tocsin.api.rest.rotations.change import overridable, require_users
from tocsin.api.rest.rotations.errors import told_by_field
from tocsin.api.rest.rotations.overrides import end_overrides
from tocsin.api.rest.rotations.shape import listed_bare, look_of, page_of, show_custom_shift
from tocsin.api.rest.rotations.stretch_body import (
    CustomShiftBody,
    CustomShiftsBody,
    Place,
    changed_custom_shift,
    new_custom_shift,
)
from tocsin.api.rest.schedules.reach import reached
from tocsin.api.rest.schedules.warn import people_warnings, warned
from tocsin.api.rest.schedules.window import needed_window, zone_of
from tocsin.domain.oncall.schedule import CustomShift
from tocsin.domain.people.permission import Verb
from tocsin.store.audit import record
from tocsin.store.schedules import custom_shifts
from tocsin.store.turn import Turn

KIND = "custom_shift"


@told_by_field("GET", "/v3/schedules/{id}/custom_shifts")
async def list_custom_shifts(call: Call) -> Answer:
    """List the custom shifts of a schedule between `since` and `until`, by their start."""
    stretch = call.stretch()

    async def job(turn: Turn) -> Answer:
        kept = await reached(turn, call, Verb.READ, kind="rotations")
        window = needed_window(call, zone_of(call, kept.schedule.time_zone))
        look = look_of(call, kept.schedule, turn.now, window)
        page = page_of(await custom_shifts.listed(turn, kept.schedule.id, window.since, window.until), stretch)
        shapes = [show_custom_shift(kept.schedule.id, shift, look) for shift in page.rows]
        return listed_bare("custom_shifts", shapes, page, stretch)

    return await call.store.read(job)


@told_by_field("POST", "/v3/schedules/{id}/custom_shifts")
async def create_custom_shifts(call: Call) -> Answer:
    """Put members on call beside all rotations: in every stretch that the request lists, or in none."""
    body = call.body(CustomShiftsBody)

    async def job(turn: Turn) -> Answer:
        kept = await overridable(turn, call, Verb.CREATE)
        schedule = kept.schedule
        now = turn.now.replace(microsecond=0)
        look = look_of(call, schedule, turn.now)
        shapes, given = [], []
        for number, one in enumerate(body.custom_shifts):
            place = Place(path=f"custom_shifts[{number}]", zone=schedule.time_zone, now=now)
            shift = new_custom_shift(one, place)
            await require_users(turn, [shift.user_id], f"{place.path}.assignments")
            await custom_shifts.add(turn, schedule.id, shift, call.actor)
            change = differences({}, {**_facts(shift), "schedule_id": schedule.id})
            await record(turn, call.actor, "create", (KIND, shift.id), change)
            given.append(shift.user_id)
            shapes.append(show_custom_shift(schedule.id, shift, look))
        return Answer(CREATED, {"custom_shifts": shapes}, warned({}, await people_warnings(turn, given)))

    return await call.store.work(job)


@told_by_field("GET", "/v3/schedules/{id}/custom_shifts/{custom_shift_id}")
async def show_one_custom_shift(call: Call) -> Answer:
    """Show a custom shift."""

    async def job(turn: Turn) -> Answer:
        kept = await reached(turn, call, Verb.READ, kind="rotations")
        shift = await custom_shifts.found(turn, kept.schedule.id, call.path["custom_shift_id"])
        return shown(KIND, show_custom_shift(kept.schedule.id, shift, look_of(call, kept.schedule, turn.now)))

    return await call.store.read(job)


@told_by_field("PUT", "/v3/schedules/{id}/custom_shifts/{custom_shift_id}")
async def update_custom_shift(call: Call) -> Answer:
    """Change a custom shift: all of it before it begins, its end afterwards, nothing when it is over."""
    body = call.body(CustomShiftBody, wrap=KIND)

    async def job(turn: Turn) -> Answer:
        kept = await overridable(turn, call, Verb.UPDATE)
        schedule = kept.schedule
        before = await custom_shifts.found(turn, schedule.id, call.path["custom_shift_id"])
        place = Place(path=KIND, zone=schedule.time_zone, now=turn.now.replace(microsecond=0))
        after = changed_custom_shift(body, before, place)
        if after.user_id != before.user_id:
            await require_users(turn, [after.user_id], f"{KIND}.assignments")
        await custom_shifts.change(turn, schedule.id, after)
        await record(turn, call.actor, "update", (KIND, after.id), differences(_facts(before), _facts(after)))
        answer = shown(KIND, show_custom_shift(schedule.id, after, look_of(call, schedule, turn.now)))
        return replace(answer, headers=warned(answer.headers, await people_warnings(turn, [after.user_id])))

    return await call.store.work(job)


@told_by_field("DELETE", "/v3/schedules/{id}/custom_shifts/{custom_shift_id}")
async def delete_custom_shift(call: Call) -> Answer:
    """Take a custom shift back: one to come is gone, one under way ends now, one that is over stays."""

    async def job(turn: Turn) -> Answer:
        kept = await overridable(turn, call, Verb.DELETE)
        before = await custom_shifts.found(turn, kept.schedule.id, call.path["custom_shift_id"])
        if await custom_shifts.remove(turn, kept.schedule.id, before.id) == "deleted":
            await record(turn, call.actor, "delete", (KIND, before.id), differences(_facts(before), {}))
        else:
            end = turn.now.replace(microsecond=0)
            await record(turn, call.actor, "update", (KIND, before.id), {"end": {"before": before.end, "after": end}})
        await end_overrides(turn, call, kept.schedule.id, before.id)
        return gone()

    return await call.store.work(job)


def _facts(shift: CustomShift) -> dict[str, object]:
    return cast("dict[str, object]", to_builtins(shift))
