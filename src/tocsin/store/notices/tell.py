"""Telling: notices are written once for each contact method, and taken back when they are no longer true."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from tocsin.store.hints import Topic
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

KEPT_FOR = timedelta(days=30)  # after that a notice is forgotten, and what still holds may be told again
_SWEPT_AT_ONCE = 10_000  # rows: what a minute's tidying removes without holding anybody up


class Notice(Struct, frozen=True):
    """Something that a person is told and that asks for no answer.

    `key` names it among the notices of this person: it is told once under that name, however often it is asked for.
    `url_path` begins with a slash and leads to what it is about. `contact_method_id` None means every e-mail address
    of the person that is switched on. `about_at` is the instant that it speaks of; after `valid_until` it is not
    worth telling any more.
    """

    user_id: str
    kind: str
    key: str
    due_at: datetime
    title: str
    text: str
    url_path: str
    contact_method_id: str | None = None
    about_at: datetime | None = None
    valid_until: datetime | None = None


class Withdrawn(Struct, frozen=True):
    """A notice that was taken back; one that was `told`, or may have been, leaves somebody who believes it."""

    id: int
    user_id: str
    contact_method_id: str
    title: str
    url_path: str
    told: bool


TELL = Command(
    "notices, one for each contact method that is to be used, unless they were told before",
    """
    INSERT INTO notice (user_id, contact_method_id, channel, kind, key, title, words, url_path, about_at, created_at,
                        due_at, valid_until)
    SELECT r.user_id, c.id, c.channel, r.kind, r.key, r.title, r.text, r.url_path, r.about_at, tocsin_now(),
           r.due_at, r.valid_until
      FROM json_to_recordset(%(records)s::json) AS r(
           user_id text, kind text, key text, due_at timestamptz, title text, text text, url_path text,
           contact_method_id text, about_at timestamptz, valid_until timestamptz)
      JOIN app_user u ON u.id = r.user_id AND u.deleted_at IS NULL
      JOIN contact_method c ON c.user_id = r.user_id
       AND CASE WHEN r.contact_method_id IS NULL THEN c.channel = 'email' AND c.enabled AND NOT c.blacklisted
                ELSE c.id = r.contact_method_id END
        ON CONFLICT (user_id, contact_method_id, key) WHERE withdrawn_at IS NULL DO NOTHING
    """,
)
WITHDRAW = Query(
    "notices taken back: called off while they wait, marked when they left",
    """
    UPDATE notice AS n
       SET withdrawn_at = tocsin_now(),
           state = CASE WHEN n.state = 'pending' THEN 'cancelled' ELSE n.state END,
           ended_why = CASE WHEN n.state = 'pending' THEN 'no longer true' ELSE n.ended_why END
      FROM (SELECT id, state FROM notice WHERE id = ANY(%(ids)s::bigint[]) AND withdrawn_at IS NULL
             ORDER BY id FOR UPDATE) AS before
     WHERE n.id = before.id
    RETURNING n.id, n.user_id, n.contact_method_id, n.title, n.url_path,
              (before.state IN ('leased', 'handed', 'unknown') OR n.unknowns > 0) AS told
    """,
    Withdrawn,
)
SWEEP = Command(
    "notices of long ago that nobody waits for",
    """
    DELETE FROM notice WHERE id IN (
        SELECT id FROM notice
         WHERE created_at < tocsin_now() - %(kept_for)s::interval AND state NOT IN ('pending', 'leased')
           AND (about_at IS NULL OR about_at < tocsin_now() - %(kept_for)s::interval)
         ORDER BY created_at LIMIT %(most)s)
    """,
)


async def tell(turn: Turn, notices: Sequence[Notice]) -> int:
    """Write notices to be sent when they are due; return for how many contact methods they are new.

    Deleted people and contact methods that are gone are passed over. A channel that cannot carry a notice hands it on
    to the person's next e-mail address.
    """
    if not notices:
        return 0
    written = await turn.run(TELL, {"records": msgspec.json.encode(notices).decode()})
    if written:
        turn.hints.add(Topic.PAGES)
    return written


async def withdraw(turn: Turn, ids: Collection[int]) -> list[Withdrawn]:
    """Take notices back, so that they are not sent any more and may be told anew under the same key."""
    return await turn.rows(WITHDRAW, {"ids": sorted(ids)}) if ids else []


async def sweep(turn: Turn) -> int:
    """Forget notices of more than 30 days ago; return how many."""
    return await turn.run(SWEEP, {"kept_for": KEPT_FOR, "most": _SWEPT_AT_ONCE})
