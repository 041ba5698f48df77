"""Services as kept: their configuration, how they are doing, and which of them a reader may see."""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from psycopg.errors import ForeignKeyViolation, UniqueViolation

from tocsin.domain.people.permission import Subject
from tocsin.domain.services.service import Service
from tocsin.domain.services.support_hours import SupportHours
from tocsin.domain.services.urgency_rule import Raise, UrgencyRule
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class ServiceFacts(Struct, frozen=True):
    """A service as the engine needs it."""

    id: str
    name: str
    escalation_policy_id: str
    team_id: str | None
    acknowledgement_timeout_s: int | None
    auto_resolve_timeout_s: int | None
    urgency_rule: dict[str, object]
    support_hours: dict[str, object] | None
    scheduled_actions: list[object]
    fallback_user_id: str | None
    disabled: bool


class ServiceRow(Struct, frozen=True):
    """A service with everything an answer shows."""

    id: str
    name: str
    escalation_policy_id: str
    team_id: str | None
    acknowledgement_timeout_s: int | None
    auto_resolve_timeout_s: int | None
    urgency_rule: dict[str, object]
    support_hours: dict[str, object] | None
    scheduled_actions: list[object]
    fallback_user_id: str | None
    disabled: bool
    description: str | None
    policy_name: str
    team_name: str | None
    alert_grouping: dict[str, object] | None
    auto_pause: dict[str, object] | None
    created_at: datetime
    triggered: bool
    acknowledged: bool
    in_maintenance: bool
    last_incident_at: datetime | None
    integrations: list[object]
    fallback_user_name: str | None

    def subject(self) -> Subject:
        """Return what this row is to the permission table."""
        return Subject("service", team_id=self.team_id)


class Wanted(Struct, frozen=True, kw_only=True):
    """Which services a list asks for; None means all. `horizon` holds the teams its reader may see."""

    horizon: list[str] | None = None
    query: str | None = None
    name: str | None = None
    team_ids: list[str] | None = None
    descending: bool = False


class Draft(Struct, frozen=True, kw_only=True):
    """A service to be written; grouping and auto-pause are kept as they came, for the rules that read them."""

    service: Service
    description: str | None
    alert_grouping: dict[str, object] | None
    auto_pause: dict[str, object] | None


class IntegrationShown(Struct, frozen=True):
    """An integration of a service, by what a reference to it needs."""

    id: str
    name: str
    kind: str


class Id(Struct, frozen=True):
    """An id."""

    id: str


_FACTS = """s.id, s.name, s.escalation_policy_id, p.team_id, s.acknowledgement_timeout_s, s.auto_resolve_timeout_s,
    s.urgency_rule, s.support_hours, s.scheduled_actions, s.fallback_user_id, s.disabled"""

# Whether something is open is asked row by row of a page: two index probes, however many incidents there are.
_SHOWN = f"""
SELECT {_FACTS}, s.description, p.name AS policy_name, team.name AS team_name, s.alert_grouping, s.auto_pause,
    s.created_at,
    EXISTS (SELECT FROM incident i WHERE i.service_id = s.id AND i.status = 'triggered') AS triggered,
    EXISTS (SELECT FROM incident i WHERE i.service_id = s.id AND i.status = 'acknowledged') AS acknowledged,
    EXISTS (SELECT FROM maintenance_window w JOIN maintenance_window_service ws ON ws.window_id = w.id
            WHERE ws.service_id = s.id AND w.start_at <= tocsin_now() AND w.end_at > tocsin_now()) AS in_maintenance,
    (SELECT max(i.created_at) FROM incident i WHERE i.service_id = s.id) AS last_incident_at,
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', g.id, 'name', g.name, 'kind', g.kind) ORDER BY g.id)
              FROM integration g WHERE g.service_id = s.id), '[]') AS integrations,
    fallback.name AS fallback_user_name
FROM service s JOIN escalation_policy p ON p.id = s.escalation_policy_id LEFT JOIN team ON team.id = p.team_id
    LEFT JOIN app_user fallback ON fallback.id = s.fallback_user_id
WHERE (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))"""  # noqa: S608 - joined from constants of this file only

_FILTER = """
  AND (%(query)s::text IS NULL OR strpos(lower(s.name), lower(%(query)s::text)) > 0)
  AND (%(name)s::text IS NULL OR lower(s.name) = lower(%(name)s::text))
  AND (%(team_ids)s::text[] IS NULL OR p.team_id = ANY(%(team_ids)s::text[]))"""

SERVICES_BY_ID = Query(
    "the services with these ids, as the engine needs them",
    f"""SELECT {_FACTS} FROM service s JOIN escalation_policy p ON p.id = s.escalation_policy_id
WHERE s.id = ANY(%(ids)s::text[])""",  # noqa: S608 - joined from constants of this file only
    ServiceFacts,
)

SERVICE = Query("service with this id", f"{_SHOWN} AND s.id = %(id)s::text", ServiceRow)

SERVICES_SHOWN = Query(
    "the services with these ids, as answers show them",
    f"{_SHOWN} AND s.id = ANY(%(ids)s::text[])",
    ServiceRow,
)

# The page is cut before anything is gathered around its rows, so that a deep one costs little more than the first.
_WANTED = f"""FROM service s JOIN escalation_policy p ON p.id = s.escalation_policy_id
WHERE (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[])) {_FILTER}"""
_CUT = "LIMIT %(limit)s::int OFFSET %(offset)s::int"

UPWARD = Query(
    "a page of services by name",
    f"""{_SHOWN} AND s.id IN (SELECT s.id {_WANTED} ORDER BY lower(s.name), s.id {_CUT})
ORDER BY lower(s.name), s.id""",
    ServiceRow,
)

