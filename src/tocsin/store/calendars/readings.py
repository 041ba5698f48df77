"""Readings of calendars: which one is due, who reads it, and what its entries do to the layer that it tells."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs, to_builtins
from psycopg.types.json import Jsonb

from tocsin.domain.oncall.calendar import Entry, Known, Matched, addresses, match, summaries, window
from tocsin.domain.oncall.schedule import Layer
from tocsin.domain.people.actor import Actor
from tocsin.ground.errors import Refused, Why
from tocsin.store import audit
from tocsin.store.calendars.rows import LOCKED, REMOVE, CalendarRow
from tocsin.store.query import Command, Query
from tocsin.store.schedules import rows, write
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

HELD_FOR = timedelta(minutes=2)  # a reader has so long; then another one tries
REREAD_AFTER = timedelta(days=1)  # a copy that did not change is read again after so long: people come and go
AGAIN_AFTER = timedelta(minutes=15)  # a calendar that failed is tried again after so long, or sooner if it is asked to


class Due(Struct, frozen=True):
    """A calendar that is to be read now, and the copy that there is; `fence` is named when the reading is written."""

    id: str
    url_sealed: bytes | None
    body: str | None
    etag: str | None
    modified: str | None
    read_at: datetime | None
    read_zone: str | None
    time_zone: str
    fence: int

    def is_read(self, now: datetime) -> bool:
        """Return whether the copy that there is was read lately, for this stretch of time and in this zone."""
        if self.read_at is None or self.read_zone != self.time_zone or now - self.read_at >= REREAD_AFTER:
            return False
        return window(self.read_at) == window(now)


class Reading(Struct, frozen=True, kw_only=True):
    """A calendar as it was read: its text, what its server said about it, and its entries."""

    body: str
    time_zone: str
    entries: tuple[Entry, ...]
    etag: str | None = None
    modified: str | None = None


class NextDue(Struct, frozen=True):
    """The instant at which the next calendar is due, and the present one."""

    at: datetime | None
    now: datetime


NEXT = Query("when a calendar is due", "SELECT min(due_at) AS at, tocsin_now() AS now FROM calendar", NextDue)
TAKE = Query(
    "a calendar that is due, taken up by one reader",
    """
    UPDATE calendar c SET fence = c.fence + 1, due_at = %(now)s::timestamptz + %(held_for)s::interval
      FROM schedule s
     WHERE s.id = c.schedule_id AND c.id = (
           SELECT d.id FROM calendar d WHERE d.due_at <= %(now)s::timestamptz
            ORDER BY d.due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING c.id, c.url_sealed, c.body, c.etag, c.modified, c.read_at, c.read_zone, s.time_zone, c.fence
    """,
    Due,
)
PEOPLE = Query(
    "people whom a calendar may mean",
    """
    SELECT u.id, u.name, u.email FROM app_user u
     WHERE u.deleted_at IS NULL AND (lower(u.email) = ANY(%(emails)s::text[]) OR u.id = ANY(%(ids)s::text[])
           OR lower(regexp_replace(btrim(u.name), '\\s+', ' ', 'g')) = ANY(%(names)s::text[]))
     ORDER BY u.id
    """,
    Known,
)
KEEP = Command(
    "keep what was read of a calendar",
    """
    UPDATE calendar SET state = 'good', failure = NULL, body = %(body)s, etag = %(etag)s, modified = %(modified)s,
           entries = %(entries)s, shifts = %(shifts)s, unmatched = %(unmatched)s, tried_at = %(now)s,
           good_at = %(now)s, read_at = %(now)s, read_zone = %(time_zone)s,
           due_at = %(now)s::timestamptz + make_interval(secs => refresh_s)
     WHERE id = %(id)s
    """,
)
UNCHANGED = Command(
    "note that a calendar did not change",
    """
    UPDATE calendar SET state = 'good', failure = NULL, tried_at = %(now)s, good_at = %(now)s,
           due_at = %(now)s::timestamptz + make_interval(secs => refresh_s)
     WHERE id = %(id)s AND fence = %(fence)s
    """,
)
FAILED = Command(
    "note that a calendar could not be read; its last good copy holds",
    """
    UPDATE calendar SET state = 'failing', failure = %(failure)s, tried_at = %(now)s,
           due_at = %(now)s::timestamptz + least(make_interval(secs => refresh_s), %(again)s::interval)
     WHERE id = %(id)s AND fence = %(fence)s
    """,
)


async def take(turn: Turn) -> Due | None:
    """Take up the calendar that is due for longest, or return None when there is none; nobody else gets it now."""
    return await turn.maybe(TAKE, {"now": turn.now, "held_for": HELD_FOR})


async def unchanged(turn: Turn, due: Due) -> None:
    """Note that the copy that there is is the present one."""
    await turn.run(UNCHANGED, {"id": due.id, "fence": due.fence, "now": turn.now})


async def failed(turn: Turn, due: Due, failure: str) -> None:
    """Note why a calendar could not be read."""
    await turn.run(
        FAILED, {"id": due.id, "fence": due.fence, "failure": failure, "now": turn.now, "again": AGAIN_AFTER}
    )


async def keep(turn: Turn, calendar: tuple[str, int], reading: Reading, actor: Actor) -> bool:
    """Let a layer tell what was read, and keep the copy; return whether the layer's shifts changed.

    `calendar` is its id and fence; when it was taken up or changed by somebody else since, nothing is written. The
    schedule gets a new version only when a shift is another one. A calendar whose layer is gone goes too. Raises
    `Refused` (not found) when the calendar or its schedule is gone.
    """
    calendar_id, fence = calendar
    row = await _held(turn, calendar_id)
    if row.fence != fence:
        return False
    kept = (await rows.load(turn, [row.schedule_id]))[row.schedule_id]
    if kept.fault is not None:
        return False  # written back, a schedule that cannot be read would lose its layers; and so would the calendar
    layer = layer_of(kept, row)
    if layer is None:
        await turn.run(REMOVE, {"id": row.id})
        return False
    matched = await _matched(turn, row, reading.entries)
    changed = layer.told != matched.told
    if changed:
        await retell(turn, kept, structs.replace(layer, told=matched.told), actor)
        count = {"before": len(layer.told), "after": len(matched.told)}
        await audit.record(turn, actor, "update", ("calendar", row.id), {"shifts": count})
    await turn.run(KEEP, {**_kept(matched, reading), "id": row.id, "now": turn.now})
    return changed


def layer_of(kept: Kept, row: CalendarRow) -> Layer | None:
    """Return the layer that a calendar tells, or None when the schedule was written anew without it."""
    return next((each for each in kept.schedule.layers if each.id == row.layer_id and each.calendar_id == row.id), None)


async def retell(turn: Turn, kept: Kept, layer: Layer, actor: Actor) -> None:
    """Write a schedule with this layer in the place of the one with its id."""
    layers = tuple(layer if each.id == layer.id else each for each in kept.schedule.layers)
    await rewrite(turn, kept, layers, actor)


async def rewrite(turn: Turn, kept: Kept, layers: tuple[Layer, ...], actor: Actor) -> None:
    """Write a schedule with these layers and everything else as it is."""
    kept.require_readable()
    schedule = structs.replace(kept.schedule, layers=layers)
    draft = write.Draft(schedule=schedule, description=kept.description, kind=kept.kind, team_ids=kept.team_ids)
    await write.update(turn, draft, actor)


async def hold(turn: Turn, calendar_id: str, schedule_id: str) -> CalendarRow:
    """Keep others from a schedule and its calendar, in that order always; raise `Refused` (not found)."""
    await write.hold(turn, schedule_id)
    row = await turn.one(LOCKED, {"id": calendar_id})
    if row.schedule_id != schedule_id:
        raise Refused(Why.NOT_FOUND, "There is no calendar with this id.")
    return row


class _Place(Struct, frozen=True):
    schedule_id: str


PLACE = Query("calendar with this id", "SELECT schedule_id FROM calendar WHERE id = %(id)s", _Place)


async def _held(turn: Turn, calendar_id: str) -> CalendarRow:
    return await hold(turn, calendar_id, (await turn.one(PLACE, {"id": calendar_id})).schedule_id)


async def _matched(turn: Turn, row: CalendarRow, entries: Sequence[Entry]) -> Matched:
    by_summary = {str(text): str(user_id) for text, user_id in row.by_summary.items()}
    values = {
        "emails": sorted(addresses(entries)),
        "names": sorted(summaries(entries)),
        "ids": sorted(set(by_summary.values())),
    }
    return match(entries, await turn.rows(PEOPLE, values), by_summary)


def _kept(matched: Matched, reading: Reading) -> dict[str, object]:
    return {
        "body": reading.body,
        "etag": reading.etag,
        "modified": reading.modified,
        "time_zone": reading.time_zone,
        "entries": len(reading.entries),
        "shifts": len(matched.told),
        "unmatched": Jsonb(to_builtins(matched.unmatched)),
    }
