"""Cover requests as kept: who asked whom for which turns, and what became of it."""

from datetime import datetime
from typing import get_args

import msgspec
from msgspec import Struct
from psycopg.types.json import Jsonb

from tocsin.domain.oncall.cover import Given, Piece, State
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class Asked(Struct, frozen=True):
    """Somebody who was asked, and what they answered."""

    user_id: str
    answer: str | None
    answered_at: datetime | None


class CoverRow(Struct, frozen=True):
    """A cover request with everything an answer shows; `state` is that of the instant of reading."""

    id: str
    schedule_id: str
    schedule_name: str | None
    return_schedule_id: str | None
    return_schedule_name: str | None
    asker_id: str
    created_by: str | None
    note: str | None
    pieces: list[object]
    return_pieces: list[object]
    start_at: datetime
    end_at: datetime
    over_at: datetime
    expires_at: datetime
    state: str
    taker_id: str | None
    accepted_at: datetime | None
    closed_at: datetime | None
    faults: list[str]
    kept_marks: list[str]
    created_at: datetime
    team_ids: list[str]
    asked: list[object]

    def given_up(self) -> tuple[Piece, ...]:
        """Return the stretches of the asker that are asked for."""
        return msgspec.convert(self.pieces, tuple[Piece, ...])

    def in_return(self) -> tuple[Piece, ...]:
        """Return the stretches of the taker that the asker takes in return."""
        return msgspec.convert(self.return_pieces, tuple[Piece, ...])

    def everything(self) -> tuple[Piece, ...]:
        """Return the stretches of both."""
        return self.given_up() + self.in_return()

    def given(self, taker_id: str) -> tuple[Given, ...]:
        """Return who takes which stretch when this person accepts."""
        mine = tuple(Given(piece=piece, user_id=taker_id) for piece in self.given_up())
        return mine + tuple(Given(piece=piece, user_id=self.asker_id) for piece in self.in_return())

    def people_asked(self) -> tuple[Asked, ...]:
        """Return everybody who was asked."""
        return msgspec.convert(self.asked, tuple[Asked, ...])

    def schedule_ids(self) -> tuple[str, ...]:
        """Return the schedules it is about, in the order in which they are locked."""
        return tuple(sorted({self.schedule_id, self.return_schedule_id or self.schedule_id}))

    def user_ids(self) -> set[str]:
        """Return everybody it is about."""
        ids = {self.asker_id, self.taker_id, self.created_by, *(asked.user_id for asked in self.people_asked())}
        return {user_id for user_id in ids if user_id is not None}


class Draft(Struct, frozen=True, kw_only=True):
    """A request to be written; `created_by` is who asks, for themselves or for somebody else."""

    id: str
    asker_id: str
    created_by: str | None
    note: str | None
    pieces: tuple[Piece, ...]
    return_pieces: tuple[Piece, ...]
    asked: tuple[str, ...]
    expires_at: datetime


class Wanted(Struct, frozen=True, kw_only=True):
    """Which requests a list asks for; None means all.

    A reader sees the requests of schedules of the teams in `horizon`, and those that are about `reader`.
    """

    horizon: list[str] | None = None
    reader: str | None = None
    ids: list[str] | None = None
    states: list[str] | None = None
    schedule_ids: list[str] | None = None
    user_id: str | None = None  # asker, taker or asked


_STATE = """CASE WHEN r.taker_id IS NULL AND r.state IN ('open', 'conflict') AND r.expires_at <= tocsin_now()
                THEN 'expired'
             WHEN r.state = 'conflict' AND r.over_at <= tocsin_now() THEN 'accepted'
             ELSE r.state END"""
_SHOWN = f"""SELECT r.id, r.schedule_id, s.name AS schedule_name, r.return_schedule_id, t.name AS return_schedule_name,
    r.asker_id, r.created_by, r.note, r.pieces, r.return_pieces, r.start_at, r.end_at, r.over_at, r.expires_at,
    {_STATE} AS state, r.taker_id, r.accepted_at, r.closed_at, r.faults, r.kept_marks, r.created_at,
    ARRAY(SELECT st.team_id FROM schedule_team st WHERE st.schedule_id = r.schedule_id ORDER BY 1)::text[] AS team_ids,
    coalesce((SELECT jsonb_agg(jsonb_build_object('user_id', a.user_id, 'answer', a.answer,
                                                  'answered_at', a.answered_at) ORDER BY a.user_id)
                FROM cover_asked a WHERE a.cover_id = r.id), '[]') AS asked
FROM cover_request r LEFT JOIN schedule s ON s.id = r.schedule_id LEFT JOIN schedule t ON t.id = r.return_schedule_id
WHERE """  # noqa: S608 - joined from constants of this file only

