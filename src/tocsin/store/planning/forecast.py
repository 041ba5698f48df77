"""Forecast: what an event, a service or a policy would do now, or at any other instant, without doing it."""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from tocsin.domain.events.event import Event
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.incident import Terms
from tocsin.domain.incidents.order import Acknowledge, AlertTriggered, By, Opening, Order
from tocsin.domain.oncall.policy import Policy
from tocsin.domain.planning.simulation import SOMEBODY, Course, Simulation
from tocsin.domain.planning.urgency import urgency_reason
from tocsin.domain.services.maintenance import Window, in_maintenance
from tocsin.domain.services.service import Service, next_urgency_change
from tocsin.domain.services.urgency_rule import urgency_of
from tocsin.ground.errors import Refused, Why
from tocsin.store.alerts import open_alerts
from tocsin.store.directory import WINDOWS, Directory, terms_of
from tocsin.store.integrations import IntegrationFacts
from tocsin.store.planning.live import Live, live
from tocsin.store.planning.scene import Asked, Scene, scene
from tocsin.store.policies import POLICY, policy_of
from tocsin.store.turn import Turn

LOOKS_AHEAD = timedelta(days=7)  # unless the question says otherwise; longer than any usual policy
LOOKS_AHEAD_AT_MOST = timedelta(days=90)  # as far as schedules are searched
FURTHEST = timedelta(days=5 * 366)  # from now to the instant that is asked about; schedules are not made for longer
MOST_ANSWERS = 20  # of one question
_VIA = Via("api")
_CHOSEN = "as the question says"

OutcomeKind = Literal["opens", "joins", "suppressed"]


class Answer(Struct, frozen=True, kw_only=True):
    """What if: this person acknowledges so long after the beginning."""

    user_id: str
    after: timedelta


class Question(Struct, frozen=True, kw_only=True):
    """What is asked; `at` None is now. Without an urgency the service's rule decides by the severity."""

    at: datetime | None = None
    urgency: Literal["high", "low"] | None = None
    severity: str = "critical"
    answers: tuple[Answer, ...] = ()
    horizon: timedelta = LOOKS_AHEAD
    carried: frozenset[str] | None = None


class Joined(Struct, frozen=True, kw_only=True):
    """The open incident that an event goes into."""

    id: str
    number: int
    title: str


class Forecast(Struct, kw_only=True):
    """What would happen: whether an incident opens and why not, and then everything that it does to people."""

    at: datetime
    outcome: OutcomeKind
    why: str | None = None
    joined: Joined | None = None
    service: Service | None = None
    plan: Policy | None = None
    integration: IntegrationFacts | None = None
    dedup_key: str | None = None
    urgency: str | None = None
    urgency_why: str | None = None
    scene: Scene | None = None
    course: Course | None = None


async def of_policy(turn: Turn, directory: Directory, policy_id: str, question: Question) -> Forecast:
    """Return what a policy does with an incident of no particular service.

    Raises `Refused` (not found).
    """
    await directory.refresh(turn)
    plan, team_id = await _policy(turn, policy_id)
    at = _at(turn, question)
    urgency = question.urgency or "high"
    found = Forecast(at=at, outcome="opens", plan=plan, urgency=urgency, urgency_why=_CHOSEN)
    opening = Opening(By(SOMEBODY, _VIA), "Simulation", urgency, "")
    found.scene = await scene(turn, directory, plan, service=None, asked=_asked(question, at, team_id=team_id))
    return _opened(found, opening, Terms("", "no service"), question)


async def of_service(turn: Turn, directory: Directory, service_id: str, question: Question) -> Forecast:
    """Return what a new problem of a service does; raises `Refused` (not found)."""
    await directory.refresh(turn)
    service = await _service(turn, directory, service_id)
    at = _at(turn, question)
    found = Forecast(at=at, outcome="opens", service=service)
    return await _of_new(turn, directory, found, SOMEBODY, ("A simulated problem", question))


