"""Hand-offs as stored: which schedules are called by policies that announce them, the rules, and what was told."""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.handoff import HandoffRule, checked_type
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class Look(Struct, frozen=True):
    """What one look finds: whether there is anything to announce or to take back, and under which configuration."""

    wanted: bool
    stamp: int
    now: datetime


class Place(Struct, frozen=True):
    """A level of a policy that calls a schedule."""

    policy: str
    level: int

    def words(self) -> str:
        """Return how a person reads it."""
        return f"level {self.level} of {self.policy}"


class ConcernedRow(Struct, frozen=True):
    """A schedule whose hand-offs are announced, and the levels that call it, as JSON."""

    schedule_id: str
    places: list[object]


class RuleRow(Struct, frozen=True):
    """A hand-off rule of an active user."""

    id: str
    user_id: str
    contact_method_id: str
    handoff_type: str
    advance_s: int
    active_since: datetime


class OpenRow(Struct, frozen=True):
    """An announcement of a hand-off that is not long past, and that was not taken back."""

    id: int
    user_id: str
    key: str
    state: str
    about_at: datetime


class NameRow(Struct, frozen=True):
    """A person's name and zone."""

    id: str
    name: str
    time_zone: str


LOOK = Query(
    "whether somebody wants to hear of hand-offs, or may have to hear that one was called off",
    """
    SELECT EXISTS (SELECT FROM handoff_rule)
           OR EXISTS (SELECT FROM notice WHERE kind = 'handoff' AND about_at > tocsin_now()
                         AND withdrawn_at IS NULL) AS wanted,
           (SELECT n FROM config_stamp) AS stamp, tocsin_now() AS now
    """,
    Look,
)
CONCERNED = Query(
    "schedules that are called by a policy which announces hand-offs",
    """
    SELECT t.target_id AS schedule_id,
           json_agg(json_build_object('policy', p.name, 'level', l.position) ORDER BY p.name, l.position) AS places
      FROM escalation_target t
      JOIN escalation_level l ON l.id = t.level_id
      JOIN escalation_policy p ON p.id = l.policy_id
     WHERE t.kind = 'schedule'
       AND (p.handoff_notices = 'always' OR EXISTS (SELECT FROM service s WHERE s.escalation_policy_id = p.id))
     GROUP BY t.target_id ORDER BY t.target_id
    """,
    ConcernedRow,
)
RULES = Query(
    "hand-off rules of people who are there",
    """
    SELECT r.id, r.user_id, r.contact_method_id, r.handoff_type, r.advance_s, r.active_since
      FROM handoff_rule r JOIN app_user u ON u.id = r.user_id AND u.deleted_at IS NULL
     ORDER BY r.user_id, r.id
    """,
    RuleRow,
)
OPEN = Query(
    "announcements of hand-offs that are ahead or just past",
    """
    SELECT id, user_id, key, state, about_at FROM notice
     WHERE kind = 'handoff' AND about_at > tocsin_now() - %(latest)s::interval AND withdrawn_at IS NULL
     ORDER BY id
    """,
    OpenRow,
)
NAMES = Query(
    "names and zones of people",
    "SELECT id, name, time_zone FROM app_user WHERE id = ANY(%(ids)s::text[])",
    NameRow,
)


async def concerned(turn: Turn) -> dict[str, tuple[Place, ...]]:
    """Return, by schedule id, the levels that call it, of schedules whose hand-offs are announced."""
    return {row.schedule_id: msgspec.convert(row.places, tuple[Place, ...]) for row in await turn.rows(CONCERNED)}


async def rules(turn: Turn) -> dict[str, list[HandoffRule]]:
    """Return the hand-off rules by user id."""
    found: dict[str, list[HandoffRule]] = {}
    for row in await turn.rows(RULES):
        rule = HandoffRule(
            id=row.id,
            user_id=row.user_id,
            contact_method_id=row.contact_method_id,
            handoff_type=checked_type(row.handoff_type),
            advance=timedelta(seconds=row.advance_s),
            active_since=row.active_since,
        )
        found.setdefault(row.user_id, []).append(rule)
    return found


async def open_announcements(turn: Turn, latest: timedelta) -> list[OpenRow]:
    """Return the announcements whose hand-off is ahead, or past by no more than this."""
    return await turn.rows(OPEN, {"latest": latest})


async def names(turn: Turn, ids: set[str]) -> dict[str, NameRow]:
    """Return people by id."""
    return {row.id: row for row in await turn.rows(NAMES, {"ids": sorted(ids)})} if ids else {}
