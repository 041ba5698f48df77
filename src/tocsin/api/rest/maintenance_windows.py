"""Maintenance windows: planned stretches without new incidents, kept and shown in PagerDuty's shape."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from tocsin.api.kit import Answer, Call, Shown, allow, gone, listed, operation, parse_instant, shown
from tocsin.api.rest.difference import differences
from tocsin.api.rest.include import Load, include, whole_services, whole_teams, whole_users
from tocsin.api.rest.policy_shape import Description, Reference
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Subject, Verb
from tocsin.domain.services.maintenance import Window, changed, ending_of, planned
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import maintenance
from tocsin.store.audit import Action, record
from tocsin.store.config import bump_config
from tocsin.store.maintenance import Draft, Filter, ServicePresent, WindowRow
from tocsin.store.turn import Turn

KIND = "maintenance_window"
LOADS: dict[str, tuple[str, Load]] = {
    "teams": ("teams", whole_teams),
    "services": ("services", whole_services),
    "users": ("created_by", whole_users),
}
INCLUDES = frozenset(LOADS)
MOST_SERVICES = 1000  # services of one window; a wider one is a job for several windows

Services = Annotated[list[Reference], Meta(min_length=1, max_length=MOST_SERVICES)]


class WindowBody(Struct):
    """A maintenance window as clients write it; absent fields keep what is there."""

    start_time: str | UnsetType = UNSET
    end_time: str | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    services: Services | UnsetType = UNSET


@operation("GET", "/maintenance_windows")
async def list_windows(call: Call) -> Answer:
    """List the maintenance windows of services that the caller may see, the latest first."""
    stretch = call.stretch()
    includes = call.includes(INCLUDES)
    wanted = maintenance.Wanted(
        horizon=call.actor.horizon,
        query=call.text("query"),
        team_ids=call.many("team_ids") or None,
        service_ids=call.many("service_ids") or None,
        stage=_stage(call),
    )
    page = await call.store.read(lambda turn: maintenance.page(turn, wanted, stretch))
    return listed("maintenance_windows", await _shown(call, page.rows, includes), page=page, stretch=stretch)


@operation("GET", "/maintenance_windows/{id}")
async def show_one_window(call: Call) -> Answer:
    """Show a maintenance window."""
    includes = call.includes(INCLUDES)
    row = await call.store.read(lambda turn: _reached(turn, call, Verb.READ))
    return shown(KIND, (await _shown(call, [row], includes))[0])


@operation("POST", "/maintenance_windows")
async def create_window(call: Call) -> Answer:
    """Plan a maintenance window; one that should have begun already begins now."""
    body = call.body(WindowBody, wrap=KIND)
    if body.start_time is UNSET or body.end_time is UNSET or body.services is UNSET:
        raise Refused(Why.MISSING, "A maintenance window needs start_time, end_time and services.")
    start_at, end_at = _instant(call, "start_time", body.start_time), _instant(call, "end_time", body.end_time)
    service_ids = _ids(body.services)
    key = new_id()
    description = None if body.description is UNSET else body.description

    async def job(turn: Turn) -> WindowRow:
        await _allow(turn, call.actor, Verb.CREATE, service_ids)
        draft = Draft(
            id=key,
            window=planned(start_at, end_at, turn.now),
            description=description,
            created_by=call.actor.user_id,
            service_ids=service_ids,
        )
        await maintenance.create(turn, draft)
        return await _written(turn, call.actor, "create", {}, draft)

    row = await call.store.work(job)
    return shown(KIND, (await _shown(call, [row], frozenset()))[0], status=201)


@operation("PUT", "/maintenance_windows/{id}")
async def update_window(call: Call) -> Answer:
    """Change a maintenance window that is not over; the start of one under way stays."""
    body = call.body(WindowBody, wrap=KIND)

    async def job(turn: Turn) -> WindowRow:
        await turn.maybe(maintenance.LOCK, {"id": call.path["id"]})
        before = _draft_of(await _reached(turn, call, Verb.UPDATE))
        service_ids = before.service_ids if body.services is UNSET else _ids(body.services)
        new = [service_id for service_id in service_ids if service_id not in before.service_ids]
        await _allow(turn, call.actor, Verb.UPDATE, tuple(new))
        draft = Draft(
            id=before.id,
            window=changed(before.window, _wanted(call, body, before.window), turn.now),
            description=before.description if body.description is UNSET else body.description,
            created_by=before.created_by,
            service_ids=service_ids,
        )
        await maintenance.update(turn, draft)
        return await _written(turn, call.actor, "update", _facts(before), draft)

    row = await call.store.work(job)
    return shown(KIND, (await _shown(call, [row], frozenset()))[0])


@operation("DELETE", "/maintenance_windows/{id}")
async def delete_window(call: Call) -> Answer:
    """Call a maintenance window off: one to come is forgotten, one under way ends now, one that is over stays."""

    async def job(turn: Turn) -> None:
        await turn.maybe(maintenance.LOCK, {"id": call.path["id"]})
        before = _draft_of(await _reached(turn, call, Verb.DELETE))
        if ending_of(before.window, turn.now) == "forget":
            await turn.run(maintenance.DELETE, {"id": before.id})
            action: Action = "delete"
            change = differences(_facts(before), {})
        else:
            await turn.run(maintenance.END, {"id": before.id, "end_at": turn.now})
            action = "update"
            change = {"end_at": {"before": before.window.end_at, "after": turn.now}}
        await record(turn, call.actor, action, (KIND, before.id), change)
        await bump_config(turn)

    await call.store.work(job)
    return gone()


async def _reached(turn: Turn, call: Call, verb: Verb) -> WindowRow:
    """Return the window if the caller may do this to it, in the team of each of its services."""
    row = await turn.maybe(maintenance.WINDOW, {"id": call.path["id"], "horizon": call.actor.horizon})
    if row is None:
        raise Refused(Why.NOT_FOUND, "There is no maintenance window with this id, or you cannot see it.")
    if verb is not Verb.READ:
        _allow_in(call.actor, verb, row.services_in_it())
    return row


async def _allow(turn: Turn, actor: Actor, verb: Verb, service_ids: tuple[str, ...]) -> None:
    """Raise `Refused` unless these services are there and the actor may do this in the team of each."""
    present = await turn.rows(maintenance.SERVICES_PRESENT, {"ids": list(service_ids), "horizon": actor.horizon})
    known = {service.id for service in present}
    faults = tuple(f"Service {service_id} not found" for service_id in service_ids if service_id not in known)
    if faults:
        raise Refused(Why.INVALID, faults[0], faults)
    _allow_in(actor, verb, present)


def _allow_in(actor: Actor, verb: Verb, present: Iterable[ServicePresent]) -> None:
    for team_id in {service.team_id for service in present}:
        allow(actor, verb, Subject(KIND, team_id=team_id))


async def _written(turn: Turn, actor: Actor, action: Action, before: dict[str, object], draft: Draft) -> WindowRow:
    await record(turn, actor, action, (KIND, draft.id), differences(before, _facts(draft)))
    await bump_config(turn)
    return await turn.one(maintenance.WINDOW, {"id": draft.id, "horizon": None})


def _draft_of(row: WindowRow) -> Draft:
    return Draft(
        id=row.id,
        window=Window(row.start_at, row.end_at),
        description=row.description,
        created_by=row.created_by,
        service_ids=tuple(service.id for service in row.services_in_it()),
    )


def _facts(draft: Draft) -> dict[str, object]:
    facts = msgspec.to_builtins(draft)
    window = facts.pop("window")
    return {**facts, **window}


def _wanted(call: Call, body: WindowBody, kept: Window) -> Window:
    start, end = body.start_time, body.end_time
    return Window(
        start_at=kept.start_at if start is UNSET else _instant(call, "start_time", start),
        end_at=kept.end_at if end is UNSET else _instant(call, "end_time", end),
    )


def _instant(call: Call, name: str, text: str) -> datetime:
    return parse_instant(text, call.time_zone(), name=name)


def _ids(references: Sequence[Reference]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reference.id for reference in references))


def _stage(call: Call) -> Filter:
    said = call.text("filter") or "all"
    for known in get_args(Filter):
        if said == known:
            stage: Filter = known
            return stage
    raise Refused(Why.INVALID, f"filter is one of {', '.join(get_args(Filter))}.")


def _show_window(call: Call, row: WindowRow) -> Shown:
    links = call.links
    return {
        **links.head(KIND, row.id, row.description or f"Maintenance window {row.number}"),
        "sequence_number": row.number,
        "start_time": call.at(row.start_at),
        "end_time": call.at(row.end_at),
        "description": row.description,
        "created_by": links.reference("user", row.created_by, row.created_by_name) if row.created_by else None,
        "services": [links.reference("service", service.id, service.name) for service in row.services_in_it()],
        "teams": [links.reference("team", team.id, team.name) for team in row.teams_of_it()],
    }


async def _shown(call: Call, rows: Sequence[WindowRow], includes: frozenset[str]) -> list[Shown]:
    shapes = [_show_window(call, row) for row in rows]
    await include(call, shapes, includes, LOADS)
    return shapes
