"""Happenings: what tools and the clock do to an incident."""

from collections.abc import Callable

from tocsin.domain.incidents import order as orders
from tocsin.domain.incidents.agent import BY_ITSELF
from tocsin.domain.incidents.answers import resolve, set_urgency
from tocsin.domain.incidents.calling import BY_CLOCK, BY_POLICY, call_again, call_next
from tocsin.domain.incidents.decision import Decision
from tocsin.domain.incidents.incident import Status, TimerKind
from tocsin.domain.incidents.order import By
from tocsin.domain.incidents.states import retrigger
from tocsin.domain.incidents.timeline import EntryKind
from tocsin.ground.limits import MOST_LOGGED_TRIGGERS


def alert_triggered(decision: Decision, order: orders.AlertTriggered) -> None:
    """Count a new alert or another event of one; a worse severity raises the urgency."""
    if order.events == 1:
        decision.incident.alerts_triggered += 1
        decision.incident.alerts_total += 1
    if order.events <= MOST_LOGGED_TRIGGERS:
        decision.log(EntryKind.TRIGGER, order.by, {"alert_id": order.alert_id, "event": order.details})
    elif order.events == MOST_LOGGED_TRIGGERS + 1:
        decision.log(EntryKind.REACH_TRIGGER_LIMIT, order.by, {"alert_id": order.alert_id})
    if decision.open and order.urgency == "high" and decision.incident.urgency == "low":
        set_urgency(decision, orders.SetUrgency(order.by, "high"))


def alert_resolved(decision: Decision, order: orders.AlertResolved) -> None:
    """Count an alert that is over; with the last one the incident is."""
    incident = decision.incident
    incident.alerts_triggered = max(incident.alerts_triggered - 1, 0)
    if decision.open and incident.alerts_triggered == 0:
        resolve(decision, orders.Resolve(order.by))


def alerts_moved(decision: Decision, order: orders.AlertsMoved) -> None:
    """Count alerts that a person moved between incidents."""
    decision.incident.alerts_triggered += order.triggered
    decision.incident.alerts_total += order.total


def due(decision: Decision, order: orders.Due) -> None:
    """Let happen what is due, unless something called it off."""
    if order.kind not in decision.timers or not decision.open:
        return
    decision.clear_timer(order.kind)
    _TIMERS[order.kind](decision)


def _escalation_due(decision: Decision) -> None:
    if decision.incident.status is Status.TRIGGERED:
        decision.recall_pages("escalated")
        call_next(decision, BY_CLOCK)
        decision.tell("escalated", BY_CLOCK.agent, {"user_ids": decision.assignees})


def _acknowledgement_ends(decision: Decision) -> None:
    if decision.incident.status is Status.ACKNOWLEDGED:
        snoozed = decision.incident.snoozed_until is not None
        retrigger(decision, BY_CLOCK)
        decision.log(EntryKind.UNACKNOWLEDGE, BY_CLOCK, {"snooze_ended": True} if snoozed else None)
        decision.tell("unacknowledged", BY_CLOCK.agent)
        call_again(decision, BY_CLOCK)


def _auto_resolve(decision: Decision) -> None:
    resolve(decision, orders.Resolve(By(decision.terms.agent, BY_ITSELF, strict=False)))


def _raise_urgency(decision: Decision) -> None:
    set_urgency(decision, orders.SetUrgency(By(decision.terms.agent, BY_ITSELF, strict=False), "high"))


def unreachable(decision: Decision, order: orders.Unreachable) -> None:
    """Call the next level when no page of the running round reached anybody."""
    if decision.incident.status is Status.TRIGGERED and order.round == decision.incident.round:
        decision.log(EntryKind.NOTIFY, BY_CLOCK, {"failed": True, "why": order.why, "user_ids": decision.assignees})
        decision.incident.assigned_via = BY_POLICY
        call_next(decision, BY_CLOCK, reached=False)


def revive(decision: Decision, order: orders.Revive) -> None:
    """Call the next people of an incident that nothing would have called for any more."""
    if decision.incident.status is Status.ACKNOWLEDGED:
        retrigger(decision, BY_CLOCK)
    decision.log(EntryKind.ESCALATE, BY_CLOCK, {"repaired": order.why})
    call_again(decision, BY_CLOCK)


_TIMERS: dict[TimerKind, Callable[[Decision], None]] = {
    TimerKind.ESCALATE: _escalation_due,
    TimerKind.UNACKNOWLEDGE: _acknowledgement_ends,
    TimerKind.UNSNOOZE: _acknowledgement_ends,
    TimerKind.AUTO_RESOLVE: _auto_resolve,
    TimerKind.URGENCY: _raise_urgency,
}