_ABOUT = """(r.asker_id = {0} OR r.taker_id = {0}
       OR EXISTS (SELECT FROM cover_asked a WHERE a.cover_id = r.id AND a.user_id = {0}))"""
_READER = _ABOUT.format("%(reader)s::text")
_USER = _ABOUT.format("%(user_id)s::text")
_FILTER = f"""(%(horizon)s::text[] IS NULL OR {_READER} OR EXISTS (
        SELECT FROM schedule_team st WHERE st.schedule_id = r.schedule_id AND st.team_id = ANY(%(horizon)s::text[])))
  AND (%(ids)s::text[] IS NULL OR r.id = ANY(%(ids)s::text[]))
  AND (%(states)s::text[] IS NULL OR {_STATE} = ANY(%(states)s::text[]))
  AND (%(schedule_ids)s::text[] IS NULL OR r.schedule_id = ANY(%(schedule_ids)s::text[])
       OR r.return_schedule_id = ANY(%(schedule_ids)s::text[]))
  AND (%(user_id)s::text IS NULL OR {_USER})"""

COVERS = Query(
    "cover requests, the newest first",
    f"{_SHOWN} {_FILTER} ORDER BY r.created_at DESC, r.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::int",
    CoverRow,
)
COUNT = Query(
    "how many cover requests a list has",
    f"SELECT count(*) AS n FROM cover_request r WHERE {_FILTER}",  # noqa: S608 - joined from constants of this file only
    Count,
)
COVER = Query("cover request with this id", f"{_SHOWN} r.id = %(id)s::text", CoverRow)
HELD = Query(
    "cover request with this id, until the transaction ends",
    f"{_SHOWN} r.id = %(id)s::text FOR UPDATE OF r",
    CoverRow,
)
ALIVE = Query(
    "cover requests of these schedules of which something is still to come, until the transaction ends",
    f"""{_SHOWN} r.state IN ('open', 'accepted', 'conflict') AND r.over_at > tocsin_now()
    AND (r.taker_id IS NOT NULL OR r.expires_at > tocsin_now())
    AND (%(schedule_ids)s::text[] IS NULL OR r.schedule_id = ANY(%(schedule_ids)s::text[])
         OR r.return_schedule_id = ANY(%(schedule_ids)s::text[]))
    ORDER BY r.id FOR UPDATE OF r""",
    CoverRow,
)
IN_CONFLICT = Query(
    "accepted cover of these schedules that is in conflict",
    f"""{_SHOWN} r.state = 'conflict' AND r.over_at > tocsin_now() AND r.taker_id IS NOT NULL
    AND (%(schedule_ids)s::text[] IS NULL OR r.schedule_id = ANY(%(schedule_ids)s::text[])
         OR r.return_schedule_id = ANY(%(schedule_ids)s::text[]))
    ORDER BY r.start_at, r.id""",
    CoverRow,
)
ASKED_ALREADY = Query(
    "open cover request of this person that reaches into this stretch",
    f"""{_SHOWN} r.state = 'open' AND r.expires_at > tocsin_now() AND r.asker_id = %(asker_id)s
    AND r.schedule_id = %(schedule_id)s AND r.start_at < %(end_at)s AND r.end_at > %(start_at)s LIMIT 1""",
    CoverRow,
)
ADD = Command(
    "add a cover request",
    """
    INSERT INTO cover_request (id, schedule_id, return_schedule_id, asker_id, created_by, note, pieces, return_pieces,
                               start_at, end_at, over_at, expires_at, created_at)
    VALUES (%(id)s, %(schedule_id)s, %(return_schedule_id)s, %(asker_id)s, %(created_by)s, %(note)s, %(pieces)s,
            %(return_pieces)s, %(start_at)s, %(end_at)s, %(over_at)s, %(expires_at)s, %(now)s)
    """,
)
ADD_ASKED = Command(
    "note who was asked for cover",
    "INSERT INTO cover_asked (cover_id, user_id) SELECT DISTINCT %(id)s::text, unnest(%(user_ids)s::text[])",
)
ANSWER = Command(
    "note what somebody answered who was asked for cover",
    """UPDATE cover_asked SET answer = %(answer)s, answered_at = %(now)s
    WHERE cover_id = %(id)s AND user_id = %(user_id)s""",
)
TAKE = Command(
    "give a cover request to the person who accepted it",
    """
    UPDATE cover_request SET state = 'accepted', taker_id = %(taker_id)s, accepted_at = %(now)s, pieces = %(pieces)s,
           return_pieces = %(return_pieces)s, start_at = %(start_at)s
     WHERE id = %(id)s
    """,
)
CLOSE = Command(
    "close a cover request",
    "UPDATE cover_request SET state = %(state)s, closed_at = %(now)s, faults = '{}' WHERE id = %(id)s",
)
JUDGE = Command(
    "note whether a cover request still fits its schedule",
    "UPDATE cover_request SET state = %(state)s, faults = %(faults)s::text[] WHERE id = %(id)s",
)
KEEP = Command(
    "keep a cover as it is",
    """
    UPDATE cover_request SET state = 'accepted', faults = '{}',
           kept_marks = ARRAY(SELECT DISTINCT unnest(kept_marks || %(marks)s::text[]) ORDER BY 1)
     WHERE id = %(id)s
    """,
)