DOWNWARD = Query(
    "a page of services by name, last first",
    f"""{_SHOWN} AND s.id IN (SELECT s.id {_WANTED} ORDER BY lower(s.name) DESC, s.id DESC {_CUT})
ORDER BY lower(s.name) DESC, s.id DESC""",
    ServiceRow,
)

COUNT = Query("how many services a list has", f"SELECT count(*) AS n {_WANTED}", Count)

LOCK = Query(
    "service with this id, held against other writers",
    "SELECT id FROM service WHERE id = %(id)s::text FOR UPDATE",
    Id,
)

INSERT = Command(
    "add a service",
    """INSERT INTO service (id, name, description, escalation_policy_id, acknowledgement_timeout_s,
    auto_resolve_timeout_s, urgency_rule, support_hours, scheduled_actions, alert_grouping, auto_pause,
    fallback_user_id, disabled)
VALUES (%(id)s, %(name)s, %(description)s, %(escalation_policy_id)s, %(acknowledgement_timeout_s)s,
    %(auto_resolve_timeout_s)s, %(urgency_rule)s::jsonb, %(support_hours)s::jsonb, %(scheduled_actions)s::jsonb,
    %(alert_grouping)s::jsonb, %(auto_pause)s::jsonb, %(fallback_user_id)s, %(disabled)s)""",
)

UPDATE = Command(
    "change a service",
    """UPDATE service SET name = %(name)s, description = %(description)s,
    escalation_policy_id = %(escalation_policy_id)s, acknowledgement_timeout_s = %(acknowledgement_timeout_s)s,
    auto_resolve_timeout_s = %(auto_resolve_timeout_s)s, urgency_rule = %(urgency_rule)s::jsonb,
    support_hours = %(support_hours)s::jsonb, scheduled_actions = %(scheduled_actions)s::jsonb,
    alert_grouping = %(alert_grouping)s::jsonb, auto_pause = %(auto_pause)s::jsonb,
    fallback_user_id = %(fallback_user_id)s, disabled = %(disabled)s
WHERE id = %(id)s""",
)

DELETE = Command("remove a service with its integrations", "DELETE FROM service WHERE id = %(id)s")

# A window that has lost its last service plans nothing any more.
DELETE_EMPTY_WINDOWS = Command(
    "remove maintenance windows of this service alone",
    """DELETE FROM maintenance_window w USING maintenance_window_service ws
WHERE ws.window_id = w.id AND ws.service_id = %(id)s AND w.end_at > tocsin_now()
  AND NOT EXISTS (SELECT FROM maintenance_window_service other
                  WHERE other.window_id = w.id AND other.service_id <> %(id)s)""",
)


def service_of(facts: ServiceFacts | ServiceRow) -> Service:
    """Return the service that a row tells."""
    return Service(
        id=facts.id,
        name=facts.name,
        escalation_policy_id=facts.escalation_policy_id,
        team_id=facts.team_id,
        acknowledgement_timeout=_duration(facts.acknowledgement_timeout_s),
        auto_resolve_timeout=_duration(facts.auto_resolve_timeout_s),
        urgency_rule=msgspec.convert(facts.urgency_rule, UrgencyRule),
        support_hours=msgspec.convert(facts.support_hours, SupportHours | None),
        raises=msgspec.convert(facts.scheduled_actions, tuple[Raise, ...]),
        fallback_user_id=facts.fallback_user_id,
        disabled=facts.disabled,
    )


async def page(turn: Turn, wanted: Wanted, stretch: Stretch) -> Listed[ServiceRow]:
    """Return a stretch of the services wanted, ordered by name."""
    query = DOWNWARD if wanted.descending else UPWARD
    return await pages.page(turn, query, msgspec.structs.asdict(wanted), stretch=stretch, count=COUNT)


async def create(turn: Turn, draft: Draft) -> None:
    """Write a new service; raise `Refused` (invalid) when its name is taken or its policy is gone."""
    await _write(turn, INSERT, draft)


async def update(turn: Turn, draft: Draft) -> None:
    """Write a service anew; raise `Refused` (invalid) when its name is taken or its policy is gone."""
    await _write(turn, UPDATE, draft)


async def delete(turn: Turn, service_id: str) -> None:
    """Remove a service, its integrations and the windows that were planned for it alone."""
    await turn.run(DELETE_EMPTY_WINDOWS, {"id": service_id})
    await turn.run(DELETE, {"id": service_id})


async def _write(turn: Turn, command: Command, draft: Draft) -> None:
    try:
        await turn.run(command, _columns(draft))
    except UniqueViolation as taken:
        raise Refused(Why.INVALID, "Name has already been taken") from taken
    except ForeignKeyViolation as gone:
        raise Refused(Why.INVALID, "Escalation policy not found") from gone


def _columns(draft: Draft) -> dict[str, object]:
    service = draft.service
    return {
        "id": service.id,
        "name": service.name,
        "description": draft.description,
        "escalation_policy_id": service.escalation_policy_id,
        "acknowledgement_timeout_s": _seconds(service.acknowledgement_timeout),
        "auto_resolve_timeout_s": _seconds(service.auto_resolve_timeout),
        "urgency_rule": _json(service.urgency_rule),
        "support_hours": _json(service.support_hours),
        "scheduled_actions": _json(service.raises),
        "alert_grouping": _json(draft.alert_grouping),
        "auto_pause": _json(draft.auto_pause),
        "fallback_user_id": service.fallback_user_id,
        "disabled": service.disabled,
    }


def _duration(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
