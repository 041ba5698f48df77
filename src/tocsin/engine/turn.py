"""The bell-rope: every change of an incident, whoever orders it, is locked, read, decided and written here."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from psycopg.errors import UniqueViolation

from tocsin.domain.incidents.decision import Decision
from tocsin.domain.incidents.incident import Incident, Situation, Terms
from tocsin.domain.incidents.moves import decide, open_incident
from tocsin.domain.incidents.order import Opening, Order, Reassign, Reopen, Replan
from tocsin.domain.oncall.policy import Policy
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import Kind, new_id
from tocsin.store.decisions import AlertChanges, write_decisions
from tocsin.store.directory import Directory, terms_of
from tocsin.store.incidents import NOBODY, company, lock
from tocsin.store.turn import Turn


class Named(Struct, frozen=True):
    """People and plans that orders name, beside those that an incident already has."""

    user_ids: frozenset[str] = frozenset()
    plans: tuple[Policy, ...] = ()


async def act(turn: Turn, directory: Directory, orders: Mapping[str, Sequence[Order]]) -> dict[str, Decision]:
    """Apply orders to incidents, by id, and write what comes of it; all or nothing.

    Raises `Refused` (not found) when one of the incidents does not exist, and whatever refusal an order meets.
    """
    decisions = await begin(turn, directory, orders, named=_named(orders.values()))
    missing = [incident_id for incident_id in orders if incident_id not in decisions]
    if missing:
        raise Refused(Why.NOT_FOUND, f"Incident {missing[0]} not found")
    for incident_id, wanted in orders.items():
        for order in wanted:
            decide(decisions[incident_id], order)
    await finish(turn, decisions.values())
    return decisions


async def begin(
    turn: Turn,
    directory: Directory,
    ids: Iterable[str],
    *,
    named: Named | None = None,
    if_free: bool = False,
) -> dict[str, Decision]:
    """Lock incidents in the order of their ids, read what belongs to them, and begin to decide about each.

    `named` are further people and plans that the orders to come may call. With `if_free` incidents that somebody
    else is changing are left out instead of waited for.
    """
    named = named or Named()
    await directory.refresh(turn)
    incidents = await lock(turn, sorted(ids), if_free=if_free)
    if not incidents:
        return {}
    around = await company(turn, list(incidents))
    frozen = await directory.plans(turn, {each.plan_id for each in incidents.values()})
    by_service: dict[str, list[Policy]] = defaultdict(list)
    for incident in incidents.values():
        by_service[incident.service_id].append(frozen[incident.plan_id])
    for more in by_service.values():
        more.extend(named.plans)
    owners = {user_id for each in around.values() for user_id in each.assignees}
    crews = await directory.crews(turn, by_service, also=owners | named.user_ids)
    terms = await _terms(turn, directory, incidents.values())
    decisions = {}
    for incident in incidents.values():
        beside = around.get(incident.id, NOBODY)
        situation = Situation(
            incident,
            frozen[incident.plan_id],
            terms[incident.service_id],
            beside.assignees,
            beside.acknowledgements,
            beside.timers,
        )
        decisions[incident.id] = Decision.on(situation, crews[incident.service_id], turn.now, new_entry_id)
    return decisions


async def open_new(turn: Turn, directory: Directory, opening: Opening, *, service_id: str) -> Decision:
    """Decide the opening of one incident on a service; nothing is written before `finish`.

    Raises `Refused` (not found) when the service is not there.
    """
    services = await directory.services(turn, [service_id])
    if service_id not in services:
        raise Refused(Why.NOT_FOUND, "Service not found")
    plans = await directory.plans(turn, [opening.plan_id])
    plan = plans[opening.plan_id]
    crews = await directory.crews(turn, {service_id: [plan]}, also=opening.user_ids)
    return open_incident(
        opening,
        new_id(Kind.INCIDENT),
        terms=terms_of(services[service_id]),
        plan=plan,
        surroundings=(crews[service_id], turn.now, new_entry_id),
    )


async def finish(turn: Turn, decisions: Iterable[Decision], alerts: AlertChanges | None = None) -> None:
    """Write what was decided, in the transaction that decided it.

    Raises `Refused` (conflict) when another open incident of the service has the same incident key.
    """
    try:
        await write_decisions(turn, list(decisions), alerts)
    except UniqueViolation as taken:
        if taken.diag.constraint_name != "incident_open_key":
            raise
        raise Refused(Why.CONFLICT, "Another open incident of this service has the same incident key.") from taken


def new_entry_id() -> str:
    """Return a fresh id for a log entry."""
    return new_id(Kind.LOG_ENTRY)


async def _terms(turn: Turn, directory: Directory, incidents: Iterable[Incident]) -> dict[str, Terms]:
    ids = {incident.service_id for incident in incidents}
    services = await directory.services(turn, ids)
    return {each: terms_of(services[each]) if each in services else Terms(each, "a deleted service") for each in ids}


def _named(orders: Iterable[Sequence[Order]]) -> Named:
    """Return the people and plans that these orders name."""
    everything = [order for wanted in orders for order in wanted]
    people = (order.user_ids for order in everything if isinstance(order, Reassign | Reopen))
    return Named(
        frozenset(user_id for user_ids in people for user_id in user_ids),
        tuple(order.plan for order in everything if isinstance(order, Replan)),
    )
