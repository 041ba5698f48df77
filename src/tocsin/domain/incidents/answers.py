"""Answers: what each order of a person does to an incident, in every state that it can meet."""

from tocsin.domain.incidents import order as orders
from tocsin.domain.incidents.calling import call_next, make_call, page
from tocsin.domain.incidents.decision import Decision, Note
from tocsin.domain.incidents.incident import Acknowledgement, Status, TimerKind
from tocsin.domain.incidents.states import close, demand_open, give, refuse, retrigger, settle
from tocsin.domain.incidents.timeline import EntryKind
from tocsin.domain.oncall.escalation import call_of_level
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import LONGEST_SNOOZE, SHORTEST_SNOOZE


def acknowledge(decision: Decision, order: orders.Acknowledge) -> None:
    """Somebody looks after it: nobody is called any more until the acknowledgement times out."""
    by = order.by
    if not decision.open:
        return refuse(by, Why.ALREADY_RESOLVED, "Incident Already Resolved")
    agent = by.agent
    mine = Acknowledgement(agent.kind, agent.id, decision.now)
    others = tuple(
        other for other in decision.acknowledgements if (other.agent_kind, other.agent_id) != (agent.kind, agent.id)
    )
    if len(others) < len(decision.acknowledgements):
        return refuse(by, Why.ALREADY_ACKNOWLEDGED, "Incident Already Acknowledged")
    if not by.strict and decision.incident.status is Status.ACKNOWLEDGED:
        return None
    settle(decision, by, (*others, mine))
    decision.log(EntryKind.ACKNOWLEDGE, by)
    decision.tell("acknowledged", agent)
    return None


def resolve(decision: Decision, order: orders.Resolve) -> None:
    """End it together with its alerts."""
    if not decision.open:
        return refuse(order.by, Why.ALREADY_RESOLVED, "Incident Already Resolved")
    close(decision, order.by)
    decision.alerts_resolved = True
    decision.incident.alerts_triggered = 0
    decision.log(EntryKind.RESOLVE, order.by)
    decision.tell("resolved", order.by.agent)
    if order.resolution:
        write_note(decision, orders.Annotate(order.by, decision.new_id(), order.resolution))
    return None


def reopen(decision: Decision, order: orders.Reopen) -> None:
    """Begin anew: call the people named, or the plan from its first level on."""
    by = order.by
    if decision.open:
        return refuse(by, Why.BAD_STATUS, "Incident is not resolved")
    incident = decision.incident
    retrigger(decision, by)
    incident.resolved_at = None
    incident.merged_into = None
    incident.called = 0
    incident.exhausted = False
    decision.log(EntryKind.TRIGGER, by, {"reopened": True})
    decision.tell("reopened", by.agent)
    if decision.terms.auto_resolve_timeout is not None:
        decision.set_timer(TimerKind.AUTO_RESOLVE, decision.now + decision.terms.auto_resolve_timeout)
    if order.user_ids:
        give(decision, by, order.user_ids)
    else:
        call_next(decision, by, kind=EntryKind.ASSIGN)
    return None


def reassign(decision: Decision, order: orders.Reassign) -> None:
    """Give it to other people, who are called now, outside the plan."""
    by = order.by
    demand_open(decision)
    decision.recall_pages("reassigned")
    decision.clear_timer(TimerKind.ESCALATE)
    retrigger(decision, by)
    give(decision, by, order.user_ids)
    decision.tell("reassigned", by.agent, {"user_ids": order.user_ids})


def replan(decision: Decision, order: orders.Replan) -> None:
    """Run another policy from its first level on."""
    demand_open(decision)
    decision.recall_pages("reassigned")
    retrigger(decision, order.by)
    decision.plan = order.plan
    decision.incident.plan_id = order.plan_id
    decision.incident.called = 0
    decision.incident.exhausted = False
    decision.assign(())
    call_next(decision, order.by, kind=EntryKind.ASSIGN)
    decision.tell("reassigned", order.by.agent, {"policy": order.plan.name})


def escalate(decision: Decision, order: orders.Escalate) -> None:
    """Call the next level, or the one named, as the policy would."""
    by = order.by
    demand_open(decision)
    called = decision.incident.called
    count = len(decision.plan.levels)
    level = order.level if order.level is not None else (called % count + 1 if called and count else 1)
    call = call_of_level(decision.plan, decision.crew, level=level, called=called)
    if call is None:
        raise Refused(Why.CANNOT_ESCALATE, "Incident cannot be escalated: nobody is on call at that level")
    decision.recall_pages("escalated")
    retrigger(decision, by)
    make_call(decision, call, by, kind=EntryKind.ESCALATE)
    decision.tell("escalated", by.agent, {"level": call.level, "user_ids": call.user_ids})


