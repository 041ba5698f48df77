"""Requests as kept: the newest of each integration, with what became of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from psycopg.types.json import Jsonb

from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

MOST_KEPT = 50  # requests of one integration; enough to find the one that went wrong an hour ago
LONGEST_KEPT = 64 * 1024  # bytes of one body; whole batches of alerts are below 30,000


class Became(Struct, frozen=True):
    """One event or change that was made of a request; a change has no action and no dedup key."""

    kind: str
    action: str | None
    dedup_key: str | None
    summary: str


class Draft(Struct, frozen=True, kw_only=True):
    """A request to be kept, with its secrets masked and its body cut already; `size` is the body's whole length."""

    integration_id: str
    received_at: datetime
    source: str
    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    size: int
    status: int
    why: str | None = None
    note: str | None = None
    events: tuple[Became, ...] = ()
    ignored: int = 0


class RequestRow(Struct, frozen=True):
    """A request with everything an answer shows."""

    id: int
    received_at: datetime
    source: str
    method: str
    query: dict[str, Any]
    headers: dict[str, Any]
    body: bytes
    size: int
    status: int
    why: str | None
    note: str | None
    events: list[dict[str, Any]]
    ignored: int


_COLUMNS = """SELECT r.id, r.received_at, r.source, r.method, r.query, r.headers, r.body, r.size, r.status, r.why,
    r.note, r.events, r.ignored
FROM integration_request r WHERE r.integration_id = %(integration_id)s"""
_WHOSE = "r.integration_id = %(integration_id)s"
_OUTCOMES = "(%(refused)s::boolean IS NULL OR (r.status >= 400) = %(refused)s)"

LIST = Query(
    "requests of an integration, newest first",
    f"{_COLUMNS} AND {_OUTCOMES} ORDER BY r.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::int",
    RequestRow,
)
COUNT = Query(
    "how many requests of an integration are kept",
    f"SELECT count(*) AS n FROM integration_request r WHERE {_WHOSE} AND {_OUTCOMES}",  # noqa: S608 - a constant above
    Count,
)
ONE = Query("request with this number", f"{_COLUMNS} AND r.id = %(id)s", RequestRow)

# An integration that was deleted meanwhile is left out; its requests go with it.
ADD = Command(
    "keep requests",
    """
    INSERT INTO integration_request
        (integration_id, received_at, source, method, query, headers, body, size, status, why, note, events, ignored)
    SELECT g.id, n.received_at, n.source, n.method, n.query, n.headers, n.body, n.size, n.status, n.why, n.note,
           n.events, n.ignored
      FROM unnest(%(integration_ids)s::text[], %(received)s::timestamptz[], %(sources)s::text[], %(methods)s::text[],
                  %(queries)s::jsonb[], %(headers)s::jsonb[], %(bodies)s::bytea[], %(sizes)s::int[],
                  %(statuses)s::smallint[], %(whys)s::text[], %(notes)s::text[], %(events)s::jsonb[],
                  %(ignored)s::int[])
           WITH ORDINALITY AS n (integration_id, received_at, source, method, query, headers, body, size, status, why,
                                 note, events, ignored, place)
      JOIN integration g ON g.id = n.integration_id
     ORDER BY n.place
    """,
)
FORGET = Command(
    "forget the requests of these integrations beyond the newest",
    """
    DELETE FROM integration_request r
     USING (SELECT id, row_number() OVER (PARTITION BY integration_id ORDER BY id DESC) AS place
              FROM integration_request WHERE integration_id = ANY(%(ids)s::text[])) AS ranked
     WHERE ranked.id = r.id AND ranked.place > %(most)s
    """,
)


async def keep(turn: Turn, drafts: Sequence[Draft]) -> None:
    """Keep these requests, oldest first, and forget what is older than the newest `MOST_KEPT` of each integration."""
    await turn.run(
        ADD,
        {
            "integration_ids": [draft.integration_id for draft in drafts],
            "received": [draft.received_at for draft in drafts],
            "sources": [draft.source for draft in drafts],
            "methods": [draft.method for draft in drafts],
            "queries": [Jsonb(dict(draft.query)) for draft in drafts],
            "headers": [Jsonb(dict(draft.headers)) for draft in drafts],
            "bodies": [draft.body for draft in drafts],
            "sizes": [draft.size for draft in drafts],
            "statuses": [draft.status for draft in drafts],
            "whys": [draft.why for draft in drafts],
            "notes": [draft.note for draft in drafts],
            "events": [Jsonb(msgspec.to_builtins(draft.events)) for draft in drafts],
            "ignored": [draft.ignored for draft in drafts],
        },
    )
    await turn.run(FORGET, {"ids": list({draft.integration_id for draft in drafts}), "most": MOST_KEPT})
