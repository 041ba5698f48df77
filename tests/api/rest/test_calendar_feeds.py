"""Feeds over the API: a calendar that subscribes sees exactly who is on call, until its address is revoked."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from icalendar import Calendar

from tests.api.rest.rota import DAY_S, daily, give, layer, made, now
from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tests.town.town import Town
from tocsin.api.rest.calendars.file import window
from tocsin.api.rest.calendars.shelf import LONGEST_KEPT
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.people.role import Role, TeamRole
from tocsin.store.query import Command
from tocsin.store.schedules import rows

Part = tuple[datetime, datetime, str]


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


async def _person(at: Desk, name: str, role: Role = Role.USER, teams: dict[str, TeamRole] | None = None) -> str:
    user_id = await at.user(name)
    at.enter(name.lower(), user_id, role, teams)
    return user_id


async def _subscribe(at: Desk, kind: str, key: str, *, by: str, more: Json | None = None) -> Json:
    body = {"calendar_feed": {"kind": kind, "id": key, **(more or {})}}
    return await at.done("POST", "/api/calendar_feeds", body, by=by)


async def _get(at: Desk, feed: Json, headers: dict[str, str] | None = None) -> httpx2.Response:
    """Fetch a feed as a calendar does: by its address alone."""
    return await at.client.get(urlsplit(text(feed["http_url"])).path, headers=headers)


async def _events(at: Desk, feed: Json) -> list[Any]:
    answer = await _get(at, feed)
    assert answer.status_code == 200, answer.text
    read = Calendar.from_ical(answer.text)
    assert isinstance(read, Calendar)
    return read.walk("VEVENT")


async def _parts(at: Desk, feed: Json) -> list[Part]:
    return [(each["DTSTART"].dt, each["DTEND"].dt, str(each["SUMMARY"])) for each in await _events(at, feed)]


async def _final(at: Desk, key: str, names: dict[str, str], schedule: str) -> list[Part]:
    """Return what the schedule itself says for the feed's stretch."""
    since, until = window(await now(at))
    kept = (await at.house.store.read(lambda turn: rows.load(turn, [key], since=since)))[key]
    return sorted(
        (each.start, each.end, f"On call: {names[each.user_id or '']} — {schedule}")
        for each in Timeline(kept.schedule).final(since, until, whole=True)
    )


async def test_a_feed_is_the_final_schedule(at: Desk) -> None:
    """Layers, restrictions, a clock change and an override: the calendar has what the schedule has, with its edges."""
    ada, bo = await _person(at, "Ada"), await _person(at, "Bo")
    started = await now(at) - timedelta(days=80)
    nights = {
        **layer(bo, ada, start=f"{started:%Y-%m-%dT18:00:00Z}", turn_s=DAY_S),
        "restrictions": [daily("20:00:00", 10)],
    }
    key = await made(at, layer(ada, bo, start=f"{started:%Y-%m-%dT09:00:00Z}"), nights, zone="Europe/Berlin")
    tomorrow = await now(at) + timedelta(days=1)
    await give(at, key, ada, f"{tomorrow:%Y-%m-%dT10:30:00Z}", f"{tomorrow:%Y-%m-%dT22:00:00Z}")
    feed = await _subscribe(at, "schedule", key, by="ada")
    assert text(feed["web_url"]) == text(feed["http_url"]).replace("https://", "webcal://")
    names = {ada: "Ada", bo: "Bo"}
    found = await _parts(at, feed)
    assert sorted(found) == await _final(at, key, names, "Web")
    assert len(found) > 400
    given = next(each for each in await _events(at, feed) if "DESCRIPTION" in each)
    assert str(given["DESCRIPTION"]) == "By an override."


