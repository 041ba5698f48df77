"""States: becoming acknowledged, triggered again, resolved or somebody's, with all that goes with it."""

from tocsin.domain.incidents.calling import BY_PERSON, page
from tocsin.domain.incidents.decision import Decision
from tocsin.domain.incidents.incident import Acknowledgement, Status, TimerKind
from tocsin.domain.incidents.order import By
from tocsin.domain.incidents.timeline import EntryKind
from tocsin.ground.errors import Refused, Why


def demand_open(decision: Decision) -> None:
    """Raise `Refused` when the incident is resolved."""
    if not decision.open:
        raise Refused(Why.ALREADY_RESOLVED, "Incident Already Resolved")


def refuse(by: By, why: Why, message: str) -> None:
    """Refuse an order that changes nothing, when a person gave it; events are let pass in silence."""
    if by.strict:
        raise Refused(why, message)


def settle(decision: Decision, by: By, acknowledgements: tuple[Acknowledgement, ...]) -> None:
    """Make it acknowledged: nobody is called any more until the acknowledgement times out."""
    decision.acknowledged_by(acknowledgements)
    holders = tuple(each.agent_id for each in acknowledgements if each.agent_kind == "user")
    if holders:
        decision.assign(holders)
    decision.become(Status.ACKNOWLEDGED, by.agent)
    decision.incident.acknowledged_at = decision.incident.acknowledged_at or decision.now
    decision.incident.snoozed_until = None
    decision.clear_timer(TimerKind.ESCALATE)
    decision.clear_timer(TimerKind.UNSNOOZE)
    decision.recall_pages("acknowledged")
    patience = decision.terms.acknowledgement_timeout
    if patience is not None:
        decision.set_timer(TimerKind.UNACKNOWLEDGE, decision.now + patience)


def retrigger(decision: Decision, by: By) -> None:
    """Make it triggered again: acknowledgements end, and what they had set."""
    decision.acknowledged_by(())
    decision.become(Status.TRIGGERED, by.agent)
    decision.incident.snoozed_until = None
    decision.clear_timer(TimerKind.UNACKNOWLEDGE)
    decision.clear_timer(TimerKind.UNSNOOZE)


def close(decision: Decision, by: By) -> None:
    """End it: nobody has it, nothing is due for it, and no page of it leaves any more."""
    decision.become(Status.RESOLVED, by.agent)
    decision.incident.resolved_at = decision.now
    decision.incident.snoozed_until = None
    decision.assign(())
    decision.acknowledged_by(())
    for kind in TimerKind:
        decision.clear_timer(kind)
    decision.recall_pages("resolved")


def give(decision: Decision, by: By, user_ids: tuple[str, ...]) -> None:
    """Give it directly to these people; whoever gives it only to themselves has it, and is not paged."""
    unknown = [user_id for user_id in user_ids if user_id not in decision.crew.people]
    if unknown:
        raise Refused(Why.INVALID, f"Assignee {unknown[0]} is not a user who can be assigned.")
    alone = by.agent.kind == "user" and user_ids == (by.agent.id,)
    if not alone and not decision.crew.reachable(user_ids):
        raise Refused(Why.INVALID, "None of the assignees can be reached: give one of them a contact method first.")
    decision.incident.assigned_via = BY_PERSON
    decision.incident.exhausted = False
    decision.assign(user_ids)
    decision.log(EntryKind.ASSIGN, by, {"user_ids": user_ids})
    if alone:
        settle(decision, by, (Acknowledgement("user", by.agent.id, decision.now),))
        decision.log(EntryKind.ACKNOWLEDGE, by)
        decision.tell("acknowledged", by.agent)
    else:
        page(decision, user_ids)
