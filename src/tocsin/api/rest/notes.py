"""Notes: what people write about an incident while they work on it."""

from typing import Annotated

from msgspec import Meta, Struct

from tocsin.api.kit import Answer, Call, Shown, allow, gone, operation, shown
from tocsin.api.rest.incident_order import by
from tocsin.api.rest.incidents import incident_seen
from tocsin.domain.incidents.order import Annotate
from tocsin.domain.people.permission import Verb
from tocsin.engine.turn import act
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import Kind, new_id
from tocsin.ground.limits import LONGEST_NOTE, MOST_NOTES
from tocsin.store import notes
from tocsin.store.audit import record
from tocsin.store.notes import NoteRow
from tocsin.store.turn import Turn

KIND = "note"
CHANNEL = "The website or APIs"


class NoteBody(Struct):
    """A note as clients write it."""

    content: Annotated[str, Meta(max_length=LONGEST_NOTE)]


@operation("GET", "/incidents/{id}/notes")
async def list_notes(call: Call) -> Answer:
    """List the notes of an incident, the oldest first; the list is not paged."""

    async def job(turn: Turn) -> list[NoteRow]:
        await incident_seen(turn, call, call.path["id"], to=Verb.READ)
        return await turn.rows(notes.OF_INCIDENT, {"incident_id": call.path["id"]})

    rows = await call.store.read(job)
    return Answer(200, {"notes": [_show(call, row) for row in rows]})


@operation("POST", "/incidents/{id}/notes", needs_person=True)
async def create_note(call: Call) -> Answer:
    """Write a note on the timeline of an incident."""
    content = _content(call)
    incident_id, note_id = call.path["id"], new_id(Kind.INCIDENT)

    async def job(turn: Turn) -> NoteRow:
        await incident_seen(turn, call, incident_id, to=Verb.RESPOND)
        if (await turn.one(notes.COUNT, {"id": incident_id})).n >= MOST_NOTES:
            raise Refused(Why.INVALID, f"An incident has at most {MOST_NOTES} notes.")
        await act(turn, call.house.directory, {incident_id: [Annotate(by(call), note_id, content)]})
        return await turn.one(notes.BY_ID, {"incident_id": incident_id, "id": note_id})

    return shown(KIND, _show(call, await call.store.work(job)))


@operation("PUT", "/incidents/{id}/notes/{note_id}", needs_person=True)
async def update_note(call: Call) -> Answer:
    """Write a note anew; its author and administrators may."""
    content = _content(call)

    async def job(turn: Turn) -> NoteRow:
        before = await _reached(turn, call, Verb.UPDATE)
        await turn.run(notes.CHANGE, {"id": before.id, "content": content})
        change = {"content": {"before": before.content, "after": content}}
        await record(turn, call.actor, "update", (KIND, before.id), change)
        return await turn.one(notes.BY_ID, {"incident_id": before.incident_id, "id": before.id})

    return shown(KIND, _show(call, await call.store.work(job)))


@operation("DELETE", "/incidents/{id}/notes/{note_id}")
async def delete_note(call: Call) -> Answer:
    """Remove a note; the timeline keeps that there was one, without its text."""

    async def job(turn: Turn) -> None:
        before = await _reached(turn, call, Verb.DELETE)
        await turn.run(notes.DELETE, {"id": before.id})
        await record(turn, call.actor, "delete", (KIND, before.id), {"incident_id": before.incident_id})

    await call.store.work(job)
    return gone()


async def _reached(turn: Turn, call: Call, verb: Verb) -> NoteRow:
    incident_id, note_id = call.path["id"], call.path["note_id"]
    await incident_seen(turn, call, incident_id, to=Verb.READ)
    row = await turn.maybe(notes.BY_ID, {"incident_id": incident_id, "id": note_id})
    if row is None:
        raise Refused(Why.NOT_FOUND, f"Note {note_id} not found")
    allow(call.actor, verb, row.subject())
    return row


def _content(call: Call) -> str:
    content = call.body(NoteBody, wrap=KIND).content
    if not content.strip():
        raise Refused(Why.INVALID, "Content can't be blank")
    return content


def _show(call: Call, row: NoteRow) -> Shown:
    return {
        "id": row.id,
        "user": call.links.reference("user", row.user_id, row.user_name) if row.user_id else None,
        "channel": {"summary": CHANNEL},
        "content": row.content,
        "created_at": call.at(row.at),
        "updated_at": call.at(row.updated_at or row.at),
    }