async def test_names_of_entries_stay_and_a_change_counts(at: Desk) -> None:
    """The same shift has the same UID whenever it is fetched; what it comes from changes the revision and the tag."""
    ada, bo = await _person(at, "Ada"), await _person(at, "Bo")
    key = await made(at, layer(ada, bo, start="2020-01-06T09:00:00Z"))
    feed = await _subscribe(at, "schedule", key, by="ada")
    before, tag = await _events(at, feed), (await _get(at, feed)).headers["etag"]
    at.house.store.clock_shift = timedelta(days=21)
    later = await _events(at, feed)
    ours = {each["DTSTART"].dt: str(each["UID"]) for each in before}
    theirs = {each["DTSTART"].dt: str(each["UID"]) for each in later}
    shared = ours.keys() & theirs.keys()
    assert len(shared) > 40
    assert all(ours[start] == theirs[start] for start in shared)
    assert len({str(each["UID"]) for each in later}) == len(later)
    at.house.store.clock_shift = timedelta()
    assert (await _get(at, feed)).headers["etag"] == tag
    at.house.store.clock_shift = timedelta(minutes=1)
    tomorrow = await now(at) + timedelta(days=1)
    await give(at, key, ada, f"{tomorrow:%Y-%m-%dT10:00:00Z}", f"{tomorrow:%Y-%m-%dT12:00:00Z}")
    after = await _events(at, feed)
    assert (await _get(at, feed)).headers["etag"] != tag
    assert {int(each["SEQUENCE"]) for each in after} == {int(before[0]["SEQUENCE"]) + 1}
    assert after[0]["LAST-MODIFIED"].dt > before[0]["LAST-MODIFIED"].dt


async def test_a_client_that_has_it_gets_nothing_twice(at: Desk) -> None:
    ada = await _person(at, "Ada")
    feed = await _subscribe(at, "schedule", await made(at, layer(ada)), by="ada")
    first = await _get(at, feed, {"user-agent": "Moon Calendar/1.2"})
    assert first.headers["content-type"] == "text/calendar; charset=utf-8"
    assert "private" in first.headers["cache-control"]
    for tag in (first.headers["etag"], f"W/{first.headers['etag']}", f'"other", {first.headers["etag"]}', "*"):
        again = await _get(at, feed, {"if-none-match": tag, "user-agent": "Moon Calendar/1.2"})
        assert (again.status_code, again.content) == (304, b"")
    assert (await _get(at, feed, {"if-none-match": '"other"'})).status_code == 200
    (shown,) = items(await at.done("GET", "/api/calendar_feeds", by="ada"), "calendar_feeds")
    assert shown["fetched_at"] is not None
    assert text(shown["fetched_by"]).startswith("python-httpx")
    assert shown["http_url"] == feed["http_url"], "the owner can read the address again"


async def test_a_persons_feed_has_their_shifts_everywhere(at: Desk) -> None:
    ada, bo = await _person(at, "Ada"), await _person(at, "Bo")
    web = await made(at, layer(ada, bo, start="2020-01-06T09:00:00Z"), name="Web")
    await made(at, layer(bo, start="2020-01-06T09:00:00Z"), name="Data")
    shop = await made(at, layer(bo, start="2020-01-06T09:00:00Z"), name="Shop")
    tomorrow = await now(at) + timedelta(days=1)
    await give(at, shop, ada, f"{tomorrow:%Y-%m-%dT10:00:00Z}", f"{tomorrow:%Y-%m-%dT12:00:00Z}")
    found = await _parts(at, await _subscribe(at, "user", ada, by="bo"))
    expected = [part for part in await _final(at, web, {ada: "Ada", bo: "Bo"}, "Web") if "Ada" in part[2]]
    extra = [part for part in await _final(at, shop, {ada: "Ada", bo: "Bo"}, "Shop") if "Ada" in part[2]]
    assert sorted(found) == sorted(expected + extra)
    assert len(extra) == 1


async def test_a_teams_feed_can_be_only_mine_and_shows_gaps_when_asked(at: Desk) -> None:
    team = await at.team("Web")
    ada, bo = await _person(at, "Ada"), await _person(at, "Bo")
    day = {**layer(ada, bo, start="2020-01-06T00:00:00Z", turn_s=DAY_S), "restrictions": [daily("09:00:00", 8)]}
    body = {
        "schedule": {
            "name": "Web",
            "time_zone": "Etc/UTC",
            "teams": [{"id": team, "type": "team_reference"}],
            "schedule_layers": [day],
        }
    }
    await at.done("POST", "/schedules", body)
    everybody = await _parts(at, await _subscribe(at, "team", team, by="ada"))
    mine = await _parts(at, await _subscribe(at, "team", team, by="ada", more={"people": "only_me"}))
    assert {part[2] for part in everybody} == {"On call: Ada — Web", "On call: Bo — Web"}
    assert mine == [part for part in everybody if part[2] == "On call: Ada — Web"]
    gaps = await _parts(at, await _subscribe(at, "team", team, by="ada", more={"gaps": True}))
    open_ = [part for part in gaps if part[2] == "Nobody on call — Web"]
    assert [part for part in gaps if part not in open_] == everybody
    assert sum((end - start for start, end, _ in gaps), timedelta()) == timedelta(days=397)


