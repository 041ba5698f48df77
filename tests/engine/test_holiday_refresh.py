"""Holidays behind an address: read each day, read again only when changed, and kept when their server is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import Struct

from tests.api.desk import Desk, DeskHouse, DeskSettings
from tests.api.rest.load_room import DAY, Json, made, now
from tests.api.rest.test_holidays import ics
from tests.town.webhook_sink import RESET, Sink, answer, webhook_sink
from tocsin.engine.loops.holidays import HolidayLoop
from tocsin.store.keyring import Keyring
from tocsin.store.load.holidays import succeed, take_due
from tocsin.store.turn import Store
from tocsin.wire.fetch import Documents

PATIENCE = timedelta(seconds=1)


class Room(Struct):
    """A holiday calendar behind an address of a real server, and the loop that reads it."""

    desk: Desk
    sink: Sink
    loop: HolidayLoop
    path: str

    async def read(self) -> Json:
        """Let the loop read what is due, and return what is shown of the calendar."""
        while await self.loop.refresh_one():
            pass
        client = await self.desk.account()
        found = (await client.get(self.path)).json()["holiday_calendar"]
        assert isinstance(found, dict)
        return found


@pytest.fixture
async def room(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    store = Store(database, connections=4)
    await store.open()
    try:
        desk = Desk(DeskHouse(store, await Keyring.load(store, tmp_path / "master.key"), DeskSettings()))
        async with webhook_sink() as sink:
            body: Json = {"name": "Ruritania", "url": sink.url}
            calendar = await made(await desk.account(), "/api/holiday_calendars", "holiday_calendar", body)
            documents = Documents(allowed_networks=["127.0.0.0/8"], patience=PATIENCE)
            loop = HolidayLoop(store, desk.house.keyring, documents)
            yield Room(desk, sink, loop, f"/api/holiday_calendars/{calendar['id']}")
    finally:
        await store.close()


async def _plan(room: Room, *names: str) -> bytes:
    today = await now(room.desk)
    return ics(*(((today + number * DAY).strftime("%Y%m%d"), name) for number, name in enumerate(names, 1))).encode()


async def test_a_calendar_is_read_once_a_day(room: Room) -> None:
    room.sink.will(answer(200, 'ETag: "one"', body=await _plan(room, "Founders' day", "Harvest")))
    shown = await room.read()
    assert (shown["state"], shown["day_count"]) == ("good", 2)
    assert not await room.loop.refresh_one()
    room.desk.store.clock_shift = timedelta(hours=25)
    room.sink.will(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n")
    assert (await room.read())["day_count"] == 2
    assert room.sink.caught[-1].headers["if-none-match"] == '"one"'
    room.desk.store.clock_shift = timedelta(hours=51)
    room.sink.will(answer(200, body=await _plan(room, "Only one")))
    assert (await room.read())["day_count"] == 1


async def test_the_last_good_copy_stays_while_its_server_is_away(room: Room) -> None:
    room.sink.will(answer(200, body=await _plan(room, "Founders' day")))
    await room.read()
    troubles: tuple[int | str | bytes, ...] = (RESET, answer(500), answer(200, body=b"<html>moved</html>"))
    for number, trouble in enumerate(troubles, 1):
        room.desk.store.clock_shift = number * timedelta(hours=25)
        room.sink.will(trouble)
        shown = await room.read()
        assert (shown["state"], shown["day_count"]) == ("failed", 1)
        assert shown["last_error"]
        assert room.sink.url not in str(shown)


async def test_what_was_read_for_an_old_address_is_not_kept(room: Room) -> None:
    room.sink.will(answer(200, body=await _plan(room, "Old")))
    client = await room.desk.account()
    (due,) = await room.desk.store.work(lambda turn: take_due(turn, 1))
    uploaded = await client.put(room.path, json={"holiday_calendar": {"text": ics()}})
    assert uploaded.status_code == 200
    await room.desk.store.work(lambda turn: succeed(turn, due.id, [((turn.now + DAY).date(), "Old")], due))
    assert (await room.read())["day_count"] == 0
