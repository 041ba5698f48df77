"""Holidays over the API: calendars of free days, from an address or uploaded, read anew each day."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tocsin.api.kit import Answer, Call, Shown, allow, gone, listed, operation, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.difference import differences
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.ground.text import squash
from tocsin.store import audit
from tocsin.store.load import holidays
from tocsin.store.load.holidays import SEALED, TABLE, CalendarRow, Draft
from tocsin.store.turn import Turn
from tocsin.wire.exchange import target
from tocsin.wire.fetch import plain_url
from tocsin.wire.ics import decoded
from tocsin.wire.read_apart import Apart

KEY = "holiday_calendar"
_KIND = Subject(KEY)
_APART = Apart()  # of this door alone: two uploads at once, more are asked to wait
_SHOWN_AHEAD = timedelta(days=366)

Name = Annotated[str, Meta(max_length=100)]  # characters: "Public holidays, Baden-Württemberg"


class HolidayBody(Struct, frozen=True):
    """A calendar as clients write it: `url` or `text`, an iCalendar file; absent fields keep what is there."""

    name: Name | UnsetType = UNSET
    country: Name | UnsetType | None = UNSET
    url: str | UnsetType | None = UNSET
    text: str | UnsetType | None = UNSET


@operation("GET", "/api/holiday_calendars")
async def list_holiday_calendars(call: Call) -> Answer:
    """List holiday calendars by name; `query` looks into names."""
    stretch = call.stretch()

    async def job(turn: Turn) -> Answer:
        page = await holidays.page(turn, stretch, query=call.text("query"))
        return listed("holiday_calendars", [show_calendar(call, row) for row in page.rows], page=page, stretch=stretch)

    return await call.store.read(job)


@operation("POST", "/api/holiday_calendars")
async def create_holiday_calendar(call: Call) -> Answer:
    """Add a holiday calendar: an uploaded one is read at once, one behind an address within a minute."""
    body = call.body(HolidayBody, wrap=KEY)
    allow(call.actor, Verb.CREATE, _KIND)
    draft = _written(call, body, new_id(), before=None)
    if draft.host is None and draft.text is None:
        raise Refused(Why.MISSING, "A holiday calendar needs a url or a text.")
    return await _kept(call, draft, None)


@operation("GET", "/api/holiday_calendars/{id}")
async def show_holiday_calendar(call: Call) -> Answer:
    """Show a holiday calendar with its days from `since` (today) to `until` (a year later)."""
    since, until = call.instant("since"), call.instant("until")

    async def job(turn: Turn) -> Answer:
        row = await turn.one(holidays.BY_ID, {"id": call.path["id"]})
        first = since or turn.now
        values = {"id": row.id, "since": first.date(), "until": (until or first + _SHOWN_AHEAD).date()}
        days = await turn.rows(holidays.DAYS, values)
        found = show_calendar(call, row)
        found["days"] = [{"on": day.day.isoformat(), "name": day.name} for day in days]
        return shown(KEY, found)

    return await call.store.read(job)


@operation("PUT", "/api/holiday_calendars/{id}")
async def update_holiday_calendar(call: Call) -> Answer:
    """Change what is given of a holiday calendar; a new address or text is read like that of a new one."""
    body = call.body(HolidayBody, wrap=KEY)
    allow(call.actor, Verb.UPDATE, _KIND)
    before = await call.store.read(lambda turn: turn.one(holidays.BY_ID, {"id": call.path["id"]}))
    draft = _written(call, body, before.id, before=before)
    return await _kept(call, draft, before)


@operation("DELETE", "/api/holiday_calendars/{id}")
async def delete_holiday_calendar(call: Call) -> Answer:
    """Delete a holiday calendar; its days are no holidays any more, in reports of the past neither."""
    allow(call.actor, Verb.DELETE, _KIND)

    async def job(turn: Turn) -> Answer:
        row = await turn.one(holidays.BY_ID, {"id": call.path["id"]})
        await holidays.delete(turn, row.id)
        await audit.record(turn, call.actor, "delete", (KEY, row.id), differences(_facts(row), {}))
        return gone()

    return await call.store.work(job)


@operation("POST", "/api/holiday_calendars/{id}/refresh")
async def refresh_holiday_calendar(call: Call) -> Answer:
    """Have a holiday calendar read anew within a minute."""
    allow(call.actor, Verb.UPDATE, _KIND)

    async def job(turn: Turn) -> Answer:
        await turn.one(holidays.BY_ID, {"id": call.path["id"]})
        await holidays.hurry(turn, call.path["id"])
        return shown(KEY, show_calendar(call, await turn.one(holidays.BY_ID, {"id": call.path["id"]})))

    return await call.store.work(job)


def show_calendar(call: Call, row: CalendarRow) -> Shown:
    """Return a calendar as a client reads it; its address may hold a secret, so only the host of it is told."""
    return {
        **call.links.head(KEY, row.id, row.name, under="/api"),
        "html_url": None,
        "name": row.name,
        "country": row.country,
        "source": "upload" if row.host is None else "url",
        "host": row.host,
        "state": row.state,
        "last_error": row.last_error,
        "last_ok_at": None if row.last_ok_at is None else call.at(row.last_ok_at),
        "next_refresh_at": call.at(row.due_at),
        "day_count": row.days,
        "created_at": call.at(row.created_at),
    }


async def _kept(call: Call, draft: Draft, before: CalendarRow | None) -> Answer:
    """Write a calendar, and its days at once when its text came with the request."""
    since, until = holidays.span(await _now(call))
    days = [] if draft.text is None else await _APART.days(draft.text, since, until)

    async def job(turn: Turn) -> Answer:
        await (holidays.add if before is None else holidays.change)(turn, draft)
        if draft.text is not None:
            copy = holidays.Source(draft.id, None, draft.text, None)
            await holidays.succeed(turn, draft.id, days, copy)
        row = await turn.one(holidays.BY_ID, {"id": draft.id})
        change = differences({} if before is None else _facts(before), _facts(row))
        await audit.record(turn, call.actor, "create" if before is None else "update", (KEY, row.id), change)
        return shown(KEY, show_calendar(call, row), status=CREATED if before is None else 200)

    return await call.store.work(job)


def _written(call: Call, body: HolidayBody, key: str, *, before: CalendarRow | None) -> Draft:
    name = squash(body.name) if isinstance(body.name, str) else before.name if before else ""
    if not name:
        raise Refused(Why.MISSING, "A holiday calendar needs a name.")
    country = body.country
    if isinstance(country, UnsetType):
        country = before.country if before else None
    if body.url and body.text:
        raise Refused(Why.INVALID, "A holiday calendar comes from its url or from its text, not from both.")
    url = plain_url(body.url) if body.url else None
    return Draft(
        id=key,
        name=name,
        country=squash(country) if country else None,
        url_sealed=call.house.keyring.seal(url.encode(), table=TABLE, row_id=key, column=SEALED) if url else None,
        host=target(url).name if url else None,
        text=decoded(body.text.encode("utf-8", "replace")) if body.text else None,
    )


def _facts(row: CalendarRow) -> dict[str, object]:
    return {"name": row.name, "country": row.country, "host": row.host}


async def _now(call: Call) -> datetime:
    async def job(turn: Turn) -> datetime:
        return turn.now

    return await call.store.read(job)
