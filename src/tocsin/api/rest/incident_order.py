"""Incident orders on the wire: what clients write about an incident, and the orders that it means."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, json

from tocsin.api.kit import Call
from tocsin.domain.incidents import order as orders
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.order import By, Order
from tocsin.domain.oncall.policy import Policy
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import LONGEST_NOTE, LONGEST_TITLE
from tocsin.ground.text import squash
from tocsin.store.lists.incidents_shown import IncidentShown
from tocsin.store.priorities import PriorityRow

MOST_ASSIGNEES = 100  # people of one incident; more are a policy's matter
LONGEST_BODY = 60_000  # characters of an incident's description, about what a screen can be scrolled through

Title = Annotated[str, Meta(max_length=LONGEST_TITLE)]
Urgency = Literal["high", "low"]


class Reference(Struct):
    """A reference as clients write it: only the id counts."""

    id: str


class PriorityBody(Struct):
    """A priority as clients write it, by its id or by its name."""

    id: str | None = None
    name: str | None = None


class AssignmentBody(Struct):
    """An assignment as clients write it."""

    assignee: Reference


Priority = PriorityBody | str | None
Assignments = Annotated[list[AssignmentBody], Meta(max_length=MOST_ASSIGNEES)]


class UpdateBody(Struct):
    """What may be written about an incident; absent fields stay as they are."""

    id: str | None = None
    status: Literal["triggered", "acknowledged", "resolved"] | None = None
    resolution: Annotated[str, Meta(max_length=LONGEST_NOTE)] | None = None
    title: Title | None = None
    urgency: Urgency | None = None
    priority: Priority | UnsetType = UNSET
    escalation_level: Annotated[int, Meta(ge=1)] | None = None
    assignments: Assignments | None = None
    escalation_policy: Reference | None = None
    service: Reference | None = None


class Details(Struct):
    """The description of an incident: a text, though older clients send an object."""

    details: object = None


class IncidentBody(Struct):
    """A new incident as clients write it."""

    title: Title | None = None
    service: Reference | None = None
    priority: Priority = None
    urgency: Urgency | None = None
    body: Details | None = None
    incident_key: Annotated[str, Meta(max_length=255)] | None = None
    assignments: Assignments | None = None
    escalation_policy: Reference | None = None


class Means(Struct):
    """What the references of some updates stand for: priorities by what was written, plans by policy id."""

    priorities: dict[str, PriorityRow]
    plans: dict[str, tuple[str, Policy]]


def by(call: Call) -> By:
    """Return who gives the orders of this call, and by which way."""
    actor = call.actor
    via = Via("website") if actor.method == "browser" else Via("api")
    if actor.kind == "user":
        return By(Agent("user", actor.id, actor.name), via)
    return By(Agent("system", actor.id, actor.name), via)


def named_priority(priority: Priority | UnsetType) -> str | None:
    """Return what the client wrote to name a priority, an id or a name, or None when it takes the priority away."""
    if priority is UNSET or priority is None:
        return None
    said = priority if isinstance(priority, str) else priority.id or priority.name
    return said or None


def assignees_of(assignments: Sequence[AssignmentBody] | None) -> tuple[str, ...]:
    """Return the users named, each once."""
    return tuple(dict.fromkeys(one.assignee.id for one in assignments or ()))


def either(assignments: Sequence[AssignmentBody] | None, policy: Reference | None) -> None:
    """Raise `Refused` (invalid) when an incident is given to people and to a policy at once."""
    if assignments and policy is not None:
        raise Refused(Why.INVALID, "Send assignments or escalation_policy, not both.")


def orders_of(body: UpdateBody, row: IncidentShown, by: By, means: Means) -> list[Order]:
    """Return the orders that an update of this incident means, in the order in which they make sense.

    Reopening comes first, because what is resolved takes no other order; acknowledging and resolving come last.
    """
    either(body.assignments, body.escalation_policy)
    if body.service is not None and body.service.id != row.service_id:
        raise Refused(Why.NOT_BUILT, "An incident cannot be moved to another service yet.")
    found = _reopening(body, row, by)
    found.extend(_facts(body, by, means))
    found.extend(_calls(body, by, means, reopened=bool(found) and isinstance(found[0], orders.Reopen)))
    found.extend(_ending(body, row, by))
    return found


def _reopening(body: UpdateBody, row: IncidentShown, by: By) -> list[Order]:
    if body.status == "triggered":
        if row.status == "resolved":
            return [orders.Reopen(by, assignees_of(body.assignments))]
        if not body.assignments and body.escalation_policy is None:
            raise Refused(Why.BAD_STATUS, "Only a resolved incident can be triggered again.")
    if body.status == "acknowledged" and row.status == "resolved":
        return [orders.Reopen(by, assignees_of(body.assignments) or (by.agent.id,))]
    return []


def _facts(body: UpdateBody, by: By, means: Means) -> list[Order]:
    found: list[Order] = []
    if body.title is not None:
        found.append(orders.Rename(by, checked_title(body.title)))
    if body.priority is not UNSET:
        said = named_priority(body.priority)
        priority = means.priorities[said] if said is not None else None
        found.append(
            orders.SetPriority(by, None, None)
            if priority is None
            else orders.SetPriority(by, priority.id, priority.name)
        )
    if body.urgency is not None:
        found.append(orders.SetUrgency(by, body.urgency))
    return found


def _calls(body: UpdateBody, by: By, means: Means, *, reopened: bool) -> list[Order]:
    found: list[Order] = []
    if body.escalation_policy is not None:
        plan_id, plan = means.plans[body.escalation_policy.id]
        found.append(orders.Replan(by, plan_id, plan))
    if body.escalation_level is not None:
        found.append(orders.Escalate(by, body.escalation_level))
    if body.assignments and not reopened:
        found.append(orders.Reassign(by, assignees_of(body.assignments)))
    return found


def _ending(body: UpdateBody, row: IncidentShown, by: By) -> list[Order]:
    if body.status == "acknowledged" and row.status != "resolved":
        return [orders.Acknowledge(by)]
    if body.status == "resolved":
        return [orders.Resolve(by, body.resolution)]
    return []


def checked_title(title: str | None) -> str:
    """Return the title as it is kept; raise `Refused` (invalid) when it says nothing."""
    kept = squash(title or "")
    if not kept:
        raise Refused(Why.INVALID, "Title can't be blank")
    return kept


def described(body: Details | None) -> str | None:
    """Return the description as the text that it is kept as."""
    if body is None or body.details is None:
        return None
    details = body.details
    if isinstance(details, dict) and isinstance(details.get("details"), str):
        details = details["details"]
    if not isinstance(details, str):
        details = json.encode(details).decode()
    if len(details) > LONGEST_BODY:
        raise Refused(Why.INVALID, f"incident.body.details has at most {LONGEST_BODY} characters.")
    return details
