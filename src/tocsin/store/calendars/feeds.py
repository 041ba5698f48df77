"""Feeds: which shifts somebody subscribed to, at which address, and who fetched them when."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class FeedRow(Struct, frozen=True):
    """A feed: of a schedule, a user or a team, made by the person whom `user_id` names."""

    id: str
    user_id: str
    kind: str
    subject_id: str
    subject_name: str | None
    only_me: bool
    gaps: bool
    created_at: datetime
    fetched_at: datetime | None
    agent: str | None
    revoked_at: datetime | None


class Change(Struct, frozen=True):
    """How often a schedule and what lies over it were changed, and when last."""

    schedule_id: str
    revision: int
    changed_at: datetime


class Id(Struct, frozen=True):
    """An id."""

    id: str


_FEEDS = """
    SELECT f.id, f.user_id, f.kind, f.subject_id, coalesce(s.name, u.name, t.name) AS subject_name, f.only_me, f.gaps,
           f.created_at, f.fetched_at, f.agent, f.revoked_at
      FROM calendar_feed f
      LEFT JOIN schedule s ON f.kind = 'schedule' AND s.id = f.subject_id
      LEFT JOIN app_user u ON f.kind = 'user' AND u.id = f.subject_id AND u.deleted_at IS NULL
      LEFT JOIN team t ON f.kind = 'team' AND t.id = f.subject_id
"""
_LIVE = " WHERE f.user_id = %(user_id)s AND f.revoked_at IS NULL"

BY_ID = Query("calendar feed with this id", f"{_FEEDS} WHERE f.id = %(id)s", FeedRow)
LIST = Query(
    "live feeds of a person, oldest first",
    f"{_FEEDS} {_LIVE} ORDER BY f.created_at, f.id LIMIT %(limit)s::int OFFSET %(offset)s::int",
    FeedRow,
)
COUNT = Query(
    "how many live feeds a person has",
    "SELECT count(*) AS n FROM calendar_feed f WHERE f.user_id = %(user_id)s AND f.revoked_at IS NULL",
    Count,
)
ADD = Command(
    "keep a feed",
    """
    INSERT INTO calendar_feed (id, user_id, kind, subject_id, only_me, gaps, created_at)
    VALUES (%(id)s, %(user_id)s, %(kind)s, %(subject_id)s, %(only_me)s, %(gaps)s, %(now)s)
    """,
)
REVOKE = Command(
    "revoke a feed for good",
    "UPDATE calendar_feed SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL",
)
NOTE = Command(
    "note who fetched a feed, once a minute at most",
    """
    UPDATE calendar_feed SET fetched_at = %(now)s, agent = %(agent)s
     WHERE id = %(id)s AND (fetched_at IS NULL OR fetched_at <= %(now)s::timestamptz - interval '1 minute'
           OR agent IS DISTINCT FROM %(agent)s::text)
    """,
)
NAMING = Query(
    "schedules that name this user in a layer, an override or a custom shift",
    """
    SELECT u.schedule_id AS id FROM schedule_user u WHERE u.user_id = %(user_id)s
     UNION
    SELECT o.schedule_id FROM schedule_override o
     WHERE o.user_id = %(user_id)s AND o.removed_at IS NULL AND o.end_at > %(since)s
     UNION
    SELECT c.schedule_id FROM custom_shift c
     WHERE c.user_id = %(user_id)s AND c.removed_at IS NULL AND c.end_at > %(since)s
     ORDER BY 1
    """,
    Id,
)
OF_TEAM = Query(
    "schedules of this team",
    "SELECT schedule_id AS id FROM schedule_team WHERE team_id = %(team_id)s ORDER BY 1",
    Id,
)
# Rows of what lies over a schedule are ended and begun, never removed, so the count only grows.
CHANGES = Query(
    "how often these schedules were changed, and when last",
    """
    SELECT s.id AS schedule_id, (s.version + coalesce(sum(l.changes), 0))::int AS revision,
           greatest((SELECT max(v.valid_from) FROM schedule_version v WHERE v.schedule_id = s.id), s.created_at,
                    max(l.changed_at)) AS changed_at
      FROM schedule s LEFT JOIN (
           SELECT o.schedule_id, count(*) + count(o.removed_at) AS changes,
                  greatest(max(o.created_at), max(o.removed_at)) AS changed_at
             FROM schedule_override o WHERE o.schedule_id = ANY(%(ids)s::text[]) GROUP BY 1
            UNION ALL
           SELECT c.schedule_id, count(*) + count(c.removed_at), greatest(max(c.created_at), max(c.removed_at))
             FROM custom_shift c WHERE c.schedule_id = ANY(%(ids)s::text[]) GROUP BY 1) l ON l.schedule_id = s.id
     WHERE s.id = ANY(%(ids)s::text[]) GROUP BY s.id
    """,
    Change,
)


async def changes(turn: Turn, ids: Sequence[str]) -> dict[str, Change]:
    """Return how often each of these schedules was changed, and when last."""
    return {row.schedule_id: row for row in await turn.rows(CHANGES, {"ids": list(ids)})}


async def schedules_of(turn: Turn, feed: FeedRow, since: datetime) -> list[str]:
    """Return the ids of the schedules that a feed tells of."""
    if feed.kind == "schedule":
        return [feed.subject_id]
    if feed.kind == "team":
        return [row.id for row in await turn.rows(OF_TEAM, {"team_id": feed.subject_id})]
    return [row.id for row in await turn.rows(NAMING, {"user_id": feed.subject_id, "since": since})]
