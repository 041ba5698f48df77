"""Looking again at cover: whatever a change of a schedule moved away under it becomes a conflict that people see."""

from collections.abc import Iterable

from msgspec import Struct

from tocsin.domain.oncall.schedule import Schedule
from tocsin.store.covers import told
from tocsin.store.covers.people import people
from tocsin.store.covers.requests import ALIVE, CLOSE, IN_CONFLICT, JUDGE, CoverRow
from tocsin.store.covers.verdict import Verdict, judged
from tocsin.store.notices import tell
from tocsin.store.query import Query
from tocsin.store.schedules import rows as schedules
from tocsin.store.turn import Turn


class Covered(Struct, frozen=True):
    """A schedule with cover of which something is still to come."""

    schedule_id: str | None


COVERED = Query(
    "schedules with cover of which something is still to come",
    """
    SELECT DISTINCT unnest(ARRAY[schedule_id, return_schedule_id]) AS schedule_id FROM cover_request
     WHERE state IN ('open', 'accepted', 'conflict') AND over_at > tocsin_now()
     ORDER BY 1
    """,
    Covered,
)


async def covered(turn: Turn) -> list[str]:
    """Return the schedules whose cover is worth looking at."""
    return [row.schedule_id for row in await turn.rows(COVERED) if row.schedule_id is not None]


async def look_again(turn: Turn, schedule_ids: Iterable[str] | None) -> int:
    """Compare cover with the schedules it was made for, all of them for None; return how many changed their state.

    Called by a loop soon after the configuration changed, for one schedule in each transaction: whoever writes a
    schedule need not. A cover whose asker no longer has that turn is in conflict, and its people are told; its override
    stays. When the turn comes back the conflict ends by itself. A schedule that cannot be read says nothing against a
    cover.
    """
    ids = None if schedule_ids is None else sorted(set(schedule_ids))
    rows = await turn.rows(ALIVE, {"schedule_ids": ids})
    if not rows:
        return 0
    wanted = {schedule_id for row in rows for schedule_id in row.schedule_ids()}
    kept = await schedules.load(turn, wanted)
    changed = 0
    for row in rows:
        own = {key: kept[key] for key in row.schedule_ids() if key in kept}
        if all(each.fault is None for each in own.values()):
            changed += await _judge(turn, row, {key: each.schedule for key, each in own.items()})
    return changed


async def in_conflict(turn: Turn, schedule_ids: Iterable[str] | None) -> list[CoverRow]:
    """Return the accepted cover of these schedules, all for None, that waits for somebody to keep or withdraw it.

    `faults` of a row are sentences that say what does not fit.
    """
    ids = None if schedule_ids is None else sorted(set(schedule_ids))
    return await turn.rows(IN_CONFLICT, {"schedule_ids": ids})


async def _judge(turn: Turn, row: CoverRow, own: dict[str, Schedule]) -> int:
    verdict = judged(row, own, turn.now)
    if verdict.unread:
        return 0
    faults = await _sentences(turn, row, own, verdict=verdict) if verdict.state == "conflict" else ()
    if verdict.state == "withdrawn":
        await turn.run(CLOSE, {"id": row.id, "state": "withdrawn", "now": turn.now})
        if row.taker_id is not None:
            known = await people(turn, row.user_ids())
            await tell(turn, told.withdrawn(row, known, turn.now, by=None))
        return 1
    if (verdict.state, list(faults)) == (row.state, row.faults):
        return 0
    await turn.run(JUDGE, {"id": row.id, "state": verdict.state, "faults": list(faults)})
    if verdict.state == row.state:
        return 0
    if verdict.state == "conflict":
        known = await people(turn, row.user_ids())
        await tell(turn, told.conflicting(row, known, turn.now, faults=faults))
    return 1


async def _sentences(turn: Turn, row: CoverRow, own: dict[str, Schedule], *, verdict: Verdict) -> tuple[str, ...]:
    ids = row.user_ids() | {
        shift.user_id for drift in verdict.drifts for shift in drift.instead if shift.user_id is not None
    }
    known = await people(turn, ids)
    zones = {key: schedule.time_zone for key, schedule in own.items()}
    drifts = told.drift_sentences(verdict.drifts, known, zones)
    return drifts + told.unheld_sentences(verdict.unheld, known, zones)
