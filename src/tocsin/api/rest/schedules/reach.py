"""Reaching a schedule: the one that a path names, if the caller may do that to it and it is of this version."""

from collections.abc import Sequence
from datetime import datetime

from tocsin.api.kit import Call, allow
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Subject, Verb, grade
from tocsin.ground.errors import Refused, Why
from tocsin.store.schedules import rows, write
from tocsin.store.schedules.rows import Kept, Kind
from tocsin.store.turn import Turn

PATH_OF_KIND: dict[Kind, str] = {"layers": "/schedules", "rotations": "/v3/schedules"}
STYLE_OF_KIND: dict[Kind, str] = {"layers": "layer-based", "rotations": "shift-based"}


async def reached(turn: Turn, call: Call, verb: Verb, *, since: datetime | None = None, kind: Kind = "layers") -> Kept:
    """Return the schedule in the path, with the overrides that end after `since` (two days ago when not given).

    Raises `Refused`: not found where there is none or the caller cannot see it, forbidden, and invalid where it is of
    the other version of the wire; clients look for the right path in that text.
    """
    kept = await seen(turn, call.actor, call.path["id"], since=since)
    allow(call.actor, verb, kept.subject(call.actor))
    if kept.kind != kind:
        raise Refused(
            Why.INVALID,
            f"This schedule is {STYLE_OF_KIND[kept.kind]}: use {PATH_OF_KIND[kept.kind]}/{kept.schedule.id} for it.",
        )
    return kept


async def held(turn: Turn, call: Call, verb: Verb, *, kind: Kind = "layers") -> Kept:
    """Return the schedule in the path as `reached` does, and keep it from other writers until the turn ends.

    It is looked at before it is locked: whoever may not do this waits for nobody and keeps nobody waiting.
    """
    await reached(turn, call, verb, kind=kind)
    await write.hold(turn, call.path["id"])
    return await reached(turn, call, verb, kind=kind)


async def seen(turn: Turn, actor: Actor, schedule_id: str, *, since: datetime | None = None) -> Kept:
    """Return this schedule if the actor can see it; raise `Refused` (not found)."""
    found = await rows.load(turn, [schedule_id], since=since, horizon=actor.horizon)
    if schedule_id not in found:
        raise Refused(Why.NOT_FOUND, "There is no schedule with this id, or you cannot see it.")
    return found[schedule_id]


def allow_in(actor: Actor, verb: Verb, kind: str, team_ids: Sequence[str]) -> None:
    """Raise `Refused` (forbidden) unless the actor may do this to such a thing in one of these teams.

    A thing that several teams share is everybody's who may shape it in one of them.
    """
    best = max(team_ids, key=lambda team_id: grade(actor, team_id), default=None)
    allow(actor, verb, Subject(kind, team_id=best))
