"""Answers to cover requests: accept, decline, withdraw and keep, each in one transaction with all that follows."""

from collections.abc import Mapping

from msgspec import Struct

from tocsin.domain.oncall.cover import Given, Piece, conflicts, hull, left_of, override_of
from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.oncall.tolerant import TolerantTimeline
from tocsin.domain.people.actor import Actor
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store.audit import record
from tocsin.store.config import bump_config
from tocsin.store.covers import told
from tocsin.store.covers.ask import refuse_if_on_call, refuse_if_unreachable, warnings
from tocsin.store.covers.people import PersonRow, Sight, people
from tocsin.store.covers.requests import ANSWER, CLOSE, COVER, HELD, KEEP, TAKE, CoverRow, as_json
from tocsin.store.covers.verdict import judged
from tocsin.store.notices import tell
from tocsin.store.schedules import overrides, write
from tocsin.store.schedules import rows as schedules
from tocsin.store.turn import Turn

KIND = "cover_request"


class Accepted(Struct, frozen=True, kw_only=True):
    """A request that somebody took, and what speaks against it nevertheless."""

    row: CoverRow
    warnings: tuple[str, ...]


async def accept(turn: Turn, cover_id: str, actor: Actor) -> Accepted:
    """Give the turns to the person who accepts, the turns in return to the asker: both, or none when one cannot be.

    The first who accepts has it. Raises `Refused`: forbidden to those who were not asked, conflict when the request
    is not open any more, no longer fits the schedule, or whoever takes a turn could not be paged.
    """
    row = await _held(turn, cover_id)
    taker_id = _asked_one(row, actor)
    _only_in(row, "open")
    mine, returned = left_of(row.given_up(), turn.now), left_of(row.in_return(), turn.now)
    if row.return_pieces and not returned:
        raise Refused(Why.CONFLICT, "The turn that was offered in return is over: ask anew.")
    known = await people(turn, row.user_ids() | {taker_id})
    kept = {key: each.schedule for key, each in (await schedules.load(turn, row.schedule_ids())).items()}
    _check(row, (mine, returned), kept, known=(known[row.asker_id], known[taker_id]))
    said = await warnings(turn, taker_id, mine, sight=Sight(horizon=actor.horizon, reader=taker_id))
    given = [Given(piece=piece, user_id=taker_id) for piece in mine]
    given += [Given(piece=piece, user_id=row.asker_id) for piece in returned]
    for each in given:
        stacked = kept[each.piece.schedule_id].stacked
        override = override_of(each, new_id(), stacked=stacked, cover_id=row.id)
        await overrides.add(turn, each.piece.schedule_id, override, actor)
    values = {"id": row.id, "taker_id": taker_id, "pieces": as_json(mine), "return_pieces": as_json(returned)}
    await turn.run(TAKE, {**values, "start_at": hull(mine)[0], "now": turn.now})
    await _answered(turn, row.id, taker_id, answer="accepted")
    row = await _written(turn, row, actor, change={"taker_id": {"before": None, "after": taker_id}})
    await tell(turn, told.accepted(row, known, turn.now))
    return Accepted(row=row, warnings=said)


async def decline(turn: Turn, cover_id: str, actor: Actor) -> CoverRow:
    """Note that somebody who was asked does not take it; when all have declined, the request is over.

    Raises `Refused`: forbidden to those who were not asked, conflict when the request is not open any more.
    """
    row = await _held(turn, cover_id)
    user_id = _asked_one(row, actor)
    _only_in(row, "open")
    await _answered(turn, row.id, user_id, answer="declined")
    after = await turn.one(COVER, {"id": row.id})
    if any(asked.answer is None for asked in after.people_asked()):
        return after
    await turn.run(CLOSE, {"id": row.id, "state": "declined", "now": turn.now})
    after = await _written(turn, row, actor, change={"state": {"before": row.state, "after": "declined"}})
    await tell(turn, told.declined(after, await people(turn, row.user_ids()), turn.now))
    return after


