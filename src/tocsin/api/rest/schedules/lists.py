"""Schedules: who is on call when, listed and shown in PagerDuty's shape."""

from datetime import datetime

from tocsin.api.kit import Answer, Call, Shown, listed, operation, shown
from tocsin.api.rest.faces import around, show_user
from tocsin.api.rest.schedules.bulk import aside, drawn, fit
from tocsin.api.rest.schedules.reach import reached
from tocsin.api.rest.schedules.shape import PARTS, View, show_next, show_schedule, view_of
from tocsin.api.rest.schedules.window import LONGEST_OF_MANY, Window, window_of, zone_of
from tocsin.domain.oncall.bounds import MOST_SHOWN
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.people.permission import Verb
from tocsin.ground.page import Listed
from tocsin.store import users
from tocsin.store.schedules import lists, rows
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

KIND = "schedule"
MOST_OF_MANY = 2 * MOST_SHOWN  # shifts of a list: half a second of a thread


@operation("GET", "/schedules")
async def list_schedules(call: Call) -> Answer:
    """List the schedules made of layers that the caller may see, by name; those of rotations are under /v3."""
    stretch = call.stretch()
    parts = call.includes(PARTS)
    window = window_of(call, call.time_zone(), longest=LONGEST_OF_MANY)
    wanted = lists.Wanted(
        horizon=call.actor.horizon,
        query=call.text("query"),
        team_ids=call.many("team_ids") or None,
        kind="layers",
    )

    async def job(turn: Turn) -> tuple[Listed[Kept], datetime]:
        page = await lists.page(turn, wanted, stretch)
        return Listed(await _in_window(turn, call, page.rows, window), page.more, page.total), turn.now

    page, now = await call.store.read(job)
    if window is not None and parts:
        fit((kept.schedule for kept in page.rows), window, most=MOST_OF_MANY)
    views = [
        view_of(call, kept, zone_of(call, kept.schedule.time_zone), window=window, parts=parts) for kept in page.rows
    ]

    def draw() -> list[Shown]:
        pairs = zip(page.rows, views, strict=True)
        return [show_schedule(kept, view) | _next(call, kept, view, now) for kept, view in pairs]

    shapes = await aside(draw)
    return listed("schedules", shapes, page=page, stretch=stretch)


@operation("GET", "/schedules/{id}")
async def show_one_schedule(call: Call) -> Answer:
    """Show a schedule; with `since` or `until`, who is on call in between."""

    async def job(turn: Turn) -> tuple[Kept, View, datetime]:
        kept = await reached(turn, call, Verb.READ)
        zone = zone_of(call, kept.schedule.time_zone)
        window = window_of(call, zone)
        if window is not None and window.known_since < turn.now - rows.RECENT:
            kept = await reached(turn, call, Verb.READ, since=window.known_since)
        return kept, view_of(call, kept, zone, window=window), turn.now

    kept, view, now = await call.store.read(job)
    shape = await drawn(kept, view)
    return shown(KIND, shape | await aside(lambda: _next(call, kept, view, now)))


@operation("GET", "/schedules/{id}/users")
async def list_users(call: Call) -> Answer:
    """List the users who are on call by a schedule between `since` and `until`, or at this moment."""

    async def look(turn: Turn) -> tuple[Kept, Window | None, datetime]:
        kept = await reached(turn, call, Verb.READ)
        window = window_of(call, zone_of(call, kept.schedule.time_zone))
        if window is not None:
            kept = await reached(turn, call, Verb.READ, since=window.since)
        return kept, window, turn.now

    kept, window, now = await call.store.read(look)
    if window is not None:
        fit([kept.schedule], window)
    ids = await aside(lambda: _on_call_in(kept.timeline(), window, now))

    async def job(turn: Turn) -> Answer:
        found = {row.id: row for row in await turn.rows(users.BY_IDS, {"ids": list(ids)})}
        there = [found[user_id] for user_id in ids if user_id in found]
        near = await around(turn, call, there)
        return Answer(200, {"users": [show_user(call, row, near) for row in there]})

    return await call.store.read(job)


def _on_call_in(timeline: Timeline, window: Window | None, now: datetime) -> tuple[str, ...]:
    if window is None:
        return timeline.who(now)
    shifts = timeline.final(window.since, window.until)
    return tuple(dict.fromkeys(shift.user_id for shift in shifts if shift.user_id is not None))


async def _in_window(turn: Turn, call: Call, page: tuple[Kept, ...], window: Window | None) -> tuple[Kept, ...]:
    """Return the schedules of a page, with older overrides where the window reaches into the past."""
    if window is None or window.known_since >= turn.now - rows.RECENT:
        return page
    ids = [kept.schedule.id for kept in page]
    found = await rows.load(turn, ids, since=window.known_since, horizon=call.actor.horizon)
    return tuple(found[key] for key in ids if key in found)


def _next(call: Call, kept: Kept, view: View, now: datetime) -> Shown:
    """Return when the person whom the request names is on call next, where it names one."""
    user_id = call.text("include_next_oncall_for_user")
    return {"next_oncall_for_user": show_next(kept.timeline(), user_id, view, now)} if user_id else {}
