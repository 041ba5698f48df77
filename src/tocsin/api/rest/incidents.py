"""Incidents: what people answer, listed, shown, opened by hand and changed, in PagerDuty's shape."""

from datetime import datetime

from tocsin.api.kit import Answer, Call, allow, listed, operation, shown
from tocsin.api.rest.incident_order import (
    IncidentBody,
    Means,
    UpdateBody,
    assignees_of,
    by,
    checked_title,
    described,
    either,
    named_priority,
    orders_of,
)
from tocsin.api.rest.incident_shape import INCLUDES, LIST_INCLUDES, shown_incidents
from tocsin.api.rest.incident_window import window
from tocsin.domain.incidents.order import Opening
from tocsin.domain.people.permission import Subject, Verb
from tocsin.domain.services.service import Service, next_urgency_change
from tocsin.domain.services.urgency_rule import urgency_of
from tocsin.engine.respond import open_by_hand
from tocsin.engine.turn import act
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import MOST_BULK_INCIDENTS
from tocsin.ground.page import Listed
from tocsin.store import policies, priorities
from tocsin.store.lists import incidents as incident_lists
from tocsin.store.lists.incidents import NEWEST, ORDERS, Order, Wanted
from tocsin.store.lists.incidents_shown import OPEN_WITH_KEY, SEEN, SERVICE_SEEN, IncidentShown, hold_key
from tocsin.store.priorities import PriorityRow
from tocsin.store.turn import Turn

KIND = "incident"
STATUSES = ("triggered", "acknowledged", "resolved")
URGENCIES = ("high", "low")
MOST_SORTS = 2  # fields of one order, as documented by PagerDuty
BY_HAND = "critical"  # the severity that a person's report has for a service's urgency rule


@operation("GET", "/incidents")
async def list_incidents(call: Call) -> Answer:
    """List incidents, the newest first, of the last month unless the call says otherwise.

    A list of open incidents alone, or by key, is never cut to a month: what is open must not drop out of sight.
    """
    stretch, order, includes = call.stretch(), _order(call), call.includes(LIST_INCLUDES)
    statuses, urgencies = _among(call, "statuses", STATUSES), _among(call, "urgencies", URGENCIES)
    key = call.text("incident_key")
    only_open = statuses is not None and "resolved" not in statuses

    async def job(turn: Turn) -> Listed[IncidentShown]:
        since, until = window(call, turn.now, default=not only_open and key is None)
        wanted = Wanted(
            since=since,
            until=until,
            statuses=statuses,
            urgency=urgencies[0] if urgencies is not None and len(urgencies) == 1 else None,
            service_ids=call.many("service_ids") or None,
            user_ids=call.many("user_ids") or None,
            key=key,
        )
        teams, actor = call.many("team_ids") or None, call.actor
        wanted = await incident_lists.narrowed(
            turn, wanted, team_ids=teams, horizon=actor.horizon, reader=actor.user_id
        )
        return await incident_lists.page(turn, wanted, stretch, order)

    page = await call.store.read(job)
    return listed("incidents", await shown_incidents(call, page.rows, includes), page=page, stretch=stretch)


@operation("GET", "/incidents/{id}")
async def show_one_incident(call: Call) -> Answer:
    """Show an incident."""
    includes = call.includes(INCLUDES)
    row = await call.store.read(lambda turn: incident_seen(turn, call, call.path["id"], to=Verb.READ))
    return shown(KIND, (await shown_incidents(call, [row], includes))[0])


@operation("POST", "/incidents", needs_person=True)
async def create_incident(call: Call) -> Answer:
    """Open an incident by hand; whoever gives it to themselves has acknowledged it."""
    body = call.body(IncidentBody, wrap=KIND)
    includes = call.includes(INCLUDES)
    title = checked_title(body.title)
    either(body.assignments, body.escalation_policy)
    if body.service is None:
        raise Refused(Why.INVALID, "Service can't be blank")
    service_id = body.service.id

    async def job(turn: Turn) -> IncidentShown:
        service = await _service(turn, call, service_id)
        if body.incident_key is not None:
            await hold_key(turn, service_id, body.incident_key)
            if await turn.maybe(OPEN_WITH_KEY, {"service_id": service_id, "key": body.incident_key}):
                raise Refused(Why.CONFLICT, "Open incident with matching dedup key already exists on this service")
        opening = await _opening(turn, call, body, service=service, title=title)
        decision = await open_by_hand(turn, call.house.directory, opening, service_id=service_id)
        return (await incident_lists.shown(turn, [decision.incident.id]))[0]

    row = await call.store.work(job)
    return shown(KIND, (await shown_incidents(call, [row], includes))[0], status=201)