def snooze(decision: Decision, order: orders.Snooze) -> None:
    """Keep it quiet for a while; then those who have it are called again."""
    demand_open(decision)
    if not SHORTEST_SNOOZE <= order.duration <= LONGEST_SNOOZE:
        raise Refused(Why.SNOOZE_DURATION, "Snooze duration must be between 1 and 604800 seconds")
    agent = order.by.agent
    acknowledgements = decision.acknowledgements
    if not any((each.agent_kind, each.agent_id) == (agent.kind, agent.id) for each in acknowledgements):
        acknowledgements = (*acknowledgements, Acknowledgement(agent.kind, agent.id, decision.now))
    settle(decision, order.by, acknowledgements)
    decision.clear_timer(TimerKind.UNACKNOWLEDGE)
    until = decision.now + order.duration
    decision.incident.snoozed_until = until
    decision.set_timer(TimerKind.UNSNOOZE, until)
    decision.log(EntryKind.SNOOZE, order.by, {"until": until})
    decision.tell("acknowledged", agent, {"snoozed_until": until})


def rename(decision: Decision, order: orders.Rename) -> None:
    """Change its title."""
    if order.title != decision.incident.title:
        body: dict[str, object] = {"field": "title", "before": decision.incident.title, "after": order.title}
        decision.incident.title = order.title
        decision.log(EntryKind.FIELD_VALUE_CHANGE, order.by, body)
        decision.tell("renamed", order.by.agent)


def set_urgency(decision: Decision, order: orders.SetUrgency) -> None:
    """Change how people are woken; those who have it are called by the rules of the new urgency."""
    demand_open(decision)
    before = decision.incident.urgency
    if before == order.urgency:
        return
    decision.incident.urgency = order.urgency
    decision.clear_timer(TimerKind.URGENCY)
    decision.log(EntryKind.URGENCY_CHANGE, order.by, {"before": before, "after": order.urgency})
    decision.tell("urgency_changed", order.by.agent, {"urgency": order.urgency})
    if decision.incident.status is Status.TRIGGERED:
        decision.recall_pages("urgency changed")
        page(decision, decision.assignees)


def set_priority(decision: Decision, order: orders.SetPriority) -> None:
    """Change how much it matters to the business."""
    if order.priority_id != decision.incident.priority_id:
        decision.incident.priority_id = order.priority_id
        decision.log(EntryKind.FIELD_VALUE_CHANGE, order.by, {"field": "priority", "after": order.name})
        decision.tell("priority_updated", order.by.agent, {"priority": order.name})


def write_note(decision: Decision, order: orders.Annotate) -> None:
    """Write a note on the timeline."""
    agent = order.by.agent
    decision.notes.append(
        Note(
            order.note_id,
            decision.incident.id,
            agent.id if agent.kind == "user" else None,
            order.content,
            order.by.via,
            decision.now,
        )
    )
    decision.log(EntryKind.ANNOTATE, order.by, {"note_id": order.note_id, "content": order.content})
    decision.tell("annotated", agent, {"content": order.content})


def absorb(decision: Decision, order: orders.Absorb) -> None:
    """Take over the alerts of other incidents."""
    demand_open(decision)
    decision.incident.alerts_triggered += order.alerts_triggered
    decision.incident.alerts_total += order.alerts_total
    decision.log(EntryKind.ANNOTATE, order.by, {"merged_incident_ids": order.incident_ids})
    decision.tell("merged", order.by.agent, {"incident_ids": order.incident_ids})


def vanish(decision: Decision, order: orders.Vanish) -> None:
    """End it because its alerts went into another incident."""
    if decision.incident.merged_into is not None:
        raise Refused(Why.ALREADY_MERGED, "Incident was already merged")
    decision.incident.merged_into = order.into_id
    decision.incident.alerts_triggered = 0
    decision.incident.alerts_total = 0
    if decision.open:
        close(decision, order.by)
        decision.log(EntryKind.RESOLVE, order.by, {"merged_into": order.into_id})
        decision.tell("resolved", order.by.agent, {"merged_into": order.into_id})