async def test_a_revoked_address_is_dead_at_once(at: Desk) -> None:
    ada = await _person(at, "Ada")
    feed = await _subscribe(at, "schedule", await made(at, layer(ada)), by="ada")
    other = await _subscribe(at, "schedule", await made(at, layer(ada), name="Two"), by="ada")
    assert (await at.ask("DELETE", f"/api/calendar_feeds/{feed['id']}", by="ada"))[0] == 204
    assert (await _get(at, feed)).status_code == 410
    assert (await _get(at, other)).status_code == 200
    assert (await at.refused("GET", f"/api/calendar_feeds/{feed['id']}", by="ada")) == (404, 2100)
    assert items(await at.done("GET", "/api/calendar_feeds", by="ada"), "calendar_feeds") == [
        (await at.ask("GET", f"/api/calendar_feeds/{other['id']}", by="ada"))[1]["calendar_feed"]
    ]


async def test_what_is_gone_is_gone_from_calendars(at: Desk) -> None:
    """A deleted schedule, a deleted user, and a maker who left: 410, so that calendars stop asking."""
    ada, bo, cy = await _person(at, "Ada"), await _person(at, "Bo"), await _person(at, "Cy")
    key = await made(at, layer(ada))
    of_schedule = await _subscribe(at, "schedule", key, by="ada")
    of_bo = await _subscribe(at, "user", bo, by="ada")
    of_cys = await _subscribe(at, "user", ada, by="cy")
    assert [(await _get(at, feed)).status_code for feed in (of_schedule, of_bo, of_cys)] == [200, 200, 200]
    await at.ask("DELETE", f"/schedules/{key}")
    await at.ask("DELETE", f"/users/{bo}")
    await at.ask("DELETE", f"/users/{cy}")
    assert [(await _get(at, feed)).status_code for feed in (of_schedule, of_bo, of_cys)] == [410, 410, 410]


@pytest.mark.parametrize("change", ["", "x", "cut", "swap"])
async def test_a_guessed_address_says_nothing(at: Desk, change: str) -> None:
    ada = await _person(at, "Ada")
    feed = await _subscribe(at, "schedule", await made(at, layer(ada)), by="ada")
    other = await _subscribe(at, "user", ada, by="ada")
    path = urlsplit(text(feed["http_url"])).path.removesuffix(".ics")
    secret = path.partition("-")[2]
    wrong = {
        "": f"/calendars/{feed['id']}",
        "x": f"/calendars/{feed['id']}-{'x' * len(secret)}",
        "cut": path[:-1],
        "swap": f"/calendars/{other['id']}-{secret}",
    }[change]
    for ending in ("", ".ics"):
        assert (await at.client.get(wrong + ending)).status_code == 404


async def test_who_guesses_addresses_is_asked_to_wait_and_nobody_else(at: Desk) -> None:
    """A calendar behind the same address goes on as ever: neighbours share nothing but their guesses."""
    ada = await _person(at, "Ada")
    feed = await _subscribe(at, "schedule", await made(at, layer(ada)), by="ada")
    told = [(await at.client.get(f"/calendars/{feed['id']}-{number}.ics")).status_code for number in range(70)]
    assert told == [404] * 60 + [429] * 10
    assert (await _get(at, feed)).status_code == 200


