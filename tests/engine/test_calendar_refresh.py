"""Calendars behind an address: fetched, fetched again only when changed, and never lost when their server is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec import Struct

from tests.api.rest.rota import layer, made, now
from tests.api.rest.service_desk import Desk, Json, desk, text
from tests.api.rest.test_calendars import plan
from tests.town.webhook_sink import HANG, RESET, Sink, answer, webhook_sink
from tocsin.domain.people.actor import SYSTEM
from tocsin.engine.loops.calendars import CalendarLoop
from tocsin.store.calendars import stale
from tocsin.store.calendars.readings import Reading, keep, take
from tocsin.store.schedules import rows
from tocsin.store.turn import Turn
from tocsin.wire.fetch import Documents

PATIENCE = timedelta(seconds=1)


class Room(Struct):
    """A schedule with a calendar behind an address of a real server, and the loop that reads it."""

    at: Desk
    sink: Sink
    loop: CalendarLoop
    schedule_id: str
    calendar_id: str
    start: datetime

    def serves(self, *names: str, headers: tuple[str, ...] = ()) -> None:
        """Let the server answer the next request with a plan."""
        self.sink.will(answer(200, *headers, body=plan(self.start, *names).encode()))

    async def refresh(self) -> Json:
        """Let the loop read the calendar now, and return what is shown of it."""
        await self.at.ask("POST", f"/api/calendars/{self.calendar_id}/refresh?wait=0")
        return await self.read()

    async def read(self) -> Json:
        """Let the loop read what is due, and return what is shown of the calendar."""
        while await self.loop.refresh_one():
            pass
        return await self.at.done("GET", f"/api/calendars/{self.calendar_id}")

    async def on_call(self, day: int = 0) -> tuple[str, ...]:
        """Return who is on call at noon of a day of the plan, as the engine asks it."""
        timelines = await self.at.house.store.read(lambda turn: rows.timelines(turn, [self.schedule_id]))
        return timelines[self.schedule_id].who(self.start + timedelta(days=day, hours=12))

    async def version(self) -> int:
        """Return the version of the schedule."""
        return (await self.at.house.store.read(lambda turn: rows.load(turn, [self.schedule_id])))[
            self.schedule_id
        ].version


@asynccontextmanager
async def _room(database: str, folder: Path, path: str = "/hook") -> AsyncIterator[Room]:
    async with desk(database, folder / "master.key") as at, webhook_sink() as sink:
        key = await made(at, layer(await at.user("Cy"), start="2035-01-06T00:00:00Z"))
        url = sink.url.replace("/hook", path)
        made_ = await at.done("POST", f"/api/schedules/{key}/calendar_layers?wait=0", {"calendar": {"url": url}})
        documents = Documents(allowed_networks=["127.0.0.0/8"], patience=PATIENCE)
        loop = CalendarLoop(at.house.store, at.house.keyring, documents)
        yield Room(at, sink, loop, key, text(made_["id"]), await now(at) + timedelta(days=1))


@pytest.fixture
async def room(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with _room(database, tmp_path) as opened:
        yield opened


async def test_a_calendar_is_fetched_and_people_are_on_call(room: Room) -> None:
    ada, bo = await room.at.user("Ada"), await room.at.user("Bo")
    room.serves("Ada", "Bo", "Nobody here")
    shown = await room.read()
    assert (shown["state"], shown["shifts"], shown["unmatched"]) == ("good", 2, [{"text": "Nobody here", "count": 1}])
    assert [await room.on_call(day) for day in range(3)] == [(ada,), (bo,), ()]
    (request,) = room.sink.caught
    assert (request.method, request.headers["accept-encoding"]) == ("GET", "identity")
    assert "if-none-match" not in request.headers


async def test_what_did_not_change_makes_no_version(room: Room) -> None:
    """By its tag, by the same bytes, and by other bytes that tell the same."""
    await room.at.user("Ada")
    room.serves("Ada", headers=('ETag: "one"', "Last-Modified: Mon, 02 Mar 2026 09:00:00 GMT"))
    await room.read()
    version = await room.version()
    room.sink.will(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n")
    room.at.house.store.clock_shift = timedelta(hours=1, minutes=1)
    assert (await room.read())["state"] == "good"
    asked = room.sink.caught[-1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"one"', "Mon, 02 Mar 2026 09:00:00 GMT")
    room.at.house.store.clock_shift = timedelta(hours=2, minutes=2)
    other = plan(room.start, "Ada").replace("PRODID:acme", "PRODID:acme2")
    room.sink.will(answer(200, body=other.encode()))
    assert (await room.read())["state"] == "good"
    assert len(room.sink.caught) == 3
    assert await room.version() == version


async def test_a_change_is_a_version(room: Room) -> None:
    await room.at.user("Ada")
    bo = await room.at.user("Bo")
    room.serves("Ada")
    await room.read()
    version = await room.version()
    room.serves("Bo")
    await room.refresh()
    assert await room.version() == version + 1
    assert await room.on_call() == (bo,)


@pytest.mark.parametrize(
    ("doing", "says"),
    [
        (answer(500), "answered 500"),
        (answer(404), "nothing at this address"),
        (answer(403), "secret address"),
        (HANG, "within 1 s"),
        (RESET, "no answer"),
        (answer(200, body=b"x" * 3_000_000), "2048 KiB"),
        (answer(200, body=b"<html>Please log in</html>"), "not a calendar"),
        (answer(200, body=b"BEGIN:VCALENDAR\r\nhello\r\n"), "cannot be read"),
        (answer(200, body="BEGIN:VCALENDAR\r\nX:\u00e9".encode("latin-1")), "UTF-8"),
        (answer(200, "Content-Encoding: gzip", body=b"\x1f\x8b"), "packed"),
        (answer(302, "Location: http://10.0.0.1/a.ics"), "private address"),
        (answer(302, "Location: ftp://cal.example/a.ics"), "https://"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nBEGIN:VCALENDAR\r\n", "within 1 s"),
    ],
)
async def test_a_calendar_that_fails_leaves_the_last_good_copy(room: Room, doing: bytes | str, says: str) -> None:
    ada = await room.at.user("Ada")
    room.serves("Ada")
    good = await room.read()
    version = await room.version()
    room.sink.will(doing)
    shown = await room.refresh()
    assert shown["state"] == "failing"
    assert says in text(shown["last_error"]), shown
    assert (shown["last_ok_at"], shown["shifts"]) == (good["last_ok_at"], 1)
    assert (await room.on_call(), await room.version()) == ((ada,), version)
    room.serves("Ada")
    assert (await room.refresh())["last_error"] is None


async def test_a_redirect_is_followed_a_few_times(room: Room) -> None:
    ada = await room.at.user("Ada")
    room.sink.will(answer(302, "Location: /two"), answer(301, f"Location: {room.sink.url}?three"))
    room.serves("Ada")
    assert (await room.read())["state"] == "good"
    assert [each.path for each in room.sink.caught] == ["/hook", "/two", "/hook?three"]
    assert await room.on_call() == (ada,)
    room.sink.will(*[answer(302, "Location: /again")] * 10)
    assert "redirects more than" in text((await room.refresh())["last_error"])


async def test_a_closed_network_is_not_called(room: Room) -> None:
    """Without the setting for private networks the server on this machine is out of reach."""
    room.loop = CalendarLoop(room.at.house.store, room.at.house.keyring, Documents())
    shown = await room.read()
    assert shown["state"] == "failing"
    assert "loopback" in text(shown["last_error"])
    assert room.sink.caught == []


async def test_a_day_of_failures_is_a_warning(room: Room) -> None:
    """What failed is tried again within a quarter of an hour, and after a day the schedule is said to be stale."""
    store = room.at.house.store
    await room.at.user("Ada")
    room.serves("Ada")
    await room.read()
    for hours in (2, 23):
        room.sink.will(answer(503))
        store.clock_shift = timedelta(hours=hours)
        await room.read()
        assert await store.read(stale) == []
    room.sink.will(answer(503))
    store.clock_shift = timedelta(hours=25)
    await room.read()
    (found,) = await store.read(stale)
    assert (found.calendar_id, found.schedule_id) == (room.calendar_id, room.schedule_id)
    assert "503" in (found.failure or "")
    room.serves("Ada")
    store.clock_shift = timedelta(hours=25, minutes=16)
    assert (await room.read())["state"] == "good"
    assert await store.read(stale) == []


async def test_a_reader_that_comes_late_writes_nothing(room: Room) -> None:
    """Somebody changed the calendar while it was read: what was read before does not hold any more."""
    store = room.at.house.store
    await room.at.user("Ada")
    room.serves("Ada")
    await room.read()
    await room.at.ask("POST", f"/api/calendars/{room.calendar_id}/refresh?wait=0")
    due = await store.work(take)
    assert due is not None
    assert await store.work(take) is None, "one reader at a time"
    await room.at.ask("POST", f"/api/calendars/{room.calendar_id}/refresh?wait=0")

    async def late(turn: Turn) -> bool:
        empty = Reading(body="", time_zone="UTC", entries=())
        return await keep(turn, (due.id, due.fence), empty, SYSTEM)

    assert await store.work(late) is False
    assert (await room.at.done("GET", f"/api/calendars/{room.calendar_id}"))["shifts"] == 1


async def test_a_layer_that_was_written_away_takes_its_calendar(room: Room) -> None:
    room.serves("Cy")
    await room.read()

    async def drop(turn: Turn) -> None:
        await turn.connection.execute(
            "UPDATE schedule SET document = jsonb_set(document, '{layers}', '[]') WHERE id = %(id)s",
            {"id": room.schedule_id},
        )

    await room.at.house.store.work(drop)
    room.serves("Cy", "Cy")
    await room.at.ask("POST", f"/api/calendars/{room.calendar_id}/refresh?wait=0")
    assert await room.loop.refresh_one()
    assert (await room.at.refused("GET", f"/api/calendars/{room.calendar_id}"))[0] == 404
