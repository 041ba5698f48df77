"""Reading apart: calendars of others are read in a process of their own, which is ended when it takes too long."""

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

import msgspec

from tocsin.domain.oncall.calendar import Entry
from tocsin.ground.errors import Refused, Why
from tocsin.wire.ics import Found, Wanted

PATIENCE_S = 15.0  # seconds on the wall for one calendar, start of the process included
MOST_READERS = 2  # at once: each may keep a processor busy for seconds
_TOO_LONG = "The calendar takes too long to read: it asks for more than any real one."
_UNREADABLE = "The calendar cannot be read: it breaks the reader."


class ReadersBusy(Refused):
    """So many calendars are being read that another one has to wait."""


class Apart:
    """Reads calendars in processes of their own; with `most` of them under way it refuses another."""

    def __init__(self, most: int = MOST_READERS) -> None:
        self._most = most
        self._busy = 0

    async def entries(self, text: str, time_zone: str, since: datetime, until: datetime) -> tuple[Entry, ...]:
        """Return the entries of a calendar; raises `Refused`: invalid in words, or unavailable while all are busy."""
        wanted = Wanted(kind="entries", text=text, since=since, until=until, time_zone=time_zone)
        return (await self._ask(wanted)).entries

    async def days(self, text: str, since: date, until: date) -> Sequence[tuple[date, str]]:
        """Return the whole days that a calendar names; raises `Refused` as `entries` does."""
        begin, end = (datetime.combine(day, time(), UTC) for day in (since, until))
        return (await self._ask(Wanted(kind="days", text=text, since=begin, until=end))).days

    async def _ask(self, wanted: Wanted) -> Found:
        if self._busy >= self._most:
            raise ReadersBusy(Why.UNAVAILABLE, "Other calendars are being read; try again in a moment.")
        self._busy += 1
        try:
            said = await _run(msgspec.json.encode(wanted))
        finally:
            self._busy -= 1
        found = msgspec.json.decode(said, type=Found)
        if found.refused is not None:
            raise Refused(Why.INVALID, found.refused)
        return found


async def _run(asked: bytes) -> bytes:
    """Run the reader on this text and return what it says; end it when it takes too long."""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tocsin.wire.ics_reader",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await process.communicate(asked)
    except TimeoutError:
        raise Refused(Why.INVALID, _TOO_LONG) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise Refused(Why.INVALID, _TOO_LONG if (process.returncode or 0) < 0 else _UNREADABLE)
    return said
