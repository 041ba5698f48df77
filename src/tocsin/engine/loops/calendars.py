"""Calendars: fetches what is due, reads it apart, and lets a layer tell it; what fails leaves the last good copy."""

import asyncio
from datetime import datetime

import structlog
from msgspec import Struct

from tocsin.domain.oncall.calendar import window
from tocsin.domain.people.actor import SYSTEM
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.ground.text import trim
from tocsin.store.calendars import readings
from tocsin.store.calendars.readings import NEXT, Due, Reading
from tocsin.store.calendars.rows import SEALED, TABLE
from tocsin.store.hints import Topic
from tocsin.store.keyring import KeyFault, Keyring
from tocsin.store.turn import Store, Turn
from tocsin.wire.fetch import Documents, NotModified
from tocsin.wire.ics import decoded
from tocsin.wire.read_apart import Apart

log = structlog.get_logger("calendars")

_EVERY_S = 15.0  # seconds: a second net under lost hints, and soon enough for what is due each quarter of an hour
_SOON_S = 0.5  # seconds, at least, between two looks: another node may hold what is due
_AGAIN_S = 5.0  # seconds until the database is asked again after it failed
_LONGEST_FAILURE = 500  # characters of a failure that are kept


class _Fetched(Struct, frozen=True):
    body: str
    etag: str | None
    modified: str | None


class CalendarLoop:
    """Keeps calendars fresh, one after the other, until cancelled.

    It does not beat like the loops that pages depend on: a slow server elsewhere is no reason to start this program
    anew, and a calendar that nobody reads for a day is a warning of its own.
    """

    def __init__(self, store: Store, keyring: Keyring, documents: Documents) -> None:
        """Prepare to read; `documents` is the only way to the addresses, which the keyring opens."""
        self._store = store
        self._keyring = keyring
        self._documents = documents
        self._apart = Apart(most=1)

    async def run(self) -> None:
        """Read what is due, and wait for a change of configuration or for the next instant."""
        with self._store.hints.listening(Topic.CONFIG) as bell:
            while True:
                try:
                    if await self.refresh_one():
                        continue
                    pause = await self._pause()
                except Exception as failure:  # noqa: BLE001 - border of a loop: the next look tries again
                    level = log.warning if isinstance(failure, StoreUnavailable) else log.error
                    level("calendars.failed", failure=repr(failure))
                    await asyncio.sleep(_AGAIN_S)
                    continue
                await bell.wait(pause)

    async def refresh_one(self) -> bool:
        """Read the calendar that is due for longest; return whether there was one."""
        following = await self._store.glance(NEXT)
        if following.at is None or following.at > following.now:
            return False
        due = await self._store.work(readings.take)
        if due is None:
            return False
        try:
            await self._refresh(due, following.now)
        except (Refused, KeyFault) as refusal:
            said = trim(refusal.message if isinstance(refusal, Refused) else str(refusal), _LONGEST_FAILURE)
            log.warning("calendars.not_read", calendar_id=due.id, why=said)
            await self._store.work(lambda turn: readings.failed(turn, due, said))
        return True

    async def _refresh(self, due: Due, now: datetime) -> None:
        fetched = await self._fetched(due)
        if fetched.body == due.body and due.is_read(now):
            await self._store.work(lambda turn: readings.unchanged(turn, due))
            return
        entries = await self._apart.entries(fetched.body, due.time_zone, *window(now))
        reading = Reading(
            body=fetched.body,
            time_zone=due.time_zone,
            entries=entries,
            etag=fetched.etag,
            modified=fetched.modified,
        )

        async def job(turn: Turn) -> bool:
            return await readings.keep(turn, (due.id, due.fence), reading, SYSTEM)

        try:
            changed = await self._store.work(job)
        except Refused as refusal:
            if refusal.why is not Why.NOT_FOUND:
                raise
            return  # it was deleted meanwhile
        log.info("calendars.read", calendar_id=due.id, entries=len(entries), changed=changed)

    async def _fetched(self, due: Due) -> _Fetched:
        """Return the calendar's text: the last copy where there is no address or nothing changed behind it."""
        if due.url_sealed is None:
            if due.body is None:
                raise Refused(Why.INVALID, "The calendar was never uploaded: send its text.")
            return _Fetched(due.body, None, None)
        url = self._keyring.open(due.url_sealed, table=TABLE, row_id=due.id, column=SEALED).decode()
        known = due.body is not None
        document = await self._documents.get(
            url, etag=due.etag if known else None, modified=due.modified if known else None
        )
        if isinstance(document, NotModified):
            if due.body is None:
                raise Refused(Why.UNAVAILABLE, "The server says that nothing changed, to somebody who has nothing yet.")
            return _Fetched(due.body, due.etag, due.modified)
        return _Fetched(decoded(document.body), document.etag, document.modified)

    async def _pause(self) -> float:
        following = await self._store.glance(NEXT)
        if following.at is None:
            return _EVERY_S
        return min(max((following.at - following.now).total_seconds(), _SOON_S), _EVERY_S)
