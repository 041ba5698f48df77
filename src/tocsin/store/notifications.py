"""Notifications as stored: claiming the pages that are due, and writing what became of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.store.hints import Topic
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class Claimed(Struct):
    """A page that this process holds the lease of, with everything its message needs."""

    id: int
    fence: int
    sends: int
    unknowns: int
    may_repeat: bool
    incident_id: str
    user_id: str
    contact_method_id: str
    round: int
    channel: str
    urgency: str
    rank: int
    created_at: datetime
    due_at: datetime
    number: int
    title: str
    status: str
    incident_created_at: datetime
    level: int
    levels: int
    repeats: int
    policy: str
    assigned_via: str
    alerts_total: int
    service_id: str
    service: str
    person: str
    time_zone: str
    locale: str
    address: str | None
    country_code: int | None
    secret_sealed: bytes | None


class Recent(Struct):
    """How many messages a contact method got lately."""

    contact_method_id: str
    messages: int


class Due(Struct):
    """When the next page is due, and whether pages are held back until somebody releases them."""

    due_at: datetime | None
    held: bool
    now: datetime


class DueChannel(Struct):
    """A channel with pages that are due."""

    channel: str


class Ended(Struct):
    """What became of a page: its new state, and when it is tried again if it is."""

    id: int
    fence: int
    state: str
    due_at: datetime | None
    may_repeat: bool
    handed_at: datetime | None
    ended_why: str | None
    bundle_id: int | None
    sends: int
    unknowns: int


class DeliveryRecord(Struct):
    """One handing to a provider, and its receipt."""

    notification_id: int
    provider: str
    key: str
    started_at: datetime
    ended_at: datetime
    receipt: str
    provider_ref: str | None
    detail: str
    may_repeat: bool


class Silent(Struct):
    """An incident whose running round has reached nobody."""

    incident_id: str
    round: int


class ServiceOf(Struct):
    """An incident's service."""

    id: str
    service_id: str


class TakenBack(Struct):
    """A page whose holder went silent, and what it is now."""

    id: int
    incident_id: str
    user_id: str
    channel: str
    state: str


class Named(Struct):
    """The id of a page whose lease was still ours when it was written."""

    id: int


