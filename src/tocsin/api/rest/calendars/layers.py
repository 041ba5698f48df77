"""Layers that a calendar tells: somebody plans the nights elsewhere, and the schedule follows."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta

from msgspec import structs

from tocsin.api.kit import Answer, Call, Shown, allow, gone, listed, operation, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.calendars.shape import (
    CalendarBody,
    Source,
    matches_of,
    name_of,
    refresh_of,
    show_calendar_of,
    source_of,
)
from tocsin.api.rest.difference import differences
from tocsin.api.rest.schedules.reach import seen
from tocsin.domain.oncall.calendar import window
from tocsin.domain.oncall.schedule import Layer
from tocsin.domain.people.permission import Verb
from tocsin.ground.clock import seconds
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import audit, pages, users
from tocsin.store.calendars import readings
from tocsin.store.calendars import rows as calendars
from tocsin.store.calendars.readings import Reading
from tocsin.store.calendars.rows import SEALED, TABLE, CalendarDraft, CalendarRow
from tocsin.store.config import bump_config
from tocsin.store.hints import Topic
from tocsin.store.schedules import write
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn
from tocsin.wire.ics import decoded
from tocsin.wire.read_apart import Apart

KIND = "calendar"
MOST_CALENDARS = 20  # of one schedule, each a layer
DEFAULT_WAIT_S = 5  # seconds that an answer waits for the calendar to be fetched and read
LONGEST_WAIT_S = 15
DEFAULT_REFRESH = timedelta(hours=1)
_LOOK_EVERY_S = 0.2

_apart = Apart()


@operation("POST", "/api/schedules/{id}/calendar_layers")
async def create_calendar(call: Call) -> Answer:
    """Put a layer on top of a schedule that a calendar tells: one behind an address, or an uploaded text."""
    body = call.body(CalendarBody, wrap=KIND)
    source = source_of(body)
    if source is None:
        raise Refused(Why.MISSING, "calendar.url or calendar.text is missing.")
    name, by_summary = name_of(body, source.host or "Calendar"), matches_of(body, {})
    refresh_for = refresh_of(body, DEFAULT_REFRESH)
    zone, now = await call.store.read(lambda turn: _wall(turn, _of_schedule(turn, call, Verb.UPDATE)))
    reading = await _read(source, zone, now)
    calendar_id, layer_id = new_id(), new_id()

    async def job(turn: Turn) -> datetime:
        await write.hold(turn, call.path["id"])
        kept = await _of_schedule(turn, call, Verb.UPDATE)
        if (await turn.one(calendars.COUNT, {"schedule_id": kept.schedule.id})).n >= MOST_CALENDARS:
            raise Refused(Why.INVALID, f"A schedule has at most {MOST_CALENDARS} calendars.")
        await _check_people(turn, by_summary)
        layer = Layer(id=layer_id, name=name, calendar_id=calendar_id)
        await readings.rewrite(turn, kept, (*kept.schedule.layers, layer), call.actor)
        draft = CalendarDraft(
            id=calendar_id,
            schedule_id=kept.schedule.id,
            layer_id=layer_id,
            name=name,
            url_sealed=_sealed(call, calendar_id, source.url),
            host=source.host,
            by_summary=by_summary,
            refresh_for=refresh_for,
        )
        await calendars.add(turn, draft)
        await audit.record(turn, call.actor, "create", (KIND, calendar_id), differences({}, _told(draft)))
        if reading is not None:
            await readings.keep(turn, (calendar_id, 0), reading, call.actor)
        return turn.now

    written_at = await call.store.work(job)
    return shown(KIND, await _settled(call, calendar_id, written_at), status=CREATED)


@operation("GET", "/api/schedules/{id}/calendar_layers")
async def list_calendars(call: Call) -> Answer:
    """List the calendars that tell layers of a schedule, oldest first."""
    stretch = call.stretch()

    async def job(turn: Turn) -> Answer:
        kept = await _of_schedule(turn, call, Verb.READ)
        page = await pages.page(
            turn, calendars.LIST, {"schedule_id": kept.schedule.id}, stretch=stretch, count=calendars.COUNT
        )
        faces = [show_calendar_of(call, row, kept) for row in page.rows]
        return listed("calendars", faces, page=page, stretch=stretch)

    return await call.store.read(job)


@operation("GET", "/api/calendars/{id}")
async def show_calendar(call: Call) -> Answer:
    """Show a calendar: when it was read last, what was wrong, and which of its texts lead to nobody."""

    async def job(turn: Turn) -> Answer:
        row, kept = await _reached(turn, call, Verb.READ)
        return shown(KIND, show_calendar_of(call, row, kept))

    return await call.store.read(job)


@operation("PUT", "/api/calendars/{id}")
async def update_calendar(call: Call) -> Answer:
    """Change a calendar's name, source, map or pace; its last good copy holds until the new one is read."""
    body = call.body(CalendarBody, wrap=KIND)
    source = source_of(body)
    zone, now = await call.store.read(lambda turn: _wall(turn, _of_calendar(turn, call)))
    reading = None if source is None else await _read(source, zone, now)

    async def job(turn: Turn) -> datetime:
        row, kept = await _held(turn, call, Verb.UPDATE)
        draft = await _changed(turn, call, row, body, source)
        await _check_people(turn, draft.by_summary)
        layer = readings.layer_of(kept, row)
        if layer is not None and layer.name != draft.name:
            await readings.retell(turn, kept, structs.replace(layer, name=draft.name), call.actor)
        await calendars.change(turn, draft)
        change = differences(_told_of(row), _told(draft))
        await audit.record(turn, call.actor, "update", (KIND, row.id), change)
        if reading is not None:
            await readings.keep(turn, (row.id, row.fence + 1), reading, call.actor)
        await bump_config(turn)
        return turn.now

    written_at = await call.store.work(job)
    return shown(KIND, await _settled(call, call.path["id"], written_at))


