"""Answers as stored: what a person behind a link in a page sees of the incident."""

from datetime import datetime

from msgspec import Struct

from tocsin.store.query import Query


class SeenRow(Struct):
    """An incident, and the person whom the page was for."""

    number: int
    title: str
    status: str
    urgency: str
    created_at: datetime
    status_changed_at: datetime
    changed_by_kind: str
    changed_by_id: str
    changed_by: str
    service: str
    person: str
    time_zone: str
    role: str


SEEN_INCIDENT = Query(
    "incident as the person of a page sees it",
    """
    SELECT i.number, i.title, i.status, i.urgency, i.created_at, i.status_changed_at,
           i.status_changed_by ->> 'kind' AS changed_by_kind, i.status_changed_by ->> 'id' AS changed_by_id,
           i.status_changed_by ->> 'name' AS changed_by, coalesce(s.name, 'a deleted service') AS service,
           u.name AS person, u.time_zone, u.role
      FROM incident i CROSS JOIN app_user u LEFT JOIN service s ON s.id = i.service_id
     WHERE i.id = %(incident_id)s AND u.id = %(user_id)s AND u.deleted_at IS NULL
    """,
    row=SeenRow,
)
