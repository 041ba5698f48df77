"""Holidays over the API: calendars from texts and addresses, whose they are, and what they make of hours."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from tests.api.desk import Desk
from tests.api.rest.load_room import DAY, Json, iso, made, monday_after, now, schedule, team
from tocsin.domain.people.role import Role
from tocsin.store.load import holidays


def ics(*days: tuple[str, str]) -> str:
    """An iCalendar file with whole days."""
    entries = "".join(
        f"BEGIN:VEVENT\r\nUID:{day}@example\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:{day}\r\n"
        f"SUMMARY:{name}\r\nEND:VEVENT\r\n"
        for day, name in days
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\n{entries}END:VCALENDAR\r\n"


async def _calendar(api: httpx2.AsyncClient, name: str = "Feiertage", **more: str) -> Json:
    body: Json = {"name": name, **more}
    return await made(api, "/api/holiday_calendars", "holiday_calendar", body)


async def test_an_uploaded_calendar_makes_holiday_hours(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await desk.person("Ada"), await desk.person("Bo")
    web = await team(api, "Web")
    assert (await api.put(f"/teams/{web}/users/{ada.id}", json={"role": "responder"})).status_code == 204
    assert (await api.put(f"/teams/{web}/users/{bo.id}", json={"role": "responder"})).status_code == 204
    monday = monday_after(await now(desk))
    text = ics((monday.strftime("%Y%m%d"), "Founders' day"), ((monday + DAY).strftime("%Y%m%d"), "Day after"))
    calendar = await _calendar(api, country="Ruritania", text=text)
    assert (calendar["state"], calendar["source"], calendar["day_count"], calendar["country"]) == (
        "good",
        "upload",
        2,
        "Ruritania",
    )
    for far in ("0001-01-01", "9999-12-31"):
        assert (await api.get(f"/api/holiday_calendars/{calendar['id']}?since={far}")).status_code == 400
    shown = (await api.get(f"/api/holiday_calendars/{calendar['id']}")).json()["holiday_calendar"]
    assert shown["days"][0] == {"on": monday.date().isoformat(), "name": "Founders' day"}
    await schedule(desk, "PWEB", [ada.id], monday, team_ids=[web])

    async def holiday_hours() -> float:
        answer = await api.get(f"/api/load?since={iso(monday)}&until={iso(monday + 3 * DAY)}")
        return float(answer.json()["load"]["people"][0]["hours"]["holiday"])

    assert await holiday_hours() == 0
    of_team = f"/api/teams/{web}/holiday_calendars"
    assert (await api.put(f"{of_team}/{calendar['id']}")).status_code == 204
    assert [each["name"] for each in (await api.get(of_team)).json()["holiday_calendars"]] == ["Feiertage"]
    assert await holiday_hours() == 48
    empty = await _calendar(api, "None at all", text=ics())
    of_ada = f"/api/users/{ada.id}/holiday_calendars"
    assert (await ada.api.put(f"{of_ada}/{empty['id']}")).status_code == 204
    assert await holiday_hours() == 0
    assert (await ada.api.delete(f"{of_ada}/{empty['id']}")).status_code == 204
    assert await holiday_hours() == 48
    assert (await api.delete(f"/api/holiday_calendars/{calendar['id']}")).status_code == 204
    assert await holiday_hours() == 0


async def test_a_calendar_behind_an_address_waits_to_be_read(api: httpx2.AsyncClient, desk: Desk) -> None:
    watcher = await desk.person("Wat", Role.OBSERVER)
    calendar = await _calendar(api, url="webcal://days.example/secret.ics")
    assert (calendar["state"], calendar["source"], calendar["host"]) == ("waiting", "url", "days.example")
    seen = (await watcher.api.get("/api/holiday_calendars")).json()["holiday_calendars"]
    assert [each["name"] for each in seen] == ["Feiertage"]
    assert "secret" not in str(seen) + str(calendar)
    (due,) = await desk.store.work(lambda turn: holidays.take_due(turn, 5))
    assert due.url_sealed is not None
    place = {"table": holidays.TABLE, "row_id": due.id, "column": holidays.SEALED}
    assert desk.house.keyring.open(due.url_sealed, **place) == b"https://days.example/secret.ics"
    assert await desk.store.work(lambda turn: holidays.take_due(turn, 5)) == []
    refreshed = await api.post(f"/api/holiday_calendars/{calendar['id']}/refresh")
    assert refreshed.status_code == 200
    assert len(await desk.store.work(lambda turn: holidays.take_due(turn, 5))) == 1


async def test_the_last_good_copy_and_older_days_stay(api: httpx2.AsyncClient, desk: Desk) -> None:
    today = (await now(desk)).date()
    calendar = await _calendar(api, text=ics((today.strftime("%Y%m%d"), "Today")))
    key = str(calendar["id"])
    await desk.store.work(lambda turn: holidays.fail(turn, key, "no answer"))
    shown = (await api.get(f"/api/holiday_calendars/{key}")).json()["holiday_calendar"]
    assert (shown["state"], shown["last_error"], shown["day_count"]) == ("failed", "no answer", 1)
    desk.store.clock_shift = timedelta(days=1200)
    copy = holidays.Source(key, None, None, None)
    await desk.store.work(lambda turn: holidays.succeed(turn, key, [], copy))
    shown = (await api.get(f"/api/holiday_calendars/{key}")).json()["holiday_calendar"]
    assert (shown["state"], shown["day_count"]) == ("good", 1)


async def test_a_calendar_is_changed(api: httpx2.AsyncClient, desk: Desk) -> None:
    today = (await now(desk)).strftime("%Y%m%d")
    calendar = await _calendar(api, text=ics((today, "Today")))
    path = f"/api/holiday_calendars/{calendar['id']}"
    changed = await made(api, path, "holiday_calendar", {"name": "Renamed", "country": "X"}, method="PUT")
    assert (changed["name"], changed["country"], changed["day_count"]) == ("Renamed", "X", 1)
    moved = await made(api, path, "holiday_calendar", {"url": "https://days.example/x.ics"}, method="PUT")
    assert (moved["source"], moved["day_count"]) == ("url", 1)
    kept = await made(api, path, "holiday_calendar", {"country": "Y"}, method="PUT")
    assert (kept["source"], kept["host"], kept["country"]) == ("url", "days.example", "Y")
    uploaded = await made(api, path, "holiday_calendar", {"text": ics()}, method="PUT")
    assert (uploaded["source"], uploaded["day_count"]) == ("upload", 0)
    await _calendar(api, "Other", text=ics())
    taken = await api.put(path, json={"holiday_calendar": {"name": "other"}})
    assert taken.json()["error"]["errors"] == ["Name has already been taken"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": " ", "text": ics()},
        {"name": "A"},
        {"name": "A", "text": ics(), "url": "https://days.example/"},
        {"name": "A", "text": "no calendar"},
        {"name": "A", "text": "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"},
        {"name": "A", "url": "file:///etc/passwd"},
        {"name": "A", "url": "https://user:secret@days.example/"},
        {"name": "x" * 200, "text": ics()},
    ],
)
async def test_what_is_no_calendar_is_refused_in_words(api: httpx2.AsyncClient, body: Json) -> None:
    answer = await api.post("/api/holiday_calendars", json={"holiday_calendar": body})
    assert answer.status_code in (400, 413), answer.text
    assert "secret@" not in answer.text


async def test_only_admins_make_calendars_and_managers_give_them(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, user = await desk.person("Ada", Role.LIMITED_USER), await desk.person("Uma")
    web = await team(api, "Web")
    calendar = await _calendar(api, text=ics())
    path = f"/api/holiday_calendars/{calendar['id']}"
    body = {"holiday_calendar": {"name": "B", "text": ics()}}
    assert (await user.api.post("/api/holiday_calendars", json=body)).status_code == 403
    assert (await user.api.put(path, json=body)).status_code == 403
    assert (await user.api.delete(path)).status_code == 403
    assert (await user.api.post(f"{path}/refresh")).status_code == 403
    assert (await user.api.put(f"/api/teams/{web}/holiday_calendars/{calendar['id']}")).status_code == 204
    assert (await ada.api.put(f"/api/teams/{web}/holiday_calendars/{calendar['id']}")).status_code == 403
    assert (await user.api.put(f"/api/users/{ada.id}/holiday_calendars/{calendar['id']}")).status_code == 403
    assert (await ada.api.put(f"/api/users/{ada.id}/holiday_calendars/PNONE")).status_code == 404
