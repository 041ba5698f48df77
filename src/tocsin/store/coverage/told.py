"""Told: of which faults people have heard, and who is to hear of new ones."""

from datetime import timedelta

from msgspec import Struct

from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class Key(Struct, frozen=True):
    """The name of a fault."""

    key: str


class Keeper(Struct, frozen=True):
    """Somebody who looks after a team's nights; of the whole account when `team_id` is None."""

    team_id: str | None
    user_id: str
    time_zone: str


KEEPERS = Query(
    "managers of teams, and owners and administrators, who hear of faults",
    """
    SELECT m.team_id, u.id AS user_id, u.time_zone
      FROM team_member m JOIN app_user u ON u.id = m.user_id AND u.deleted_at IS NULL WHERE m.role = 'manager'
     UNION ALL
    SELECT NULL, u.id, u.time_zone FROM app_user u WHERE u.role IN ('owner', 'admin') AND u.deleted_at IS NULL
     ORDER BY 1 NULLS LAST, 2
    """,
    Keeper,
)
NEW_KEYS = Query(
    "faults of which nobody was told lately, marked as told now",
    """
    INSERT INTO coverage_told AS t (key, told_at)
    SELECT DISTINCT k.key, tocsin_now() FROM unnest(%(keys)s::text[]) AS k (key)
        ON CONFLICT (key) DO UPDATE SET told_at = excluded.told_at
         WHERE t.told_at < tocsin_now() - %(again_after)s::interval
    RETURNING key
    """,
    Key,
)
FORGET = Command(
    "faults that are mended: they are told anew when they come back",
    "DELETE FROM coverage_told WHERE NOT key = ANY(%(keys)s::text[])",
)


async def unheard(turn: Turn, keys: list[str], *, again_after: timedelta) -> set[str]:
    """Return those of these faults of which nobody was told lately, and note that they are told now."""
    await turn.run(FORGET, {"keys": keys})
    return {row.key for row in await turn.rows(NEW_KEYS, {"keys": keys, "again_after": again_after})}


async def keepers(turn: Turn) -> dict[str | None, list[Keeper]]:
    """Return who looks after each team's nights; under None, after those of no team."""
    found: dict[str | None, list[Keeper]] = {}
    for row in await turn.rows(KEEPERS):
        found.setdefault(row.team_id, []).append(row)
    return found