@operation("PUT", "/incidents/{id}", needs_person=True)
async def update_incident(call: Call) -> Answer:
    """Change an incident: acknowledge, resolve, reopen, escalate, give it to others, rename it."""
    body = call.body(UpdateBody, wrap=KIND)
    includes = call.includes(INCLUDES)
    incident_id = call.path["id"]
    await _freeze(call, [body])

    async def job(turn: Turn) -> tuple[IncidentShown, ...]:
        before = {incident_id: await incident_seen(turn, call, incident_id, to=Verb.RESPOND)}
        return await _update(turn, call, {incident_id: body}, before)

    rows = await call.store.work(job)
    return shown(KIND, (await shown_incidents(call, rows, includes))[0])


@operation("PUT", "/incidents", needs_person=True)
async def update_incidents(call: Call) -> Answer:
    """Change up to 250 incidents, all or none."""
    bodies = call.body(list[UpdateBody], wrap="incidents")
    stretch, includes = call.stretch(most=MOST_BULK_INCIDENTS), call.includes(LIST_INCLUDES)
    if len(bodies) > MOST_BULK_INCIDENTS:
        raise Refused(Why.TOO_MANY, f"At most {MOST_BULK_INCIDENTS} incidents are changed at once.")
    wanted = _by_id(bodies)
    await _freeze(call, bodies)

    async def job(turn: Turn) -> tuple[IncidentShown, ...]:
        before = await _all_seen(turn, call, list(wanted))
        return await _update(turn, call, wanted, before)

    rows = await call.store.work(job) if wanted else ()
    page = Listed(rows, more=False, total=len(rows) if stretch.total else None)
    return listed("incidents", await shown_incidents(call, rows, includes), page=page, stretch=stretch)


async def incident_seen(turn: Turn, call: Call, incident_id: str, *, to: Verb) -> IncidentShown:
    """Return an incident that the caller may see and may do this to; raise `Refused` (not found, forbidden)."""
    values = {"ids": [incident_id], "horizon": call.actor.horizon, "reader": call.actor.user_id}
    row = await turn.maybe(SEEN, values)
    if row is None:
        raise Refused(Why.NOT_FOUND, f"Incident {incident_id} not found")
    allow(call.actor, to, row.subject(call.actor.user_id))
    return row


async def _all_seen(turn: Turn, call: Call, ids: list[str]) -> dict[str, IncidentShown]:
    """Return these incidents; raise `Refused` (invalid) when one is not there, because then none is changed."""
    values = {"ids": ids, "horizon": call.actor.horizon, "reader": call.actor.user_id}
    rows = {row.id: row for row in await turn.rows(SEEN, values)}
    faults = tuple(f"Incident {each} not found" for each in ids if each not in rows)
    if faults:
        raise Refused(Why.INVALID, faults[0], faults)
    for row in rows.values():
        allow(call.actor, Verb.RESPOND, row.subject(call.actor.user_id))
    return rows


async def _update(
    turn: Turn, call: Call, wanted: dict[str, UpdateBody], before: dict[str, IncidentShown]
) -> tuple[IncidentShown, ...]:
    means = await _means(turn, call, list(wanted.values()))
    giver = by(call)
    found = {each: orders_of(body, before[each], giver, means) for each, body in wanted.items()}
    changes = {each: given for each, given in found.items() if given}
    if changes:
        await act(turn, call.house.directory, changes)
    return await incident_lists.shown(turn, list(wanted))


async def _freeze(call: Call, bodies: list[UpdateBody]) -> None:
    """Freeze the policies that updates name, in a transaction of its own, so that a refusal does not undo it."""
    policy_ids = {body.escalation_policy.id for body in bodies if body.escalation_policy is not None}
    if not policy_ids:
        return

    async def job(turn: Turn) -> None:
        for policy_id in sorted(policy_ids):
            await _policy_seen(turn, call, policy_id)
        await call.house.directory.refresh(turn)
        await call.house.directory.frozen(turn, policy_ids)

    await call.store.work(job)


