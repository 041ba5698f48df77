"""Demonstration: what `tocsin demo` does beside the API: a timeline to the millisecond, and a wait of seconds."""

from datetime import datetime

from msgspec import Struct

from tocsin.store.query import Command, Query


class MomentRow(Struct, frozen=True):
    """When something happened to an incident, as exactly as it was written."""

    id: str
    at: datetime


class ReceiptRow(Struct, frozen=True):
    """A page that was handed over: when it was due and when the provider had it."""

    user_id: str
    due_at: datetime
    handed_at: datetime


MOMENTS = Query(
    "moments of an incident's timeline",
    "SELECT id, at FROM log_entry WHERE incident_id = %(incident_id)s ORDER BY id",
    MomentRow,
)
RECEIPTS = Query(
    "pages of an incident that were handed over",
    """
    SELECT user_id, due_at, handed_at FROM notification
     WHERE incident_id = %(incident_id)s AND handed_at IS NOT NULL ORDER BY handed_at, id
    """,
    ReceiptRow,
)
SHORTEN_LEVELS = Command(
    "let the first level of a policy wait for seconds, which the API does not allow",
    """
    UPDATE escalation_level SET delay_s = %(delay_s)s
     WHERE id = (SELECT id FROM escalation_level WHERE policy_id = %(policy_id)s ORDER BY position LIMIT 1)
    """,
)
