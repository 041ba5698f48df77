"""Cover requests over the API: ask colleagues to take a turn, swap two turns, and see what became of it."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tocsin.api.kit import Answer, Call, allow, listed, operation, parse_instant, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.covers.cover_shape import show_cover, sight_of, speaks_for
from tocsin.domain.oncall.cover import Ask
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import LONGEST_NOTE
from tocsin.ground.text import squash
from tocsin.store.covers import requests
from tocsin.store.covers.ask import MOST_ASKED, Wish, ask, warnings
from tocsin.store.covers.people import people
from tocsin.store.covers.requests import CoverRow
from tocsin.store.schedules import rows as schedules
from tocsin.store.schedules.rows import Kept, named_in
from tocsin.store.turn import Turn

KIND = "cover_request"

Note = Annotated[str, Meta(max_length=LONGEST_NOTE)]
UserIds = Annotated[list[str], Meta(max_length=MOST_ASKED)]


class TimeBody(Struct):
    """A turn of a schedule or a part of it, or a stretch; instants without an offset are read in `time_zone`."""

    schedule_id: str
    turn: str | UnsetType | None = UNSET
    start: str | UnsetType | None = UNSET
    end: str | UnsetType | None = UNSET


class CoverBody(TimeBody):
    """A cover request as clients write it."""

    asked: UserIds | UnsetType | None = UNSET
    note: Note | UnsetType | None = UNSET
    in_return: TimeBody | UnsetType | None = UNSET
    asker_id: str | UnsetType | None = UNSET


@operation("GET", "/api/cover_requests")
async def list_cover_requests(call: Call) -> Answer:
    """List cover requests, the newest first; `mine` keeps those that one asked for, was asked for, or took."""
    stretch = call.stretch()
    _allow_to_look(call)
    mine = call.flag("mine")
    if mine and call.actor.user_id is None:
        raise Refused(Why.INVALID, "mine needs a user's token, or the header From: an account's token is nobody.")
    wanted = requests.Wanted(
        horizon=call.actor.horizon,
        reader=call.actor.user_id,
        states=requests.checked_states(call.many("state")),
        schedule_ids=call.many("schedule_ids") or None,
        user_id=call.actor.user_id if mine else None,
    )

    async def job(turn: Turn) -> Answer:
        page = await requests.page(turn, wanted, stretch)
        known = await people(turn, {user_id for row in page.rows for user_id in row.user_ids()})
        return listed("cover_requests", [show_cover(call, row, known) for row in page.rows], page=page, stretch=stretch)

    return await call.store.read(job)


@operation("GET", "/api/cover_requests/{id}")
async def show_cover_request(call: Call) -> Answer:
    """Show a cover request."""
    return await call.store.read(lambda turn: _answer(turn, call))


@operation("POST", "/api/cover_requests")
async def ask_for_cover(call: Call) -> Answer:
    """Ask for cover of a turn, of a part of it, or of all one's turns in a stretch; `in_return` makes it a swap."""
    body = call.body(CoverBody, wrap=KIND)
    asker_id = body.asker_id or call.actor.user_id
    if not asker_id:
        raise Refused(Why.MISSING, "Say in asker_id whose turn it is: an account's token is nobody.")
    asked = tuple(dict.fromkeys(body.asked or ()))
    taker_id = asked[0] if len(asked) == 1 else ""
    wish = Wish(
        ask=_asked_time(call, body, asker_id),
        in_return=_asked_time(call, body.in_return, taker_id, within="in_return.") if body.in_return else None,
        asked=asked,
        note=squash(body.note) or None if body.note else None,
    )

    async def job(turn: Turn) -> Answer:
        kept = await _visible(turn, call, wish.ask.schedule_id)
        if not speaks_for(call.actor, asker_id, kept.team_ids):
            raise Refused(Why.FORBIDDEN, "Only managers of its team and administrators ask for somebody else.")
        if wish.in_return is not None:
            await _visible(turn, call, wish.in_return.schedule_id)
        row = await ask(turn, wish, call.actor)
        said = await warnings(turn, taker_id, row.given_up(), sight=sight_of(call)) if taker_id else ()
        return await shown_cover(turn, call, row, said=said, status=CREATED)

    return await call.store.work(job)


async def shown_cover(
    turn: Turn, call: Call, row: CoverRow, *, said: tuple[str, ...] = (), status: int = 200
) -> Answer:
    """Answer a cover request as it is now."""
    known = await people(turn, row.user_ids())
    return shown(KIND, show_cover(call, row, known, warnings=said), status=status)


async def reached(turn: Turn, call: Call) -> CoverRow:
    """Return the request of the path, if the caller may see it; raise `Refused` (not found)."""
    return await requests.found(turn, call.path["id"], horizon=call.actor.horizon, reader=call.actor.user_id)


def _allow_to_look(call: Call) -> None:
    """Raise `Refused` (forbidden) for callers who see no people; which requests one sees is told by the horizon."""
    allow(call.actor, Verb.READ, Subject("user", owner_id=call.actor.user_id))


async def _answer(turn: Turn, call: Call) -> Answer:
    _allow_to_look(call)
    row = await reached(turn, call)
    reader = call.actor.user_id
    asked = any(one.user_id == reader and one.answer is None for one in row.people_asked())
    said: tuple[str, ...] = ()
    if reader is not None and asked and row.state == "open":
        said = await warnings(turn, reader, row.given_up(), sight=sight_of(call))
    return await shown_cover(turn, call, row, said=said)


async def _visible(turn: Turn, call: Call, schedule_id: str) -> Kept:
    """Return a schedule that the caller sees, or that names the caller; raise `Refused` (invalid)."""
    kept = (await schedules.load(turn, [schedule_id])).get(schedule_id)
    horizon = call.actor.horizon
    if kept is not None:
        seen = horizon is None or bool(set(horizon) & set(kept.team_ids))
        if seen or call.actor.user_id in named_in(kept.schedule):
            return kept
    raise Refused(Why.INVALID, f"Schedule {schedule_id} not found")


def _asked_time(call: Call, body: TimeBody, user_id: str, *, within: str = "") -> Ask:
    return Ask(
        schedule_id=body.schedule_id,
        user_id=user_id,
        turn=body.turn or None,
        start=_instant(call, body.start, f"{within}start"),
        end=_instant(call, body.end, f"{within}end"),
    )


def _instant(call: Call, text: str | UnsetType | None, name: str) -> datetime | None:
    return parse_instant(text, call.time_zone(), name=name) if text else None