@operation("DELETE", "/api/calendars/{id}")
async def delete_calendar(call: Call) -> Answer:
    """Remove a calendar and the layer that it tells; the schedule's history keeps both."""

    async def job(turn: Turn) -> Answer:
        row, kept = await _held(turn, call, Verb.UPDATE)
        layers = tuple(layer for layer in kept.schedule.layers if layer.id != row.layer_id)
        await readings.rewrite(turn, kept, layers, call.actor)
        await turn.run(calendars.REMOVE, {"id": row.id})
        await audit.record(turn, call.actor, "delete", (KIND, row.id), differences(_told_of(row), {}))
        return gone()

    return await call.store.work(job)


@operation("POST", "/api/calendars/{id}/refresh")
async def refresh_calendar(call: Call) -> Answer:
    """Fetch and read a calendar now, and answer what came of it; people whose address changed are found again."""

    async def job(turn: Turn) -> datetime:
        row, _ = await _held(turn, call, Verb.UPDATE)
        await turn.run(calendars.HASTEN, {"id": row.id, "now": turn.now})
        turn.hints.add(Topic.CONFIG)
        return turn.now

    written_at = await call.store.work(job)
    return shown(KIND, await _settled(call, call.path["id"], written_at))


async def _of_schedule(turn: Turn, call: Call, verb: Verb) -> Kept:
    """Return the schedule in the path, if the caller may do that to it."""
    kept = await seen(turn, call.actor, call.path["id"])
    allow(call.actor, verb, kept.subject(call.actor))
    return kept


async def _reached(turn: Turn, call: Call, verb: Verb) -> tuple[CalendarRow, Kept]:
    """Return the calendar in the path and its schedule; what happens to it happens to the schedule."""
    row = await turn.maybe(calendars.BY_ID, {"id": call.path["id"]})
    if row is None:
        raise Refused(Why.NOT_FOUND, "There is no calendar with this id, or you cannot see it.")
    kept = await seen(turn, call.actor, row.schedule_id)
    allow(call.actor, verb, kept.subject(call.actor))
    return row, kept