async def withdraw(turn: Turn, cover_id: str, actor: Actor) -> CoverRow:
    """Take a request back, or end an accepted cover from now on; what has passed of it stays as it was.

    Raises `Refused` (conflict) when there is nothing left to withdraw.
    """
    row = await _held(turn, cover_id)
    _only_in(row, "open", "accepted", "conflict")
    if row.over_at <= turn.now:
        raise Refused(Why.CONFLICT, "This cover is over: there is nothing left to withdraw.")
    for each in await turn.rows(overrides.OF_COVERS, {"cover_ids": [row.id]}):
        override = await overrides.found(turn, each.schedule_id, each.override_id)
        if override.end > turn.now:
            await overrides.remove(turn, each.schedule_id, each.override_id)
    await turn.run(CLOSE, {"id": row.id, "state": "withdrawn", "now": turn.now})
    after = await _written(turn, row, actor, change={"state": {"before": row.state, "after": "withdrawn"}})
    if row.taker_id is not None:
        known = await people(turn, row.user_ids())
        await tell(turn, told.withdrawn(after, known, turn.now, by=actor.user_id))
    return after


async def keep(turn: Turn, cover_id: str, actor: Actor) -> CoverRow:
    """Let a cover in conflict stay as it is; only what changes from now on brings it up again.

    Raises `Refused` (conflict) when it is in no conflict, or was never accepted.
    """
    row = await _held(turn, cover_id)
    _only_in(row, "conflict")
    if row.taker_id is None:
        raise Refused(Why.CONFLICT, "Nobody has accepted this request: withdraw it and ask anew.")
    kept = {key: each.schedule for key, each in (await schedules.load(turn, row.schedule_ids())).items()}
    marks = sorted(judged(row, kept, turn.now).marks)
    await turn.run(KEEP, {"id": row.id, "marks": marks})
    return await _written(turn, row, actor, change={"state": {"before": row.state, "after": "accepted"}})


async def _held(turn: Turn, cover_id: str) -> CoverRow:
    """Return the request with its schedules and itself locked, in the order in which every writer locks them."""
    row = await turn.one(COVER, {"id": cover_id})
    for schedule_id in row.schedule_ids():
        await turn.maybe(write.HOLD, {"id": schedule_id})
    return await turn.one(HELD, {"id": cover_id})


def _asked_one(row: CoverRow, actor: Actor) -> str:
    if actor.user_id is None or all(asked.user_id != actor.user_id for asked in row.people_asked()):
        raise Refused(Why.FORBIDDEN, "Only those who were asked can answer this request.")
    return actor.user_id


def _only_in(row: CoverRow, *states: str) -> None:
    if row.state not in states:
        said = f"This cover request is {row.state}, not {' or '.join(states)}."
        raise Refused(Why.CONFLICT, f"{said} Read it again to see what became of it.")


def _check(
    row: CoverRow,
    pieces: tuple[tuple[Piece, ...], tuple[Piece, ...]],
    kept: Mapping[str, Schedule],
    *,
    known: tuple[PersonRow, PersonRow],
) -> None:
    """Raise `Refused` (conflict) unless each side has what it gives, and is free and heard for what it takes."""
    timelines = {key: TolerantTimeline(schedule) for key, schedule in kept.items()}
    mine, returned = pieces
    asker, taker = known
    if conflicts(mine + returned, timelines, hull(mine + returned)[0]):
        raise Refused(Why.CONFLICT, "The schedule has changed since this was asked: withdraw the request and ask anew.")
    refuse_if_unreachable(taker)
    refuse_if_on_call(mine, timelines[row.schedule_id], taker)
    if returned:
        refuse_if_unreachable(asker)
        refuse_if_on_call(returned, timelines[returned[0].schedule_id], asker)


async def _answered(turn: Turn, cover_id: str, user_id: str, *, answer: str) -> None:
    await turn.run(ANSWER, {"id": cover_id, "user_id": user_id, "answer": answer, "now": turn.now})


async def _written(turn: Turn, row: CoverRow, actor: Actor, *, change: Mapping[str, object]) -> CoverRow:
    await record(turn, actor, "update", (KIND, row.id), change)
    await bump_config(turn)
    return await turn.one(COVER, {"id": row.id})
