"""Overrides: stretches of a schedule given to somebody else, listed, added and taken back in PagerDuty's shape."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, cast

from msgspec import Meta, Struct, to_builtins

from tocsin.api.kit import Answer, Call, Shown, allow, gone, operation
from tocsin.api.kit.answer import CREATED, OK
from tocsin.api.kit.zones import zone_named
from tocsin.api.rest.difference import differences
from tocsin.api.rest.policy_shape import Reference
from tocsin.api.rest.schedules.layer_body import bounded
from tocsin.api.rest.schedules.reach import reached
from tocsin.api.rest.schedules.shape import View, show_override, view_of
from tocsin.api.rest.schedules.warn import people_warnings, warned
from tocsin.api.rest.schedules.window import needed_window, zone_of
from tocsin.domain.oncall.schedule import Override
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import policies, users
from tocsin.store.audit import record
from tocsin.store.schedules import overrides
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

KIND = "override"
MOST_AT_ONCE = 250  # overrides of one request, as many as incidents in a bulk update


class OverrideBody(Struct):
    """An override as clients write it; `time_zone` is where instants without an offset are read."""

    start: str
    end: str
    user: Reference
    time_zone: str | None = None


class OverridesBody(Struct):
    """One or several overrides as clients write them; the single form is the older one."""

    overrides: Annotated[list[OverrideBody], Meta(min_length=1, max_length=MOST_AT_ONCE)] | None = None
    override: OverrideBody | None = None


@operation("GET", "/schedules/{id}/overrides")
async def list_overrides(call: Call) -> Answer:
    """List the overrides of a schedule between `since` and `until`; with `editable`, those that are not over."""

    async def job(turn: Turn) -> Answer:
        kept = await reached(turn, call, Verb.READ)
        zone = zone_of(call, kept.schedule.time_zone)
        window = needed_window(call, zone)
        found = await overrides.listed(turn, kept.schedule.id, window.since, window.until)
        if call.flag("editable"):
            found = [override for override in found if override.end > turn.now]
        people = {user.id: user for user in await turn.rows(users.NAMES, {"ids": _users_in(found)})}
        view = View(links=call.links, zone=zone, people=people, window=window)
        return Answer(OK, {"overrides": [show_override(override, view) for override in found]})

    return await call.store.read(job)


@operation("POST", "/schedules/{id}/overrides")
async def create_overrides(call: Call) -> Answer:
    """Give stretches of a schedule to somebody else; what cannot be given is told beside what can.

    The header `Tocsin-Warnings` tells who was put on call and has no way to hear of it.
    """
    body = call.body(OverridesBody)
    if (body.overrides is None) == (body.override is None):
        raise Refused(Why.MISSING, "overrides is missing: send a list of them, or a single one as override.")

    async def job(turn: Turn) -> Answer:
        kept = await _changeable(turn, call, Verb.CREATE)
        wanted = [body.override] if body.override is not None else body.overrides or []
        ids = [one.user.id for one in wanted]
        present = {user.id for user in await turn.rows(policies.USERS_PRESENT, {"ids": ids})}
        people = {user.id: user for user in await turn.rows(users.NAMES, {"ids": ids})}
        view = View(links=call.links, zone=zone_of(call, kept.schedule.time_zone), people=people)
        outcomes, given = [], []
        for one in wanted:
            try:
                override = _override_of(one, kept.schedule.time_zone, turn.now, present)
            except Refused as refused:
                if body.override is not None:
                    raise
                outcomes.append({"status": 400, "errors": list(refused.errors), "override": _echo(one, view)})
                continue
            await _add(turn, call, kept.schedule.id, override)
            given.append(override.user_id)
            outcomes.append({"status": CREATED, "override": show_override(override, view)})
        headers = warned({}, await people_warnings(turn, given))
        if body.override is not None:
            return Answer(CREATED, {"override": outcomes[0]["override"]}, headers)
        return Answer(CREATED, outcomes, headers)

    return await call.store.work(job)


@operation("DELETE", "/schedules/{id}/overrides/{override_id}")
async def delete_override(call: Call) -> Answer:
    """Take an override back: one to come is gone, one under way ends now, one that is over stays."""

    async def job(turn: Turn) -> Answer:
        kept = await _changeable(turn, call, Verb.DELETE)
        before = await overrides.found(turn, kept.schedule.id, call.path["override_id"])
        outcome = await overrides.remove(turn, kept.schedule.id, before.id)
        if outcome == "deleted":
            change = differences(_facts(before, kept.schedule.id), {})
            await record(turn, call.actor, "delete", (KIND, before.id), change)
            return gone()
        end = turn.now.replace(microsecond=0)
        await record(turn, call.actor, "update", (KIND, before.id), {"end": {"before": before.end, "after": end}})
        view = view_of(call, kept, zone_of(call, kept.schedule.time_zone))
        return Answer(OK, {"override": {**show_override(before, view), "end": view.at(end)}})

    return await call.store.work(job)


async def _changeable(turn: Turn, call: Call, verb: Verb) -> Kept:
    """Return the schedule in the path, if the caller may lay overrides over it: responders may, observers not."""
    kept = await reached(turn, call, Verb.READ)
    allow(call.actor, verb, Subject(KIND, team_id=kept.subject(call.actor).team_id))
    return kept


async def _add(turn: Turn, call: Call, schedule_id: str, override: Override) -> None:
    await overrides.add(turn, schedule_id, override, call.actor)
    change = differences({}, _facts(override, schedule_id))
    await record(turn, call.actor, "create", (KIND, override.id), change)


def _override_of(body: OverrideBody, time_zone: str, now: datetime, present: set[str]) -> Override:
    """Return the override that a request tells; raise `Refused` (invalid, bad date) when it cannot be.

    One that should have begun already begins now: who was on call until now stays as it was.
    """
    zone_name = zone_named(body.time_zone).key if body.time_zone else time_zone
    start, end = (bounded(text, zone_name, name) for name, text in (("start", body.start), ("end", body.end)))
    now = now.replace(microsecond=0)
    if end <= start:
        raise Refused(Why.INVALID, "Override must end after its start")
    if end <= now:
        raise Refused(Why.INVALID, "Override must end in the future")
    if body.user.id not in present:
        raise Refused(Why.INVALID, f"User {body.user.id} not found")
    return Override(id=new_id(), start=max(start, now), end=end, user_id=body.user.id)


def _echo(body: OverrideBody, view: View) -> Shown:
    return {"start": body.start, "end": body.end, "user": view.user(body.user.id)}


def _users_in(found: Sequence[Override]) -> list[str]:
    return sorted({override.user_id for override in found if override.user_id is not None})


def _facts(override: Override, schedule_id: str) -> dict[str, object]:
    facts = cast("dict[str, object]", to_builtins(override))
    return {"schedule_id": schedule_id} | {name: value for name, value in facts.items() if value is not None}
