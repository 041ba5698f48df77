"""Custom shifts as kept: added, cut short, changed; what they were stays for the history."""

from datetime import datetime

from tocsin.domain.oncall.schedule import CustomShift
from tocsin.domain.people.actor import Actor
from tocsin.store.query import Command, Query
from tocsin.store.schedules.laid import LaidRow, Outcome, custom_shift_of, stretch_of
from tocsin.store.schedules.lay import Ways, lay, lay_anew, take_back
from tocsin.store.schedules.write import hold
from tocsin.store.turn import Turn

_PRESENT = """
    SELECT c.schedule_id, true AS custom, c.id, c.start_at, c.end_at, c.user_id, NULL::text AS layer_id,
           NULL::text AS custom_shift_id, NULL::text AS replaced_user_id, NULL::text AS cover_id
      FROM custom_shift c WHERE c.schedule_id = %(schedule_id)s::text AND c.removed_at IS NULL
"""

ADD = Command(
    "add a custom shift to a schedule",
    """
    INSERT INTO custom_shift (id, schedule_id, start_at, end_at, user_id, created_by, created_at)
    VALUES (%(id)s, %(schedule_id)s, %(start)s, %(end)s, %(user_id)s, %(created_by)s, %(now)s)
    """,
)
FOUND = Query("custom shift with this id on this schedule", f"{_PRESENT} AND c.id = %(id)s::text", LaidRow)
LISTED = Query(
    "custom shifts of this schedule in a stretch of time",
    f"""{_PRESENT} AND c.start_at < %(until)s::timestamptz AND c.end_at > %(since)s::timestamptz
    ORDER BY c.start_at, coalesce(c.place, c.row_id)""",
    LaidRow,
)
END = Command(
    "end what is known of a custom shift",
    """
    UPDATE custom_shift SET removed_at = greatest(%(now)s::timestamptz, created_at)
     WHERE schedule_id = %(schedule_id)s AND id = %(id)s AND removed_at IS NULL
    """,
)
# The row that ended last is the one that is followed: it gives its place and its author on.
FOLLOW = Command(
    "write a custom shift anew",
    """
    INSERT INTO custom_shift (id, schedule_id, place, start_at, end_at, user_id, created_by, created_at)
    SELECT id, schedule_id, coalesce(place, row_id), %(start)s, %(end)s, %(user_id)s, created_by, removed_at
      FROM custom_shift WHERE schedule_id = %(schedule_id)s AND id = %(id)s ORDER BY row_id DESC LIMIT 1
    """,
)

WAYS = Ways(name="Custom shift", add=ADD, end=END, follow=FOLLOW)


async def add(turn: Turn, schedule_id: str, shift: CustomShift, actor: Actor) -> None:
    """Add a custom shift to a schedule.

    Raises `Refused`: not found, or invalid when it ends before a second has passed.
    """
    await hold(turn, schedule_id)
    await lay(turn, WAYS, _values(schedule_id, shift, turn.now), actor)


async def remove(turn: Turn, schedule_id: str, shift_id: str) -> Outcome:
    """Take a coming custom shift away, or cut a running one short at this second.

    Raises `Refused`: not found, or invalid when it is over.
    """
    await hold(turn, schedule_id)
    shift = await found(turn, schedule_id, shift_id)
    return await take_back(turn, WAYS, _values(schedule_id, shift, turn.now), (shift.start, shift.end))


async def change(turn: Turn, schedule_id: str, shift: CustomShift) -> None:
    """Write a custom shift anew; it keeps its place among the others.

    Raises `Refused`: not found, or invalid when it ends before a second has passed.
    """
    await hold(turn, schedule_id)
    await found(turn, schedule_id, shift.id)
    await lay_anew(turn, WAYS, _values(schedule_id, shift, turn.now))


async def listed(turn: Turn, schedule_id: str, since: datetime, until: datetime) -> list[CustomShift]:
    """Return the custom shifts of a schedule that lie somewhere in [`since`, `until`), by their start."""
    values = {"schedule_id": schedule_id, "since": since, "until": until}
    return [custom_shift_of(row) for row in await turn.rows(LISTED, values)]


async def found(turn: Turn, schedule_id: str, shift_id: str) -> CustomShift:
    """Return a custom shift of a schedule; raise `Refused` (not found)."""
    return custom_shift_of(await turn.one(FOUND, {"schedule_id": schedule_id, "id": shift_id}))


def _values(schedule_id: str, shift: CustomShift, now: datetime) -> dict[str, object]:
    start, end = stretch_of("custom shift", shift.start, shift.end)
    return {
        "id": shift.id,
        "schedule_id": schedule_id,
        "start": start,
        "end": end,
        "user_id": shift.user_id,
        "now": now,
    }
