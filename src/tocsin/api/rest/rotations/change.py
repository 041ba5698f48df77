"""Changing a schedule of rotations: held, checked against the caller's rights, written, noted, and shown again."""

from collections.abc import Iterable
from dataclasses import replace

from msgspec import structs

from tocsin.api.kit import Answer, Call, Shown, allow, shown
from tocsin.api.rest.schedules.reach import held, reached, seen
from tocsin.api.rest.schedules.warn import schedule_warnings, warned
from tocsin.api.rest.schedules.write import draft_of, record_change
from tocsin.domain.oncall.schedule import Member, Schedule
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.store import policies
from tocsin.store.schedules import write
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

STOPGAP = "override"  # what the permission table calls stretches that are laid over a schedule


async def changeable(turn: Turn, call: Call) -> Kept:
    """Return the schedule in the path, kept from other writers, if the caller may change it."""
    return await held(turn, call, Verb.UPDATE, kind="rotations")


async def overridable(turn: Turn, call: Call, verb: Verb) -> Kept:
    """Return the schedule in the path, kept from other writers, if the caller may lay something over it.

    Responders may, observers not: a custom shift is a stopgap as an override is.
    """
    kept = await reached(turn, call, Verb.READ, kind="rotations")
    allow(call.actor, verb, Subject(STOPGAP, team_id=kept.subject(call.actor).team_id))
    return await held(turn, call, Verb.READ, kind="rotations")


async def rewrite(turn: Turn, call: Call, before: Kept, schedule: Schedule) -> Kept:
    """Write a schedule whose rotations changed, note who did it, and return it as it is kept now."""
    before.require_readable()
    old = draft_of(before)
    new = structs.replace(old, schedule=schedule)
    await write.update(turn, new, call.actor)
    await record_change(turn, call.actor, "update", old, new)
    return await seen(turn, call.actor, schedule.id)


async def answered(call: Call, kept: Kept, key: str, shape: Shown, *, status: int = 200) -> Answer:
    """Answer one thing of a schedule that was written; a header tells what the schedule leaves open now."""
    answer = shown(key, shape, status=status)
    return replace(answer, headers=warned(answer.headers, await schedule_warnings(call.store, kept)))


async def require_users(turn: Turn, members: Iterable[Member], where: str) -> None:
    """Raise `Refused` (invalid) when one of these is not a user, or not any more."""
    wanted = list(dict.fromkeys(member for member in members if member is not None))
    present = {user.id for user in await turn.rows(policies.USERS_PRESENT, {"ids": wanted})} if wanted else set()
    faults = tuple(f"{where}: User {user_id} not found" for user_id in wanted if user_id not in present)
    if faults:
        raise Refused(Why.INVALID, faults[0], faults)
