"""On-calls as kept: which escalation policy calls whom, or which schedule, on which level."""

from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.policy import TargetKind
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class LevelTarget(Struct, frozen=True):
    """A target of a level of a policy: a user, or a schedule that names whoever is on call.

    `target_name` is the name that the user or the schedule has now, None when there is none any more;
    `target_deleted_at` is the instant at which the user was deleted. `shape` says how a schedule was made.
    """

    policy_id: str
    policy_name: str
    level: int
    kind: TargetKind
    target_id: str
    target_name: str | None
    target_deleted_at: datetime | None
    shape: str | None


class Wanted(Struct, frozen=True, kw_only=True):
    """Which on-calls a list asks for; None means all. `horizon` holds the teams its reader may see.

    With `schedule_ids` only these schedules call; unless `direct`, no user calls who is named by a level itself.
    With `user_ids` only targets come that may name one of them: the users, and schedules that ever could.
    """

    horizon: list[str] | None = None
    policy_ids: list[str] | None = None
    user_ids: list[str] | None = None
    schedule_ids: list[str] | None = None
    direct: bool = True


LEVELS = Query(
    "whom levels call, by policy and level",
    """
    SELECT p.id AS policy_id, p.name AS policy_name, l.position AS level, t.kind, t.target_id,
           coalesce(u.name, s.name) AS target_name, u.deleted_at AS target_deleted_at, s.kind AS shape
      FROM escalation_policy p
      JOIN escalation_level l ON l.policy_id = p.id
      JOIN escalation_target t ON t.level_id = l.id
      LEFT JOIN app_user u ON t.kind = 'user' AND u.id = t.target_id
      LEFT JOIN schedule s ON t.kind = 'schedule' AND s.id = t.target_id
     WHERE (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))
       AND (%(policy_ids)s::text[] IS NULL OR p.id = ANY(%(policy_ids)s::text[]))
       AND (t.kind <> 'user' OR %(direct)s::boolean)
       AND (t.kind <> 'schedule' OR %(schedule_ids)s::text[] IS NULL OR t.target_id = ANY(%(schedule_ids)s::text[]))
       AND (%(user_ids)s::text[] IS NULL
            OR t.kind = 'user' AND t.target_id = ANY(%(user_ids)s::text[])
            OR t.kind = 'schedule' AND (
                t.target_id IN (SELECT schedule_id FROM schedule_user WHERE user_id = ANY(%(user_ids)s::text[]))
                OR t.target_id IN (SELECT schedule_id FROM schedule_override
                                    WHERE removed_at IS NULL AND user_id = ANY(%(user_ids)s::text[]))
                OR t.target_id IN (SELECT schedule_id FROM custom_shift
                                    WHERE removed_at IS NULL AND user_id = ANY(%(user_ids)s::text[]))))
     ORDER BY lower(p.name), p.id, l.position, t.position
    """,
    LevelTarget,
)


async def levels(turn: Turn, wanted: Wanted) -> list[LevelTarget]:
    """Return whom levels call, ordered by the policy's name, its id, the level, and the place on the level."""
    return await turn.rows(LEVELS, msgspec.structs.asdict(wanted))
