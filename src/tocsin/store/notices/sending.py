"""Sending of notices as stored: claiming those that are due, once no page waits, and writing how each ended."""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from tocsin.ground.limits import LEASE
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

MOST_A_MINUTE = 10  # notices of one contact method; a flood of them must not bury a page
_MINUTE = timedelta(minutes=1)


class ClaimedNotice(Struct):
    """A notice that this process holds the lease of, with everything its message needs.

    `address` is None when the contact method is gone or switched off, or its person deleted.
    """

    id: int
    fence: int
    sends: int
    unknowns: int
    may_repeat: bool
    user_id: str
    contact_method_id: str
    channel: str
    kind: str
    key: str
    title: str
    text: str
    url_path: str
    about_at: datetime | None
    valid_until: datetime | None
    person: str
    time_zone: str
    locale: str
    address: str | None
    country_code: int | None
    secret_sealed: bytes | None


class Ahead(Struct):
    """When the next notice is due, whether a holder went silent, and whether everything is on hold."""

    due_at: datetime | None
    silent: bool
    held: bool
    now: datetime


class DueChannel(Struct):
    """A channel with notices that are due."""

    channel: str


class NoticeId(Struct):
    """The id of a notice whose lease was still ours when it was written, or that was taken back."""

    id: int


class Ended(Struct):
    """What became of a notice: its new state, and when it is tried again if it is."""

    id: int
    fence: int
    state: str
    due_at: datetime | None
    may_repeat: bool
    ended_why: str | None
    sends: int
    unknowns: int


