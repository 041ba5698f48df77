"""Cover requests and absences as they are shown to clients; our own addition to the API."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from tocsin.api.kit import Call, Shown
from tocsin.domain.oncall.cover import Piece, hull
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Subject, Verb, may
from tocsin.ground.page import Listed, Stretch
from tocsin.store.covers.absences import AbsenceRow, Away
from tocsin.store.covers.people import PersonRow, Sight, name_of
from tocsin.store.covers.requests import CoverRow
from tocsin.store.covers.told import page_of

Row = TypeVar("Row")

People = Mapping[str, PersonRow]


def show_cover(call: Call, row: CoverRow, known: People, *, warnings: Sequence[str] = ()) -> Shown:
    """Return a cover request as clients read it, with what speaks against it."""
    asker = name_of(known, row.asker_id)
    schedule = row.schedule_name or row.schedule_id
    return {
        "id": row.id,
        "type": "cover_request",
        "summary": f"{asker} asks for cover in {schedule}",
        "self": f"{call.links.public_url}/api/cover_requests/{row.id}",
        "html_url": f"{call.links.public_url}{page_of(row.id)}",
        "state": row.state,
        "schedule": _schedule(call, row.schedule_id, row.schedule_name),
        "asker": user(call, row.asker_id, known),
        "asked": [
            {
                "user": user(call, asked.user_id, known),
                "answer": asked.answer,
                "answered_at": call.at(asked.answered_at) if asked.answered_at else None,
            }
            for asked in row.people_asked()
        ],
        "taker": user(call, row.taker_id, known) if row.taker_id else None,
        "start": call.at(row.start_at),
        "end": call.at(row.end_at),
        "turns": _pieces(call, row.given_up()),
        "in_return": _returned(call, row),
        "note": row.note,
        "created_by": user(call, row.created_by, known) if row.created_by else None,
        "created_at": call.at(row.created_at),
        "expires_at": call.at(row.expires_at),
        "accepted_at": call.at(row.accepted_at) if row.accepted_at else None,
        "closed_at": call.at(row.closed_at) if row.closed_at else None,
        "conflicts": row.faults if row.state == "conflict" else [],
        "warnings": list(warnings),
    }


def show_absence(call: Call, row: AbsenceRow, *, conflicts: Sequence[Shown] | None = None) -> Shown:
    """Return an absence as clients read it; why somebody is away is for themselves and their managers."""
    near = speaks_for(call.actor, row.user_id, row.team_ids)
    shown: Shown = {
        "id": row.id,
        "type": "absence",
        "summary": f"{row.user_name} is away",
        "self": f"{call.links.public_url}/api/users/{row.user_id}/absences/{row.id}",
        "html_url": None,
        "user": call.links.reference("user", row.user_id, row.user_name),
        "start": call.at(row.start_at),
        "end": call.at(row.end_at),
        "kind": row.kind if near else None,
        "note": row.note if near else None,
        "created_at": call.at(row.created_at),
    }
    if conflicts is not None:
        shown["conflicts"] = list(conflicts)
    return shown


def show_clash(call: Call, away: Away) -> Shown:
    """Return a shift that somebody has while away; `cover_request` can be posted as it is to ask for cover."""
    clash, (schedule_id, schedule_name) = away.clash, away.schedule
    start, end = call.at(clash.start), call.at(clash.end)
    return {
        "absence": {"id": away.row.id, "type": "absence_reference"},
        "user": call.links.reference("user", away.row.user_id, away.row.user_name),
        "schedule": _schedule(call, schedule_id, schedule_name),
        "turn": clash.shift.turn,
        "start": start,
        "end": end,
        "cover_request": {
            "schedule_id": schedule_id,
            "asker_id": away.row.user_id,
            "turn": clash.shift.turn,
            "start": start,
            "end": end,
        },
    }


def speaks_for(actor: Actor, user_id: str, team_ids: Sequence[str]) -> bool:
    """Say whether the actor may ask, answer and plan for this person: themselves, a manager of a team, an admin."""
    if may(actor, Verb.UPDATE, Subject("user", owner_id=user_id)):
        return True
    return any(may(actor, Verb.UPDATE, Subject("team", team_id=team_id)) for team_id in team_ids)


def sight_of(call: Call) -> Sight:
    """Return how far the caller sees."""
    return Sight(horizon=call.actor.horizon, reader=call.actor.user_id)


def user(call: Call, user_id: str, known: People) -> Shown:
    """Return a reference to a user."""
    person = known.get(user_id)
    deleted = person is None or person.deleted_at is not None
    return call.links.reference("user", user_id, name_of(known, user_id), deleted=deleted)


def cut(rows: Sequence[Row], stretch: Stretch) -> Listed[Row]:
    """Return a stretch of a list that was computed whole."""
    last = stretch.offset + stretch.limit
    total = len(rows) if stretch.total else None
    return Listed(tuple(rows[stretch.offset : last]), len(rows) > last, total)


def _schedule(call: Call, schedule_id: str, name: str | None) -> Shown:
    return call.links.reference("schedule", schedule_id, name, deleted=name is None)


def _pieces(call: Call, pieces: Sequence[Piece]) -> list[Shown]:
    return [
        {
            "turn": piece.turn,
            "layer_id": piece.layer_id,
            "custom_shift_id": piece.custom_shift_id,
            "start": call.at(piece.start),
            "end": call.at(piece.end),
        }
        for piece in pieces
    ]


def _returned(call: Call, row: CoverRow) -> Shown | None:
    pieces = row.in_return()
    if not pieces or row.return_schedule_id is None:
        return None
    start, end = hull(pieces)
    return {
        "schedule": _schedule(call, row.return_schedule_id, row.return_schedule_name),
        "start": call.at(start),
        "end": call.at(end),
        "turns": _pieces(call, pieces),
    }
