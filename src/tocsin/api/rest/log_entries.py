"""Log entries: what happened, for one incident or for all, the newest fact first."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from tocsin.api.kit import Answer, Call, Shown, allow, listed, operation, shown
from tocsin.api.rest.incident_shape import shown_incidents
from tocsin.api.rest.incidents import incident_seen
from tocsin.api.rest.include import Load, include, whole_services, whole_teams
from tocsin.api.rest.log_entry_shape import show_entries
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed
from tocsin.store.decisions import describe_entry
from tocsin.store.lists import incidents as incident_lists
from tocsin.store.lists import log_entries
from tocsin.store.lists.log_entries import OVERVIEW, SEEN, EntryRow, Wanted
from tocsin.store.turn import Turn

KIND = "log_entry"
LONGEST_DETAILS = 25_000  # characters; as long as a note
CHANNELS = "channels"


class ChannelBody(Struct):
    """What a person says about the way in which an incident was triggered."""

    type: Literal["web_trigger", "mobile"]
    details: Annotated[str, Meta(max_length=LONGEST_DETAILS)]


@operation("GET", "/log_entries")
async def list_entries(call: Call) -> Answer:
    """List what happened to all incidents that the caller may see."""
    stretch, includes = call.stretch(), call.includes(INCLUDES)
    wanted = _wanted(call)

    async def job(turn: Turn) -> tuple[Listed[EntryRow], list[Shown]]:
        services = await incident_lists.narrowed(
            turn,
            incident_lists.Wanted(),
            team_ids=call.many("team_ids") or None,
            horizon=call.actor.horizon,
            reader=call.actor.user_id,
        )
        seen = structs.replace(wanted, service_ids=services.service_ids, mine=services.mine)
        page = await log_entries.page(turn, seen, stretch)
        return page, await show_entries(turn, call, page.rows, channels=CHANNELS in includes)

    page, shapes = await call.store.read(job)
    await include(call, shapes, includes, LOADS)
    return listed("log_entries", shapes, page=page, stretch=stretch)


@operation("GET", "/incidents/{id}/log_entries")
async def list_timeline(call: Call) -> Answer:
    """List what happened to an incident."""
    stretch, includes = call.stretch(), call.includes(INCLUDES)
    wanted = _wanted(call)

    async def job(turn: Turn) -> tuple[Listed[EntryRow], list[Shown]]:
        await incident_seen(turn, call, call.path["id"], to=Verb.READ)
        page = await log_entries.timeline(turn, call.path["id"], wanted, stretch)
        return page, await show_entries(turn, call, page.rows, channels=CHANNELS in includes)

    page, shapes = await call.store.read(job)
    await include(call, shapes, includes, LOADS)
    return listed("log_entries", shapes, page=page, stretch=stretch)


@operation("GET", "/log_entries/{id}")
async def show_one_entry(call: Call) -> Answer:
    """Show a log entry."""
    includes = call.includes(INCLUDES)

    async def job(turn: Turn) -> list[Shown]:
        return await show_entries(turn, call, [await _reached(turn, call)], channels=CHANNELS in includes)

    shapes = await call.store.read(job)
    await include(call, shapes, includes, LOADS)
    return shown(KIND, shapes[0])


@operation("PUT", "/log_entries/{id}/channel", needs_person=True)
async def describe_channel(call: Call) -> Answer:
    """Say more about how an incident was triggered by hand."""
    body = call.body(ChannelBody, wrap="channel")

    async def job(turn: Turn) -> None:
        row = await _reached(turn, call)
        allow(call.actor, Verb.RESPOND, Subject("incident", team_id=row.team_id))
        if row.kind != "trigger":
            raise Refused(Why.INVALID, "Only the channel of a trigger log entry can be described.")
        await describe_entry(turn, row.id, kind=body.type, detail=body.details)

    await call.store.work(job)
    return Answer(202, {})


async def _reached(turn: Turn, call: Call) -> EntryRow:
    values = {"id": call.path["id"], "horizon": call.actor.horizon, "reader": call.actor.user_id}
    row = await turn.maybe(SEEN, values)
    if row is None:
        raise Refused(Why.NOT_FOUND, f"Log entry {call.path['id']} not found")
    return row


def _wanted(call: Call) -> Wanted:
    since, until = call.instant("since"), call.instant("until")
    if since is not None and until is not None and until < since:
        raise Refused(Why.BAD_DATE, "until is before since.")
    return Wanted(since=since, until=until, kinds=list(OVERVIEW) if call.flag("is_overview") else None)


async def _whole_incidents(call: Call, ids: list[str]) -> dict[str, Shown]:
    rows = await call.store.read(lambda turn: incident_lists.shown(turn, ids))
    return {str(shape["id"]): shape for shape in await shown_incidents(call, rows, frozenset())}


LOADS: dict[str, tuple[str, Load]] = {
    "incidents": ("incident", _whole_incidents),
    "services": ("service", whole_services),
    "teams": ("teams", whole_teams),
}
INCLUDES = frozenset({*LOADS, CHANNELS})
