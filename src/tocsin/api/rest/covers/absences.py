"""Absences over the API: when people are away, and which shifts they have then, ready to be asked cover for."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tocsin.api.kit import Answer, Call, Shown, allow, gone, listed, operation, parse_instant, reach, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.covers import cover_shape
from tocsin.api.rest.covers.cover_shape import cut, show_clash, sight_of, speaks_for
from tocsin.api.rest.difference import differences
from tocsin.domain.oncall.absence import Absence, AbsenceKind, faults_of
from tocsin.domain.oncall.cover import floored
from tocsin.domain.oncall.timeline import HORIZON
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.ground.text import squash
from tocsin.store import audit, users
from tocsin.store.covers import absences
from tocsin.store.covers.absences import AbsenceRow
from tocsin.store.turn import Turn

KIND = "absence"
LONGEST_LOOK = timedelta(days=366)  # of one question after conflicts: a year of holidays

Note = Annotated[str, Meta(max_length=1000)]  # characters: a line or two for colleagues


class AbsenceBody(Struct):
    """An absence as clients write it; absent fields keep what is there."""

    start: str | UnsetType = UNSET
    end: str | UnsetType = UNSET
    kind: AbsenceKind | UnsetType | None = UNSET
    note: Note | UnsetType | None = UNSET


@operation("GET", "/api/absences")
async def list_absences(call: Call) -> Answer:
    """List absences in the order of time."""
    return await _listed(call, _wanted(call))


@operation("GET", "/api/absences/conflicts")
async def list_conflicts(call: Call) -> Answer:
    """List the shifts that people have while they are away, from `since` (now) to `until` (90 days later)."""
    stretch = call.stretch()
    wanted = _wanted(call)

    async def job(turn: Turn) -> Answer:
        since = wanted.since or floored(turn.now)
        until = wanted.until or since + HORIZON
        if not since < until <= since + LONGEST_LOOK:
            raise Refused(Why.INVALID, f"until is after since, and at most {LONGEST_LOOK.days} days later.")
        rows = await absences.every(turn, structs.replace(wanted, since=since, until=until))
        page = cut(await absences.clashes(turn, rows, since, until, sight=sight_of(call)), stretch)
        return listed("conflicts", [show_clash(call, away) for away in page.rows], page=page, stretch=stretch)

    return await call.store.read(job)


@operation("GET", "/api/users/{id}/absences")
async def list_absences_of_user(call: Call) -> Answer:
    """List when a user is away, in the order of time."""
    return await _listed(call, structs.replace(_wanted(call), user_ids=[call.path["id"]]))


@operation("GET", "/api/users/{id}/absences/{absence_id}")
async def show_absence(call: Call) -> Answer:
    """Show an absence with the shifts that the user has then."""

    async def job(turn: Turn) -> Answer:
        return await _shown(turn, call, call.path["absence_id"])

    return await call.store.read(job)


@operation("POST", "/api/users/{id}/absences")
async def create_absence(call: Call) -> Answer:
    """Say that a user will be away; the answer names the shifts that they have then."""
    body = call.body(AbsenceBody, wrap=KIND)
    if not body.start or not body.end:
        raise Refused(Why.MISSING, "An absence needs start and end.")

    async def job(turn: Turn) -> Answer:
        user_id = await _writable(turn, call)
        blank = Absence(id=new_id(), user_id=user_id, start=turn.now, end=turn.now)
        absence = _written(call, body, blank)
        await absences.add(turn, absence, call.actor.user_id)
        change = differences({}, structs.asdict(absence))
        await audit.record(turn, call.actor, "create", (KIND, absence.id), change)
        return await _shown(turn, call, absence.id, status=CREATED)

    return await call.store.work(job)


@operation("PUT", "/api/users/{id}/absences/{absence_id}")
async def update_absence(call: Call) -> Answer:
    """Change what is given of an absence and leave the rest."""
    body = call.body(AbsenceBody, wrap=KIND)

    async def job(turn: Turn) -> Answer:
        user_id = await _writable(turn, call)
        before = (await absences.held(turn, user_id, call.path["absence_id"])).absence()
        absence = _written(call, body, before)
        if change := differences(structs.asdict(before), structs.asdict(absence)):
            await absences.change(turn, absence)
            await audit.record(turn, call.actor, "update", (KIND, absence.id), change)
        return await _shown(turn, call, absence.id)

    return await call.store.work(job)


@operation("DELETE", "/api/users/{id}/absences/{absence_id}")
async def delete_absence(call: Call) -> Answer:
    """Forget an absence."""

    async def job(turn: Turn) -> Answer:
        user_id = await _writable(turn, call)
        before = (await absences.held(turn, user_id, call.path["absence_id"])).absence()
        await absences.delete(turn, before.id)
        await audit.record(turn, call.actor, "delete", (KIND, before.id), differences(structs.asdict(before), {}))
        return gone()

    return await call.store.work(job)


async def _listed(call: Call, wanted: absences.Wanted) -> Answer:
    stretch = call.stretch()
    page = await call.store.read(lambda turn: absences.page(turn, wanted, stretch))
    shapes = [cover_shape.show_absence(call, row) for row in page.rows]
    return listed("absences", shapes, page=page, stretch=stretch)


async def _shown(turn: Turn, call: Call, absence_id: str, *, status: int = 200) -> Answer:
    user_id = call.path["id"]
    row = await _found(turn, call, absence_id, user_id=user_id)
    since = max(row.start_at, floored(turn.now))
    until = min(row.end_at, since + LONGEST_LOOK)
    clashes = await absences.clashes(turn, [row], since, until, sight=sight_of(call)) if since < until else []
    conflicts: list[Shown] = [show_clash(call, away) for away in clashes]
    return shown(KIND, cover_shape.show_absence(call, row, conflicts=conflicts), status=status)


async def _found(turn: Turn, call: Call, absence_id: str, *, user_id: str) -> AbsenceRow:
    wanted = structs.replace(_sight(call), ids=[absence_id], user_ids=[user_id])
    rows = await absences.every(turn, wanted)
    if not rows:
        raise Refused(Why.NOT_FOUND, "There is no absence with this id, or you cannot see it.")
    return rows[0]


async def _writable(turn: Turn, call: Call) -> str:
    """Return the user of the path if the caller may plan for them; raise `Refused` (not found, forbidden)."""
    user = await reach(turn, call.actor, query=users.BY_ID, key=call.path["id"], to=Verb.READ)
    teams = await turn.rows(users.TEAMS_OF, {"ids": [user.id], "horizon": None})
    if not speaks_for(call.actor, user.id, [team.team_id for team in teams]):
        raise Refused(
            Why.FORBIDDEN, "Absences are written by the person, a manager of their team, or an administrator."
        )
    return user.id


def _wanted(call: Call) -> absences.Wanted:
    return structs.replace(
        _sight(call),
        user_ids=call.many("user_ids") or None,
        team_ids=call.many("team_ids") or None,
        since=call.instant("since"),
        until=call.instant("until"),
    )


def _sight(call: Call) -> absences.Wanted:
    """Return what the caller may see at all."""
    allow(call.actor, Verb.READ, Subject("user", owner_id=call.actor.user_id))
    return absences.Wanted(horizon=call.actor.horizon, reader=call.actor.user_id)


def _written(call: Call, body: AbsenceBody, before: Absence) -> Absence:
    """Return the absence as it will be; raise `Refused` (invalid, bad date)."""
    absence = structs.replace(
        before,
        start=before.start if body.start is UNSET else _instant(call, body.start, "start"),
        end=before.end if body.end is UNSET else _instant(call, body.end, "end"),
        kind=before.kind if body.kind is UNSET else body.kind or "other",
        note=before.note if body.note is UNSET else squash(body.note or "") or None,
    )
    if faults := faults_of(absence):
        raise Refused(Why.INVALID, faults[0], faults)
    return absence


def _instant(call: Call, text: str, name: str) -> datetime:
    return floored(parse_instant(text, call.time_zone(), name=name))
