"""Live: an open incident as it stands, looked at without holding it, so that a simulation can go on from there."""

from datetime import datetime

from msgspec import Struct

from tocsin.domain.incidents.decision import Page
from tocsin.domain.incidents.incident import Situation, Terms
from tocsin.store.directory import Directory, terms_of
from tocsin.store.incidents import NOBODY, IncidentRow, company, incident_of
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class PendingRow(Struct, frozen=True):
    """A page that has not left, in the order of the fields of `Page`."""

    incident_id: str
    user_id: str
    contact_method_id: str
    rule_id: str
    round: int
    channel: str
    urgency: str
    rank: int
    created_at: datetime
    due_at: datetime


class ToldRow(Struct, frozen=True):
    """How many pages of a round left."""

    n: int


class Live(Struct, frozen=True, kw_only=True):
    """An incident with all that belongs to it: what is due, the pages that wait, and whether its round told anybody."""

    situation: Situation
    pending: tuple[Page, ...]
    reached: bool


LOOKED_AT = Query(
    "an incident, only looked at",
    """
    SELECT id, service_id, title, status, urgency, plan_id, assigned_via, created_at, updated_at, status_changed_at,
           status_changed_by, number, body, incident_key, priority_id, called, round, exhausted, snoozed_until,
           acknowledged_at, resolved_at, merged_into, alerts_triggered, alerts_total, version
      FROM incident WHERE id = %(id)s
    """,
    IncidentRow,
)
PENDING = Query(
    "pages of an incident that have not left",
    """
    SELECT incident_id, user_id, contact_method_id, rule_id, round, channel, urgency, rank::int AS rank, created_at,
           due_at
      FROM notification WHERE incident_id = %(id)s AND state IN ('pending', 'leased') ORDER BY id
    """,
    PendingRow,
)
TOLD = Query(
    "how many pages of an incident's round left",
    """
    SELECT count(*) AS n FROM notification
     WHERE incident_id = %(id)s AND round = %(round)s::int AND state IN ('handed', 'delivered', 'unknown')
    """,
    ToldRow,
)


async def live(turn: Turn, directory: Directory, incident_id: str) -> Live | None:
    """Return the incident as it stands, or None when it is not there."""
    row = await turn.maybe(LOOKED_AT, {"id": incident_id})
    if row is None:
        return None
    incident = incident_of(row)
    beside = (await company(turn, [incident_id])).get(incident_id, NOBODY)
    plans = await directory.plans(turn, [incident.plan_id])
    services = await directory.services(turn, [incident.service_id])
    service = services.get(incident.service_id)
    terms = terms_of(service) if service is not None else Terms(incident.service_id, "a deleted service")
    pending = await turn.rows(PENDING, {"id": incident_id})
    told = await turn.one(TOLD, {"id": incident_id, "round": incident.round})
    return Live(
        situation=Situation(
            incident, plans[incident.plan_id], terms, beside.assignees, beside.acknowledgements, beside.timers
        ),
        pending=tuple(_page(each) for each in pending),
        reached=told.n > 0,
    )


def _page(row: PendingRow) -> Page:
    return Page(
        incident_id=row.incident_id,
        user_id=row.user_id,
        contact_method_id=row.contact_method_id,
        rule_id=row.rule_id,
        round=row.round,
        channel=row.channel,
        urgency=row.urgency,
        rank=row.rank,
        created_at=row.created_at,
        due_at=row.due_at,
    )
