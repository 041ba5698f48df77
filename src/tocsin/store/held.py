"""Held pages: what waits while all pages are on hold after a restore, and what people get when they are let go."""

from datetime import timedelta

from msgspec import Struct

from tocsin.store.hints import Topic
from tocsin.store.query import Query
from tocsin.store.turn import Turn
from tocsin.store.upkeep import RELEASE


class HeldRow(Struct, frozen=True):
    """What waits for one person: pages of open incidents, how many of them are so late that a digest tells them."""

    user_id: str
    person: str
    pages: int
    late: int


class HoldRow(Struct, frozen=True):
    """Whether pages are on hold."""

    held: bool


ON_HOLD = Query("hold on pages", "SELECT EXISTS (SELECT FROM setting WHERE key = 'hold') AS held", HoldRow)
HELD = Query(
    "pages that wait, by person",
    """
    SELECT n.user_id, coalesce(max(u.name), n.user_id) AS person, count(*) AS pages,
           count(*) FILTER (WHERE n.due_at < tocsin_now() - %(late)s::interval) AS late
      FROM notification n JOIN incident i ON i.id = n.incident_id AND i.status = 'triggered'
      LEFT JOIN app_user u ON u.id = n.user_id
     WHERE n.state = 'pending' GROUP BY n.user_id ORDER BY 2, 1
    """,
    HeldRow,
)


async def on_hold(turn: Turn) -> bool:
    """Return whether pages are on hold."""
    return (await turn.one(ON_HOLD)).held


async def held(turn: Turn, *, late: timedelta) -> list[HeldRow]:
    """Return what waits, by person; pages due longer ago than `late` are told in one digest."""
    return await turn.rows(HELD, {"late": late})


async def release(turn: Turn) -> bool:
    """Let pages go; return whether they were on hold."""
    lifted = await turn.run(RELEASE) > 0
    turn.hints.add(Topic.PAGES)
    return lifted
