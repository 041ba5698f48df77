"""Correlate: what each accepted event means for the alert behind its dedup key, and for that alert's incident."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog
from msgspec import Raw

from tocsin.domain.events.alert import Alert
from tocsin.domain.events.change import Change
from tocsin.domain.events.event import Action, Event
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.decision import Decision
from tocsin.domain.incidents.moves import decide, open_incident
from tocsin.domain.incidents.order import Acknowledge, AlertResolved, AlertTriggered, By, Opening
from tocsin.domain.oncall.crew import Crew
from tocsin.domain.oncall.policy import Policy
from tocsin.domain.services.service import Service, next_urgency_change
from tocsin.domain.services.urgency_rule import urgency_of
from tocsin.engine.turn import begin, finish, new_entry_id
from tocsin.ground.ids import Kind, new_id
from tocsin.ground.text import repair
from tocsin.store.alerts import open_alerts
from tocsin.store.decisions import AlertChanges
from tocsin.store.directory import Directory, terms_of
from tocsin.store.hints import Topic
from tocsin.store.integrations import IntegrationFacts
from tocsin.store.lanes import (
    FREE_LANES,
    PARK,
    Archived,
    ChangeRecord,
    Received,
    Senders,
    archive,
    keep_changes,
    next_events,
)
from tocsin.store.turn import Turn

log = structlog.get_logger("correlate")

EVERYBODY = Senders()

_BY_API = Via("api")
_EVENT = msgspec.json.Decoder(Event)
_CHANGE = msgspec.json.Decoder(Change)

Key = tuple[str, str]


async def correlate(
    turn: Turn,
    directory: Directory,
    *,
    senders: Senders = EVERYBODY,
    most: int,
    taken: list[Received] | None = None,
) -> int:
    """Work on the next events of all free lanes, those of some senders where they are named; return how many they were.

    `taken` is filled with them before anything is done, so that a failure can be laid at the right door.

    One transaction: alerts, incidents and all that follows are written with the removal of the events from the
    inbox, so an event is never lost and never counted twice. Lanes that another node works on are left to it.
    """
    held = [row.n for row in await turn.rows(FREE_LANES)]
    if not held:
        return 0
    received = await next_events(turn, held, senders, most)
    if taken is not None:
        taken[:] = received
    if received:
        fold = Fold(turn, directory)
        await fold.read(received)
        for event in received:
            fold.take(event)
        await fold.write()
        if len(received) == most:
            turn.hints.add(Topic.LANES)
    return len(received)


async def park(turn: Turn, event_id: int, error: str) -> None:
    """Put an event aside that cannot be worked on, with its error, so that the others go on."""
    await turn.run(PARK, {"id": event_id, "error": repair(error)})


class Fold:
    """The events of one transaction, folded into alerts and incidents in the order in which they were accepted."""

    def __init__(self, turn: Turn, directory: Directory) -> None:
        """Begin with nothing read."""
        self._turn = turn
        self._directory = directory
        self._events: dict[int, Event | Change] = {}
        self._integrations: dict[str, IntegrationFacts] = {}
        self._services: dict[str, Service] = {}
        self._quiet: dict[str, str | None] = {}
        self._plans: dict[str, tuple[str, Policy]] = {}
        self._crews: dict[str, Crew] = {}
        self._alerts: dict[Key, Alert] = {}
        self._decisions: dict[str, Decision] = {}
        self._opened: dict[str, Alert] = {}
        self._changed: dict[str, Alert] = {}
        self._archived: list[Archived] = []
        self._changes: list[ChangeRecord] = []

    async def read(self, received: Sequence[Received]) -> None:
        """Read everything that these events touch, with the incidents locked."""
        turn, directory = self._turn, self._directory
        await directory.refresh(turn)
        for each in received:
            self._events[each.id] = (_EVENT if each.kind == "event" else _CHANGE).decode(each.body)
        self._integrations = await directory.integrations(turn, {each.integration_id for each in received})
        self._services = await directory.services(turn, {each.service_id for each in self._integrations.values()})
        self._quiet = {each: await directory.quiet(turn, each) for each in self._services}
        await self._read_alerts(received)
        policies = await directory.frozen(turn, {each.escalation_policy_id for each in self._services.values()})
        plans: dict[str, list[Policy]] = {}
        for service in self._services.values():
            self._plans[service.id] = policies[service.escalation_policy_id]
            plans[service.id] = [self._plans[service.id][1]]
        self._crews = await directory.crews(turn, plans)

    async def _read_alerts(self, received: Sequence[Received]) -> None:
        """Find the open alerts, lock their incidents, and look again: only under the lock do alerts stand still."""
        keys = {
            (each.integration_id, event.dedup_key)
            for each in received
            if isinstance(event := self._events[each.id], Event)
        }
        self._alerts = await open_alerts(self._turn, keys)
        while missing := self._incidents_named() - set(self._decisions):
            locked = await begin(self._turn, self._directory, missing)
            self._decisions |= locked
            self._alerts = await open_alerts(self._turn, keys)
            if missing - set(locked):
                break

    def _incidents_named(self) -> set[str]:
        return {alert.incident_id for alert in self._alerts.values() if alert.incident_id is not None}

    def take(self, received: Received) -> None:
        """Fold one event into what was read."""
        integration = self._integrations.get(received.integration_id)
        service = self._services.get(integration.service_id) if integration is not None else None
        event = self._events[received.id]
        if integration is None or service is None:
            outcome, alert_id = "integration deleted", None
        elif isinstance(event, Change):
            outcome, alert_id = self._keep_change(received, event, service), None
        elif event.action is Action.TRIGGER:
            outcome, alert_id = self._trigger(received, event, integration, service)
        else:
            outcome, alert_id = self._answer(event, integration)
        self._archived.append(Archived(received.id, alert_id, outcome))

    def _trigger(
        self, received: Received, event: Event, integration: IntegrationFacts, service: Service
    ) -> tuple[str, str | None]:
        by = _by(integration)
        alert = self._alerts.get((integration.id, event.dedup_key))
        if alert is None:
            if service.disabled:
                return "service disabled", None
            alert = self._new_alert(received, event, integration)
        else:
            alert.events += 1
            alert.last_at = received.received_at
            alert.severity = event.severity
            self._change(alert)
        if alert.incident_id is None:
            return self._open(alert, by, service, received), alert.id
        urgency = urgency_of(service.urgency_rule, event.severity, self._turn.now)
        details = _details(received, event)
        decide(self._decisions[alert.incident_id], AlertTriggered(by, alert.id, alert.events, urgency, details))
        return "repeated", alert.id

    def _new_alert(self, received: Received, event: Event, integration: IntegrationFacts) -> Alert:
        alert = Alert(
            id=new_id(Kind.INCIDENT),
            integration_id=integration.id,
            service_id=integration.service_id,
            dedup_key=event.dedup_key,
            status="triggered",
            severity=event.severity,
            summary=event.summary or "(no summary)",
            created_at=received.received_at,
            last_at=received.received_at,
            body=Raw(received.body.encode()),
        )
        self._alerts[(integration.id, event.dedup_key)] = alert
        self._opened[alert.id] = alert
        return alert

    def _open(self, alert: Alert, by: By, service: Service, received: Received) -> str:
        """Open an incident for an alert that has none, unless the service is quiet; return what became of the event."""
        why = "service disabled" if service.disabled else self._quiet[service.id]
        if why is not None:
            alert.suppressed = True
            alert.suppressed_why = why
            return f"suppressed: {why}"
        now = self._turn.now
        plan_id, plan = self._plans[service.id]
        opening = Opening(
            by=by,
            title=alert.summary,
            urgency=urgency_of(service.urgency_rule, alert.severity, now),
            plan_id=plan_id,
            alert_id=alert.id,
            raise_urgency_at=next_urgency_change(service, now),
            details={"event_id": received.id, "summary": alert.summary, "severity": alert.severity},
        )
        decision = open_incident(
            opening,
            new_id(Kind.INCIDENT),
            terms=terms_of(service),
            plan=plan,
            surroundings=(self._crews[service.id], now, new_entry_id),
        )
        alert.suppressed = False
        alert.suppressed_why = None
        alert.incident_id = decision.incident.id
        self._decisions[decision.incident.id] = decision
        return "incident opened"

    def _answer(self, event: Event, integration: IntegrationFacts) -> tuple[str, str | None]:
        """Apply an acknowledgement or a resolution that a tool sent; without an open alert it means nothing."""
        by = _by(integration)
        alert = self._alerts.get((integration.id, event.dedup_key))
        if alert is None:
            return "no open alert", None
        decision = self._decisions.get(alert.incident_id) if alert.incident_id is not None else None
        if event.action is Action.ACKNOWLEDGE:
            if decision is not None:
                decide(decision, Acknowledge(by))
            return "acknowledged", alert.id
        alert.status = "resolved"
        alert.resolved_at = self._turn.now
        self._change(alert)
        del self._alerts[(integration.id, event.dedup_key)]
        if decision is not None:
            decide(decision, AlertResolved(by, alert.id))
        return "resolved", alert.id

    def _keep_change(self, received: Received, change: Change, service: Service) -> str:
        self._changes.append(
            ChangeRecord(
                id=new_id(Kind.INCIDENT),
                integration_id=received.integration_id,
                service_id=service.id,
                at=_instant(change.timestamp) or received.received_at,
                received_at=received.received_at,
                summary=change.summary,
                source=change.source or None,
                body=Raw(received.body.encode()),
            )
        )
        return "change kept"

    def _change(self, alert: Alert) -> None:
        """Remember that a stored alert is to be written again; one of this transaction is written anyway."""
        if alert.id not in self._opened:
            self._changed[alert.id] = alert

    async def write(self) -> None:
        """Write what became of the events."""
        await finish(
            self._turn,
            self._decisions.values(),
            AlertChanges(list(self._opened.values()), list(self._changed.values())),
        )
        await keep_changes(self._turn, self._changes)
        await archive(self._turn, self._archived)


def _by(integration: IntegrationFacts) -> By:
    return By(Agent("integration", integration.id, integration.name), _BY_API, strict=False)


def _details(received: Received, event: Event) -> dict[str, object]:
    return {"event_id": received.id, "summary": event.summary, "severity": event.severity}


def _instant(text: str | None) -> datetime | None:
    """Return the sender's own time of a change when it is one that can be read."""
    try:
        parsed = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return parsed if parsed is not None and parsed.tzinfo is not None else None