# A contact method with a limit is claimed whole, and so is one with pages that are late by more than a quarter of an
# hour: only who sees all of a person's pages can make few messages, or one digest, of them.
CLAIM = Query(
    "pages of one channel that are due, leased to this process",
    """
    WITH due AS (
        SELECT id, contact_method_id, due_at FROM notification
         WHERE state = 'pending' AND due_at <= tocsin_now() AND channel = %(channel)s
           AND NOT EXISTS (SELECT FROM setting WHERE key = 'hold')
         ORDER BY rank, due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), beside AS (
        SELECT n.id FROM notification n
         WHERE n.state = 'pending' AND n.due_at <= tocsin_now() AND n.channel = %(channel)s
           AND (%(limited)s OR EXISTS (SELECT FROM due WHERE due.due_at < tocsin_now() - %(late)s::interval))
           AND n.contact_method_id IN (SELECT contact_method_id FROM due)
           AND NOT EXISTS (SELECT FROM due WHERE due.id = n.id)
         ORDER BY n.id LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE notification AS n
           SET state = 'leased', lease_until = tocsin_now() + %(lease)s::interval, fence = n.fence + 1,
               sends = n.sends + 1
         WHERE n.id IN (SELECT id FROM due UNION ALL SELECT id FROM beside)
        RETURNING n.id, n.fence, n.sends, n.unknowns, n.may_repeat, n.incident_id, n.user_id, n.contact_method_id,
                  n.round, n.channel, n.urgency, n.rank, n.created_at, n.due_at
    )
    SELECT t.id, t.fence, t.sends, t.unknowns, t.may_repeat, t.incident_id, t.user_id, t.contact_method_id, t.round,
           t.channel, t.urgency, t.rank, t.created_at, t.due_at, i.number, i.title, i.status,
           i.created_at AS incident_created_at,
           i.called AS level, coalesce(json_array_length(p.document::json -> 'levels'), 0) AS levels,
           coalesce((p.document ->> 'repeats')::int, 0) AS repeats,
           coalesce(p.document ->> 'name', '') AS policy, i.assigned_via, i.alerts_total, i.service_id,
           coalesce(s.name, 'a deleted service') AS service, u.name AS person, u.time_zone, u.locale,
           CASE WHEN c.enabled AND NOT c.blacklisted THEN c.address END AS address, c.country_code, c.secret_sealed
      FROM taken t
      JOIN incident i ON i.id = t.incident_id
      JOIN app_user u ON u.id = t.user_id
      LEFT JOIN plan p ON p.id = i.plan_id
      LEFT JOIN service s ON s.id = i.service_id
      LEFT JOIN contact_method c ON c.id = t.contact_method_id
     ORDER BY t.rank, t.due_at, t.id
    """,
    row=Claimed,
)
# Asked before a further provider is tried: is the lease still ours, and does the incident still want the page?
RENEW = Query(
    "the lease of a page, prolonged while it is ours and wanted",
    """
    UPDATE notification AS n SET lease_until = tocsin_now() + %(lease)s::interval
      FROM incident i
     WHERE n.id = %(id)s AND n.fence = %(fence)s AND n.state = 'leased' AND i.id = n.incident_id
       AND i.status = 'triggered' AND n.round = i.round
    RETURNING n.id
    """,
    row=Named,
)
RECENT_MESSAGES = Query(
    "how many messages contact methods got lately",
    """
    SELECT contact_method_id, count(DISTINCT coalesce(bundle_id, id)) AS messages FROM notification
     WHERE contact_method_id = ANY(%(ids)s::text[]) AND handed_at > tocsin_now() - %(per)s::interval
     GROUP BY contact_method_id
    """,
    row=Recent,
)
NEXT_PAGE = Query(
    "when the next page is due of a channel that has room",
    """
    SELECT (SELECT min(due_at) FROM notification
             WHERE state = 'pending'
               AND (channel = ANY(%(channels)s::text[]) OR channel <> ALL(%(known)s::text[]))) AS due_at,
           EXISTS (SELECT FROM setting WHERE key = 'hold') AS held, tocsin_now() AS now
    """,
    row=Due,
)
DUE_CHANNELS = Query(
    "channels with room that have pages due",
    """
    SELECT DISTINCT channel FROM (
        SELECT channel FROM notification
         WHERE state = 'pending' AND due_at <= tocsin_now()
           AND (channel = ANY(%(channels)s::text[]) OR channel <> ALL(%(known)s::text[]))
           AND NOT EXISTS (SELECT FROM setting WHERE key = 'hold')
         ORDER BY rank, due_at LIMIT 200) AS next
    """,
    row=DueChannel,
)
# A lease that was taken over makes the late writer's fence stale: it then changes nothing. A page of a round that is
# over is not tried again: somebody else was called since.
END = Query(
    "what became of pages",
    """
    UPDATE notification AS n
       SET state = CASE WHEN r.state = 'pending' AND (i.status <> 'triggered' OR n.round < i.round)
                        THEN 'cancelled' ELSE r.state END,
           due_at = coalesce(r.due_at, n.due_at), may_repeat = r.may_repeat, lease_until = NULL,
           handed_at = coalesce(r.handed_at, n.handed_at),
           ended_why = CASE WHEN r.state = 'pending' AND (i.status <> 'triggered' OR n.round < i.round)
                            THEN coalesce(r.ended_why, 'called off meanwhile') ELSE r.ended_why END,
           bundle_id = coalesce(r.bundle_id, n.bundle_id), sends = r.sends, unknowns = r.unknowns
      FROM json_to_recordset(%(records)s::json) AS r(
           id bigint, fence int, state text, due_at timestamptz, may_repeat boolean, handed_at timestamptz,
           ended_why text, bundle_id bigint, sends int, unknowns smallint), incident i
     WHERE n.id = r.id AND n.fence = r.fence AND i.id = n.incident_id
       AND (n.state = 'leased' OR (n.state = 'pending' AND r.state = 'handed'))
    RETURNING n.id
    """,
    row=Named,
)
KEEP_DELIVERIES = Command(
    "handings to providers",
    """
    INSERT INTO delivery (notification_id, provider, key, started_at, ended_at, receipt, provider_ref, detail,
                          may_repeat)
    SELECT notification_id, provider, key, started_at, ended_at, receipt, provider_ref, detail, may_repeat
      FROM json_to_recordset(%(records)s::json) AS r(
           notification_id bigint, provider text, key text, started_at timestamptz, ended_at timestamptz,
           receipt text, provider_ref text, detail text, may_repeat boolean)
    """,
)
HURRY = Command(
    "the next rules of people whose page failed, made due at once",
    """
    UPDATE notification AS n SET due_at = least(n.due_at, tocsin_now())
      FROM (SELECT DISTINCT ON (p.incident_id, p.user_id, p.round) p.id
              FROM notification f
              JOIN notification p ON p.incident_id = f.incident_id AND p.user_id = f.user_id AND p.round = f.round
             WHERE f.id = ANY(%(ids)s::bigint[]) AND p.state = 'pending'
             ORDER BY p.incident_id, p.user_id, p.round, p.due_at) AS next
     WHERE n.id = next.id
    """,
)
SILENT_ROUNDS = Query(
    "incidents whose running round has reached nobody and has nothing left to try",
    """
    SELECT i.id AS incident_id, i.round FROM incident i
     WHERE i.id = ANY(%(ids)s::text[]) AND i.status = 'triggered'
       AND EXISTS (SELECT FROM notification n WHERE n.incident_id = i.id AND n.round = i.round)
       AND NOT EXISTS (SELECT FROM notification n WHERE n.incident_id = i.id AND n.round = i.round
                          AND n.state IN ('pending', 'leased', 'handed', 'delivered', 'unknown'))
    """,
    row=Silent,
)
SERVICES_OF = Query(
    "services of incidents",
    "SELECT id, service_id FROM incident WHERE id = ANY(%(ids)s::text[])",
    row=ServiceOf,
)
TAKE_BACK = Query(
    "pages whose holder went silent: to be sent once more, marked, or ended as unknown",
    """
    UPDATE notification
       SET state = CASE WHEN unknowns < %(most_repeats)s THEN 'pending' ELSE 'unknown' END,
           unknowns = unknowns + 1, may_repeat = true, lease_until = NULL,
           ended_why = CASE WHEN unknowns < %(most_repeats)s THEN NULL ELSE 'its sender went silent' END
     WHERE id IN (SELECT id FROM notification WHERE state = 'leased' AND lease_until < tocsin_now()
                   ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED)
    RETURNING id, incident_id, user_id, channel, state
    """,
    row=TakenBack,
)


async def take_back(turn: Turn, most_repeats: int) -> list[TakenBack]:
    """Take back what silent holders had; return the pages, of which the unknown ones hurry the next rule on."""
    taken = await turn.rows(TAKE_BACK, {"most_repeats": most_repeats})
    unknown = [page.id for page in taken if page.state == "unknown"]
    if unknown:
        await turn.run(HURRY, {"ids": unknown})
    if taken:
        turn.hints.add(Topic.PAGES)
    return taken


async def end(turn: Turn, ended: Sequence[Ended], deliveries: Sequence[DeliveryRecord]) -> set[int]:
    """Write what became of pages and their handings; return the ids of those whose lease was still ours."""
    kept = await turn.rows(END, {"records": _json(ended)})
    if deliveries:
        await turn.run(KEEP_DELIVERIES, {"records": _json(deliveries)})
    return {row.id for row in kept}


def _json(records: Sequence[Any]) -> str:
    return msgspec.json.encode(records).decode()