async def of_event(
    turn: Turn, directory: Directory, integration: IntegrationFacts, told: tuple[Event, Question]
) -> Forecast:
    """Return what a trigger event does: it may go into an open incident, open a new one, or be kept quiet.

    Raises `Refused` (not found) when its service is gone.
    """
    event, question = told
    await directory.refresh(turn)
    service = await _service(turn, directory, integration.service_id)
    at = _at(turn, question)
    found = Forecast(at=at, outcome="opens", service=service, integration=integration, dedup_key=event.dedup_key)
    key = (integration.id, event.dedup_key)
    alert = (await open_alerts(turn, {key})).get(key)
    agent = Agent("integration", integration.id, integration.name)
    there = await live(turn, directory, alert.incident_id) if alert is not None and alert.incident_id else None
    if alert is not None and there is not None:
        order = AlertTriggered(
            By(agent, _VIA, strict=False),
            alert.id,
            alert.events + 1,
            question.urgency or urgency_of(service.urgency_rule, event.severity, at),
            {"summary": event.summary, "severity": event.severity},
        )
        joined = await _joined(turn, directory, found, there, (order, question))
        if joined is not None:
            return joined
    asked = Question(
        at=question.at,
        urgency=question.urgency,
        severity=event.severity,
        answers=question.answers,
        horizon=question.horizon,
        carried=question.carried,
    )
    return await _of_new(turn, directory, found, agent, (event.summary or "(no summary)", asked))


async def _of_new(
    turn: Turn, directory: Directory, found: Forecast, agent: Agent, told: tuple[str, Question]
) -> Forecast:
    """Go on with a problem that is in no incident yet."""
    summary, question = told
    service, at = found.service, found.at
    if service is None:
        raise Refused(Why.NOT_FOUND, "Service not found")
    quiet = await _quiet(turn, service, at)
    if quiet is not None:
        found.outcome, found.why = "suppressed", quiet
        return found
    found.plan, _ = await _policy(turn, service.escalation_policy_id)
    found.urgency = question.urgency or urgency_of(service.urgency_rule, question.severity, at)
    found.urgency_why = _CHOSEN if question.urgency else urgency_reason(service.urgency_rule, question.severity, at)
    opening = Opening(
        By(agent, _VIA, strict=False),
        summary,
        found.urgency,
        "",
        raise_urgency_at=None if question.urgency else next_urgency_change(service, at),
        details={"summary": summary, "severity": question.severity},
    )
    found.scene = await scene(turn, directory, found.plan, service=service, asked=_asked(question, at))
    return _opened(found, opening, terms_of(service), question)


def _opened(found: Forecast, opening: Opening, terms: Terms, question: Question) -> Forecast:
    """Run the plan from an opening on."""
    there, plan = found.scene, found.plan
    if there is None or plan is None:
        raise Refused(Why.NOT_FOUND, "Escalation policy not found")
    simulation = Simulation(there.world)
    simulation.open(opening, plan=plan, terms_at=(terms, found.at))
    orders = _answers(question, there, found.at)
    found.course = simulation.run(orders, since=found.at, until=found.at + question.horizon)
    return found


async def of_incident(turn: Turn, directory: Directory, incident_id: str, question: Question) -> Forecast | None:
    """Return what is still to come for a real incident if nobody does anything, or None when it is resolved.

    Raises `Refused` (not found).
    """
    await directory.refresh(turn)
    there = await live(turn, directory, incident_id)
    if there is None:
        raise Refused(Why.NOT_FOUND, f"Incident {incident_id} not found")
    if not there.situation.open:
        return None
    services = await directory.services(turn, [there.situation.incident.service_id])
    found = Forecast(at=turn.now, outcome="joins", service=services.get(there.situation.incident.service_id))
    return await _resumed(turn, directory, found, there, ([], question))


