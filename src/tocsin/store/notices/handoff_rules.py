"""Hand-off rules as kept: by which contact method, and how long before, a user hears of going on or off call."""

from datetime import datetime

from msgspec import Struct, structs
from psycopg.errors import UniqueViolation

from tocsin.domain.oncall.handoff import MOST_RULES
from tocsin.ground.errors import Refused, Why
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class HandoffRuleRow(Struct, frozen=True):
    """A hand-off rule with what its contact method is called.

    It speaks of hand-offs whose time to be told lies after `active_since`, so that a new rule does not tell at once
    of everything in the weeks ahead.
    """

    id: str
    user_id: str
    contact_method_id: str
    handoff_type: str
    advance_s: int
    active_since: datetime
    channel: str
    label: str


_RULES = """
    SELECT r.id, r.user_id, r.contact_method_id, r.handoff_type, r.advance_s, r.active_since, c.channel, c.label
    FROM handoff_rule r JOIN contact_method c ON c.id = r.contact_method_id
"""

BY_ID = Query(
    "hand-off notification rule of this user",
    f"{_RULES} WHERE r.id = %(id)s AND r.user_id = %(user_id)s",
    HandoffRuleRow,
)
OF_USER = Query(
    "hand-off notification rules of this user",
    f"{_RULES} WHERE r.user_id = %(user_id)s ORDER BY r.advance_s DESC, r.active_since, r.id",
    HandoffRuleRow,
)
COUNT = Query(
    "count of a user's hand-off rules", "SELECT count(*) AS n FROM handoff_rule WHERE user_id = %(id)s", Count
)
ADD = Command(
    "add a hand-off rule",
    """
    INSERT INTO handoff_rule (id, user_id, contact_method_id, handoff_type, advance_s, active_since)
    VALUES (%(id)s, %(user_id)s, %(contact_method_id)s, %(handoff_type)s, %(advance_s)s, %(active_since)s)
    """,
)
CHANGE = Command(
    "change a hand-off rule",
    """
    UPDATE handoff_rule SET contact_method_id = %(contact_method_id)s, handoff_type = %(handoff_type)s,
        advance_s = %(advance_s)s, active_since = %(active_since)s
    WHERE id = %(id)s
    """,
)
DELETE = Command("delete a hand-off rule", "DELETE FROM handoff_rule WHERE id = %(id)s")


async def add(turn: Turn, rule: HandoffRuleRow) -> None:
    """Write a new rule; raise `Refused` when the user has it already (conflict) or too many (invalid)."""
    if (await turn.one(COUNT, {"id": rule.user_id})).n >= MOST_RULES:
        raise Refused(Why.INVALID, f"A user has at most {MOST_RULES} hand-off notification rules.")
    await _write(turn, ADD, rule)


async def change(turn: Turn, rule: HandoffRuleRow) -> None:
    """Write what became of a rule; raise `Refused` (conflict) when the user has another one like it."""
    await _write(turn, CHANGE, rule)


async def _write(turn: Turn, command: Command, rule: HandoffRuleRow) -> None:
    try:
        await turn.run(command, structs.asdict(rule))
    except UniqueViolation as failure:
        raise Refused(Why.CONFLICT, "Handoff notification rule must be unique") from failure
