"""Events of a rotation: stretches that recur, and who takes them; listed, created, changed, ended."""

import asyncio
from datetime import datetime

from tocsin.api.kit import Answer, Call, Shown, gone, shown
from tocsin.api.rest.rotations.body import EventBody, active_event, coming_event, new_event
from tocsin.api.rest.rotations.change import answered, changeable, require_users, rewrite
from tocsin.api.rest.rotations.course import (
    event_in,
    present,
    rotation_in,
    standing,
    with_layer,
    with_pattern,
    without_pattern,
)
from tocsin.api.rest.rotations.errors import told_by_field
from tocsin.api.rest.rotations.shape import in_order, listed_bare, page_of, show_event
from tocsin.api.rest.schedules.reach import reached
from tocsin.domain.oncall.bounds import MOST_PATTERNS
from tocsin.domain.oncall.faults import faults_of_bulk, overlapping
from tocsin.domain.oncall.schedule import Layer, Pattern
from tocsin.domain.people.permission import Verb
from tocsin.ground.errors import Refused, Why
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

KIND = "event"
_MEMBERS = "event.assignment_strategy.members"
_EVENTS = "rotation.events"


@told_by_field("GET", "/v3/schedules/{id}/rotations/{rotation_id}/events")
async def list_events(call: Call) -> Answer:
    """List the events of a rotation by their start, those that are over among them."""
    stretch = call.stretch()

    async def job(turn: Turn) -> Answer:
        kept = await reached(turn, call, Verb.READ, kind="rotations")
        layer = rotation_in(kept.schedule, call.path["rotation_id"])
        page = page_of(in_order(layer.patterns), stretch)
        shapes = [show_event(kept.schedule.id, layer.id, pattern, call.links) for pattern in page.rows]
        return listed_bare("events", shapes, page, stretch)

    return await call.store.read(job)


@told_by_field("POST", "/v3/schedules/{id}/rotations/{rotation_id}/events")
async def create_event(call: Call) -> Answer:
    """Add an event to a rotation; it begins to be effective now at the earliest."""
    body = call.body(EventBody, wrap=KIND)

    async def job(turn: Turn) -> tuple[Kept, Shown]:
        kept = await changeable(turn, call)
        layer = rotation_in(kept.schedule, call.path["rotation_id"])
        now = turn.now.replace(microsecond=0)
        pattern = new_event(body, now)
        await require_users(turn, pattern.members, _MEMBERS)
        after = await _written(turn, call, kept, with_pattern(layer, pattern, now))
        return after, show_event(kept.schedule.id, layer.id, pattern, call.links)

    after, shape = await call.store.work(job)
    return await answered(call, after, KIND, shape, status=201)


@told_by_field("GET", "/v3/schedules/{id}/rotations/{rotation_id}/events/{event_id}")
async def show_one_event(call: Call) -> Answer:
    """Show an event, also when it is over."""

    async def job(turn: Turn) -> Answer:
        kept = await reached(turn, call, Verb.READ, kind="rotations")
        layer = rotation_in(kept.schedule, call.path["rotation_id"])
        return shown(KIND, show_event(kept.schedule.id, layer.id, event_in(layer, call.path["event_id"]), call.links))

    return await call.store.read(job)


@told_by_field("PUT", "/v3/schedules/{id}/rotations/{rotation_id}/events/{event_id}")
async def update_event(call: Call) -> Answer:
    """Change an event: all of it before it begins to be effective, its end afterwards, nothing when it is over."""
    body = call.body(EventBody, wrap=KIND)

    async def job(turn: Turn) -> tuple[Kept, Shown]:
        kept = await changeable(turn, call)
        layer = rotation_in(kept.schedule, call.path["rotation_id"])
        before = event_in(layer, call.path["event_id"])
        now = turn.now.replace(microsecond=0)
        pattern = _changed(body, before, now)
        await require_users(turn, [one for one in pattern.members if one not in before.members], _MEMBERS)
        after = await _written(turn, call, kept, with_pattern(layer, pattern, now))
        return after, show_event(kept.schedule.id, layer.id, pattern, call.links)

    after, shape = await call.store.work(job)
    return await answered(call, after, KIND, shape)


@told_by_field("DELETE", "/v3/schedules/{id}/rotations/{rotation_id}/events/{event_id}")
async def delete_event(call: Call) -> Answer:
    """End an event now; one that was still to come is gone, one that is over stays."""

    async def job(turn: Turn) -> Answer:
        kept = await changeable(turn, call)
        layer = rotation_in(kept.schedule, call.path["rotation_id"])
        pattern = event_in(layer, call.path["event_id"])
        now = turn.now.replace(microsecond=0)
        _refuse_over(pattern, now)
        await rewrite(turn, call, kept, with_layer(kept.schedule, without_pattern(layer, pattern, now)))
        return gone()

    return await call.store.work(job)


def _changed(body: EventBody, before: Pattern, now: datetime) -> Pattern:
    _refuse_over(before, now)
    change = active_event if standing(before, now) == "active" else coming_event
    return change(body, before, now)


def _refuse_over(pattern: Pattern, now: datetime) -> None:
    if standing(pattern, now) == "over":
        raise Refused(Why.INVALID, "event.effective_until: This event is over; what has been stays as it was.")


async def _written(turn: Turn, call: Call, kept: Kept, layer: Layer) -> Kept:
    schedule = with_layer(kept.schedule, layer)
    _refuse(faults_of_bulk(schedule))
    patterns = present(layer, turn.now)
    if len(patterns) > MOST_PATTERNS:
        raise Refused(Why.INVALID, f"{_EVENTS}: A rotation has at most {MOST_PATTERNS} events that are not over.")
    # Two years of hourly events take a tenth of a second to compare: on the side, so that pages go on meanwhile.
    _refuse(await asyncio.to_thread(overlapping, patterns))
    return await rewrite(turn, call, kept, schedule)


def _refuse(faults: tuple[str, ...]) -> None:
    if told := tuple(f"{_EVENTS}: {fault}" for fault in faults):
        raise Refused(Why.INVALID, told[0], told)