async def page(turn: Turn, wanted: Wanted, stretch: Stretch) -> Listed[CoverRow]:
    """Return a stretch of the requests wanted, the newest first."""
    return await pages.page(turn, COVERS, msgspec.structs.asdict(wanted), stretch=stretch, count=COUNT)


async def found(turn: Turn, cover_id: str, *, horizon: list[str] | None, reader: str | None) -> CoverRow:
    """Return a request that this reader may see; raise `Refused` (not found)."""
    wanted = Wanted(horizon=horizon, reader=reader, ids=[cover_id])
    row = await turn.maybe(COVERS, {**msgspec.structs.asdict(wanted), "limit": 1, "offset": 0})
    if row is None:
        raise Refused(Why.NOT_FOUND, "There is no cover request with this id, or you cannot see it.")
    return row


async def add(turn: Turn, draft: Draft) -> CoverRow:
    """Write a new request and return it; raise `Refused` (conflict) when the same time is asked for already."""
    start_at, end_at = min(piece.start for piece in draft.pieces), max(piece.end for piece in draft.pieces)
    schedule_id = draft.pieces[0].schedule_id
    values: dict[str, object] = {
        "id": draft.id,
        "schedule_id": schedule_id,
        "return_schedule_id": draft.return_pieces[0].schedule_id if draft.return_pieces else None,
        "asker_id": draft.asker_id,
        "created_by": draft.created_by,
        "note": draft.note,
        "pieces": as_json(draft.pieces),
        "return_pieces": as_json(draft.return_pieces),
        "start_at": start_at,
        "end_at": end_at,
        "over_at": max(piece.end for piece in draft.pieces + draft.return_pieces),
        "expires_at": draft.expires_at,
        "now": turn.now,
    }
    if other := await turn.maybe(ASKED_ALREADY, values):
        raise Refused(Why.CONFLICT, f"Cover for this time is asked for already ({other.id}): withdraw that first.")
    await turn.run(ADD, values)
    await turn.run(ADD_ASKED, {"id": draft.id, "user_ids": list(draft.asked)})
    return await turn.one(COVER, {"id": draft.id})


def as_json(pieces: tuple[Piece, ...]) -> Jsonb:
    """Return pieces as a column keeps them."""
    return Jsonb(msgspec.to_builtins(pieces))


def checked_states(texts: list[str]) -> list[str] | None:
    """Return the states that a list asks for, None for all; raise `Refused` (invalid) for one that there is not."""
    if unknown := set(texts) - set(get_args(State)):
        raise Refused(Why.INVALID, f"state is one of {', '.join(get_args(State))}, not {', '.join(sorted(unknown))}.")
    return texts or None
