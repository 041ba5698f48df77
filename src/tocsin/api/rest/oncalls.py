"""On-calls: who is called by which escalation policy on which level, and for how long."""

from collections.abc import Sequence
from datetime import timedelta

from tocsin.api.kit import Answer, Call, Shown, listed, operation
from tocsin.api.rest.include import Load, include, whole_policies, whole_users
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed
from tocsin.store import oncalls
from tocsin.store.oncalls import OnCallRow
from tocsin.store.turn import Turn

INCLUDES = frozenset({"escalation_policies", "users", "schedules"})
LOADS: dict[str, tuple[str, Load]] = {
    "escalation_policies": ("escalation_policy", whole_policies),
    "users": ("user", whole_users),
}
LONGEST_LOOK = timedelta(days=90)  # PagerDuty's documented bound of the stretch from `since` to `until`


@operation("GET", "/oncalls")
async def list_oncalls(call: Call) -> Answer:
    """List who is on call, by policy and level.

    Users whom a level names are on call without beginning or end, so they are in every stretch of time and are
    the earliest of their kind; asking for schedules leaves them out.
    """
    stretch = call.stretch()
    includes = call.includes(INCLUDES)
    wanted = oncalls.Wanted(
        horizon=call.actor.horizon,
        policy_ids=call.many("escalation_policy_ids") or None,
        user_ids=call.many("user_ids") or None,
    )
    schedule_ids = call.many("schedule_ids")

    async def job(turn: Turn) -> Listed[OnCallRow]:
        since = call.instant("since") or turn.now
        until = call.instant("until") or max(since, turn.now)
        if not timedelta() <= until - since <= LONGEST_LOOK:
            raise Refused(Why.BAD_DATE, f"until must be after since, by {LONGEST_LOOK.days} days at most.")
        if schedule_ids:
            return Listed((), more=False, total=0 if stretch.total else None)
        return await oncalls.page(turn, wanted, stretch)

    page = await call.store.read(job)
    return listed("oncalls", await _shown(call, page.rows, includes), page=page, stretch=stretch)


def _show_oncall(call: Call, row: OnCallRow) -> Shown:
    links = call.links
    return {
        "escalation_policy": links.reference("escalation_policy", row.policy_id, row.policy_name),
        "escalation_level": row.level,
        "schedule": None,
        "user": links.reference("user", row.user_id, row.user_name),
        "start": None,
        "end": None,
    }


async def _shown(call: Call, rows: Sequence[OnCallRow], includes: frozenset[str]) -> list[Shown]:
    shapes = [_show_oncall(call, row) for row in rows]
    await include(call, shapes, includes, LOADS)
    return shapes