async def _means(turn: Turn, call: Call, bodies: list[UpdateBody]) -> Means:
    """Return what the updates refer to; raise `Refused` (bad priority, invalid) for what is not there."""
    found: dict[str, PriorityRow] = {}
    for body in bodies:
        said = named_priority(body.priority)
        if said is not None and said not in found:
            found[said] = await _priority(turn, said)
    policy_ids = {body.escalation_policy.id for body in bodies if body.escalation_policy is not None}
    await call.house.directory.refresh(turn)
    plans = await call.house.directory.frozen(turn, policy_ids) if policy_ids else {}
    return Means(found, plans)


async def _opening(turn: Turn, call: Call, body: IncidentBody, *, service: Service, title: str) -> Opening:
    said = named_priority(body.priority)
    priority = await _priority(turn, said) if said is not None else None
    policy_id = service.escalation_policy_id
    if body.escalation_policy is not None:
        policy_id = body.escalation_policy.id
        await _policy_seen(turn, call, policy_id)
    user_ids = assignees_of(body.assignments)
    present = {row.id for row in await turn.rows(policies.USERS_PRESENT, {"ids": list(user_ids)})}
    if missing := [each for each in user_ids if each not in present]:
        raise Refused(Why.INVALID, f"Assignee {missing[0]} not found")
    plans = await call.house.directory.frozen(turn, [policy_id])
    return Opening(
        by=by(call),
        title=title,
        urgency=body.urgency or urgency_of(service.urgency_rule, BY_HAND, turn.now),
        plan_id=plans[policy_id][0],
        body=described(body.body),
        incident_key=body.incident_key,
        priority_id=None if priority is None else priority.id,
        user_ids=user_ids,
        raise_urgency_at=_raise_at(body, service, turn.now),
    )


def _raise_at(body: IncidentBody, service: Service, now: datetime) -> datetime | None:
    """Return when the service raises the urgency by its hours; an urgency that a person chose stays."""
    return next_urgency_change(service, now) if body.urgency is None else None


async def _service(turn: Turn, call: Call, service_id: str) -> Service:
    values = {"id": service_id, "horizon": call.actor.horizon}
    seen = await turn.maybe(SERVICE_SEEN, values)
    if seen is None:
        raise Refused(Why.INVALID, "Service not found")
    allow(call.actor, Verb.CREATE, Subject(KIND, team_id=seen.team_id))
    await call.house.directory.refresh(turn)
    found = await call.house.directory.services(turn, [service_id])
    if service_id not in found:
        raise Refused(Why.INVALID, "Service not found")
    if found[service_id].disabled:
        raise Refused(Why.INVALID, "Service is disabled; enable it before opening incidents on it.")
    return found[service_id]


async def _priority(turn: Turn, said: str) -> PriorityRow:
    row = await turn.maybe(priorities.BY_ID_OR_NAME, {"id": said})
    if row is None:
        raise Refused(Why.BAD_PRIORITY, f"Priority {said} not found")
    return row


async def _policy_seen(turn: Turn, call: Call, policy_id: str) -> None:
    values = {"id": policy_id, "horizon": call.actor.horizon}
    if await turn.maybe(policies.POLICY, values) is None:
        raise Refused(Why.INVALID, "Escalation policy not found")


def _by_id(bodies: list[UpdateBody]) -> dict[str, UpdateBody]:
    found: dict[str, UpdateBody] = {}
    for body in bodies:
        if not body.id:
            raise Refused(Why.INVALID, "Each incident needs its id.")
        if body.id in found:
            raise Refused(Why.INVALID, f"Incident {body.id} is named twice.")
        found[body.id] = body
    return found


def _order(call: Call) -> Order:
    """Return the order asked for; raise `Refused` (invalid) for one that does not exist."""
    terms = [term for text in call.many("sort_by") for term in text.split(",") if term]
    order = tuple(term if ":" in term else f"{term}:asc" for term in terms)[:MOST_SORTS]
    if not order:
        return NEWEST
    if order[0].startswith("incident_number"):
        order = order[:1]
    if len(terms) > MOST_SORTS or order not in ORDERS:
        raise Refused(
            Why.INVALID, "sort_by takes up to two of incident_number, created_at, resolved_at, urgency (:asc or :desc)."
        )
    return order


def _among(call: Call, name: str, known: tuple[str, ...]) -> list[str] | None:
    """Return the values of a filter, or None when they are all there are; raise `Refused` (invalid) for others."""
    said = call.many(name)
    if unknown := [each for each in said if each not in known]:
        raise Refused(Why.INVALID, f"{name}[] does not know {unknown[0]}.")
    chosen = [each for each in known if each in said]
    return chosen if 0 < len(chosen) < len(known) else None
