"""Answers to cover requests over the API: accept, decline, withdraw, and keep what no longer fits."""

from tocsin.api.kit import Answer, Call, operation
from tocsin.api.rest.covers.cover_requests import reached, shown_cover
from tocsin.api.rest.covers.cover_shape import speaks_for
from tocsin.ground.errors import Refused, Why
from tocsin.store.covers import answer
from tocsin.store.turn import Turn


@operation("POST", "/api/cover_requests/{id}/accept", needs_person=True)
async def accept_cover(call: Call) -> Answer:
    """Take the turns of a request; the first who was asked and accepts has them, and a swap happens whole."""

    async def job(turn: Turn) -> Answer:
        row = await reached(turn, call)
        done = await answer.accept(turn, row.id, call.actor)
        return await shown_cover(turn, call, done.row, said=done.warnings)

    return await call.store.work(job)


@operation("POST", "/api/cover_requests/{id}/decline", needs_person=True)
async def decline_cover(call: Call) -> Answer:
    """Say that one does not take the turns of a request."""

    async def job(turn: Turn) -> Answer:
        row = await reached(turn, call)
        return await shown_cover(turn, call, await answer.decline(turn, row.id, call.actor))

    return await call.store.work(job)


@operation("POST", "/api/cover_requests/{id}/withdraw")
async def withdraw_cover(call: Call) -> Answer:
    """Take a request back, or end an accepted cover from now on."""

    async def job(turn: Turn) -> Answer:
        row = await reached(turn, call)
        taker_may = row.state == "conflict" and row.taker_id is not None and row.taker_id == call.actor.user_id
        if not taker_may and not speaks_for(call.actor, row.asker_id, row.team_ids):
            raise Refused(Why.FORBIDDEN, "The asker withdraws a request, or a manager of the schedule's team.")
        return await shown_cover(turn, call, await answer.withdraw(turn, row.id, call.actor))

    return await call.store.work(job)


@operation("POST", "/api/cover_requests/{id}/keep")
async def keep_cover(call: Call) -> Answer:
    """Let a cover stay as it is although the schedule has changed under it."""

    async def job(turn: Turn) -> Answer:
        row = await reached(turn, call)
        is_taker = row.taker_id is not None and row.taker_id == call.actor.user_id
        if not is_taker and not speaks_for(call.actor, row.asker_id, row.team_ids):
            raise Refused(Why.FORBIDDEN, "Asker and taker keep a cover, or a manager of the schedule's team.")
        return await shown_cover(turn, call, await answer.keep(turn, row.id, call.actor))

    return await call.store.work(job)
