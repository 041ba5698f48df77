"""Overrides as kept: added, cut short, changed; what they were stays for the history."""

from datetime import datetime

from msgspec import Struct

from tocsin.domain.oncall.schedule import Override
from tocsin.domain.people.actor import Actor
from tocsin.store.query import Command, Query
from tocsin.store.schedules.laid import LaidRow, Outcome, override_of, stretch_of
from tocsin.store.schedules.lay import Ways, lay, lay_anew, take_back
from tocsin.store.schedules.write import hold
from tocsin.store.turn import Turn


class CoveredRow(Struct, frozen=True):
    """An override that fulfils a cover request, and whose schedule it is."""

    cover_id: str
    schedule_id: str
    override_id: str


_PRESENT = """
    SELECT o.schedule_id, false AS custom, o.id, o.start_at, o.end_at, o.user_id, o.layer_id, o.custom_shift_id,
           o.replaced_user_id, o.cover_id
      FROM schedule_override o WHERE o.schedule_id = %(schedule_id)s::text AND o.removed_at IS NULL
"""

ADD = Command(
    "lay an override over a schedule",
    """
    INSERT INTO schedule_override (id, schedule_id, start_at, end_at, user_id, layer_id, custom_shift_id,
                                   replaced_user_id, cover_id, created_by, created_at)
    VALUES (%(id)s, %(schedule_id)s, %(start)s, %(end)s, %(user_id)s, %(layer_id)s, %(custom_shift_id)s,
            %(replaced_user_id)s, %(cover_id)s, %(created_by)s, %(now)s)
    """,
)
FOUND = Query("override with this id on this schedule", f"{_PRESENT} AND o.id = %(id)s::text", LaidRow)
LISTED = Query(
    "overrides of this schedule in a stretch of time",
    f"""{_PRESENT} AND o.start_at < %(until)s::timestamptz AND o.end_at > %(since)s::timestamptz
    ORDER BY o.start_at, coalesce(o.place, o.row_id)""",
    LaidRow,
)
OF_COVERS = Query(
    "overrides that fulfil these cover requests",
    """
    SELECT cover_id, schedule_id, id AS override_id FROM schedule_override
     WHERE cover_id = ANY(%(cover_ids)s::text[]) AND removed_at IS NULL ORDER BY cover_id, row_id
    """,
    CoveredRow,
)
END = Command(
    "end what is known of an override",
    """
    UPDATE schedule_override SET removed_at = greatest(%(now)s::timestamptz, created_at)
     WHERE schedule_id = %(schedule_id)s AND id = %(id)s AND removed_at IS NULL
    """,
)
# The row that ended last is the one that is followed: it gives its place and its author on.
FOLLOW = Command(
    "write an override anew",
    """
    INSERT INTO schedule_override (id, schedule_id, place, start_at, end_at, user_id, layer_id, custom_shift_id,
                                   replaced_user_id, cover_id, created_by, created_at)
    SELECT id, schedule_id, coalesce(place, row_id), %(start)s, %(end)s, %(user_id)s, %(layer_id)s,
           %(custom_shift_id)s, %(replaced_user_id)s, %(cover_id)s, created_by, removed_at
      FROM schedule_override WHERE schedule_id = %(schedule_id)s AND id = %(id)s ORDER BY row_id DESC LIMIT 1
    """,
)

WAYS = Ways(name="Override", add=ADD, end=END, follow=FOLLOW)


async def add(turn: Turn, schedule_id: str, override: Override, actor: Actor) -> None:
    """Lay an override over a schedule, above all that are there.

    Raises `Refused`: not found, or invalid when it ends before a second has passed.
    """
    await hold(turn, schedule_id)
    await lay(turn, WAYS, _values(schedule_id, override, turn.now), actor)


async def remove(turn: Turn, schedule_id: str, override_id: str) -> Outcome:
    """Take a coming override away, or cut a running one short at this second.

    Raises `Refused`: not found, or invalid when it is over.
    """
    await hold(turn, schedule_id)
    override = await found(turn, schedule_id, override_id)
    return await take_back(turn, WAYS, _values(schedule_id, override, turn.now), (override.start, override.end))


async def change(turn: Turn, schedule_id: str, override: Override) -> None:
    """Write an override anew; it keeps its place among the others.

    Raises `Refused`: not found, or invalid when it ends before a second has passed.
    """
    await hold(turn, schedule_id)
    await found(turn, schedule_id, override.id)
    await lay_anew(turn, WAYS, _values(schedule_id, override, turn.now))


async def listed(turn: Turn, schedule_id: str, since: datetime, until: datetime) -> list[Override]:
    """Return the overrides of a schedule that hold somewhere in [`since`, `until`), by their start."""
    values = {"schedule_id": schedule_id, "since": since, "until": until}
    return [override_of(row) for row in await turn.rows(LISTED, values)]


async def found(turn: Turn, schedule_id: str, override_id: str) -> Override:
    """Return an override of a schedule; raise `Refused` (not found)."""
    return override_of(await turn.one(FOUND, {"schedule_id": schedule_id, "id": override_id}))


def _values(schedule_id: str, override: Override, now: datetime) -> dict[str, object]:
    start, end = stretch_of("override", override.start, override.end)
    return {
        "id": override.id,
        "schedule_id": schedule_id,
        "start": start,
        "end": end,
        "user_id": override.user_id,
        "layer_id": override.layer_id,
        "custom_shift_id": override.custom_shift_id,
        "replaced_user_id": override.replaced_user_id,
        "cover_id": override.cover_id,
        "now": now,
    }
