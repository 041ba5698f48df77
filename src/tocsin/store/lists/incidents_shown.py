"""Incidents as shown: one incident with the names of everything around it."""

from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.people.permission import Subject
from tocsin.store.priorities import PriorityRow
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class Assigned(Struct, frozen=True):
    """Who has an incident, and since when; `deleted` says that the user is gone."""

    id: str
    at: datetime
    name: str | None = None
    deleted: bool = False


class Acknowledged(Struct, frozen=True):
    """Who acknowledged an incident, and when."""

    kind: str
    id: str
    at: datetime
    name: str | None = None


class Opened(Struct, frozen=True):
    """The first entry of a timeline."""

    id: str
    agent: Agent
    channel: Via


class IncidentShown(Struct, frozen=True):
    """An incident with everything an answer shows; names are those of today, or the last ones known."""

    id: str
    number: int
    title: str
    body: str | None
    incident_key: str | None
    status: str
    urgency: str
    assigned_via: str
    created_at: datetime
    updated_at: datetime
    status_changed_at: datetime
    status_changed_by: dict[str, object]
    resolved_at: datetime | None
    merged_into: str | None
    merged_number: int | None
    merged_title: str | None
    alerts_triggered: int
    alerts_total: int
    service_id: str
    service_name: str
    service_deleted: bool
    policy_id: str | None
    policy_name: str | None
    policy_deleted: bool
    team_id: str | None
    team_name: str | None
    priority: dict[str, object] | None
    assignments: list[object]
    acknowledgements: list[object]
    timers: dict[str, str]
    opened: dict[str, object] | None

    def assignees(self) -> tuple[Assigned, ...]:
        """Return who has it."""
        return msgspec.convert(self.assignments, tuple[Assigned, ...])

    def acknowledgers(self) -> tuple[Acknowledged, ...]:
        """Return who acknowledged it."""
        return msgspec.convert(self.acknowledgements, tuple[Acknowledged, ...])

    def due(self) -> dict[str, datetime]:
        """Return what is due for it and when, by kind of timer."""
        return {kind: datetime.fromisoformat(at) for kind, at in self.timers.items()}

    def changed_by(self) -> Agent:
        """Return who changed its status last."""
        return msgspec.convert(self.status_changed_by, Agent)

    def ranked(self) -> PriorityRow | None:
        """Return its priority."""
        return msgspec.convert(self.priority, PriorityRow | None)

    def first_entry(self) -> Opened | None:
        """Return how its timeline begins."""
        return msgspec.convert(self.opened, Opened | None)

    def subject(self, reader: str | None) -> Subject:
        """Return what this is to the permission table; to somebody who has it, it is their own."""
        has_it = reader is not None and any(each.id == reader for each in self.assignees())
        return Subject("incident", team_id=self.team_id, owner_id=reader if has_it else None)


class ServiceTeam(Struct, frozen=True):
    """A service and the team of its escalation policy."""

    id: str
    team_id: str | None


class OpenIncident(Struct, frozen=True):
    """An open incident."""

    id: str


_SHOWN = """
SELECT i.id, i.number, i.title, i.body, i.incident_key, i.status, i.urgency, i.assigned_via, i.created_at,
       i.updated_at, i.status_changed_at, i.status_changed_by, i.resolved_at, i.merged_into,
       m.number AS merged_number, m.title AS merged_title, i.alerts_triggered, i.alerts_total,
       i.service_id, coalesce(s.name, 'a deleted service') AS service_name, s.id IS NULL AS service_deleted,
       plan.policy_id, coalesce(p.name, plan.document ->> 'name') AS policy_name, p.id IS NULL AS policy_deleted,
       team.id AS team_id, team.name AS team_name,
       CASE WHEN pr.id IS NOT NULL THEN to_jsonb(pr) END AS priority,
       coalesce((SELECT jsonb_agg(jsonb_build_object('id', a.user_id, 'at', a.at, 'name', u.name,
                                                     'deleted', u.deleted_at IS NOT NULL) ORDER BY a.at, a.user_id)
                   FROM assignment a LEFT JOIN app_user u ON u.id = a.user_id
                  WHERE a.incident_id = i.id), '[]') AS assignments,
       coalesce((SELECT jsonb_agg(jsonb_build_object('kind', k.agent_kind, 'id', k.agent_id, 'at', k.at,
                                                     'name', u.name) ORDER BY k.at, k.agent_id)
                   FROM acknowledgement k LEFT JOIN app_user u ON k.agent_kind = 'user' AND u.id = k.agent_id
                  WHERE k.incident_id = i.id), '[]') AS acknowledgements,
       coalesce((SELECT jsonb_object_agg(t.kind, t.due_at) FROM timer t WHERE t.incident_id = i.id), '{}') AS timers,
       (SELECT jsonb_build_object('id', l.id, 'agent', l.agent, 'channel', l.channel)
          FROM log_entry l WHERE l.incident_id = i.id ORDER BY l.id LIMIT 1) AS opened
  FROM incident i
  LEFT JOIN incident m ON m.id = i.merged_into
  LEFT JOIN service s ON s.id = i.service_id
  LEFT JOIN escalation_policy own ON own.id = s.escalation_policy_id
  LEFT JOIN team ON team.id = own.team_id
  LEFT JOIN plan ON plan.id = i.plan_id
  LEFT JOIN escalation_policy p ON p.id = plan.policy_id
  LEFT JOIN priority pr ON pr.id = i.priority_id"""

SHOWN = Query(
    "incidents with these ids, as answers show them",
    f"{_SHOWN} WHERE i.id = ANY(%(ids)s::text[])",
    IncidentShown,
)

# Whoever has an incident sees it, whatever their horizon: a page that its receiver cannot open is a lost page.
SEEN = Query(
    "incidents with these ids that the reader may see, as answers show them",
    f"""{_SHOWN}
 WHERE i.id = ANY(%(ids)s::text[])
   AND (%(horizon)s::text[] IS NULL OR team.id = ANY(%(horizon)s::text[])
        OR EXISTS (SELECT FROM assignment a WHERE a.incident_id = i.id AND a.user_id = %(reader)s::text))""",
    IncidentShown,
)

SERVICE_SEEN = Query(
    "service with this id that the reader may see",
    """
    SELECT s.id, p.team_id FROM service s JOIN escalation_policy p ON p.id = s.escalation_policy_id
     WHERE s.id = %(id)s AND (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))
    """,
    ServiceTeam,
)
OPEN_WITH_KEY = Query(
    "open incident of this service with this key",
    "SELECT id FROM incident WHERE service_id = %(service_id)s AND incident_key = %(key)s AND status <> 'resolved'",
    OpenIncident,
)
# Two reports with one key must not both find it free: the second waits for the end of the first.
HOLD_KEY = Command(
    "the key of an incident, held until the end of the transaction",
    "SELECT pg_advisory_xact_lock(hashtextextended(%(service_id)s::text || ' ' || %(key)s::text, 0))",
)


async def hold_key(turn: Turn, service_id: str, key: str) -> None:
    """Keep others from opening an incident with this key on this service until the transaction ends."""
    await turn.run(HOLD_KEY, {"service_id": service_id, "key": key})
