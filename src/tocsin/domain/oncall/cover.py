"""Cover: somebody takes a colleague's turn, or a part of it, and it stays bound to that very turn."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, structs

from tocsin.domain.oncall.schedule import Override, Schedule, Shift
from tocsin.domain.oncall.stretches import Stretch, common, joined, total, without
from tocsin.domain.oncall.timeline import HORIZON, Timeline
from tocsin.ground.errors import Refused, Why

State = Literal["open", "accepted", "declined", "withdrawn", "expired", "conflict"]

LONGEST_AHEAD = timedelta(days=366)  # a turn that begins later can still move, and nobody knows their year so well
MOST_PIECES = 100  # turns of one request: a quarter of daily turns
MOST_ON_CALL = timedelta(hours=16)  # in any day: leaves eight hours of sleep that no page can take
A_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


class Piece(Struct, frozen=True, kw_only=True):
    """A stretch of one turn of one person; who takes it takes nothing else.

    `turn` is the identity of the turn (see `Shift`). `replaced_user_id` is whom an override of the layer or custom
    shift must name to replace this person there: somebody else when the person has the turn by an override already.
    """

    schedule_id: str
    user_id: str
    turn: str
    start: datetime
    end: datetime
    layer_id: str | None = None
    custom_shift_id: str | None = None
    replaced_user_id: str | None = None


class Ask(Struct, frozen=True, kw_only=True):
    """Which time of a person is asked for: a turn, a part of one, or all their turns in a stretch."""

    schedule_id: str
    user_id: str
    turn: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class Given(Struct, frozen=True, kw_only=True):
    """A piece, and the person who takes it."""

    piece: Piece
    user_id: str


class Drift(Struct, frozen=True, kw_only=True):
    """A stretch of a piece in which its person does not have that turn any more, and who has the time instead."""

    piece: Piece
    start: datetime
    end: datetime
    instead: tuple[Shift, ...]

    @property
    def marks(self) -> frozenset[str]:
        """Name what is different, in a way that stays the same while time passes."""
        others = {f"{shift.user_id} {shift.turn}" for shift in self.instead} or {"nobody"}
        return frozenset(f"{self.piece.turn}: {other}" for other in others)


def pieces_asked(timeline: Timeline, ask: Ask, now: datetime) -> tuple[Piece, ...]:
    """Return what the person has of the time that is asked for, from now on.

    A turn is looked for in the coming 90 days unless `start` says where. Raises `Refused` (missing, invalid).
    """
    if ask.turn is None and (ask.start is None or ask.end is None):
        raise Refused(Why.MISSING, "Name the turn, or the start and the end of the stretch to be covered.")
    now = floored(now)
    start = max(now, floored(ask.start or now))
    end = floored(ask.end) if ask.end is not None else start + HORIZON
    if start >= end:
        raise Refused(Why.INVALID, "end is not after start, or is over already.")
    if end > now + LONGEST_AHEAD:
        raise Refused(Why.INVALID, f"Cover can be asked for at most {LONGEST_AHEAD.days} days ahead.")
    shifts = [shift for shift in timeline.final(start, end) if shift.user_id == ask.user_id]
    if ask.turn is not None:
        shifts = [shift for shift in shifts if shift.turn == ask.turn]
    pieces = pieces_of(ask.schedule_id, shifts)
    if not pieces:
        what = "at that time" if ask.turn is None else "in that turn"
        raise Refused(Why.INVALID, f"The person is not on call in this schedule {what}: look at the final schedule.")
    if len(pieces) > MOST_PIECES:
        raise Refused(Why.INVALID, f"At most {MOST_PIECES} turns can be covered at once: ask for a shorter stretch.")
    return pieces


def pieces_of(schedule_id: str, shifts: Iterable[Shift]) -> tuple[Piece, ...]:
    """Return shifts of people as pieces, in order; what was cut in two and touches is one."""
    made: dict[tuple[str, str, str | None, str | None], list[Piece]] = {}
    for shift in sorted(shifts, key=lambda each: each.start):
        if shift.user_id is None:
            continue
        source = shift.source
        key = (shift.turn, shift.user_id, source.layer_id, source.custom_shift_id)
        before = made.setdefault(key, [])
        if before and before[-1].end >= shift.start:
            before[-1] = structs.replace(before[-1], end=max(before[-1].end, shift.end))
            continue
        before.append(
            Piece(
                schedule_id=schedule_id,
                user_id=shift.user_id,
                turn=shift.turn,
                start=shift.start,
                end=shift.end,
                layer_id=source.layer_id,
                custom_shift_id=source.custom_shift_id,
                replaced_user_id=source.replaced_user_id or shift.user_id,
            )
        )
    return tuple(sorted((piece for pieces in made.values() for piece in pieces), key=_in_order))


def left_of(pieces: Iterable[Piece], now: datetime) -> tuple[Piece, ...]:
    """Return what of these pieces is still to come at this instant."""
    now = floored(now)
    return tuple(structs.replace(piece, start=max(piece.start, now)) for piece in pieces if piece.end > now)


def override_of(given: Given, override_id: str, *, stacked: bool, cover_id: str) -> Override:
    """Return the override that gives a piece to the person who takes it.

    In a schedule whose layers hide one another it covers everything; where people are on call in parallel, and for
    custom shifts, it replaces the one person and nobody else.
    """
    piece = given.piece
    plain = Override(id=override_id, start=piece.start, end=piece.end, user_id=given.user_id, cover_id=cover_id)
    if stacked and piece.custom_shift_id is None:
        return plain
    layer_id = piece.layer_id if piece.custom_shift_id is None else None
    return structs.replace(
        plain, layer_id=layer_id, custom_shift_id=piece.custom_shift_id, replaced_user_id=piece.replaced_user_id
    )


def without_cover(schedule: Schedule, cover_id: str) -> Schedule:
    """Return the schedule as this cover found it: without its overrides, and without every younger one.

    A younger override takes the time from whoever has it and says nothing about whose turn it was.
    """
    for place, override in enumerate(schedule.overrides):
        if override.cover_id == cover_id:
            return structs.replace(schedule, overrides=schedule.overrides[:place])
    return schedule


def conflicts(pieces: Iterable[Piece], timelines: Mapping[str, Timeline], since: datetime) -> tuple[Drift, ...]:
    """Return where, from `since` on, the people of these pieces do not have those turns.

    `timelines` holds schedules by id, each without the cover (see `without_cover`). A turn that ends earlier, passes to
    somebody else or moves to another hour is a drift; that the person is on call then by another turn does not help.
    """
    found = []
    for piece in left_of(pieces, since):
        timeline = timelines.get(piece.schedule_id)
        shifts = timeline.final(piece.start, piece.end) if timeline is not None else ()
        held = joined((each.start, each.end) for each in shifts if _is_of(each, piece))
        for start, end in without(((piece.start, piece.end),), held):
            instead = tuple(each for each in shifts if each.start < end and start < each.end)
            found.append(Drift(piece=piece, start=start, end=end, instead=instead))
    return tuple(found)


def unheld(given: Iterable[Given], schedules: Mapping[str, Schedule], cover_id: str) -> tuple[Given, ...]:
    """Return what of an accepted cover no override of its own gives any more: somebody changed or removed it."""
    return tuple(each for each in given if not _is_held(each, schedules.get(each.piece.schedule_id), cover_id))


def on_call_in(pieces: Iterable[Piece], timeline: Timeline, user_id: str) -> bool:
    """Say whether somebody is on call by this schedule at the time of any of these pieces."""
    return any(shift.user_id == user_id for piece in pieces for shift in timeline.final(piece.start, piece.end))


def tiring(own: Iterable[Stretch], more: Iterable[Stretch]) -> Stretch | None:
    """Return the first 24 hours of which more than 16 would be on call, by shifts of one's own and the cover together.

    A cover that is long by itself tires nobody by surprise: it counts only where it meets shifts that are there. Days
    are tried from every hour before and after an edge of the cover.
    """
    more = joined(more)
    own = without(joined(own), more)
    whole = joined([*own, *more])
    edges = {edge for stretch in more for edge in stretch}
    for start in sorted({edge - hour * _HOUR for edge in edges for hour in range(A_DAY // _HOUR)}):
        day = ((start, start + A_DAY),)
        if common(own, day) and common(more, day) and total(common(whole, day)) > MOST_ON_CALL:
            return day[0]
    return None


def hull(pieces: Sequence[Piece]) -> Stretch:
    """Return from when to when these pieces reach."""
    return min(piece.start for piece in pieces), max(piece.end for piece in pieces)


def floored(at: datetime) -> datetime:
    """Return the instant without its part of a second: schedules count whole ones."""
    return at.replace(microsecond=0)


def _is_of(shift: Shift, piece: Piece) -> bool:
    return shift.user_id == piece.user_id and shift.turn == piece.turn


def _is_held(given: Given, schedule: Schedule | None, cover_id: str) -> bool:
    if schedule is None:
        return False
    held = joined(
        (each.start, each.end)
        for each in schedule.overrides
        if each.cover_id == cover_id and each.user_id == given.user_id
    )
    return not without(((given.piece.start, given.piece.end),), held)


def _in_order(piece: Piece) -> tuple[datetime, str]:
    return piece.start, piece.turn
