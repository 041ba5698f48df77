"""Notification rules as kept: which contact method of a user is tried after how long."""

from datetime import datetime

from msgspec import Struct, structs
from psycopg.errors import UniqueViolation

from tocsin.domain.paging.notification_rule import MOST_RULES
from tocsin.domain.people.permission import Subject
from tocsin.ground.errors import Refused, Why
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class NotificationRuleRow(Struct, frozen=True):
    """A notification rule with what its contact method is called."""

    id: str
    user_id: str
    contact_method_id: str
    urgency: str
    start_delay_s: int
    created_at: datetime
    channel: str
    label: str

    def subject(self) -> Subject:
        """Say what this is to the permission table."""
        return Subject("notification_rule", owner_id=self.user_id)


_RULES = """
    SELECT r.id, r.user_id, r.contact_method_id, r.urgency, r.start_delay_s, r.created_at, c.channel, c.label
    FROM notification_rule r JOIN contact_method c ON c.id = r.contact_method_id
"""

BY_ID = Query(
    "notification rule of this user", f"{_RULES} WHERE r.id = %(id)s AND r.user_id = %(user_id)s", NotificationRuleRow
)
OF_USERS = Query(
    "notification rules of these users",
    f"""{_RULES}
    WHERE r.user_id = ANY(%(ids)s) AND (%(urgency)s::text IS NULL OR r.urgency = %(urgency)s::text)
    ORDER BY r.urgency, r.start_delay_s, r.created_at, r.id
    """,
    NotificationRuleRow,
)
COUNT = Query("count of a user's rules", "SELECT count(*) AS n FROM notification_rule WHERE user_id = %(id)s", Count)
ADD = Command(
    "add a notification rule",
    """
    INSERT INTO notification_rule (id, user_id, contact_method_id, urgency, start_delay_s, created_at)
    VALUES (%(id)s, %(user_id)s, %(contact_method_id)s, %(urgency)s, %(start_delay_s)s, %(created_at)s)
    """,
)
CHANGE = Command(
    "change a notification rule",
    """
    UPDATE notification_rule SET contact_method_id = %(contact_method_id)s, urgency = %(urgency)s,
        start_delay_s = %(start_delay_s)s
    WHERE id = %(id)s
    """,
)
DELETE = Command("delete a notification rule", "DELETE FROM notification_rule WHERE id = %(id)s")


async def add(turn: Turn, rule: NotificationRuleRow) -> None:
    """Write a new rule; raise `Refused` when the user has it already (conflict) or too many (invalid)."""
    if (await turn.one(COUNT, {"id": rule.user_id})).n >= MOST_RULES:
        raise Refused(Why.INVALID, f"A user has at most {MOST_RULES} notification rules.")
    await _write(turn, ADD, rule)


async def change(turn: Turn, rule: NotificationRuleRow) -> None:
    """Write what became of a rule; raise `Refused` (conflict) when the user has another one like it."""
    await _write(turn, CHANGE, rule)


async def _write(turn: Turn, command: Command, rule: NotificationRuleRow) -> None:
    try:
        await turn.run(command, structs.asdict(rule))
    except UniqueViolation as failure:
        raise Refused(Why.CONFLICT, "Notification rule must be unique") from failure
