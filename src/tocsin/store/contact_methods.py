"""Contact methods as kept: the addresses of users, and the secrets that prove us to some of them."""

from datetime import datetime

from msgspec import Struct, structs
from psycopg.errors import UniqueViolation

from tocsin.domain.paging.contact_method import MOST_METHODS
from tocsin.domain.people.permission import Subject
from tocsin.ground.errors import Refused, Why
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

NOT_UNIQUE = "User Contact method must be unique"
"""Terraform's provider compares this text, letter by letter, to adopt the contact method that is there."""


class ContactMethodRow(Struct, frozen=True):
    """A contact method as answers show it."""

    id: str
    user_id: str
    channel: str
    label: str
    address: str
    country_code: int | None
    short_email: bool
    enabled: bool
    blacklisted: bool
    created_at: datetime

    def subject(self) -> Subject:
        """Say what this is to the permission table."""
        return Subject("contact_method", owner_id=self.user_id)


_METHODS = """
    SELECT c.id, c.user_id, c.channel, c.label, c.address, c.country_code, c.short_email, c.enabled, c.blacklisted,
           c.created_at
    FROM contact_method c
"""

BY_ID = Query(
    "contact method of this user",
    f"{_METHODS} WHERE c.id = %(id)s AND c.user_id = %(user_id)s",
    ContactMethodRow,
)
OF_USERS = Query(
    "contact methods of these users",
    f"{_METHODS} WHERE c.user_id = ANY(%(ids)s) ORDER BY c.created_at, c.id",
    ContactMethodRow,
)
COUNT = Query(
    "count of a user's contact methods", "SELECT count(*) AS n FROM contact_method WHERE user_id = %(id)s", Count
)
ADD = Command(
    "add a contact method",
    """
    INSERT INTO contact_method (id, user_id, channel, label, address, country_code, short_email, enabled,
                                blacklisted, secret_sealed, created_at)
    VALUES (%(id)s, %(user_id)s, %(channel)s, %(label)s, %(address)s, %(country_code)s, %(short_email)s, %(enabled)s,
            %(blacklisted)s, %(secret_sealed)s, %(created_at)s)
    """,
)
CHANGE = Command(
    "change a contact method",
    """
    UPDATE contact_method SET label = %(label)s, address = %(address)s, country_code = %(country_code)s,
        short_email = %(short_email)s
    WHERE id = %(id)s
    """,
)
DELETE = Command("delete a contact method and its rules", "DELETE FROM contact_method WHERE id = %(id)s")


async def add(turn: Turn, method: ContactMethodRow, *, secret_sealed: bytes | None = None) -> None:
    """Write a new contact method; raise `Refused` when the user has it already (conflict) or too many (invalid)."""
    if (await turn.one(COUNT, {"id": method.user_id})).n >= MOST_METHODS:
        raise Refused(Why.INVALID, f"A user has at most {MOST_METHODS} contact methods.")
    try:
        await turn.run(ADD, {**structs.asdict(method), "secret_sealed": secret_sealed})
    except UniqueViolation as failure:
        raise Refused(Why.CONFLICT, NOT_UNIQUE) from failure


async def change(turn: Turn, method: ContactMethodRow) -> None:
    """Write what became of a contact method; raise `Refused` (conflict) when the user has another one like it."""
    try:
        await turn.run(CHANGE, structs.asdict(method))
    except UniqueViolation as failure:
        raise Refused(Why.CONFLICT, NOT_UNIQUE) from failure