AHEAD = Query(
    "what is ahead for the loop of notices, in one look",
    """
    SELECT (SELECT min(due_at) FROM notice WHERE state = 'pending') AS due_at,
           EXISTS (SELECT FROM notice WHERE state = 'leased' AND lease_until < tocsin_now()) AS silent,
           EXISTS (SELECT FROM setting WHERE key = 'hold') AS held, tocsin_now() AS now
    """,
    Ahead,
)
DUE_CHANNELS = Query(
    "channels with notices that are due",
    "SELECT DISTINCT channel FROM notice WHERE state = 'pending' AND due_at <= tocsin_now()",
    DueChannel,
)
# Pages first: while one waits for this channel no notice is claimed.
CLAIM = Query(
    "notices of one channel that are due, leased to this process",
    """
    WITH due AS (
        SELECT n.id FROM notice n
         WHERE n.state = 'pending' AND n.due_at <= tocsin_now() AND n.channel = %(channel)s
           AND NOT EXISTS (SELECT FROM setting WHERE key = 'hold')
           AND NOT EXISTS (SELECT FROM notification p
                            WHERE p.state = 'pending' AND p.due_at <= tocsin_now() AND p.channel = %(channel)s)
           AND (SELECT count(*) FROM notice r
                 WHERE r.contact_method_id = n.contact_method_id AND r.handed_at > tocsin_now() - %(per)s::interval)
               < %(most_each)s
         ORDER BY n.due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE notice AS n
           SET state = 'leased', lease_until = tocsin_now() + %(lease)s::interval, fence = n.fence + 1,
               sends = n.sends + 1
         WHERE n.id IN (SELECT id FROM due)
        RETURNING n.id, n.fence, n.sends, n.unknowns, n.may_repeat, n.user_id, n.contact_method_id, n.channel, n.kind,
                  n.key, n.title, n.words, n.url_path, n.about_at, n.valid_until, n.due_at
    )
    SELECT t.id, t.fence, t.sends, t.unknowns, t.may_repeat, t.user_id, t.contact_method_id, t.channel, t.kind, t.key,
           t.title, t.words AS text, t.url_path, t.about_at, t.valid_until, u.name AS person, u.time_zone, u.locale,
           CASE WHEN c.enabled AND NOT c.blacklisted AND u.deleted_at IS NULL THEN c.address END AS address,
           c.country_code, c.secret_sealed
      FROM taken t
      JOIN app_user u ON u.id = t.user_id
      LEFT JOIN contact_method c ON c.id = t.contact_method_id
     ORDER BY t.due_at, t.id
    """,
    ClaimedNotice,
)
RENEW = Query(
    "the lease of a notice, prolonged while it is ours and true",
    """
    UPDATE notice SET lease_until = tocsin_now() + %(lease)s::interval
     WHERE id = %(id)s AND fence = %(fence)s AND state = 'leased' AND withdrawn_at IS NULL
    RETURNING id
    """,
    NoticeId,
)
# A lease that was taken over makes the late writer's fence stale: it then changes nothing.
END = Query(
    "what became of a notice",
    """
    UPDATE notice AS n
       SET state = CASE WHEN r.state = 'pending' AND n.withdrawn_at IS NOT NULL THEN 'cancelled' ELSE r.state END,
           due_at = coalesce(r.due_at, n.due_at), may_repeat = r.may_repeat, lease_until = NULL,
           handed_at = CASE WHEN r.state = 'handed' THEN tocsin_now() ELSE n.handed_at END,
           ended_why = r.ended_why, sends = r.sends, unknowns = r.unknowns
      FROM json_to_record(%(record)s::json) AS r(
           id bigint, fence int, state text, due_at timestamptz, may_repeat boolean, ended_why text, sends int,
           unknowns smallint)
     WHERE n.id = r.id AND n.fence = r.fence AND (n.state = 'leased' OR (n.state = 'pending' AND r.state = 'handed'))
    RETURNING n.id
    """,
    NoticeId,
)
HAND_ON = Command(
    "a notice that failed, given to the person's next e-mail address that has not had it",
    """
    INSERT INTO notice (user_id, contact_method_id, channel, kind, key, title, words, url_path, about_at, created_at,
                        due_at, valid_until)
    SELECT n.user_id, c.id, c.channel, n.kind, n.key, n.title, n.words, n.url_path, n.about_at, tocsin_now(),
           tocsin_now(), n.valid_until
      FROM notice n
      JOIN app_user u ON u.id = n.user_id AND u.deleted_at IS NULL
      JOIN contact_method c ON c.user_id = n.user_id AND c.channel = 'email' AND c.enabled AND NOT c.blacklisted
     WHERE n.id = %(id)s AND n.withdrawn_at IS NULL
       AND NOT EXISTS (SELECT FROM notice o WHERE o.user_id = n.user_id AND o.contact_method_id = c.id
                          AND o.key = n.key AND o.withdrawn_at IS NULL)
     ORDER BY c.created_at, c.id LIMIT 1
        ON CONFLICT DO NOTHING
    """,
)
TAKE_BACK = Query(
    "notices whose holder went silent: to be sent once more, marked, or ended as unknown",
    """
    UPDATE notice
       SET state = CASE WHEN withdrawn_at IS NOT NULL THEN 'cancelled'
                        WHEN unknowns < %(most_repeats)s THEN 'pending' ELSE 'unknown' END,
           unknowns = unknowns + 1, may_repeat = true, lease_until = NULL,
           ended_why = CASE WHEN withdrawn_at IS NULL AND unknowns < %(most_repeats)s THEN NULL
                            ELSE 'its sender went silent' END
     WHERE id IN (SELECT id FROM notice WHERE state = 'leased' AND lease_until < tocsin_now()
                   ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED)
    RETURNING id
    """,
    NoticeId,
)


async def claim(turn: Turn, channel: str, most: int) -> list[ClaimedNotice]:
    """Return at most so many due notices of a channel, each leased to the caller."""
    values = {"channel": channel, "most": most, "most_each": MOST_A_MINUTE, "per": _MINUTE, "lease": LEASE}
    return await turn.rows(CLAIM, values)


async def renew(turn: Turn, notice: ClaimedNotice) -> bool:
    """Prolong a lease; return False when it is no longer ours or the notice was taken back."""
    values = {"id": notice.id, "fence": notice.fence, "lease": LEASE}
    return await turn.maybe(RENEW, values) is not None


async def end(turn: Turn, ended: Ended) -> bool:
    """Write what became of a notice; return False when its lease was no longer ours.

    One that failed is handed on to the person's next e-mail address, if there is one that has not had it.
    """
    kept = await turn.maybe(END, {"record": msgspec.json.encode(ended).decode()})
    if kept is not None and ended.state == "failed":
        await turn.run(HAND_ON, {"id": ended.id})
    return kept is not None


async def take_back(turn: Turn, most_repeats: int) -> list[int]:
    """Take back what silent holders had; return the ids."""
    return [row.id for row in await turn.rows(TAKE_BACK, {"most_repeats": most_repeats})]
