"""Whose holidays: which calendars of free days count for a team, and for a person in their place."""

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

from tocsin.api.kit import Answer, Call, gone, operation, reach, shown
from tocsin.api.rest.load.holidays import KEY, show_calendar
from tocsin.domain.people.permission import Verb
from tocsin.store import audit, teams, users
from tocsin.store.config import bump_config
from tocsin.store.load import holidays
from tocsin.store.load.holidays import CalendarRow
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

Whose = Literal["team", "user"]


class Side(Struct, frozen=True):
    """The statements for teams, or for users."""

    whose: Whose
    found: Query[CalendarRow]
    give: Command
    take: Command


_TEAM = Side("team", holidays.OF_TEAM, holidays.GIVE_TEAM, holidays.TAKE_TEAM)
_USER = Side("user", holidays.OF_USER, holidays.GIVE_USER, holidays.TAKE_USER)


@operation("GET", "/api/teams/{id}/holiday_calendars")
async def list_holidays_of_team(call: Call) -> Answer:
    """List the holiday calendars that count for the people of a team who have none of their own."""
    return await _list(call, _TEAM)


@operation("PUT", "/api/teams/{id}/holiday_calendars/{calendar_id}")
async def give_holidays_to_team(call: Call) -> Answer:
    """Let a holiday calendar count for the people of a team."""
    return await _set(call, _TEAM, _give)


@operation("DELETE", "/api/teams/{id}/holiday_calendars/{calendar_id}")
async def take_holidays_from_team(call: Call) -> Answer:
    """Let a holiday calendar count for a team no longer."""
    return await _set(call, _TEAM, _take)


@operation("GET", "/api/users/{id}/holiday_calendars")
async def list_holidays_of_user(call: Call) -> Answer:
    """List the holiday calendars that a user has in place of those of their teams."""
    return await _list(call, _USER)


@operation("PUT", "/api/users/{id}/holiday_calendars/{calendar_id}")
async def give_holidays_to_user(call: Call) -> Answer:
    """Let a holiday calendar count for a user; from then on those of their teams do not."""
    return await _set(call, _USER, _give)


@operation("DELETE", "/api/users/{id}/holiday_calendars/{calendar_id}")
async def take_holidays_from_user(call: Call) -> Answer:
    """Let a holiday calendar count for a user no longer."""
    return await _set(call, _USER, _take)


async def _list(call: Call, side: Side) -> Answer:
    async def job(turn: Turn) -> Answer:
        key = await _reached(turn, call, side.whose, Verb.READ)
        rows = await turn.rows(side.found, {"id": key})
        return shown("holiday_calendars", [show_calendar(call, row) for row in rows])

    return await call.store.read(job)


async def _set(call: Call, side: Side, deed: Callable[[Turn, Side, dict[str, object]], Awaitable[object]]) -> Answer:
    async def job(turn: Turn) -> Answer:
        key = await _reached(turn, call, side.whose, Verb.UPDATE)
        row = await turn.one(holidays.BY_ID, {"id": call.path["calendar_id"]})
        after = await deed(turn, side, {"id": key, "calendar_id": row.id})
        await audit.record(turn, call.actor, "update", (side.whose, key), {f"{KEY}s.{row.id}": {"after": after}})
        await bump_config(turn)
        return gone()

    return await call.store.work(job)


async def _give(turn: Turn, side: Side, values: dict[str, object]) -> object:
    await turn.run(side.give, values)
    return "counts"


async def _take(turn: Turn, side: Side, values: dict[str, object]) -> object:
    await turn.run(side.take, values)
    return None


async def _reached(turn: Turn, call: Call, whose: Whose, verb: Verb) -> str:
    if whose == "team":
        return (await reach(turn, call.actor, query=teams.BY_ID, key=call.path["id"], to=verb)).id
    return (await reach(turn, call.actor, query=users.BY_ID, key=call.path["id"], to=verb)).id
