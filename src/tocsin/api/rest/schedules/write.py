"""Schedules: created, changed, removed, and tried out before they are kept."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
from msgspec import UNSET

from tocsin.api.kit import Answer, Call, gone, operation, shown
from tocsin.api.rest.difference import differences
from tocsin.api.rest.schedules.body import ScheduleBody, drafted, fresh, order_named
from tocsin.api.rest.schedules.bulk import drawn
from tocsin.api.rest.schedules.reach import allow_in, held, reached, seen
from tocsin.api.rest.schedules.shape import View, members_in_order, show_schedule, view_of
from tocsin.api.rest.schedules.warn import schedule_warnings, warned
from tocsin.api.rest.schedules.window import coming, zone_of
from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import policies, users
from tocsin.store.audit import Action, record
from tocsin.store.policies import Named
from tocsin.store.schedules import write
from tocsin.store.schedules.rows import Kept
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Turn

KIND = "schedule"


@operation("POST", "/schedules")
async def create_schedule(call: Call) -> Answer:
    """Create a schedule; the header `Tocsin-Warnings` tells what it leaves open."""
    body = call.body(ScheduleBody, wrap=KIND)
    order = order_named(call.text("layer_order"))
    empty = fresh(new_id())

    async def job(turn: Turn) -> Kept:
        draft = drafted(body, empty, turn.now, order=order)
        allow_in(call.actor, Verb.CREATE, KIND, draft.team_ids)
        await check_new(turn, call.actor, empty, draft)
        await write.create(turn, draft, call.actor)
        await record_change(turn, call.actor, "create", None, draft)
        return await seen(turn, call.actor, draft.schedule.id)

    return await _written(call, await call.store.work(job), status=201)


@operation("PUT", "/schedules/{id}")
async def update_schedule(call: Call) -> Answer:
    """Change a schedule; a layer that is left out ends now, and overrides stay."""
    body = call.body(ScheduleBody, wrap=KIND)
    order = order_named(call.text("layer_order"))

    async def job(turn: Turn) -> Kept:
        kept = await held(turn, call, Verb.UPDATE)
        if body.schedule_layers is UNSET:
            kept.require_readable()
        before = draft_of(kept)
        draft = drafted(body, before, turn.now, order=order)
        if draft.team_ids != before.team_ids:
            allow_in(call.actor, Verb.UPDATE, KIND, draft.team_ids)
        await check_new(turn, call.actor, before, draft)
        await write.update(turn, draft, call.actor)
        await record_change(turn, call.actor, "update", before, draft)
        return await seen(turn, call.actor, draft.schedule.id)

    return await _written(call, await call.store.work(job))


@operation("DELETE", "/schedules/{id}")
async def delete_schedule(call: Call) -> Answer:
    """Remove a schedule that no policy and no open incident calls by; its history stays."""

    async def job(turn: Turn) -> Answer:
        before = draft_of(await reached(turn, call, Verb.DELETE))
        await write.delete(turn, before.schedule.id)
        await record_change(turn, call.actor, "delete", before, None)
        return gone()

    return await call.store.work(job)


@operation("POST", "/schedules/preview", reads=True)
async def preview_schedule(call: Call) -> Answer:
    """Show what a schedule would look like in the next two weeks, or between `since` and `until`; nothing is kept."""
    body = call.body(ScheduleBody, wrap=KIND)
    order = order_named(call.text("layer_order"))
    empty = fresh(new_id())

    async def job(turn: Turn) -> tuple[Kept, View]:
        draft = drafted(body, empty, turn.now, order=order)
        allow_in(call.actor, Verb.READ, KIND, draft.team_ids)
        teams = await _teams(turn, call.actor, draft.team_ids)
        people = await turn.rows(users.NAMES, {"ids": list(members_in_order(draft.schedule))})
        _check_people(draft.schedule, {user.id for user in people if user.deleted_at is None})
        kept = Kept(
            schedule=draft.schedule,
            description=draft.description,
            kind=draft.kind,
            version=0,
            created_at=turn.now,
            team_ids=draft.team_ids,
            teams=teams,
            policies=(),
            users=tuple(people),
        )
        zone = zone_of(call, draft.schedule.time_zone)
        return kept, view_of(call, kept, zone, window=coming(call, zone, turn.now))

    shape = await drawn(*await call.store.read(job))
    return shown(KIND, shape | {"id": None, "self": None, "html_url": None})


def draft_of(kept: Kept) -> Draft:
    """Return what is kept, as something that could be written."""
    return Draft(schedule=kept.schedule, description=kept.description, kind=kept.kind, team_ids=kept.team_ids)


async def record_change(turn: Turn, actor: Actor, action: Action, before: Draft | None, after: Draft | None) -> None:
    """Write the audit record of a schedule that was created, changed or removed."""
    draft = after or before
    if draft is None:
        return
    change = differences(_facts(before), _facts(after))
    await record(turn, actor, action, (KIND, draft.schedule.id), change)


async def check_new(turn: Turn, actor: Actor, before: Draft, draft: Draft) -> None:
    """Raise `Refused` (invalid) when the draft names a team or a user that was not in it and is not there.

    Users who are already in the schedule may stay when they were deleted since.
    """
    new_teams = tuple(team_id for team_id in draft.team_ids if team_id not in before.team_ids)
    await _teams(turn, actor, new_teams)
    known = set(members_in_order(before.schedule))
    new = [user_id for user_id in members_in_order(draft.schedule) if user_id not in known]
    present = {user.id for user in await turn.rows(policies.USERS_PRESENT, {"ids": new})}
    _check_people(draft.schedule, present | known)


async def _teams(turn: Turn, actor: Actor, team_ids: Sequence[str]) -> tuple[Named, ...]:
    found = await turn.rows(policies.TEAMS_SHOWN, {"ids": list(team_ids), "horizon": actor.horizon}) if team_ids else []
    names = {team.id: team.name for team in found}
    faults = tuple(f"Team {team_id} not found" for team_id in team_ids if team_id not in names)
    if faults:
        raise Refused(Why.INVALID, faults[0], faults)
    return tuple(Named(team_id, names[team_id]) for team_id in team_ids)


def _check_people(schedule: Schedule, present: set[str]) -> None:
    faults = tuple(f"User {user_id} not found" for user_id in members_in_order(schedule) if user_id not in present)
    if faults:
        raise Refused(Why.INVALID, faults[0], faults)


def _facts(draft: Draft | None) -> dict[str, object]:
    """Return what an audit record compares; what is laid over a schedule has records of its own."""
    if draft is None:
        return {}
    facts = msgspec.to_builtins(draft)
    schedule = facts.pop("schedule")
    laid = ("overrides", "custom_shifts")
    return {**facts, **{name: value for name, value in schedule.items() if name not in laid}}


async def _written(call: Call, kept: Kept, *, status: int = 200) -> Answer:
    zone = zone_of(call, kept.schedule.time_zone)
    answer = shown(KIND, show_schedule(kept, view_of(call, kept, zone)), status=status)
    return replace(answer, headers=warned(answer.headers, await schedule_warnings(call.store, kept)))
