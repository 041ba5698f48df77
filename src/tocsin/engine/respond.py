"""Respond: what people answer: opening, merging, and the answer that a link in a page stands for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from tocsin.domain.incidents.agent import Agent
from tocsin.domain.incidents.decision import Decision
from tocsin.domain.incidents.incident import Status
from tocsin.domain.incidents.moves import decide
from tocsin.domain.incidents.order import Absorb, Acknowledge, By, Opening, Resolve, Vanish
from tocsin.engine.turn import act, begin, finish, open_new
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import MOST_MERGED_ALERTS
from tocsin.store.decisions import move_alerts
from tocsin.store.directory import Directory
from tocsin.store.incidents import OPEN_OF_SERVICE
from tocsin.store.turn import Turn

Answer = Literal["acknowledge", "resolve"]


async def open_by_hand(turn: Turn, directory: Directory, opening: Opening, *, service_id: str) -> Decision:
    """Open an incident that a person reports, and write it.

    Raises `Refused` when the service is missing, disabled, or an assignee is nobody who can be assigned.
    """
    await directory.refresh(turn)
    services = await directory.services(turn, [service_id])
    if service_id in services and services[service_id].disabled:
        raise Refused(Why.INVALID, "Service is disabled; enable it before opening incidents on it.")
    decision = await open_new(turn, directory, opening, service_id=service_id)
    await finish(turn, [decision])
    return decision


async def merge(turn: Turn, directory: Directory, into_id: str, *, sources: Sequence[str], by: By) -> Decision:
    """Give the alerts of the sources to one incident and resolve the sources; all are locked in id order.

    Raises `Refused` when one is missing, the target is resolved, a source was merged before, or the target would
    have too many alerts.
    """
    wanted = {into_id, *sources}
    decisions = await begin(turn, directory, wanted)
    missing = sorted(wanted - set(decisions))
    if missing:
        raise Refused(Why.NOT_FOUND, f"Incident {missing[0]} not found")
    into = decisions[into_id]
    given = [decisions[source] for source in dict.fromkeys(sources) if source != into_id]
    triggered = sum(each.incident.alerts_triggered for each in given)
    total = sum(each.incident.alerts_total for each in given)
    if into.incident.alerts_total + total > MOST_MERGED_ALERTS:
        raise Refused(Why.INVALID, f"An incident can have at most {MOST_MERGED_ALERTS} alerts after a merge.")
    ids = tuple(each.incident.id for each in given)
    for each in given:
        decide(each, Vanish(by, into_id))
    decide(into, Absorb(by, ids, triggered, total))
    await finish(turn, decisions.values())
    await move_alerts(turn, list(ids), into_id)
    return into


async def resolve_all(turn: Turn, directory: Directory, service_id: str, *, by: By) -> int:
    """Resolve every open incident of a service that is about to go; return how many there were."""
    ids = [row.id for row in await turn.rows(OPEN_OF_SERVICE, {"service_id": service_id})]
    if ids:
        await act(turn, directory, {incident_id: [Resolve(by)] for incident_id in ids})
    return len(ids)


class Answered(Struct, frozen=True):
    """What an answer met: the incident as it is now, and whether the answer changed it."""

    incident_id: str
    number: int
    title: str
    service: str
    status: Status
    changed: bool
    changed_by: Agent
    changed_at: datetime


async def answer(turn: Turn, directory: Directory, incident_id: str, *, answer: Answer, by: By) -> Answered:
    """Apply a person's answer to a page, once: a second one, or a late one, changes nothing and says who was first.

    Raises `Refused` (not found) when the incident does not exist.
    """
    decisions = await begin(turn, directory, [incident_id])
    if incident_id not in decisions:
        raise Refused(Why.NOT_FOUND, "This incident does not exist any more.")
    decision = decisions[incident_id]
    before = decision.incident.status
    stands = decision.incident.status_changed_by, decision.incident.status_changed_at
    wanted = Acknowledge(by) if answer == "acknowledge" else Resolve(by)
    late = before is Status.RESOLVED or (answer == "acknowledge" and before is Status.ACKNOWLEDGED)
    if not late:
        decide(decision, wanted)
        await finish(turn, [decision])
        stands = decision.incident.status_changed_by, decision.incident.status_changed_at
    incident = decision.incident
    return Answered(
        incident.id,
        incident.number,
        incident.title,
        decision.terms.service_name,
        incident.status,
        changed=not late,
        changed_by=stands[0],
        changed_at=stands[1],
    )