async def _held(turn: Turn, call: Call, verb: Verb) -> tuple[CalendarRow, Kept]:
    """Return the calendar in the path and its schedule, kept from other writers until the transaction ends."""
    row, kept = await _reached(turn, call, verb)
    held = await readings.hold(turn, row.id, kept.schedule.id)
    return held, await seen(turn, call.actor, held.schedule_id)


async def _of_calendar(turn: Turn, call: Call) -> Kept:
    return (await _reached(turn, call, Verb.UPDATE))[1]


async def _wall(turn: Turn, reaching: Awaitable[Kept]) -> tuple[str, datetime]:
    """Return the zone in which a calendar of a schedule is read, and the instant it is."""
    return (await reaching).schedule.time_zone, turn.now


async def _read(source: Source, time_zone: str, now: datetime) -> Reading | None:
    """Read an uploaded text before anything is written; what is behind an address is fetched later."""
    if source.text is None:
        return None
    text = decoded(source.text.encode("utf-8", "replace"))
    entries = await _apart.entries(text, time_zone, *window(now))
    return Reading(body=text, time_zone=time_zone, entries=entries)


async def _changed(
    turn: Turn, call: Call, row: CalendarRow, body: CalendarBody, source: Source | None
) -> CalendarDraft:
    """Return the calendar as it is after a change."""
    if source is None:
        url_sealed, host = (await turn.one(calendars.URL, {"id": row.id})).url_sealed, row.host
    else:
        url_sealed, host = _sealed(call, row.id, source.url), source.host
    return CalendarDraft(
        id=row.id,
        schedule_id=row.schedule_id,
        layer_id=row.layer_id,
        name=name_of(body, row.name),
        url_sealed=url_sealed,
        host=host,
        by_summary=matches_of(body, row.by_summary),
        refresh_for=refresh_of(body, timedelta(seconds=row.refresh_s)),
    )


async def _check_people(turn: Turn, by_summary: Mapping[str, str]) -> None:
    wanted = set(by_summary.values())
    known = {row.id for row in await turn.rows(users.BY_IDS, {"ids": sorted(wanted)})}
    if unknown := sorted(wanted - known):
        raise Refused(Why.INVALID, f"match names {unknown[0]}, and there is no user with this id.")


async def _settled(call: Call, calendar_id: str, written_at: datetime) -> Shown:
    """Return the calendar once it was read after this instant, or as it is when that takes too long."""
    patience_s = min(call.number("wait", DEFAULT_WAIT_S), LONGEST_WAIT_S)
    began = seconds()

    async def job(turn: Turn) -> tuple[CalendarRow, Kept]:
        row = await turn.one(calendars.BY_ID, {"id": calendar_id})
        return row, await seen(turn, call.actor, row.schedule_id)

    while True:
        row, kept = await call.store.read(job)
        if (row.tried_at is not None and row.tried_at >= written_at) or seconds() - began >= patience_s:
            return show_calendar_of(call, row, kept)
        await asyncio.sleep(_LOOK_EVERY_S)


def _sealed(call: Call, calendar_id: str, url: str | None) -> bytes | None:
    if url is None:
        return None
    return call.house.keyring.seal(url.encode(), table=TABLE, row_id=calendar_id, column=SEALED)


def _told(draft: CalendarDraft) -> dict[str, object]:
    """Return what an audit record tells of a calendar: never its address."""
    return {
        "name": draft.name,
        "host": draft.host,
        "match": dict(draft.by_summary),
        "refresh_s": int(draft.refresh_for.total_seconds()),
        "schedule_id": draft.schedule_id,
    }


def _told_of(row: CalendarRow) -> dict[str, object]:
    return {
        "name": row.name,
        "host": row.host,
        "match": row.by_summary,
        "refresh_s": row.refresh_s,
        "schedule_id": row.schedule_id,
    }
