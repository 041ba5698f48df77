"""Lanes: the inbox in sixty-four queues, each worked on by one node at a time."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class LaneRow(Struct):
    """A lane."""

    n: int


class Senders(Struct, frozen=True, kw_only=True):
    """Whose events are worked on: those of the integrations `only`, or all; never those `but`, nor up to `after`.

    `after` is the id of an event, and counts where `only` is given.
    """

    only: Sequence[str] | None = None
    but: Sequence[str] = ()
    after: int = 0


class Anything(Struct):
    """Whether any event waits."""

    waits: bool


class Received(Struct):
    """An accepted event that waits for its turn."""

    id: int
    lane: int
    integration_id: str
    kind: str
    received_at: datetime
    body: str


class Archived(Struct):
    """What became of an event."""

    id: int
    alert_id: str | None
    outcome: str


class ChangeRecord(Struct):
    """A change event as kept."""

    id: str
    integration_id: str
    service_id: str
    at: datetime
    received_at: datetime
    summary: str
    source: str | None
    body: msgspec.Raw


class Backlog(Struct):
    """How long the oldest event has waited, in seconds, and how many wait."""

    oldest_s: float
    events: int


FREE_LANES = Query(
    "lanes that no other node works on, held until the end of the transaction; none when nothing waits",
    "SELECT n FROM lane WHERE EXISTS (SELECT FROM inbox) ORDER BY n FOR UPDATE SKIP LOCKED",
    row=LaneRow,
)
ANYTHING = Query("whether any event waits", "SELECT EXISTS (SELECT FROM inbox) AS waits", row=Anything)
NEXT_EVENTS = Query(
    "the next events of some lanes",
    """
    SELECT id, lane, integration_id, kind, received_at, body FROM inbox
     WHERE lane = ANY(%(lanes)s::smallint[]) AND NOT integration_id = ANY(%(but)s::text[])
     ORDER BY id LIMIT %(most)s
    """,
    row=Received,
)
NEXT_EVENTS_OF = Query(
    "the next events of some integrations in some lanes",
    """
    SELECT id, lane, integration_id, kind, received_at, body FROM inbox
     WHERE integration_id = ANY(%(only)s::text[]) AND NOT integration_id = ANY(%(but)s::text[])
       AND lane = ANY(%(lanes)s::smallint[]) AND id > %(after)s::bigint
     ORDER BY id LIMIT %(most)s
    """,
    row=Received,
)
ARCHIVE = Command(
    "events that were worked on",
    """
    WITH gone AS (
        DELETE FROM inbox WHERE id = ANY(%(ids)s::bigint[])
        RETURNING id, received_at, integration_id, body
    )
    INSERT INTO event (id, received_at, integration_id, alert_id, outcome, body)
    SELECT gone.id, gone.received_at, gone.integration_id, r.alert_id, r.outcome, gone.body
      FROM gone JOIN json_to_recordset(%(records)s::json) AS r(id bigint, alert_id text, outcome text)
        ON r.id = gone.id
    """,
)
PARK = Command(
    "an event that could not be worked on",
    """
    WITH gone AS (
        DELETE FROM inbox WHERE id = %(id)s
        RETURNING id, lane, integration_id, kind, received_at, body
    )
    INSERT INTO parked_event (id, lane, integration_id, kind, received_at, body, error)
    SELECT id, lane, integration_id, kind, received_at, body, %(error)s FROM gone
    """,
)
KEEP_CHANGES = Command(
    "change events",
    """
    INSERT INTO change_event (id, integration_id, service_id, at, received_at, summary, source, body)
    SELECT id, integration_id, service_id, at, received_at, summary, source, body
      FROM json_to_recordset(%(records)s::json) AS r(
           id text, integration_id text, service_id text, at timestamptz, received_at timestamptz, summary text,
           source text, body jsonb)
    """,
)
BACKLOG = Query(
    "how far the inbox is behind",
    """
    SELECT coalesce(extract(epoch FROM tocsin_now() - (SELECT received_at FROM inbox ORDER BY id LIMIT 1)), 0)::float8
               AS oldest_s,
           (SELECT count(*) FROM (SELECT 1 FROM inbox LIMIT 100000) AS waiting) AS events
    """,
    row=Backlog,
)


async def next_events(turn: Turn, lanes: Sequence[int], senders: Senders, most: int) -> list[Received]:
    """Return the next events of these lanes and senders, at most so many."""
    values = {"lanes": list(lanes), "but": list(senders.but), "most": most}
    if senders.only is None:
        return await turn.rows(NEXT_EVENTS, values)
    return await turn.rows(NEXT_EVENTS_OF, {**values, "only": list(senders.only), "after": senders.after})


async def archive(turn: Turn, archived: Sequence[Archived]) -> None:
    """Move events from the inbox to the archive."""
    if archived:
        records = msgspec.json.encode(archived).decode()
        await turn.run(ARCHIVE, {"ids": [each.id for each in archived], "records": records})


async def keep_changes(turn: Turn, changes: Sequence[ChangeRecord]) -> None:
    """Keep change events."""
    if changes:
        await turn.run(KEEP_CHANGES, {"records": msgspec.json.encode(changes).decode()})
