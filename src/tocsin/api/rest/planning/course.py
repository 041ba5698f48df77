"""Simulations as answered: what opens, who is called and told, where it ends, and all of it in sentences."""

from collections.abc import Iterator
from datetime import UTC

from tocsin.api.kit import Call, Shown, show_instant
from tocsin.api.rest.planning.shape import Company
from tocsin.domain.planning.reason import Watched
from tocsin.domain.planning.simulation import CalledOff, Ring
from tocsin.domain.planning.story import calls_of, moments_of
from tocsin.domain.planning.warning import warnings
from tocsin.domain.planning.words import Line, ending, lines
from tocsin.store.planning.forecast import Forecast, Question
from tocsin.store.planning.scene import Scene

_SUPPRESSED = {
    "maintenance": "the service is in maintenance then",
    "service disabled": "the service is disabled",
}
_FIRST, _LAST = -1, 1_000_000_000  # places of the first and the last sentence of an instant


def show_forecast(call: Call, found: Forecast, question: Question) -> Shown:
    """Return a simulation as clients read it; where no incident opens there is only the reason."""
    links, service, plan, integration = call.links, found.service, found.plan, found.integration
    heard: Shown = {
        "at": show_instant(found.at, UTC),
        "outcome": _outcome(call, found),
        "service": None if service is None else links.reference("service", service.id, service.name),
        "escalation_policy": None if plan is None else links.reference("escalation_policy", plan.id, plan.name),
        "integration": None if integration is None else {"id": integration.id, "name": integration.name},
        "dedup_key": found.dedup_key,
        "urgency": found.urgency,
        "urgency_why": found.urgency_why,
    }
    ran = show_course(call, found, question)
    if ran is None:
        nothing: Shown = {"calls": [], "pages": [], "called_off": [], "ends": None, "safety_net": [], "warnings": []}
        return heard | nothing | {"sentences": [f"+0:00 No incident opens: {_why(found)}."]}
    return heard | ran


def _why(found: Forecast) -> str:
    return _SUPPRESSED.get(found.why or "", found.why or "")


def _outcome(call: Call, found: Forecast) -> Shown:
    joined = found.joined
    incident = None
    if joined is not None:
        incident = call.links.reference("incident", joined.id, f"[#{joined.number}] {joined.title}")
        incident["incident_number"] = joined.number
    return {"kind": found.outcome, "why": _why(found) or None, "incident": incident}


def show_course(call: Call, found: Forecast, question: Question) -> Shown | None:
    """Return what a simulation does to people, or None when it does nothing at all."""
    course, scene = found.course, found.scene
    if course is None or scene is None:
        return None
    world, company = scene.world, Company(call, scene.people, course.began_at)
    moments = moments_of(course.steps)
    watched = Watched(timelines=world.timelines)
    calls = calls_of(moments, course.plan, lambda _at: watched)
    end = course.end
    told = [
        *(Line(course.began_at, _FIRST, said) for said in _beginning(found)),
        *lines(moments, calls, company.cast),
        *(Line(ring.at, ring.order, _said_of_ring(ring, company)) for ring in course.rings),
        Line(end.at, _LAST, ending(end, company.cast, question.horizon)),
    ]
    return {
        "calls": [company.call(each) for each in calls if each is not None],
        "pages": [_ring(ring, company) for ring in course.rings],
        "called_off": [_called_off(each, company) for each in course.called_off],
        "ends": {
            **company.when(end.at),
            "kind": end.kind,
            "assignees": [company.reference(user_id) for user_id in end.assignees],
        },
        "safety_net": _safety_net(found, scene, company),
        "warnings": list(warnings(course, moments, calls, world=world, cast=company.cast)),
        "sentences": company.sentences(told),
    }


def _beginning(found: Forecast) -> Iterator[str]:
    where = "" if found.service is None else f" on {found.service.name}"
    if found.joined is not None:
        yield f"The event goes into the open incident #{found.joined.number}{where}; no other one is opened."
    elif found.outcome == "opens":
        yield f"An incident opens{where} with {found.urgency} urgency: {found.urgency_why}."


def _ring(ring: Ring, company: Company) -> Shown:
    page = ring.page
    return {
        **company.when(ring.at, page.user_id),
        "user": company.reference(page.user_id),
        "channel": page.channel,
        "contact_method": company.method(page.user_id, page.contact_method_id),
        "rule_id": page.rule_id,
        "round": page.round,
        "urgency": page.urgency,
        "sent": ring.sent,
        "sentence": _said_of_ring(ring, company),
    }


def _said_of_ring(ring: Ring, company: Company) -> str:
    page = ring.page
    way = company.by_way_of(page.user_id, page.contact_method_id, page.channel)
    name = company.cast.name(page.user_id)
    return f"{name} is told by {way}." if ring.sent else f"{name} cannot be told by {way}: no provider carries it."


def _called_off(each: CalledOff, company: Company) -> Shown:
    page = each.page
    return {
        **company.when(each.at, page.user_id),
        "user": company.reference(page.user_id),
        "channel": page.channel,
        "contact_method": company.method(page.user_id, page.contact_method_id),
        "due_at": show_instant(page.due_at, UTC),
        "why": each.why,
    }


def _safety_net(found: Forecast, scene: Scene, company: Company) -> list[Shown]:
    """Return who is called when the whole policy has nobody, list by list, whether or not it is needed."""
    plan = found.plan
    if plan is None:
        return []
    crew = scene.world.crew_at(plan, found.at)
    return [
        {
            "fallback": name,
            "users": [company.reference(each) for each in user_ids],
            "reachable": bool(crew.reachable(user_ids)),
        }
        for name, user_ids in scene.world.fallbacks
    ]
