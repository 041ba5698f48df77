"""Moves: how an incident begins, and which rule answers each order."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tocsin.domain.incidents import answers, happenings
from tocsin.domain.incidents import order as orders
from tocsin.domain.incidents.calling import BY_PERSON, BY_POLICY, call_next
from tocsin.domain.incidents.decision import Decision
from tocsin.domain.incidents.incident import Incident, Status, Terms, TimerKind
from tocsin.domain.incidents.states import give
from tocsin.domain.incidents.timeline import EntryKind
from tocsin.domain.oncall.crew import Crew
from tocsin.domain.oncall.policy import Policy


def open_incident(
    opening: orders.Opening,
    incident_id: str,
    *,
    terms: Terms,
    plan: Policy,
    surroundings: tuple[Crew, datetime, Callable[[], str]],
) -> Decision:
    """Return the decision that creates an incident, gives it to people and calls them.

    `surroundings` are the crew, the instant and the source of log entry ids. People named in the opening get
    it directly; a creator who names only themselves has acknowledged it and is not paged.
    """
    crew, now, new_id = surroundings
    by = opening.by
    incident = Incident(
        id=incident_id,
        service_id=terms.service_id,
        title=opening.title,
        status=Status.TRIGGERED,
        urgency=opening.urgency,
        plan_id=opening.plan_id,
        assigned_via=BY_PERSON if opening.user_ids else BY_POLICY,
        created_at=now,
        updated_at=now,
        status_changed_at=now,
        status_changed_by=by.agent,
        body=opening.body,
        incident_key=opening.incident_key,
        priority_id=opening.priority_id,
        alerts_triggered=1 if opening.alert_id else 0,
        alerts_total=1 if opening.alert_id else 0,
    )
    decision = Decision(now, crew, new_id, incident, plan, terms, (), (), {}, created=True)
    details: dict[str, object] = {"event": opening.details} if opening.details is not None else {}
    decision.log(EntryKind.TRIGGER, by, details | ({"alert_id": opening.alert_id} if opening.alert_id else {}))
    decision.tell("triggered", by.agent)
    if opening.user_ids:
        give(decision, by, opening.user_ids)
    else:
        call_next(decision, by, kind=EntryKind.ASSIGN)
    if terms.auto_resolve_timeout is not None:
        decision.set_timer(TimerKind.AUTO_RESOLVE, now + terms.auto_resolve_timeout)
    if opening.raise_urgency_at is not None and opening.urgency == "low":
        decision.set_timer(TimerKind.URGENCY, opening.raise_urgency_at)
    return decision


def decide(decision: Decision, order: orders.Order) -> None:
    """Apply one order to the incident of this decision; raise `Refused` when the order makes no sense there."""
    _MOVES[type(order)](decision, order)


# Each move takes its own kind of order; the table is what pairs them, which no annotation can say.
_MOVES: dict[type, Callable[[Decision, Any], None]] = {
    orders.Acknowledge: answers.acknowledge,
    orders.Resolve: answers.resolve,
    orders.Reopen: answers.reopen,
    orders.Reassign: answers.reassign,
    orders.Replan: answers.replan,
    orders.Escalate: answers.escalate,
    orders.Snooze: answers.snooze,
    orders.Rename: answers.rename,
    orders.SetUrgency: answers.set_urgency,
    orders.SetPriority: answers.set_priority,
    orders.Annotate: answers.write_note,
    orders.Absorb: answers.absorb,
    orders.Vanish: answers.vanish,
    orders.AlertTriggered: happenings.alert_triggered,
    orders.AlertResolved: happenings.alert_resolved,
    orders.AlertsMoved: happenings.alerts_moved,
    orders.Due: happenings.due,
    orders.Unreachable: happenings.unreachable,
    orders.Revive: happenings.revive,
}
