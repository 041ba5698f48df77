"""Alerts: the running problems of an incident, resolved or moved to another one by hand."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from tocsin.api.kit import Answer, Call, Shown, listed, operation, shown
from tocsin.api.rest.alert_change import AlertWish, change_alerts
from tocsin.api.rest.alert_shape import KIND, show_alert
from tocsin.api.rest.incident_order import Reference, by
from tocsin.api.rest.incident_shape import shown_incidents
from tocsin.api.rest.incidents import incident_seen
from tocsin.api.rest.include import Load, include, whole_services
from tocsin.api.rest.log_entry_shape import whole_entries
from tocsin.domain.people.permission import Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import MOST_BULK_INCIDENTS
from tocsin.ground.page import Listed
from tocsin.store.lists import alerts as alert_lists
from tocsin.store.lists import incidents as incident_lists
from tocsin.store.lists.alerts import AlertRow, FirstEntry
from tocsin.store.turn import Turn

STATUSES = frozenset({"triggered", "resolved"})
Found = tuple[Listed[AlertRow], dict[str, FirstEntry]]


class AlertBody(Struct):
    """What may be written about an alert."""

    id: str | None = None
    status: Literal["triggered", "resolved"] | None = None
    incident: Reference | None = None


@operation("GET", "/incidents/{id}/alerts")
async def list_alerts(call: Call) -> Answer:
    """List the alerts of an incident, the newest first."""
    stretch, includes, order = call.stretch(), call.includes(INCLUDES), _order(call)
    statuses = call.many("statuses")
    if unknown := set(statuses) - STATUSES:
        raise Refused(Why.INVALID, f"statuses[] does not know {min(unknown)}.")
    values = {"incident_id": call.path["id"], "statuses": statuses or None, "key": call.text("alert_key")}

    async def job(turn: Turn) -> Found:
        await incident_seen(turn, call, call.path["id"], to=Verb.READ)
        page = await alert_lists.page(turn, values, stretch, order)
        return page, await alert_lists.first_entries(turn, page.rows)

    page, first = await call.store.read(job)
    return listed("alerts", await _shown(call, page.rows, first, includes), page=page, stretch=stretch)


@operation("GET", "/incidents/{id}/alerts/{alert_id}")
async def show_one_alert(call: Call) -> Answer:
    """Show an alert of an incident."""
    includes = call.includes(INCLUDES)

    async def job(turn: Turn) -> Found:
        await incident_seen(turn, call, call.path["id"], to=Verb.READ)
        rows = await _reached(turn, call, [call.path["alert_id"]])
        return Listed(rows, more=False, total=None), await alert_lists.first_entries(turn, rows)

    page, first = await call.store.read(job)
    return shown(KIND, (await _shown(call, page.rows, first, includes))[0])


@operation("PUT", "/incidents/{id}/alerts/{alert_id}", needs_person=True)
async def update_alert(call: Call) -> Answer:
    """Resolve an alert, or move it to another incident."""
    body = call.body(AlertBody, wrap=KIND)
    page, first = await _change(call, {call.path["alert_id"]: body}, why=Why.NOT_FOUND)
    return shown(KIND, (await _shown(call, page.rows, first, frozenset()))[0])


@operation("PUT", "/incidents/{id}/alerts", needs_person=True)
async def update_alerts(call: Call) -> Answer:
    """Resolve or move up to 250 alerts of an incident, all or none."""
    bodies = call.body(list[AlertBody], wrap="alerts")
    stretch = call.stretch(most=MOST_BULK_INCIDENTS)
    if len(bodies) > MOST_BULK_INCIDENTS:
        raise Refused(Why.TOO_MANY, f"At most {MOST_BULK_INCIDENTS} alerts are changed at once.")
    wanted = {body.id: body for body in bodies if body.id}
    if len(wanted) < len(bodies):
        raise Refused(Why.INVALID, "Each alert needs its id, and is named once.")
    page, first = await _change(call, wanted, why=Why.INVALID)
    return listed("alerts", await _shown(call, page.rows, first, frozenset()), page=page, stretch=stretch)


async def _change(call: Call, wanted: dict[str, AlertBody], *, why: Why) -> Found:
    """Change alerts and return them as they are then; `why` says how one that is not there is refused."""
    incident_id = call.path["id"]
    wishes = {each: _wish(body, incident_id) for each, body in wanted.items()}

    async def job(turn: Turn) -> Found:
        await incident_seen(turn, call, incident_id, to=Verb.RESPOND)
        await _reached(turn, call, list(wanted), why=why)
        for target in sorted({wish.incident_id for wish in wishes.values() if wish.incident_id is not None}):
            await _target(turn, call, target)
        await change_alerts(turn, call.house.directory, incident_id, wishes=wishes, by=by(call))
        rows = {row.id: row for row in await turn.rows(alert_lists.ANYWHERE, {"ids": list(wanted)})}
        changed = tuple(rows[each] for each in wanted)
        page = Listed(changed, more=False, total=None)
        return page, await alert_lists.first_entries(turn, changed)

    return await call.store.work(job)


def _wish(body: AlertBody, incident_id: str) -> AlertWish:
    moved = body.incident.id if body.incident is not None and body.incident.id != incident_id else None
    return AlertWish(body.status, moved)


async def _target(turn: Turn, call: Call, incident_id: str) -> None:
    try:
        await incident_seen(turn, call, incident_id, to=Verb.RESPOND)
    except Refused as refused:
        if refused.why is Why.NOT_FOUND:
            raise Refused(Why.INVALID, refused.message) from refused
        raise


async def _reached(turn: Turn, call: Call, ids: list[str], *, why: Why = Why.NOT_FOUND) -> tuple[AlertRow, ...]:
    found = {row.id: row for row in await turn.rows(alert_lists.BY_IDS, {"incident_id": call.path["id"], "ids": ids})}
    faults = tuple(f"Alert {each} not found" for each in ids if each not in found)
    if faults:
        raise Refused(why, faults[0], faults)
    return tuple(found[each] for each in ids)


async def _shown(
    call: Call, rows: Sequence[AlertRow], first: dict[str, FirstEntry], includes: frozenset[str]
) -> list[Shown]:
    shapes = [show_alert(call, row, first.get(row.id)) for row in rows]
    await include(call, shapes, includes, LOADS)
    return shapes


async def _whole_incidents(call: Call, ids: list[str]) -> dict[str, Shown]:
    rows = await call.store.read(lambda turn: incident_lists.shown(turn, ids))
    return {str(shape["id"]): shape for shape in await shown_incidents(call, rows, frozenset())}


def _order(call: Call) -> str:
    """Return the order asked for; a second field decides nothing, because no two alerts were created at once."""
    said = [term for text in call.many("sort_by") for term in text.split(",")]
    order = f"{said[0]}:asc" if said and ":" not in said[0] else said[0] if said else alert_lists.NEWEST
    if order not in alert_lists.LISTS:
        raise Refused(Why.INVALID, "sort_by is created_at or resolved_at, with :asc or :desc.")
    return order


LOADS: dict[str, tuple[str, Load]] = {
    "services": ("service", whole_services),
    "incidents": ("incident", _whole_incidents),
    "first_trigger_log_entries": ("first_trigger_log_entry", whole_entries),
}
INCLUDES = frozenset(LOADS)
