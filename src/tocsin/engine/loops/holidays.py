"""Holidays: reads the calendars of free days anew each day; what fails leaves the last good copy."""

import asyncio
from datetime import date, datetime

import structlog

from tocsin.ground.errors import Refused, StoreUnavailable
from tocsin.ground.text import trim
from tocsin.store.hints import Topic
from tocsin.store.keyring import KeyFault, Keyring
from tocsin.store.load import holidays
from tocsin.store.load.holidays import SEALED, TABLE, Source
from tocsin.store.turn import Store, Turn
from tocsin.wire.fetch import Documents, NotModified
from tocsin.wire.ics import decoded
from tocsin.wire.read_apart import Apart

log = structlog.get_logger("holidays")

_EVERY_S = 30.0  # seconds: a calendar that was just added is there within a minute
_LONGEST_FAILURE = 500  # characters of a failure that are kept


class HolidayLoop:
    """Keeps holiday calendars fresh, one after the other, until cancelled; it does not beat: nobody waits for it."""

    def __init__(self, store: Store, keyring: Keyring, documents: Documents) -> None:
        """Prepare to read; `documents` is the only way to the addresses, which the keyring opens."""
        self._store = store
        self._keyring = keyring
        self._documents = documents
        self._apart = Apart(most=1)

    async def run(self) -> None:
        """Read what is due, and wait for a change of configuration or for the next look."""
        with self._store.hints.listening(Topic.CONFIG) as bell:
            while True:
                try:
                    while await self.refresh_one():
                        pass
                except Exception as failure:  # noqa: BLE001 - border of a loop: the next look tries again
                    level = log.warning if isinstance(failure, StoreUnavailable) else log.error
                    level("holidays.failed", failure=repr(failure))
                    await asyncio.sleep(_EVERY_S)
                    continue
                await bell.wait(_EVERY_S)

    async def refresh_one(self) -> bool:
        """Read the calendar that is due for longest; return whether there was one."""
        if not (await self._store.glance(holidays.ANY_DUE)).yes:
            return False
        due, now = await self._store.work(_taken)
        if due is None:
            return False
        try:
            await self._refresh(due, holidays.span(now))
        except (Refused, KeyFault) as refusal:
            said = trim(refusal.message if isinstance(refusal, Refused) else str(refusal), _LONGEST_FAILURE)
            log.warning("holidays.not_read", calendar_id=due.id, why=said)
            await self._store.work(lambda turn: holidays.fail(turn, due.id, said))
        return True

    async def _refresh(self, due: Source, span: tuple[date, date]) -> None:
        copy = await self._copy(due)
        days = await self._apart.days(copy.text or "", *span)
        await self._store.work(lambda turn: holidays.succeed(turn, due.id, days, copy))

    async def _copy(self, due: Source) -> Source:
        """Return the calendar's text: the last copy where there is no address or nothing changed behind it."""
        if due.url_sealed is None:
            return due
        url = self._keyring.open(due.url_sealed, table=TABLE, row_id=due.id, column=SEALED).decode()
        document = await self._documents.get(url, etag=due.etag if due.text else None)
        if isinstance(document, NotModified):
            return due
        return Source(due.id, due.url_sealed, decoded(document.body), document.etag)


async def _taken(turn: Turn) -> tuple[Source | None, datetime]:
    taken = await holidays.take_due(turn, 1)
    return (taken[0] if taken else None), turn.now
