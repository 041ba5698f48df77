"""Simulate: who would be paged, when, by what and why, if this went wrong at that instant; nothing is written."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tocsin.api.enqueue import read_event
from tocsin.api.kit import Answer, Call, operation, parse_instant, reach, shown
from tocsin.api.rest.planning.carrying import carried_by
from tocsin.api.rest.planning.course import show_forecast
from tocsin.domain.events import Event
from tocsin.domain.events.event import Action
from tocsin.domain.people.permission import Verb
from tocsin.domain.services.integration import routing_key_hash
from tocsin.ground.errors import Refused, Why
from tocsin.store import policies, services
from tocsin.store.inbox import INTEGRATIONS_OF_KEYS
from tocsin.store.integrations import IntegrationFacts
from tocsin.store.planning import forecast
from tocsin.store.planning.forecast import LOOKS_AHEAD, LOOKS_AHEAD_AT_MOST, MOST_ANSWERS, Forecast, Question
from tocsin.store.turn import Turn

KIND = "simulation"
_MINUTE = timedelta(minutes=1)
_LONGEST_S = int(LOOKS_AHEAD_AT_MOST.total_seconds())
_ONE_OF = "Send one of service_id, escalation_policy_id and event."


class AnswerBody(Struct):
    """What if: this user acknowledges so many seconds after the beginning."""

    user: str
    acknowledges_after_s: Annotated[int, Meta(ge=0, le=_LONGEST_S)]


class SimulationBody(Struct):
    """What is asked; `event` is the body of a trigger as the Events API takes it."""

    service_id: str | None = None
    escalation_policy_id: str | None = None
    event: dict[str, object] | None = None
    at: str | None = None
    urgency: Literal["high", "low"] | None = None
    severity: Literal["critical", "error", "warning", "info"] = "critical"
    answers: Annotated[list[AnswerBody], Meta(max_length=MOST_ANSWERS)] = []
    horizon_minutes: Annotated[int, Meta(ge=1, le=LOOKS_AHEAD_AT_MOST // _MINUTE)] = LOOKS_AHEAD // _MINUTE


@operation("POST", "/api/simulate", reads=True)
async def simulate(call: Call) -> Answer:
    """Say what an event, a service or a policy would do now, or at another instant, without doing it."""
    body = call.body(SimulationBody)
    question = _question(call, body)
    event = _event(body.event) if body.event is not None else None

    async def job(turn: Turn) -> Forecast:
        directory = call.house.directory
        if event is not None:
            integration = await _integration(turn, call, event[0])
            return await forecast.of_event(turn, directory, integration, (event[1], question))
        if body.service_id is not None:
            await reach(turn, call.actor, query=services.SERVICE, key=body.service_id, to=Verb.READ)
            return await forecast.of_service(turn, directory, body.service_id, question)
        policy_id = body.escalation_policy_id or ""
        await reach(turn, call.actor, query=policies.POLICY, key=policy_id, to=Verb.READ)
        return await forecast.of_policy(turn, directory, policy_id, question)

    found = await call.store.read(job)
    return shown(KIND, show_forecast(call, found, question))


def _question(call: Call, body: SimulationBody) -> Question:
    if sum(each is not None for each in (body.service_id, body.escalation_policy_id, body.event)) != 1:
        raise Refused(Why.INVALID, _ONE_OF)
    return Question(
        at=None if body.at is None else parse_instant(body.at, call.time_zone(), name="at"),
        urgency=body.urgency,
        severity=body.severity,
        answers=tuple(
            forecast.Answer(user_id=each.user, after=timedelta(seconds=each.acknowledges_after_s))
            for each in body.answers
        ),
        horizon=body.horizon_minutes * _MINUTE,
        carried=carried_by(call.house),
    )


def _event(told: dict[str, object]) -> tuple[str, Event]:
    """Return the routing key and the event; raise `Refused` (invalid) as the door would, and when it is no trigger."""
    read = read_event(msgspec.json.encode(told), None)
    if not isinstance(read.said, Event) or read.said.action is not Action.TRIGGER:
        raise Refused(Why.INVALID, "event: only a trigger can be simulated.")
    return read.key, read.said


async def _integration(turn: Turn, call: Call, key: str) -> IntegrationFacts:
    """Return the integration of a routing key, if the caller may see its service; raise `Refused` (not found)."""
    await call.house.directory.refresh(turn)
    rows = await turn.rows(INTEGRATIONS_OF_KEYS, {"hashes": [routing_key_hash(key)]})
    known = await call.house.directory.integrations(turn, [row.id for row in rows])
    for integration in known.values():
        await reach(turn, call.actor, query=services.SERVICE, key=integration.service_id, to=Verb.READ)
        return integration
    raise Refused(Why.NOT_FOUND, "event: no integration has this routing key.")
