"""The file behind a feed's address: a month of the past and a year ahead, as iCalendar text, for whoever knows it."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta

from msgspec import Raw, Struct

from tocsin.api.kit import Answer, Call, operation
from tocsin.api.kit.errors import TABLE, envelope
from tocsin.api.kit.links import Links
from tocsin.api.rest.calendars.address import PURPOSE, feed_named
from tocsin.api.rest.calendars.shelf import Sheet, Shelf
from tocsin.domain.oncall.bounds import MOST_SHOWN
from tocsin.domain.oncall.bulk import most_shifts
from tocsin.domain.oncall.schedule import Gap, Schedule, Shift
from tocsin.domain.people.actor import Actor
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.ground.text import one_line, trim
from tocsin.store import actors
from tocsin.store.calendars import feeds
from tocsin.store.calendars.feeds import Change, FeedRow
from tocsin.store.config import config_stamp
from tocsin.store.schedules import rows
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn
from tocsin.wire.ics_feed import CONTENT_TYPE, FeedEntry, uid, written

BACK = timedelta(days=31)
AHEAD = timedelta(days=366)
LEAST_AHEAD = timedelta(days=14)  # where a year holds too much
MOST_ENTRIES = 2 * MOST_SHOWN  # shifts of one file: a year of ten schedules with five shifts a day
MOST_SCHEDULES = 100  # in one feed; a calendar with more of them can be read by nobody
FRESH_FOR_S = 300  # seconds that a client's cache may answer in our place
NOTED_EVERY = timedelta(minutes=1)  # so that a busy client does not write a row with each request
LONGEST_AGENT = 200  # characters of a client's name
_GONE = 410
_NOT_MODIFIED = 304


_SHELF = Shelf()  # of this process: each one draws a feed once for each state of the configuration


class Asked(Struct, frozen=True):
    """A feed that somebody fetches, who made it, and how often the configuration had changed by then."""

    feed: FeedRow
    maker: Actor
    stamp: int
    now: datetime


@operation("GET", "/calendars/{name}", is_open=True)
async def fetch_calendar(call: Call) -> Answer:
    """Return a feed as iCalendar text; 404 for an address that never was, 410 for one that is over."""
    feed_id = feed_named(call.house.keyring.derive(PURPOSE), call.path["name"])
    if feed_id is None:
        raise Refused(Why.NOT_FOUND, "There is no calendar at this address: check that it was copied whole.")
    asked = await call.store.read(lambda turn: _asked(turn, feed_id))
    if asked is None:
        return _over()
    mark = (asked.stamp, window(asked.now), call.links.public_url)
    sheet = _SHELF.found(feed_id, mark)
    if sheet is None or (sheet.content is None and not _has(call, sheet.tag)):
        content = await _drawn(call, asked)
        if content is None:
            return _over()
        sheet = _SHELF.keep(feed_id, mark, content)
    await _note(call, asked)
    return _answer(call, sheet)


def window(now: datetime) -> tuple[datetime, datetime]:
    """Return the stretch that feeds tell of at an instant, on whole days of UTC so that it stays for a day."""
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    return today - BACK, today + AHEAD


def fitting(schedules: Sequence[Schedule], since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Return the stretch that a feed of these schedules tells of: the whole one, or as far ahead as one file holds.

    Raises `Refused` (invalid) when even two weeks ahead are too much.
    """
    ahead = until - since - BACK
    while sum(most_shifts(schedule, since, until) for schedule in schedules) > MOST_ENTRIES:
        ahead = timedelta(days=ahead.days // 2)
        if ahead < LEAST_AHEAD:
            raise Refused(Why.INVALID, "These are more shifts than one calendar holds: subscribe to fewer schedules.")
        until = since + BACK + ahead
    return since, until


def entries_of(
    kept: Kept, feed: FeedRow, stretch: tuple[datetime, datetime], *, change: Change, links: Links
) -> list[FeedEntry]:
    """Return a schedule's part of a feed: its shifts with the edges that they really have, and its gaps if asked."""
    timeline = kept.timeline()
    user_id = feed.subject_id if feed.kind == "user" else feed.user_id if feed.only_me else None
    shifts = [each for each in timeline.final(*stretch, whole=True) if user_id is None or each.user_id == user_id]
    gaps = [each for each in timeline.gaps(*stretch) if not each.intended] if feed.gaps else []
    names = {user.id: user.name for user in kept.users}
    url = str(links.head("schedule", kept.schedule.id, None)["html_url"])
    schedule_id, name = kept.schedule.id, kept.schedule.name

    def entry(each: Shift | Gap, summary: str, key: Sequence[str], description: str = "") -> FeedEntry:
        return FeedEntry(
            uid=uid(schedule_id, *key, each.start.isoformat()),
            start=each.start,
            end=each.end,
            summary=f"{summary} — {name}",
            description=description,
            url=url,
            revision=change.revision,
            changed_at=change.changed_at,
        )

    found = [
        entry(
            each, f"On call: {names.get(each.user_id or '', 'somebody')}", (each.turn, each.user_id or ""), _why(each)
        )
        for each in shifts
    ]
    return found + [entry(each, "Nobody on call", ("gap",)) for each in gaps]


def _why(shift: Shift) -> str:
    return "By an override." if shift.source.kind == "override" else ""


async def _asked(turn: Turn, feed_id: str) -> Asked | None:
    """Return the feed with whoever made it, None when it is over; the stamp is read before all that follows from it."""
    stamp = await config_stamp(turn)
    feed = await turn.one(feeds.BY_ID, {"id": feed_id})
    maker = await actors.person(turn, feed.user_id, method="link")
    if feed.revoked_at is not None or maker is None or feed.subject_name is None:
        return None
    if feed.kind == "team" and not _sees(maker, [feed.subject_id]):
        return None
    return Asked(feed, maker, stamp, turn.now)


async def _drawn(call: Call, asked: Asked) -> bytes | None:
    """Return the feed as text, as far as its maker may see today; None when nothing is left of it."""
    feed, maker = asked.feed, asked.maker
    since, until = window(asked.now)

    async def job(turn: Turn) -> tuple[list[Kept], dict[str, Change]]:
        wanted = (await feeds.schedules_of(turn, feed, since))[:MOST_SCHEDULES]
        own = feed.kind == "user" and feed.subject_id == maker.id
        kept = await rows.load(turn, wanted, since=since, horizon=None if own else maker.horizon)
        return [kept[each] for each in wanted if each in kept], await feeds.changes(turn, wanted)

    schedules, changes = await call.store.read(job)
    if feed.kind == "schedule" and not schedules:
        return None
    stretch = fitting([kept.schedule for kept in schedules], since, until)

    def text() -> bytes:
        entries = [
            entry
            for kept in schedules
            for entry in entries_of(kept, feed, stretch, change=changes[kept.schedule.id], links=call.links)
        ]
        entries.sort(key=lambda entry: (entry.start, entry.end, entry.uid))
        return written(f"On call: {feed.subject_name}", entries)

    # A large team takes a while to draw: on the side, so that doors and pages go on meanwhile.
    return await asyncio.to_thread(text)


def _sees(maker: Actor, team_ids: Iterable[str]) -> bool:
    return maker.horizon is None or bool(set(maker.horizon) & set(team_ids))


async def _note(call: Call, asked: Asked) -> None:
    """Note who fetched the feed; that the database is busy is no reason to refuse it."""
    feed = asked.feed
    agent = trim(one_line(call.headers.get("user-agent", "")), LONGEST_AGENT)
    if feed.agent == agent and feed.fetched_at is not None and asked.now - feed.fetched_at < NOTED_EVERY:
        return

    async def job(turn: Turn) -> None:
        await turn.run(feeds.NOTE, {"id": feed.id, "agent": agent, "now": turn.now})

    with contextlib.suppress(StoreUnavailable):
        await call.store.work(job)


def _has(call: Call, tag: str) -> bool:
    """Say whether the client has what carries this tag."""
    known = [each.strip().removeprefix("W/") for each in call.headers.get("if-none-match", "").split(",")]
    return tag in known or known == ["*"]


def _answer(call: Call, sheet: Sheet) -> Answer:
    headers = {"etag": sheet.tag, "cache-control": f"private, max-age={FRESH_FOR_S}"}
    if sheet.content is None or _has(call, sheet.tag):
        return Answer(_NOT_MODIFIED, None, headers)
    headers |= {"content-type": CONTENT_TYPE, "content-disposition": 'inline; filename="on-call.ics"'}
    return Answer(200, Raw(sheet.content), headers)


def _over() -> Answer:
    said = TABLE[Why.NOT_FOUND]._replace(status=_GONE, message="Gone")
    return envelope(said, ("This calendar is over: it was revoked, or what it told of is gone.",))
