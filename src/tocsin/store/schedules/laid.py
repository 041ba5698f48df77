"""What is laid over schedules: the overrides and custom shifts of several schedules, read together."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from tocsin.domain.oncall.schedule import CustomShift, Override
from tocsin.ground.errors import Refused, Why
from tocsin.store.query import Query
from tocsin.store.schedules.document import whole_second
from tocsin.store.turn import Turn

Outcome = Literal["deleted", "truncated"]
"""What became of a stretch that was removed: taken away whole before it began, or cut short while it ran."""


class LaidRow(Struct, frozen=True):
    """An override or a custom shift, and whose schedule it is."""

    schedule_id: str
    custom: bool
    id: str
    start_at: datetime
    end_at: datetime
    user_id: str | None
    layer_id: str | None
    custom_shift_id: str | None
    replaced_user_id: str | None
    cover_id: str | None


class Laid(Struct):
    """What is laid over one schedule, oldest first."""

    overrides: list[Override] = []
    custom_shifts: list[CustomShift] = []


_FIELDS = (
    """schedule_id, custom, id, start_at, end_at, user_id, layer_id, custom_shift_id, replaced_user_id, cover_id"""
)
_OVERRIDE = """o.schedule_id, false AS custom, o.id, o.start_at, o.end_at, o.user_id, o.layer_id, o.custom_shift_id,
       o.replaced_user_id, o.cover_id, coalesce(o.place, o.row_id) AS place"""
_CUSTOM = """c.schedule_id, true AS custom, c.id, c.start_at, c.end_at, c.user_id, NULL::text AS layer_id,
       NULL::text AS custom_shift_id, NULL::text AS replaced_user_id, NULL::text AS cover_id,
       coalesce(c.place, c.row_id) AS place"""

PRESENT = Query(
    "what lies over these schedules and ends after an instant",
    f"""SELECT {_FIELDS} FROM (
    SELECT {_OVERRIDE} FROM schedule_override o
     WHERE o.schedule_id = ANY(%(ids)s::text[]) AND o.removed_at IS NULL AND o.end_at > %(since)s::timestamptz
     UNION ALL
    SELECT {_CUSTOM} FROM custom_shift c
     WHERE c.schedule_id = ANY(%(ids)s::text[]) AND c.removed_at IS NULL AND c.end_at > %(since)s::timestamptz
) AS laid ORDER BY place""",  # noqa: S608 - joined from constants of this file only
    LaidRow,
)

KNOWN_AT = Query(
    "what was known at an instant to lie over these schedules, of what ends after another instant",
    f"""SELECT {_FIELDS} FROM (
    SELECT {_OVERRIDE} FROM schedule_override o
     WHERE o.schedule_id = ANY(%(ids)s::text[])
       AND o.end_at > %(since)s::timestamptz AND o.created_at <= %(at)s::timestamptz
       AND (o.removed_at IS NULL OR o.removed_at > %(at)s::timestamptz)
     UNION ALL
    SELECT {_CUSTOM} FROM custom_shift c
     WHERE c.schedule_id = ANY(%(ids)s::text[])
       AND c.end_at > %(since)s::timestamptz AND c.created_at <= %(at)s::timestamptz
       AND (c.removed_at IS NULL OR c.removed_at > %(at)s::timestamptz)
) AS laid ORDER BY place""",  # noqa: S608 - joined from constants of this file only
    LaidRow,
)

# An instant asks only what was known at it: of each row counts the part of its stretch in which it was known.
EFFECTIVE = Query(
    "what lay over this schedule while it was known, in a stretch of time",
    f"""SELECT {_FIELDS} FROM (
    SELECT schedule_id, custom, id, greatest(start_at, date_trunc('second', created_at)) AS start_at,
           least(end_at, date_trunc('second', removed_at)) AS end_at, user_id, layer_id, custom_shift_id,
           replaced_user_id, cover_id, place
      FROM (SELECT {_OVERRIDE}, o.created_at, o.removed_at FROM schedule_override o
             WHERE o.schedule_id = %(id)s::text AND o.start_at < %(until)s::timestamptz
               AND o.end_at > %(since)s::timestamptz
             UNION ALL
            SELECT {_CUSTOM}, c.created_at, c.removed_at FROM custom_shift c
             WHERE c.schedule_id = %(id)s::text AND c.start_at < %(until)s::timestamptz
               AND c.end_at > %(since)s::timestamptz) AS rows
) AS laid WHERE start_at < end_at ORDER BY place, start_at""",  # noqa: S608 - joined from constants of this file only
    LaidRow,
)


def laid_of(rows: Iterable[LaidRow]) -> dict[str, Laid]:
    """Return what is laid over each schedule that these rows name, in their order."""
    found: dict[str, Laid] = {}
    for row in rows:
        laid = found.setdefault(row.schedule_id, Laid([], []))
        if row.custom:
            laid.custom_shifts.append(custom_shift_of(row))
        else:
            laid.overrides.append(override_of(row))
    return found


def custom_shift_of(row: LaidRow) -> CustomShift:
    """Return the custom shift that a row tells."""
    return CustomShift(id=row.id, start=row.start_at, end=row.end_at, user_id=row.user_id)


def override_of(row: LaidRow) -> Override:
    """Return the override that a row tells."""
    return Override(
        id=row.id,
        start=row.start_at,
        end=row.end_at,
        user_id=row.user_id,
        layer_id=row.layer_id,
        custom_shift_id=row.custom_shift_id,
        replaced_user_id=row.replaced_user_id,
        cover_id=row.cover_id,
    )


def stretch_of(what: str, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return a stretch in whole seconds; raise `Refused` (invalid) when none is left of it."""
    start, end = whole_second(start), whole_second(end)
    if start >= end:
        raise Refused(Why.INVALID, f"End of the {what} must be after its start.")
    return start, end


def become_of(what: str, start: datetime, end: datetime, now: datetime) -> Outcome:
    """Say what removing a stretch makes of it; raise `Refused` (invalid) when it is over: history stays."""
    if end <= now:
        raise Refused(
            Why.INVALID, f"{what} can't be removed because it is already over: it ended at {end:%Y-%m-%dT%H:%M:%SZ}."
        )
    return "truncated" if start <= now else "deleted"


async def present(turn: Turn, ids: Sequence[str], since: datetime) -> dict[str, Laid]:
    """Return what lies over these schedules and ends after `since`."""
    return laid_of(await turn.rows(PRESENT, {"ids": list(ids), "since": since}))
