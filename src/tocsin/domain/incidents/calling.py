"""Calling: giving an incident to people, paging each by their own rules, and setting when the next are called."""

from datetime import datetime

from tocsin.domain.incidents.agent import BY_TIMEOUT, TOCSIN
from tocsin.domain.incidents.decision import Decision, Page
from tocsin.domain.incidents.incident import Status, TimerKind
from tocsin.domain.incidents.order import By
from tocsin.domain.incidents.timeline import EntryKind
from tocsin.domain.oncall.crew import Way
from tocsin.domain.oncall.escalation import Call, Spent, due_after, next_call
from tocsin.ground.limits import LAST_RESORT_PATIENCE

BY_POLICY = "escalation_policy"
BY_PERSON = "direct_assignment"
BY_CLOCK = By(TOCSIN, BY_TIMEOUT, strict=False)

_CALM_PAGES = 3  # of a person within the last seconds: up to so many leave before the pages of a storm


def call_next(decision: Decision, by: By, *, kind: EntryKind = EntryKind.ESCALATE, reached: bool = True) -> None:
    """Call the people whose turn it is by the plan, passing over empty levels, or note that the plan is spent.

    When those who have it were not `reached`, the plan ends with the fallbacks, and then begins anew after a while:
    an incident of which nobody has heard is never left alone.
    """
    incident = decision.incident
    owned = reached and bool(decision.assignees)
    found = next_call(decision.plan, decision.crew, called=incident.called, owned=owned)
    for level in found.empty_levels:
        decision.log(EntryKind.ESCALATE, by, {"level": level, "nobody_on_call": True})
    if isinstance(found, Call):
        make_call(decision, found, by, kind=kind)
    elif reached:
        _end_plan(decision, found, by)
    else:
        incident.called = 0
        decision.log(EntryKind.REPEAT_ESCALATION_PATH, by, {"nobody_reached": True})
        decision.set_timer(TimerKind.ESCALATE, decision.now + LAST_RESORT_PATIENCE)


def make_call(decision: Decision, call: Call, by: By, *, kind: EntryKind) -> None:
    """Assign the people of this call, page them, and set when the next call is due."""
    incident = decision.incident
    if call.repeat > 0 and call.level == 1:
        decision.log(EntryKind.REPEAT_ESCALATION_PATH, by, {"repeat": call.repeat})
    incident.called = call.called
    incident.exhausted = False
    incident.assigned_via = BY_POLICY
    decision.assign(call.user_ids)
    body: dict[str, object] = {"level": call.level, "user_ids": call.user_ids, "policy": decision.plan.name}
    if call.fallback is not None:
        body["fallback"] = call.fallback
    decision.log(kind, by, body)
    page(decision, call.user_ids)
    decision.set_timer(TimerKind.ESCALATE, due_after(call, decision.now))


def _end_plan(decision: Decision, spent: Spent, by: By) -> None:
    incident = decision.incident
    incident.called = spent.called
    incident.exhausted = True
    decision.clear_timer(TimerKind.ESCALATE)
    decision.log(EntryKind.EXHAUST_ESCALATION_PATH, by, {"user_ids": decision.assignees})
    decision.tell("escalation_exhausted", by.agent)


def call_again(decision: Decision, by: By) -> None:
    """Page again those who have it, as when an acknowledgement or a snooze has run out, and let the plan go on."""
    incident = decision.incident
    if not decision.crew.reachable(decision.assignees):
        decision.assign(())
        incident.assigned_via = BY_POLICY
        call_next(decision, by)
        return
    page(decision, decision.assignees)
    if incident.assigned_via == BY_POLICY and not incident.exhausted:
        decision.set_timer(TimerKind.ESCALATE, _running_level_ends_at(decision))


def _running_level_ends_at(decision: Decision) -> datetime:
    levels = decision.plan.levels
    if not levels:
        return decision.now + LAST_RESORT_PATIENCE
    return decision.now + levels[max(decision.incident.called - 1, 0) % len(levels)].delay


def page(decision: Decision, user_ids: tuple[str, ...]) -> None:
    """Write the pages of a new round: for each person every rule of theirs for this urgency, at its delay."""
    incident = decision.incident
    if incident.status is not Status.TRIGGERED:
        return
    incident.round += 1
    for user_id in user_ids:
        person = decision.crew.people.get(user_id)
        if person is None:
            continue
        for way in person.ways(incident.urgency):
            decision.pages.append(_page(decision, user_id, way))


def _page(decision: Decision, user_id: str, way: Way) -> Page:
    incident = decision.incident
    return Page(
        incident_id=incident.id,
        user_id=user_id,
        contact_method_id=way.contact_method_id,
        rule_id=way.rule_id,
        round=incident.round,
        channel=way.channel,
        urgency=incident.urgency,
        rank=_rank(decision, user_id, way),
        created_at=decision.now,
        due_at=decision.now + way.delay,
    )


def _rank(decision: Decision, user_id: str, way: Way) -> int:
    """Return the place in the queue: 0 a person's first high-urgency pages of a calm moment, 1 high, 2 low."""
    if decision.incident.urgency != "high":
        return 2
    recent = decision.crew.recent
    if way.delay:
        return 1
    recent[user_id] = recent.get(user_id, 0) + 1
    return 0 if recent[user_id] <= _CALM_PAGES else 1
