"""Audit records of one thing: who changed it, when and how, the newest first."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from tocsin.store.query import Query
from tocsin.store.turn import Turn


class AuditRow(Struct, frozen=True):
    """One record as it was written; `change` maps fields to what became of them."""

    id: int
    at: datetime
    actor: dict[str, Any]
    method: str
    action: str
    change: dict[str, Any]


class Wanted(Struct, frozen=True, kw_only=True):
    """Whose records, of which stretch; `below` is the id that the last list ended with."""

    kind: str
    key: str
    since: datetime
    until: datetime
    below: int | None = None


OF_THING = Query(
    "audit records of one thing, the newest first",
    """
    SELECT id, at, actor, method, action, change FROM audit
     WHERE resource_kind = %(kind)s AND resource_id = %(key)s AND at >= %(since)s AND at < %(until)s
       AND (%(below)s::bigint IS NULL OR id < %(below)s::bigint)
     ORDER BY id DESC LIMIT %(most)s
    """,
    AuditRow,
)


async def records(turn: Turn, wanted: Wanted, *, most: int) -> list[AuditRow]:
    """Return the newest `most` records wanted."""
    values = {name: getattr(wanted, name) for name in Wanted.__struct_fields__}
    return await turn.rows(OF_THING, values | {"most": most})
