"""On-calls: who is called by which escalation policy on which level, and for how long."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.api.kit import Answer, Call, House, Shown, listed, operation
from tocsin.api.rest.include import Load, include, whole_policies, whole_users
from tocsin.api.rest.oncall_rows import Group, OnCall, earliest_of, groups_of, rows_of, with_edges
from tocsin.api.rest.schedule_reference import schedule_reference
from tocsin.api.rest.schedules.shape import user_reference, whole_schedules
from tocsin.domain.oncall.timeline import HORIZON, Timeline
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed
from tocsin.store import oncalls, users
from tocsin.store.oncalls import LevelTarget, Wanted
from tocsin.store.schedules import rows as schedules
from tocsin.store.turn import Turn
from tocsin.store.users import NamedUser

LOADS: dict[str, tuple[str, Load]] = {
    "escalation_policies": ("escalation_policy", whole_policies),
    "users": ("user", whole_users),
    "schedules": ("schedule", whole_schedules),
}
INCLUDES = frozenset(LOADS)
LONGEST_LOOK = timedelta(days=90)  # PagerDuty's documented bound of the stretch from `since` to `until`
LEVELS_AT_ONCE = 200  # levels looked at in one go for one instant: about 10 ms of processor time
LEVELS_IN_A_WINDOW = 25  # levels looked at in one go for a window: about 15 ms where it is the longest one
NO_SCHEDULE = "null"  # the literal in `schedule_ids[]` that asks for people whom levels name themselves


class Ask(Struct, frozen=True, kw_only=True):
    """What a list of on-calls asks for."""

    since: datetime
    until: datetime
    user_ids: frozenset[str]
    earliest: bool


@operation("GET", "/oncalls")
async def list_oncalls(call: Call) -> Answer:
    """List who is on call, by policy and level: now, or between `since` and `until`.

    Users whom a level names are on call without beginning or end, so they are in every stretch of time and are
    the earliest of their kind. By a schedule each contiguous stretch of a user is a row.
    """
    stretch = call.stretch()
    includes = call.includes(INCLUDES)

    async def job(turn: Turn) -> tuple[list[LevelTarget], datetime]:
        return await oncalls.levels(turn, _wanted(call)), turn.now

    targets, now = await call.store.read(job)
    ask = _ask(call, now)
    search = _Search(call.house, ask, is_past=ask.since < now - schedules.RECENT)
    end = stretch.offset + stretch.limit
    await search.through(targets, most=None if stretch.total else end)
    rows = await search.with_edges(search.rows[stretch.offset : end])
    page = Listed(tuple(rows), len(search.rows) > end, len(search.rows) if stretch.total else None)
    return listed("oncalls", await _shown(call, rows, search.people, includes), page=page, stretch=stretch)


class _Search:
    """Looks through levels in order for who is on call, no further than a page needs.

    A long look is many short transactions, with room for others in between: it must not keep anybody's page waiting.
    """

    def __init__(self, house: House, ask: Ask, *, is_past: bool) -> None:
        self._house = house
        self._ask = ask
        self._is_past = is_past
        self.rows: list[OnCall] = []
        self.people: dict[str, NamedUser] = {}

    async def through(self, targets: Sequence[LevelTarget], *, most: int | None) -> None:
        """Find the rows of these targets, or so many that it is known whether there are more than `most`."""
        groups = groups_of(targets)
        ask = self._ask
        step = LEVELS_AT_ONCE if ask.since == ask.until else LEVELS_IN_A_WINDOW
        for begin in range(0, len(groups), step):
            if most is not None and len(self.rows) > most:
                return
            some = groups[begin : begin + step]
            timelines = await self._timelines(some)
            found = [rows_of(group, timelines, ask.since, ask.until, user_ids=ask.user_ids) for group in some]
            await self._meet(row.user_id for rows in found for row in rows)
            for rows in found:
                present = [row for row in rows if self._is_present(row.user_id)]
                self.rows += earliest_of(present) if ask.earliest else present

    async def with_edges(self, page: Sequence[OnCall]) -> list[OnCall]:
        """Return the rows of a page with their real edges, which overrides of the last months may have moved."""
        ids = {row.target.target_id for row in page if row.start is not None}
        since = self._ask.since - HORIZON
        exact = await self._house.store.read(lambda turn: schedules.timelines(turn, ids, since=since)) if ids else {}
        return [with_edges(row, exact) for row in page]

    async def _timelines(self, groups: Iterable[Group]) -> dict[str, Timeline]:
        ids = {target.target_id for group in groups for target in group if target.kind == "schedule"}
        if not ids:
            return {}

        async def job(turn: Turn) -> dict[str, Timeline]:
            if self._is_past:
                return await schedules.timelines(turn, ids, since=self._ask.since)
            await self._house.directory.refresh(turn)
            return await self._house.directory.timelines(turn, ids)

        return await self._house.store.read(job)

    async def _meet(self, user_ids: Iterable[str]) -> None:
        new = sorted({user_id for user_id in user_ids if user_id not in self.people})
        if new:
            found = await self._house.store.read(lambda turn: turn.rows(users.NAMES, {"ids": new}))
            self.people |= {user.id: user for user in found}

    def _is_present(self, user_id: str) -> bool:
        user = self.people.get(user_id)
        return user is not None and user.deleted_at is None


def _ask(call: Call, now: datetime) -> Ask:
    """Return what is asked for; raise `Refused` (invalid, bad date), also where no row would show it."""
    call.time_zone()
    since = (call.instant("since") or now).replace(microsecond=0)
    until = (call.instant("until") or max(since, now)).replace(microsecond=0)
    if not timedelta() <= until - since <= LONGEST_LOOK:
        raise Refused(Why.BAD_DATE, f"until must be after since, by {LONGEST_LOOK.days} days at most.")
    user_ids = frozenset(call.many("user_ids"))
    return Ask(since=since, until=until, user_ids=user_ids, earliest=call.flag("earliest"))


def _wanted(call: Call) -> Wanted:
    schedule_ids = call.many("schedule_ids")
    named = [schedule_id for schedule_id in schedule_ids if schedule_id != NO_SCHEDULE]
    return Wanted(
        horizon=call.actor.horizon,
        policy_ids=call.many("escalation_policy_ids") or None,
        user_ids=call.many("user_ids") or None,
        schedule_ids=named if schedule_ids else None,
        direct=not schedule_ids or NO_SCHEDULE in schedule_ids,
    )


def _show_oncall(call: Call, row: OnCall, people: Mapping[str, NamedUser]) -> Shown:
    links, target = call.links, row.target
    schedule = None
    if target.kind == "schedule":
        schedule = schedule_reference(links, target.target_id, target.target_name, target.shape)
    return {
        "escalation_policy": links.reference("escalation_policy", target.policy_id, target.policy_name),
        "escalation_level": target.level,
        "schedule": schedule,
        "user": user_reference(links, row.user_id, people.get(row.user_id)),
        "start": None if row.start is None else call.at(row.start),
        "end": None if row.end is None else call.at(row.end),
    }


async def _shown(
    call: Call, rows: Sequence[OnCall], people: Mapping[str, NamedUser], includes: frozenset[str]
) -> list[Shown]:
    shapes = [_show_oncall(call, row, people) for row in rows]
    await include(call, shapes, includes, LOADS)
    return shapes