async def test_a_calendar_that_comes_often_is_drawn_once_until_something_changes(at: Desk) -> None:
    """What was written past the product shows that nothing is drawn; any change by the product draws anew."""
    ada = await _person(at, "Ada")
    feed = await _subscribe(at, "schedule", await made(at, layer(ada, start="2020-01-06T09:00:00Z")), by="ada")
    first = await _get(at, feed)
    past = Command("rename a person past the product", "UPDATE app_user SET name = 'Adele' WHERE id = %(id)s")
    await at.house.store.work(lambda turn: turn.run(past, {"id": ada}))
    again = await _get(at, feed, {"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await _get(at, feed)).content == first.content
    await at.user("Bo")
    drawn = await _get(at, feed, {"if-none-match": first.headers["etag"]})
    assert (drawn.status_code, "On call: Adele" in drawn.text) == (200, True)


async def test_a_feed_too_long_to_keep_is_still_the_same(at: Desk) -> None:
    ada, bo = await _person(at, "Ada"), await _person(at, "Bo")
    key = await made(at, layer(ada, bo, start="2020-01-06T09:00:00Z", turn_s=DAY_S))
    feed = await _subscribe(at, "schedule", key, by="ada")
    first = await _get(at, feed)
    assert len(first.content) > LONGEST_KEPT
    assert (await _get(at, feed, {"if-none-match": first.headers["etag"]})).status_code == 304
    assert (await _get(at, feed)).content == first.content


async def test_a_feed_shows_what_its_maker_may_see_today(at: Desk) -> None:
    team, other = await at.team("Web"), await at.team("Other")
    rita = await _person(at, "Rita", Role.RESTRICTED_ACCESS, {team: TeamRole.RESPONDER})
    await at.done("PUT", f"/users/{rita}", {"user": {"role": "restricted_access"}})
    await at.ask("PUT", f"/teams/{team}/users/{rita}", {"role": "responder"})
    ada = await at.user("Ada")
    made_ = await at.done(
        "POST",
        "/schedules",
        {
            "schedule": {
                "name": "Web",
                "time_zone": "Etc/UTC",
                "teams": [{"id": team, "type": "team_reference"}],
                "schedule_layers": [layer(ada)],
            }
        },
    )
    hidden = await made(at, layer(ada), name="Hidden")
    feed = await _subscribe(at, "schedule", text(made_["id"]), by="rita")
    assert (
        await at.refused(
            "POST", "/api/calendar_feeds", {"calendar_feed": {"kind": "schedule", "id": hidden}}, by="rita"
        )
    )[0] == 404
    assert (
        await at.refused("POST", "/api/calendar_feeds", {"calendar_feed": {"kind": "team", "id": other}}, by="rita")
    )[0] == 404
    assert (await _get(at, feed)).status_code == 200
    await at.ask("DELETE", f"/teams/{team}/users/{rita}")
    assert (await _get(at, feed)).status_code == 410


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "schedule", "id": "PNONE"}, 404),
        ({"kind": "user", "id": "PNONE"}, 404),
        ({"kind": "team", "id": "PNONE"}, 404),
        ({"kind": "moon", "id": "PNONE"}, 400),
        ({"kind": "schedule"}, 400),
        ({"kind": "user", "id": "me", "gaps": True}, 400),
    ],
)
async def test_a_feed_of_nothing_is_refused(at: Desk, body: Json, status: int) -> None:
    ada = await _person(at, "Ada")
    body = body | ({"id": ada} if body.get("id") == "me" else {})
    assert (await at.refused("POST", "/api/calendar_feeds", {"calendar_feed": body}, by="ada"))[0] == status


async def test_a_feed_belongs_to_a_person_and_to_nobody_else(at: Desk) -> None:
    ada = await _person(at, "Ada")
    await _person(at, "Bo")
    feed = await _subscribe(at, "user", ada, by="ada")
    assert (await at.refused("POST", "/api/calendar_feeds", {"calendar_feed": {"kind": "user", "id": ada}}))[0] == 400
    assert (await at.refused("GET", f"/api/calendar_feeds/{feed['id']}", by="bo"))[0] == 403
    assert (await at.refused("DELETE", f"/api/calendar_feeds/{feed['id']}", by="bo"))[0] == 403
    assert (await at.refused("GET", f"/api/calendar_feeds?user_id={ada}", by="bo"))[0] == 403
    seen = await at.done("GET", f"/api/calendar_feeds/{feed['id']}")
    assert "http_url" not in seen, "an administrator may revoke an address and not read it"
    assert (await at.ask("DELETE", f"/api/calendar_feeds/{feed['id']}"))[0] == 204
    assert (await _get(at, feed)).status_code == 410


async def test_through_the_front_door_nothing_tells_the_secret(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    """A calendar comes without any token, over the real server, and no log line has its address."""
    people = (await town.office.client.get("/users")).json()["users"]
    body = {"calendar_feed": {"kind": "user", "id": people[0]["id"]}}
    made_ = await town.office.client.post("/api/calendar_feeds", json=body)
    path = urlsplit(made_.json()["calendar_feed"]["http_url"]).path
    async with httpx2.AsyncClient(base_url=town.url, trust_env=False) as client:
        answer = await client.get(path)
        wrong = await client.get(f"{path.removesuffix('.ics')}x.ics")
    assert answer.text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
    assert (answer.status_code, wrong.status_code) == (200, 404)
    said = capsys.readouterr()
    assert path.partition("-")[2][:20] not in said.out + said.err
