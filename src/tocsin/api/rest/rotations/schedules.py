"""Schedules of rotations: listed, shown, created, changed and removed in the shape of version 3 of the wire."""

from tocsin.api.kit import Answer, Call, gone, shown
from tocsin.api.rest.rotations.body import ScheduleBody, drafted, fresh
from tocsin.api.rest.rotations.change import answered, changeable
from tocsin.api.rest.rotations.errors import told_by_field
from tocsin.api.rest.rotations.shape import FINAL, PARTS, USERS, Look, listed_bare, look_of, show_schedule
from tocsin.api.rest.schedule_reference import schedule_reference
from tocsin.api.rest.schedules.bulk import aside, fit
from tocsin.api.rest.schedules.reach import allow_in, reached, seen
from tocsin.api.rest.schedules.window import Window, coming, window_of, zone_of
from tocsin.api.rest.schedules.write import check_new, draft_of, record_change
from tocsin.domain.people.permission import Verb
from tocsin.store.schedules import lists, rows, write
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

KIND = "schedule"
DEFAULT_PAGE, MOST_PAGE = 100, 1_000  # schedules of one list, version 3's documented numbers


@told_by_field("GET", "/v3/schedules")
async def list_v3_schedules(call: Call) -> Answer:
    """List references to the schedules of rotations that the caller may see, by name."""
    stretch = call.stretch(default=DEFAULT_PAGE, most=MOST_PAGE)
    wanted = lists.Wanted(
        horizon=call.actor.horizon,
        query=call.text("query"),
        team_ids=call.many("team_ids") or None,
        kind="rotations",
    )
    page = await call.store.read(lambda turn: lists.page(turn, wanted, stretch))
    shapes = [schedule_reference(call.links, kept.schedule.id, kept.schedule.name, "rotations") for kept in page.rows]
    return listed_bare("schedules", shapes, page, stretch)


@told_by_field("POST", "/v3/schedules")
async def create_v3_schedule(call: Call) -> Answer:
    """Create a schedule without rotations; they are added by requests of their own."""
    body = call.body(ScheduleBody, wrap=KIND)
    empty = fresh()

    async def job(turn: Turn) -> tuple[Kept, Look]:
        draft = drafted(body, empty)
        allow_in(call.actor, Verb.CREATE, KIND, draft.team_ids)
        await check_new(turn, call.actor, empty, draft)
        await write.create(turn, draft, call.actor)
        await record_change(turn, call.actor, "create", None, draft)
        return await _seen(turn, call, draft.schedule.id)

    return await _written(call, *await call.store.work(job), status=201)


@told_by_field("GET", "/v3/schedules/{id}")
async def show_v3_schedule(call: Call) -> Answer:
    """Show a schedule with its rotations; with `include[]=final_schedule` who is on call in a window."""
    parts = call.includes(PARTS)

    async def job(turn: Turn) -> tuple[Kept, Look, Window | None]:
        kept = await reached(turn, call, Verb.READ, kind="rotations")
        zone = zone_of(call, kept.schedule.time_zone)
        asked = window_of(call, zone)
        final = coming(call, zone, turn.now) if FINAL in parts else None
        needed = final or asked
        if needed is not None and needed.known_since < turn.now - rows.RECENT:
            kept = await reached(turn, call, Verb.READ, since=needed.known_since, kind="rotations")
        return kept, look_of(call, kept.schedule, turn.now, asked), final

    kept, look, final = await call.store.read(job)
    if final is not None:
        fit([kept.schedule], final)
    return shown(KIND, await aside(lambda: show_schedule(kept, look, with_users=USERS in parts, final=final)))


@told_by_field("PUT", "/v3/schedules/{id}")
async def update_v3_schedule(call: Call) -> Answer:
    """Change the name, the description, the time zone or the teams of a schedule; what is absent stays."""
    body = call.body(ScheduleBody, wrap=KIND)

    async def job(turn: Turn) -> tuple[Kept, Look]:
        before = draft_of(await changeable(turn, call))
        draft = drafted(body, before)
        if draft.team_ids != before.team_ids:
            allow_in(call.actor, Verb.UPDATE, KIND, draft.team_ids)
        await check_new(turn, call.actor, before, draft)
        await write.update(turn, draft, call.actor)
        await record_change(turn, call.actor, "update", before, draft)
        return await _seen(turn, call, draft.schedule.id)

    return await _written(call, *await call.store.work(job))


@told_by_field("DELETE", "/v3/schedules/{id}")
async def delete_v3_schedule(call: Call) -> Answer:
    """Remove a schedule that no policy and no open incident calls by; its history stays."""

    async def job(turn: Turn) -> Answer:
        before = draft_of(await reached(turn, call, Verb.DELETE, kind="rotations"))
        await write.delete(turn, before.schedule.id)
        await record_change(turn, call.actor, "delete", before, None)
        return gone()

    return await call.store.work(job)


async def _seen(turn: Turn, call: Call, schedule_id: str) -> tuple[Kept, Look]:
    kept = await seen(turn, call.actor, schedule_id)
    return kept, look_of(call, kept.schedule, turn.now)


async def _written(call: Call, kept: Kept, look: Look, *, status: int = 200) -> Answer:
    return await answered(call, kept, KIND, show_schedule(kept, look), status=status)
