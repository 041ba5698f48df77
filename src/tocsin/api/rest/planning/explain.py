"""Explain: why people were paged for a real incident, link by link from the event to the provider's receipt."""

from collections.abc import Iterator
from datetime import UTC

from tocsin.api.kit import Answer, Call, Shown, operation, show_instant, shown
from tocsin.api.rest.incidents import incident_seen
from tocsin.api.rest.planning.carrying import carried_by
from tocsin.api.rest.planning.course import show_course
from tocsin.api.rest.planning.shape import Company
from tocsin.domain.people.permission import Verb
from tocsin.domain.planning.explanation import Paged, became_of, why_paged
from tocsin.domain.planning.story import Called
from tocsin.domain.planning.words import Line, lines
from tocsin.store.planning.forecast import Forecast, Question, of_incident
from tocsin.store.planning.past import Past, past
from tocsin.store.turn import Turn

KIND = "explanation"


@operation("GET", "/api/incidents/{id}/explain")
async def explain(call: Call) -> Answer:
    """Explain an incident: every call of people with its reasons, every page with the chain that led to it.

    With `user_id` only that person's pages and reasons are told: the answer to "why was I paged?". `to_come` is what
    an open incident will still do if nobody does anything.
    """
    user_id = call.text("user_id")

    question = Question(carried=carried_by(call.house))

    async def job(turn: Turn) -> tuple[Past, Forecast | None]:
        incident_id, directory = call.path["id"], call.house.directory
        await incident_seen(turn, call, incident_id, to=Verb.READ)
        return await past(turn, directory, incident_id), await of_incident(turn, directory, incident_id, question)

    found, to_come = await call.store.read(job)
    shape = _show(call, found, user_id)
    shape["to_come"] = None if to_come is None else show_course(call, to_come, question)
    return shown(KIND, shape)


def _show(call: Call, found: Past, user_id: str | None) -> Shown:
    origin = found.origin
    company = Company(call, found.people, origin.created_at)
    made = [each for each in found.calls if each is not None]
    pages = [page for page in found.pages if user_id in (None, page.user_id)]
    told = [*lines(found.moments, found.calls, company.cast), *_lines_of(pages, company)]
    incident = call.links.reference("incident", call.path["id"], f"[#{origin.number}] {origin.title}")
    return {
        "incident": incident | {"incident_number": origin.number},
        "origin": {
            "at": show_instant(origin.created_at, UTC),
            "service": origin.service,
            "integration": origin.integration,
            "dedup_key": origin.dedup_key,
            "severity": origin.severity,
            "reporter": origin.reporter,
            "urgency": origin.urgency,
            "urgency_why": origin.urgency_why,
        },
        "escalation_policy": call.links.reference("escalation_policy", found.plan.id, found.plan.name),
        "calls": [company.call(each) for each in made if user_id is None or user_id in each.user_ids],
        "pages": [_page(page, found, made, company) for page in pages],
        "sentences": company.sentences(told),
    }


def _lines_of(pages: list[Paged], company: Company) -> Iterator[Line]:
    """Yield what became of pages, at the instant at which each left or was due."""
    for page in pages:
        zone = company.cast.zones.get(page.user_id, company.cast.zone)
        way = company.by_way_of(page.user_id, page.contact_method_id, page.channel)
        became = " ".join(became_of(page, zone))
        yield Line(page.handed_at or page.due_at, 1, f"{company.cast.name(page.user_id)} by {way}: {became}")


def _page(page: Paged, found: Past, made: list[Called], company: Company) -> Shown:
    way = company.by_way_of(page.user_id, page.contact_method_id, page.channel)
    return {
        **company.when(page.created_at, page.user_id),
        "user": company.reference(page.user_id),
        "channel": page.channel,
        "contact_method": company.method(page.user_id, page.contact_method_id),
        "rule_id": page.rule_id,
        "round": page.round,
        "urgency": page.urgency,
        "due_at": show_instant(page.due_at, UTC),
        "handed_at": None if page.handed_at is None else show_instant(page.handed_at, UTC),
        "state": page.state,
        "deliveries": [
            {
                "provider": handing.provider,
                "started_at": show_instant(handing.started_at, UTC),
                "ended_at": show_instant(handing.ended_at, UTC),
                "receipt": handing.receipt,
                "detail": handing.detail,
            }
            for handing in page.handings
        ],
        "why": list(why_paged(page, found.origin, made, cast=company.cast, way=way)),
    }