async def _joined(
    turn: Turn, directory: Directory, found: Forecast, there: Live, told: tuple[AlertTriggered, Question]
) -> Forecast | None:
    """Go on from an open incident, which the event joins; return None when that will have resolved itself by then."""
    order, question = told
    incident = there.situation.incident
    found.at = max(found.at, turn.now)
    before = await _resumed(turn, directory, found, there, ([], question))
    if before.course is not None and before.course.end.kind == "resolved" and before.course.end.at <= found.at:
        found.plan = found.scene = found.course = None
        return None
    found.outcome = "joins"
    found.joined = Joined(id=incident.id, number=incident.number, title=incident.title)
    found.urgency = "high" if "high" in (incident.urgency, order.urgency) else "low"
    found.urgency_why = "it has that already" if found.urgency == incident.urgency else "the event raises it"
    return await _resumed(turn, directory, found, there, ([(found.at, order)], question))


async def _resumed(
    turn: Turn,
    directory: Directory,
    found: Forecast,
    there: Live,
    told: tuple[list[tuple[datetime, Order]], Question],
) -> Forecast:
    """Let a real incident go on from now, with these orders and the answers of the question."""
    orders, question = told
    situation = there.situation
    found.plan = situation.plan
    also = (*situation.assignees, *(page.user_id for page in there.pending))
    asked = _asked(question, turn.now, also=also)
    found.scene = await scene(turn, directory, situation.plan, service=found.service, asked=asked)
    simulation = Simulation(found.scene.world)
    simulation.resume(situation, there.pending, reached=there.reached)
    everything = [*orders, *_answers(question, found.scene, found.at)]
    found.course = simulation.run(everything, since=turn.now, until=found.at + question.horizon)
    return found


def _at(turn: Turn, question: Question) -> datetime:
    """Return the instant that is asked about; raise `Refused` (bad date) when it is too far away."""
    at = question.at or turn.now
    if abs(at - turn.now) > FURTHEST:
        raise Refused(Why.BAD_DATE, "at is within five years of now.")
    return at


def _asked(question: Question, at: datetime, *, team_id: str | None = None, also: tuple[str, ...] = ()) -> Asked:
    return Asked(
        at=at,
        team_id=team_id,
        also=frozenset({*also, *(answer.user_id for answer in question.answers)}),
        carried=question.carried,
    )


def _answers(question: Question, there: Scene, since: datetime) -> list[tuple[datetime, Order]]:
    """Return the answers as orders; raise `Refused` (invalid) when somebody is nobody."""
    orders: list[tuple[datetime, Order]] = []
    for answer in question.answers:
        person = there.people.get(answer.user_id)
        if person is None:
            raise Refused(Why.INVALID, f"answers: there is no user {answer.user_id}.")
        agent = Agent("user", person.id, person.name)
        orders.append((since + answer.after, Acknowledge(By(agent, _VIA, strict=False))))
    return orders


async def _quiet(turn: Turn, service: Service, at: datetime) -> str | None:
    """Say why the service opens no incidents at an instant, or None when it does."""
    if service.disabled:
        return "service disabled"
    rows = await turn.rows(WINDOWS, {"now": at})
    windows = [Window(row.start_at, row.end_at) for row in rows if row.service_id == service.id]
    return "maintenance" if in_maintenance(windows, at) else None


async def _service(turn: Turn, directory: Directory, service_id: str) -> Service:
    services = await directory.services(turn, [service_id])
    if service_id not in services:
        raise Refused(Why.NOT_FOUND, "Service not found")
    return services[service_id]


async def _policy(turn: Turn, policy_id: str) -> tuple[Policy, str | None]:
    """Return a policy as it would be frozen now, and the team that it belongs to."""
    row = await turn.maybe(POLICY, {"id": policy_id, "horizon": None})
    if row is None:
        raise Refused(Why.NOT_FOUND, "Escalation policy not found")
    return policy_of(row), row.team_id
