"""Escalate: what is due for incidents happens now: the next level, an acknowledgement's end, a snooze's end."""

from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.domain.incidents.incident import DUE_ORDER
from tocsin.domain.incidents.moves import decide
from tocsin.domain.incidents.order import Due
from tocsin.engine.turn import begin, finish
from tocsin.store.directory import Directory
from tocsin.store.timers import DUE_TIMERS, NEXT_TIMER
from tocsin.store.turn import Store, Turn


class Escalated(Struct, frozen=True):
    """What one pass did: timers that were found due, incidents worked on, the largest delay, and the next instant."""

    found: int
    incidents: int
    latest: timedelta
    next_at: datetime | None
    now: datetime


async def look_ahead(store: Store) -> Escalated:
    """Return when something is due next, without doing anything: this is all that an idle second costs."""
    upcoming = await store.glance(NEXT_TIMER)
    return Escalated(0, 0, timedelta(), upcoming.due_at, upcoming.now)


async def escalate(turn: Turn, directory: Directory, *, most: int, passed_over: int = 0) -> Escalated:
    """Let what is due happen, for at most `most` timers; return what was done and when something is due next.

    An incident that somebody is changing just now is passed over: its lock is theirs, and their change may well
    cancel the timer. It is found again by the next pass. The timers are read again under the lock.
    """
    due = await turn.rows(DUE_TIMERS, {"most": most, "passed_over": passed_over})
    worked, latest = await _let_happen(turn, directory, {each.incident_id for each in due})
    upcoming = await turn.one(NEXT_TIMER)
    return Escalated(len(due), worked, latest, upcoming.due_at, turn.now)


async def escalate_one(turn: Turn, directory: Directory, incident_id: str) -> Escalated:
    """Let what is due for one incident happen, alone in its transaction."""
    worked, latest = await _let_happen(turn, directory, {incident_id})
    return Escalated(worked, worked, latest, None, turn.now)


async def _let_happen(turn: Turn, directory: Directory, incident_ids: set[str]) -> tuple[int, timedelta]:
    latest = timedelta()
    decisions = await begin(turn, directory, incident_ids, if_free=True) if incident_ids else {}
    for decision in decisions.values():
        for kind in DUE_ORDER:
            due_at = decision.timers.get(kind)
            if due_at is not None and due_at <= turn.now:
                latest = max(latest, turn.now - due_at)
                decide(decision, Due(kind))
    await finish(turn, decisions.values())
    return len(decisions), latest
