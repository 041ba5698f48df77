"""Layers that a calendar tells: uploaded, matched to people, changed, and never half written."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.api.rest.rota import entries, layer, made, now
from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.domain.people.role import Role, TeamRole
from tocsin.engine.loops.calendars import CalendarLoop
from tocsin.store import calendars as warnings
from tocsin.store.schedules import history, rows
from tocsin.wire.fetch import Documents


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


def plan(start: datetime, *names: str, mail: bool = False) -> str:
    """Return a calendar with a day for each name, one after the other, from this instant on."""
    events = []
    for number, name in enumerate(names):
        first = start + timedelta(days=number)
        lines = [
            "BEGIN:VEVENT",
            f"UID:{number}@acme",
            "DTSTAMP:20260101T000000Z",
            f"DTSTART:{first:%Y%m%dT%H%M%SZ}",
            f"DTEND:{first + timedelta(days=1):%Y%m%dT%H%M%SZ}",
            f"SUMMARY:{'On call' if mail else name}",
            *([f"ATTENDEE:mailto:{name.lower()}@acme.example"] if mail else []),
            "END:VEVENT",
        ]
        events += lines
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:acme", *events, "END:VCALENDAR", ""])


async def upload(at: Desk, key: str, body: Json, *, by: str = "admin") -> Json:
    """Put a calendar on a schedule."""
    return await at.done("POST", f"/api/schedules/{key}/calendar_layers", {"calendar": body}, by=by)


async def _on_call(at: Desk, key: str, since: datetime, days: int) -> list[str]:
    """Return who has the final schedule, in order."""
    until = since + timedelta(days=days)
    window = f"since={since:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}"
    shown = await at.done("GET", f"/schedules/{key}?{window}")
    return [name for _, _, name in entries(shown["final_schedule"])]


async def _version(at: Desk, key: str) -> int:
    return (await at.house.store.read(lambda turn: rows.load(turn, [key])))[key].version


async def test_an_uploaded_calendar_is_a_layer_on_top(at: Desk) -> None:
    """By address and by full name; what the calendar leaves open falls to the layer below."""
    ada, bo = await at.user("Ada"), await at.user("Bo")
    tomorrow = await now(at) + timedelta(days=1)
    key = await made(at, layer(bo, start="2020-01-06T00:00:00Z"))
    shown = await upload(at, key, {"name": "Nights", "text": plan(tomorrow, "Ada", "Zoe", "Ada")})
    assert (shown["state"], shown["source"], shown["entries"], shown["shifts"]) == ("good", "upload", 3, 2)
    assert shown["unmatched"] == [{"text": "Zoe", "count": 1}]
    assert shown["last_ok_at"] is not None
    assert await _on_call(at, key, tomorrow, 4) == ["Ada", "Bo", "Ada", "Bo"]
    found = await at.house.store.read(lambda turn: warnings.unmatched(turn, [key]))
    assert [(each.name, [text.text for text in each.texts]) for each in found] == [("Nights", ["Zoe"])]
    kept = (await at.house.store.read(lambda turn: rows.load(turn, [key])))[key]
    assert [(each.name, each.calendar_id) for each in kept.schedule.layers][1:] == [("Nights", shown["id"])]
    assert {each.user_id for each in kept.schedule.layers[1].told} == {ada}


async def test_the_map_says_whom_a_text_means(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    tomorrow = await now(at) + timedelta(days=1)
    key = await made(at, layer(bo, start="2035-01-06T00:00:00Z"))
    body: Json = {"name": "Nights", "text": plan(tomorrow, "Primary", "zoe"), "match": {"primary": bo, "Zoe": ada}}
    shown = await upload(at, key, body)
    assert shown["unmatched"] == []
    assert await _on_call(at, key, tomorrow, 2) == ["Bo", "Ada"]
    assert shown["match"] == {"primary": bo, "Zoe": ada}


async def test_a_calendar_is_changed_and_its_layer_follows(at: Desk) -> None:
    await at.user("Ada")
    await at.user("Bo")
    tomorrow = await now(at) + timedelta(days=1)
    key = await made(at, layer(await at.user("Cy"), start="2035-01-06T00:00:00Z"))
    shown = await upload(at, key, {"name": "Nights", "text": plan(tomorrow, "Ada")})
    version = await _version(at, key)
    body: Json = {"calendar": {"name": "Late", "text": plan(tomorrow, "Bo", mail=True), "refresh_minutes": 30}}
    changed = await at.done("PUT", f"/api/calendars/{shown['id']}", body)
    assert (changed["name"], changed["refresh_minutes"], changed["layer_id"]) == ("Late", 30, shown["layer_id"])
    assert await _on_call(at, key, tomorrow, 1) == ["Bo"]
    assert await _version(at, key) > version
    again = await at.done("PUT", f"/api/calendars/{shown['id']}", body)
    assert again["state"] == "good"
    assert await _version(at, key) == version + 2, "the name and the shifts; the same again is no version"
    (listed,) = items(await at.done("GET", f"/api/schedules/{key}/calendar_layers"), "calendars")
    assert listed["id"] == shown["id"]


async def test_a_removed_calendar_takes_its_layer_and_not_its_history(at: Desk) -> None:
    await at.user("Ada")
    tomorrow = await now(at) + timedelta(days=1)
    key = await made(at, layer(await at.user("Cy"), start="2035-01-06T00:00:00Z"))
    shown = await upload(at, key, {"text": plan(tomorrow, "Ada")})
    before = await now(at) + timedelta(seconds=1)
    await asyncio.sleep(1.1)
    assert (await at.ask("DELETE", f"/api/calendars/{shown['id']}"))[0] == 204
    assert await _on_call(at, key, tomorrow, 1) == []
    assert (await at.refused("GET", f"/api/calendars/{shown['id']}"))[0] == 404
    past = (await at.house.store.read(lambda turn: history.as_of(turn, [key], before)))[key]
    assert [len(each.told) for each in past.schedule.layers if each.calendar_id] == [1]


async def test_a_schedule_that_goes_takes_its_calendars(at: Desk) -> None:
    key = await made(at, layer(await at.user("Cy"), start="2035-01-06T00:00:00Z"))
    shown = await upload(at, key, {"text": plan(await now(at))})
    assert (await at.ask("DELETE", f"/schedules/{key}"))[0] == 204
    assert (await at.refused("GET", f"/api/calendars/{shown['id']}"))[0] == 404


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "missing"),
        ({"url": "https://cal.example/a.ics", "text": "BEGIN:VCALENDAR"}, 400, "not from both"),
        ({"url": "ftp://cal.example/a.ics"}, 400, "https://"),
        ({"url": "https://user:word@cal.example/a.ics"}, 400, "password"),
        ({"text": "hello"}, 400, "BEGIN:VCALENDAR"),
        ({"text": "BEGIN:VCALENDAR\r\nhello"}, 400, "cannot be read"),
        ({"text": "BEGIN:VCALENDAR" + "x" * 1_048_576}, 413, "KiB"),
        ({"url": "https://cal.example/a.ics", "refresh_minutes": 14}, 400, "refresh_minutes"),
        ({"url": "https://cal.example/a.ics", "name": ""}, 400, "name"),
        ({"url": "https://cal.example/a.ics", "match": {"x": "PNONE"}}, 400, "no user"),
    ],
)
async def test_what_cannot_be_a_calendar_is_refused_and_leaves_nothing(
    at: Desk, body: Json, status: int, says: str
) -> None:
    key = await made(at, layer(await at.user("Cy")))
    answered, document = await at.ask("POST", f"/api/schedules/{key}/calendar_layers?wait=0", {"calendar": body})
    assert (answered, says in str(document)) == (status, True), document
    assert items(await at.done("GET", f"/api/schedules/{key}/calendar_layers"), "calendars") == []
    assert await _version(at, key) == 1


async def test_an_address_is_kept_secret(at: Desk) -> None:
    """Calendars elsewhere are protected by a long address, so it is shown to nobody, nor told to the audit trail."""
    key = await made(at, layer(await at.user("Cy")))
    body = {"url": "webcal://cal.example:8443/private-s3cr3t/basic.ics", "match": {}}
    shown = await at.done("POST", f"/api/schedules/{key}/calendar_layers?wait=0", {"calendar": body})
    assert (shown["host"], shown["source"], shown["state"]) == ("cal.example:8443", "url", "waiting")
    assert "s3cr3t" not in str(shown)
    async with at.house.store.connection() as connection:
        for table in ("audit", "calendar", "schedule", "schedule_version"):
            cursor = await connection.execute(f"SELECT t::text FROM {table} t".encode())
            assert "s3cr3t" not in str(await cursor.fetchall())


async def test_only_who_shapes_the_schedule_may_touch_its_calendars(at: Desk) -> None:
    team = await at.team("Web")
    at.enter("manager", await at.user("Mia"), Role.RESTRICTED_ACCESS, {team: TeamRole.MANAGER})
    at.enter("stranger", await at.user("Sam"), Role.RESTRICTED_ACCESS, {})
    at.enter("watcher", await at.user("Wanda"), Role.OBSERVER)
    created = await at.done(
        "POST",
        "/schedules",
        {
            "schedule": {
                "name": "Web",
                "time_zone": "Etc/UTC",
                "teams": [{"id": team, "type": "team_reference"}],
                "schedule_layers": [layer(await at.user("Cy"))],
            }
        },
    )
    key = text(created["id"])
    body: Json = {"text": plan(await now(at), "Cy")}
    shown = await upload(at, key, body, by="manager")
    for by, read, written in (("stranger", 404, 404), ("watcher", 200, 403), ("manager", 200, 200)):
        assert (await at.ask("GET", f"/api/calendars/{shown['id']}", by=by))[0] == read
        assert (await at.ask("GET", f"/api/schedules/{key}/calendar_layers", by=by))[0] == read
        change: Json = {"calendar": {"text": plan(await now(at), "Cy")}}
        assert (await at.ask("PUT", f"/api/calendars/{shown['id']}", change, by=by))[0] == written
        refreshed = await at.ask("POST", f"/api/calendars/{shown['id']}/refresh?wait=0", by=by)
        assert refreshed[0] == written
    assert (await at.refused("POST", f"/api/schedules/{key}/calendar_layers", {"calendar": body}, by="watcher"))[
        0
    ] == 403
    assert (await at.refused("DELETE", f"/api/calendars/{shown['id']}", by="watcher"))[0] == 403


async def test_somebody_who_joins_is_found_by_a_refresh(at: Desk) -> None:
    """The loop reads an uploaded copy again, and the answer waits for it."""
    tomorrow = await now(at) + timedelta(days=1)
    key = await made(at, layer(await at.user("Cy"), start="2035-01-06T00:00:00Z"))
    shown = await upload(at, key, {"text": plan(tomorrow, "Zoe", mail=True)})
    assert shown["shifts"] == 0
    await at.user("Zoe")
    loop = asyncio.create_task(CalendarLoop(at.house.store, at.house.keyring, Documents()).run())
    try:
        refreshed = await at.done("POST", f"/api/calendars/{shown['id']}/refresh?wait=15")
    finally:
        loop.cancel()
    assert (refreshed["shifts"], refreshed["unmatched"]) == (1, [])
    assert await _on_call(at, key, tomorrow, 1) == ["Zoe"]
