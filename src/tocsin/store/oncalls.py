"""On-calls as kept: who is called by which escalation policy on which level."""

import msgspec
from msgspec import Struct

from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.pages import Count
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class OnCallRow(Struct, frozen=True):
    """A user who is called by a policy on a level, without end, because the level names them."""

    policy_id: str
    policy_name: str
    level: int
    user_id: str
    user_name: str


class Wanted(Struct, frozen=True, kw_only=True):
    """Which on-calls a list asks for; None means all. `horizon` holds the teams its reader may see."""

    horizon: list[str] | None = None
    policy_ids: list[str] | None = None
    user_ids: list[str] | None = None


_FROM = """FROM escalation_target t JOIN escalation_level l ON l.id = t.level_id
    JOIN escalation_policy p ON p.id = l.policy_id
    JOIN app_user u ON u.id = t.target_id AND u.deleted_at IS NULL
WHERE t.kind = 'user'
  AND (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))
  AND (%(policy_ids)s::text[] IS NULL OR p.id = ANY(%(policy_ids)s::text[]))
  AND (%(user_ids)s::text[] IS NULL OR u.id = ANY(%(user_ids)s::text[]))"""

DIRECT = Query(
    "a page of users whom levels name, by policy and level",
    f"""SELECT p.id AS policy_id, p.name AS policy_name, l.position AS level, u.id AS user_id, u.name AS user_name
{_FROM} ORDER BY lower(p.name), p.id, l.position, t.position LIMIT %(limit)s::int OFFSET %(offset)s::int""",
    OnCallRow,
)

COUNT = Query(
    "how many on-calls a list has",
    f"SELECT count(*) AS n {_FROM}",
    Count,
)


async def page(turn: Turn, wanted: Wanted, stretch: Stretch) -> Listed[OnCallRow]:
    """Return a stretch of the on-calls wanted, by policy and level."""
    return await pages.page(turn, DIRECT, msgspec.structs.asdict(wanted), stretch=stretch, count=COUNT)
