"""Asking for cover: which turns, whom, and what speaks against it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from tocsin.domain.oncall.cover import (
    A_DAY,
    Ask,
    Piece,
    hull,
    on_call_in,
    pieces_asked,
    tiring,
)
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.people.actor import Actor
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store.audit import record
from tocsin.store.covers import told
from tocsin.store.covers.absences import absences_of
from tocsin.store.covers.people import Held, PersonRow, Sight, people, shifts_of
from tocsin.store.covers.requests import CoverRow, Draft, add
from tocsin.store.notices import tell
from tocsin.store.schedules import rows as schedules
from tocsin.store.schedules.write import HOLD
from tocsin.store.turn import Turn

MOST_ASKED = 200  # people of one request: as many as a layer holds


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody asks for: their time, a turn of the other person in return, and whom they ask.

    Nobody in `asked` means everybody whom the schedule names. `in_return` belongs to the one person asked.
    """

    ask: Ask
    in_return: Ask | None
    asked: tuple[str, ...]
    note: str | None


async def ask(turn: Turn, wish: Wish, actor: Actor) -> CoverRow:
    """Write a request, tell those who are asked, and return it; raise `Refused` when it cannot be asked so."""
    ids = {wish.ask.schedule_id, wish.in_return.schedule_id if wish.in_return else wish.ask.schedule_id}
    for schedule_id in sorted(ids):  # in the order in which answers lock them, so that two never wait for each other
        await turn.maybe(HOLD, {"id": schedule_id})
    timelines = await schedules.timelines(turn, ids)
    timeline = _timeline(timelines, wish.ask.schedule_id)
    pieces = pieces_asked(timeline, wish.ask, turn.now)
    asked = await _asked(turn, wish, timeline, pieces)
    start = hull(pieces)[0]
    draft = Draft(
        id=new_id(),
        asker_id=wish.ask.user_id,
        created_by=actor.user_id,
        note=wish.note,
        pieces=pieces,
        return_pieces=_in_return(turn.now, wish, timelines),
        asked=asked,
        expires_at=start if start > turn.now else hull(pieces)[1],
    )
    row = await add(turn, draft)
    change = {"asker_id": row.asker_id, "schedule_id": row.schedule_id, "start": start, "asked": list(asked)}
    await record(turn, actor, "create", ("cover_request", row.id), change)
    await tell(turn, told.asking(row, await people(turn, row.user_ids()), turn.now))
    return row


async def warnings(turn: Turn, user_id: str, pieces: tuple[Piece, ...], *, sight: Sight) -> tuple[str, ...]:
    """Return what speaks against this person taking these stretches; none of it forbids it.

    Schedules that are out of sight for the reader are not named to them, unless it is their own time.
    """
    if not pieces:
        return ()
    start, end = hull(pieces)
    person = (await people(turn, [user_id])).get(user_id)
    if person is None:
        return ()
    shifts = await shifts_of(turn, [user_id], start - A_DAY, end + A_DAY)
    found = [
        f"{person.name} is absent {told.span((absence.start, absence.end), person.time_zone)}."
        for absence in await absences_of(turn, [user_id], start, end)
        if any(absence.start < piece.end and piece.start < absence.end for piece in pieces)
    ]
    seen = await sight.of(turn, {held.schedule_id for held in shifts}) if user_id != sight.reader else None
    if not person.reachable:
        found.append(f"{person.name} has no contact method that works.")
    found.extend(_elsewhere(person, shifts, pieces, seen=seen))
    own = ((held.shift.start, held.shift.end) for held in shifts)
    if day := tiring(own, ((piece.start, piece.end) for piece in pieces)):
        found.append(
            f"{person.name} would be on call for more than 16 of the 24 hours {told.span(day, person.time_zone)}."
        )
    return tuple(found)


def refuse_if_unreachable(person: PersonRow) -> None:
    """Raise `Refused` (conflict) when pages of the time that somebody is to take would reach nobody."""
    if not person.reachable:
        raise Refused(
            Why.CONFLICT,
            f"{person.name} has no contact method that works, so pages would reach nobody: add one, then accept again.",
        )


def refuse_if_on_call(pieces: tuple[Piece, ...], timeline: Timeline, person: PersonRow | None) -> None:
    """Raise `Refused` (conflict) when somebody is on call anyway at the time that they are to take."""
    if person is not None and on_call_in(pieces, timeline, person.id):
        name = timeline.schedule.name
        raise Refused(Why.CONFLICT, f"{person.name} is on call in {name} at that time already: ask somebody else.")


def _elsewhere(
    person: PersonRow, shifts: Iterable[Held], pieces: tuple[Piece, ...], *, seen: set[str] | None
) -> list[str]:
    names = {
        held.schedule_name if seen is None or held.schedule_id in seen else "a schedule of another team"
        for held in shifts
        for piece in pieces
        if held.schedule_id != piece.schedule_id and held.shift.start < piece.end and piece.start < held.shift.end
    }
    return [f"{person.name} is on call in {name} at that time." for name in sorted(names)]


async def _asked(turn: Turn, wish: Wish, timeline: Timeline, pieces: tuple[Piece, ...]) -> tuple[str, ...]:
    """Return whom to ask: those who were named, or everybody of the schedule who is free at that time."""
    asker_id = wish.ask.user_id
    named = tuple(dict.fromkeys(wish.asked))
    if asker_id in named:
        raise Refused(Why.INVALID, "Nobody can cover for themselves: leave the asker out of asked.")
    if wish.in_return is not None and len(named) != 1:
        raise Refused(Why.INVALID, "A swap asks one person, whose turn is taken in return: name that person in asked.")
    if len(named) > MOST_ASKED:
        raise Refused(Why.INVALID, f"At most {MOST_ASKED} people can be asked at once.")
    known = await people(turn, named or timeline.members())
    there = {user_id: person for user_id, person in known.items() if person.deleted_at is None}
    if not named:
        there.pop(asker_id, None)
        free = tuple(each for each in there if not on_call_in(pieces, timeline, each))
        if not free:
            raise Refused(Why.INVALID, "Nobody else of this schedule is free then: say in asked whom to ask.")
        return free[:MOST_ASKED]
    if faults := tuple(f"User {user_id} not found" for user_id in named if user_id not in there):
        raise Refused(Why.INVALID, faults[0], faults)
    for user_id in named:
        refuse_if_on_call(pieces, timeline, there[user_id])
    return named


def _in_return(now: datetime, wish: Wish, timelines: Mapping[str, Timeline]) -> tuple[Piece, ...]:
    if wish.in_return is None:
        return ()
    timeline = _timeline(timelines, wish.in_return.schedule_id)
    pieces = pieces_asked(timeline, wish.in_return, now)
    if on_call_in(pieces, timeline, wish.ask.user_id):
        raise Refused(Why.CONFLICT, "The asker is on call already at the time that is offered in return.")
    return pieces


def _timeline(timelines: Mapping[str, Timeline], schedule_id: str) -> Timeline:
    timeline = timelines.get(schedule_id)
    if timeline is None:
        raise Refused(Why.INVALID, f"Schedule {schedule_id} not found")
    return timeline
