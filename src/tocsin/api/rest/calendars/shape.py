"""Calendars on the wire: how a layer's calendar is asked for, and how it is shown."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tocsin.api.kit import Call, Shown
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import squash
from tocsin.store.calendars.rows import CalendarRow
from tocsin.store.schedules.rows import Kept
from tocsin.wire.exchange import target
from tocsin.wire.fetch import plain_url

LONGEST_UPLOAD = 1024 * 1024  # bytes of a calendar in a request
LONGEST_NAME = 255  # characters
MOST_MATCHES = 500  # texts of one map
SHORTEST_REFRESH_MIN = 15  # minutes; calendars hosted by others are themselves hours behind
LONGEST_REFRESH_MIN = 1440  # minutes; a calendar that is older than a day is called stale

_Minutes = Annotated[int, Meta(ge=SHORTEST_REFRESH_MIN, le=LONGEST_REFRESH_MIN)]


class CalendarBody(Struct, frozen=True):
    """What a client writes about a calendar: `url` or `text`, and whom its texts mean."""

    name: str | UnsetType = UNSET
    url: str | UnsetType | None = UNSET
    text: str | UnsetType | None = UNSET
    match: dict[str, str] | UnsetType = UNSET
    refresh_minutes: _Minutes | UnsetType = UNSET


class Source(Struct, frozen=True):
    """Where a calendar comes from: an address with its host, or a text."""

    url: str | None = None
    host: str | None = None
    text: str | None = None


def source_of(body: CalendarBody) -> Source | None:
    """Return where a request says that the calendar comes from, or None when it does not say.

    Raises `Refused` (invalid or too large) for both at once, an address that cannot be called, a text that is too long.
    """
    url = body.url or None
    text = body.text or None
    if url and text:
        raise Refused(Why.INVALID, "A calendar comes from its url or from its text, not from both.")
    if url:
        plain = plain_url(url)
        return Source(url=plain, host=target(plain).name)
    if text:
        if len(text.encode("utf-8", "replace")) > LONGEST_UPLOAD:
            raise Refused(Why.TOO_LARGE, f"The text of a calendar is at most {LONGEST_UPLOAD // 1024} KiB.")
        return Source(text=text)
    return None


def name_of(body: CalendarBody, otherwise: str) -> str:
    """Return the name of a calendar and its layer; raise `Refused` (invalid) when it is none."""
    name = otherwise if isinstance(body.name, UnsetType) else squash(body.name)
    if not 0 < len(name) <= LONGEST_NAME:
        raise Refused(Why.INVALID, f"name has 1 to {LONGEST_NAME} characters.")
    return name


def matches_of(body: CalendarBody, otherwise: Mapping[str, str]) -> dict[str, str]:
    """Return whom a calendar's texts mean; raise `Refused` (invalid) when there are too many."""
    found = dict(otherwise) if isinstance(body.match, UnsetType) else body.match
    if len(found) > MOST_MATCHES:
        raise Refused(Why.INVALID, f"match has at most {MOST_MATCHES} texts.")
    return found


def refresh_of(body: CalendarBody, otherwise: timedelta) -> timedelta:
    """Return how often a calendar is fetched."""
    return otherwise if isinstance(body.refresh_minutes, UnsetType) else timedelta(minutes=body.refresh_minutes)


def show_calendar_of(call: Call, row: CalendarRow, kept: Kept) -> Shown:
    """Show a calendar; its address is a secret, so only the host of it is told."""
    return {
        "id": row.id,
        "type": "calendar",
        "name": row.name,
        "schedule": call.links.reference("schedule", kept.schedule.id, kept.schedule.name),
        "layer_id": row.layer_id,
        "source": "upload" if row.uploaded else "url",
        "host": row.host,
        "match": row.by_summary,
        "refresh_minutes": row.refresh_s // 60,
        "state": row.state,
        "last_error": row.failure,
        "last_tried_at": None if row.tried_at is None else call.at(row.tried_at),
        "last_ok_at": None if row.good_at is None else call.at(row.good_at),
        "next_at": call.at(row.due_at),
        "entries": row.entries,
        "shifts": row.shifts,
        "unmatched": row.unmatched,
        "created_at": call.at(row.created_at),
    }
