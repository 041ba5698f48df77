"""Incident actions: snoozing an incident, and merging several into one."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from tocsin.api.kit import Answer, Call, operation, shown
from tocsin.api.rest.incident_order import Reference, by
from tocsin.api.rest.incident_reference import reference_to_incident
from tocsin.api.rest.incident_shape import shown_incidents
from tocsin.api.rest.incidents import KIND, incident_seen
from tocsin.domain.incidents.order import Snooze
from tocsin.domain.people.permission import Verb
from tocsin.engine.respond import merge
from tocsin.engine.turn import act
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import LONGEST_SNOOZE, MOST_BULK_INCIDENTS
from tocsin.store.lists import incidents as incident_lists
from tocsin.store.lists.incidents_shown import IncidentShown
from tocsin.store.turn import Turn

Sources = Annotated[list[Reference], Meta(min_length=1, max_length=MOST_BULK_INCIDENTS)]


class SnoozeBody(Struct):
    """How long to snooze, in seconds."""

    duration: int


class MergeBody(Struct):
    """The incidents whose alerts another one takes over."""

    source_incidents: Sources


@operation("POST", "/incidents/{id}/snooze", needs_person=True)
async def snooze_incident(call: Call) -> Answer:
    """Acknowledge an incident and call people again after a while."""
    seconds = call.body(SnoozeBody).duration
    if not 0 < seconds <= LONGEST_SNOOZE.total_seconds():
        raise Refused(Why.SNOOZE_DURATION, "duration is a number of seconds, 1 to 604800.")

    async def job(turn: Turn) -> IncidentShown:
        row = await incident_seen(turn, call, call.path["id"], to=Verb.RESPOND)
        await act(turn, call.house.directory, {row.id: [Snooze(by(call), timedelta(seconds=seconds))]})
        return (await incident_lists.shown(turn, [row.id]))[0]

    row = await call.store.work(job)
    return shown(KIND, (await shown_incidents(call, [row], frozenset()))[0], status=201)


@operation("PUT", "/incidents/{id}/merge", needs_person=True)
async def merge_incidents(call: Call) -> Answer:
    """Give the alerts of other incidents to this one and resolve them."""
    wanted = tuple(dict.fromkeys(source.id for source in call.body(MergeBody).source_incidents))
    target = call.path["id"]
    if target in wanted:
        raise Refused(Why.INVALID, "An incident cannot be merged into itself.")

    async def job(turn: Turn) -> IncidentShown:
        await incident_seen(turn, call, target, to=Verb.RESPOND)
        for source in wanted:
            await _source(turn, call, source)
        await merge(turn, call.house.directory, target, sources=wanted, by=by(call))
        return (await incident_lists.shown(turn, [target]))[0]

    row = await call.store.work(job)
    return shown(KIND, reference_to_incident(call.links, row.id, number=row.number, title=row.title))


async def _source(turn: Turn, call: Call, incident_id: str) -> None:
    try:
        await incident_seen(turn, call, incident_id, to=Verb.RESPOND)
    except Refused as refused:
        if refused.why is Why.NOT_FOUND:
            raise Refused(Why.INVALID, refused.message) from refused
        raise
