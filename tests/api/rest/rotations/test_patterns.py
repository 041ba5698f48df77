"""Events of a rotation over the API: made, shown as they were written, changed and ended by what time it is."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rest.rotations.rotation_room import Room, event, now, room, user, wire
from tests.api.rest.service_desk import Json, items, text
from tocsin.domain.people.role import Role, TeamRole

HOUR = timedelta(hours=1)


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "master.key") as opened:
        yield opened


async def test_an_event_reads_back_as_it_was_written(at: Room) -> None:
    ada, bo = await at.at.user("Ada"), await at.at.user("Bo")
    body = event(ada, None, bo) | {
        "recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=1", "EXDATE:20350319T080000Z"],
        "effective_until": "2036-01-01T00:00:00Z",
    }
    made = await at.added(body)
    assert {name: made[name] for name in body} == body
    assert (made["type"], len(text(made["id"]))) == ("schedule_event", 26)
    assert text(made["self"]).endswith(f"{at.events}/{made['id']}")
    assert await at.at.done("GET", f"{at.events}/{made['id']}") == made
    status, listed = await at.at.ask("GET", at.events)
    assert (status, listed) == (200, {"events": [made], "limit": 25, "offset": 0, "more": False})
    rotation = await at.at.done("GET", f"{at.path}/rotations/{at.rotation}")
    assert rotation["events"] == [made]
    everyone = event(bo, ada, start="2035-03-06T09:00:00Z", end="2035-03-06T10:00:00Z")
    everyone["assignment_strategy"] = {"type": "every_member_assignment_strategy", "members": [user(bo), user(ada)]}
    changed = await at.at.done("PUT", f"{at.events}/{made['id']}", {"event": everyone})
    assert {name: changed[name] for name in everyone} == everyone
    assert changed["effective_until"] == body["effective_until"]


async def test_the_wall_clock_counts_however_it_is_written(at: Room) -> None:
    ada = await at.at.user("Ada")
    ways = ["2035-03-05T09:00:00Z", "2035-03-05T10:00:00+01:00", "2035-03-05T10:00:00"]
    ends = ["2035-03-05T17:00:00Z", "2035-03-05T13:00:00-04:00", "2035-03-05T18:00"]
    for start, end in zip(ways, ends, strict=True):
        made = await at.added(event(ada, start=start, end=end))
        assert made["start_time"] == {"date_time": ways[0], "time_zone": "Europe/Berlin"}
        assert made["end_time"] == {"date_time": ends[0], "time_zone": "Europe/Berlin"}
        shifts = await at.shifts("2035-03-26T00:00:00Z", "2035-03-27T00:00:00Z")
        assert [shift[:3] for shift in shifts] == [("2035-03-26T10:00:00+02:00", "2035-03-26T18:00:00+02:00", ada)]
        assert (await at.at.ask("DELETE", f"{at.events}/{made['id']}"))[0] == 204
        assert (await at.at.refused("GET", f"{at.events}/{made['id']}")) == (404, 2100)


async def test_what_time_it_is_says_what_can_change(at: Room) -> None:
    ada, bo = await at.at.user("Ada"), await at.at.user("Bo")
    instant = await now(at.at)
    long_ago = event(ada, start="2020-01-06T09:00:00Z", end="2020-01-13T09:00:00Z")
    made = await at.added(long_ago | {"effective_since": "2020-01-01T00:00:00Z"})
    assert wire(instant) <= text(made["effective_since"]) <= wire(instant + HOUR), "the past is clamped to now"
    path = f"{at.events}/{made['id']}"
    body = {"name": "Other", "recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2"], "effective_until": "2036-01-01T00:00:00Z"}
    faults = await at.faults("PUT", path, {"event": body | {"start_time": event(ada)["start_time"]}})
    assert sorted(faults) == ["event.end_time", "event.name", "event.recurrence", "event.start_time"]
    same = made | {"effective_until": "2036-01-01T00:00:00Z"}
    assert (await at.at.done("PUT", path, {"event": same}))["effective_until"] == "2036-01-01T00:00:00Z"
    assert (await at.at.done("PUT", path, {"event": {"effective_until": None}}))["effective_until"] is None
    at.at.house.store.clock_shift = 2 * HOUR
    ended = await at.at.done("PUT", path, {"event": {"effective_until": wire(instant)}})
    assert text(ended["effective_until"]) >= wire(instant + 2 * HOUR), "an end in the past is now"
    at.at.house.store.clock_shift = 3 * HOUR
    assert "event.effective_until" in await at.faults("PUT", path, {"event": {"effective_until": None}})
    assert "event.effective_until" in await at.faults("DELETE", path)
    assert (await at.at.done("GET", path))["id"] == made["id"], "what is over can be seen"
    assert (await at.at.done("GET", f"{at.path}/rotations/{at.rotation}"))["events"] == []
    window = f"since={wire(instant)}&until={wire(instant + HOUR)}"
    shown = await at.at.done("GET", f"{at.path}/rotations/{at.rotation}?{window}")
    assert [one["id"] for one in items(shown, "events")] == [made["id"]]
    again = await at.added(event(bo) | {"effective_since": wire(instant)})
    assert (await at.at.ask("DELETE", f"{at.events}/{again['id']}"))[0] == 204


async def test_an_event_that_is_ended_leaves_its_past_and_room_for_another(at: Room) -> None:
    ada, bo = await at.at.user("Ada"), await at.at.user("Bo")
    instant = await now(at.at)
    daily = event(ada, start="2020-01-06T09:00:00Z", end="2020-01-07T09:00:00Z") | {"recurrence": ["RRULE:FREQ=DAILY"]}
    for number in range(6):
        at.at.house.store.clock_shift = number * HOUR
        made = await at.added({**daily, "effective_since": wire(instant)})
        at.at.house.store.clock_shift = number * HOUR + HOUR / 2
        assert (await at.at.ask("DELETE", f"{at.events}/{made['id']}"))[0] == 204
    daily["assignment_strategy"] = {**strategy(daily), "members": [user(bo)]}
    await at.added({**daily, "effective_since": wire(instant)})
    shifts = await at.shifts(wire(instant - HOUR), wire(instant + 8 * HOUR))
    assert [shift[2] for shift in shifts][-1] == bo
    assert [shift[2] for shift in shifts].count(ada) >= 6
    _, listed = await at.at.ask("GET", f"{at.events}?limit=4&offset=4")
    assert (len(items(listed, "events")), listed["more"]) == (3, False)
    assert len(items(await at.at.done("GET", f"{at.path}/rotations/{at.rotation}"), "events")) == 1


def strategy(body: Json) -> Json:
    found = body["assignment_strategy"]
    assert isinstance(found, dict)
    return found


async def test_events_of_a_rotation_do_not_overlap_and_are_five(at: Room) -> None:
    ada = await at.at.user("Ada")
    first = await at.added(event(ada, start="2035-03-05T09:00:00Z", end="2035-03-05T10:00:00Z"))
    same = event(ada, start="2035-03-05T09:30:00Z", end="2035-03-05T10:30:00Z")
    assert "rotation.events" in await at.faults("POST", at.events, {"event": same})
    for hour in (10, 11, 12, 13):
        await at.added(event(ada, start=f"2035-03-05T{hour}:00:00Z", end=f"2035-03-05T{hour + 1}:00:00Z"))
    sixth = event(ada, start="2035-03-05T14:00:00Z", end="2035-03-05T15:00:00Z")
    assert "rotation.events" in await at.faults("POST", at.events, {"event": sixth})
    moved = {"event": {"end_time": {"date_time": "2035-03-05T11:00:00Z", "time_zone": "Europe/Berlin"}}}
    assert "rotation.events" in await at.faults("PUT", f"{at.events}/{first['id']}", moved)
    rotation = await at.at.done("GET", f"{at.path}/rotations/{at.rotation}")
    starts = [one["start_time"] for one in items(rotation, "events")]
    assert [text(start["date_time"])[11:13] for start in starts if isinstance(start, dict)] == [
        "09", "10", "11", "12", "13",
    ]  # fmt: skip


async def test_each_fault_is_told_under_its_field(at: Room) -> None:
    ada = await at.at.user("Ada")
    good = event(ada)
    zoned = {"date_time": "2035-03-12T09:00:00Z", "time_zone": "Europe/Berlin"}
    twenty_one = {**strategy(good), "members": [user(ada)] * 21}
    bad: list[tuple[Json, str]] = [
        ({"name": " "}, "event.name"),
        ({"name": 5}, "event.name"),
        ({"name": "x" * 256}, "event.name"),
        ({"start_time": "2035-03-05"}, "event.start_time"),
        ({"start_time": {"date_time": "soon", "time_zone": "Etc/UTC"}}, "event.start_time.date_time"),
        ({"start_time": {"date_time": "2035-03-05", "time_zone": "Mars"}}, "event.start_time.time_zone"),
        ({"end_time": zoned | {"time_zone": "Etc/UTC"}}, "event.end_time.time_zone"),
        ({"end_time": zoned | {"date_time": "2035-03-05T09:00:00Z"}}, "event"),
        ({"end_time": zoned | {"date_time": "9999-12-31T23:59:59Z"}}, "event.end_time.date_time"),
        ({"effective_since": "1 Jan"}, "event.effective_since"),
        ({"effective_until": "2035-03-01T00:00:00Z"}, "event"),
        ({"effective_until": "2015-03-01T00:00:00Z"}, "event"),
        ({"recurrence": []}, "event.recurrence"),
        ({"recurrence": ["RRULE:FREQ=FORTNIGHTLY"]}, "event.recurrence"),
        ({"recurrence": ["RRULE:FREQ=WEEKLY", "RRULE:FREQ=DAILY"]}, "event.recurrence"),
        ({"recurrence": ["RRULE:FREQ=MINUTELY"]}, "event"),
        ({"recurrence": ["RRULE:FREQ=DAILY"]}, "event"),
        ({"recurrence": [7]}, "event.recurrence[0]"),
        ({"assignment_strategy": {**strategy(good), "members": []}}, "event.assignment_strategy.members"),
        ({"assignment_strategy": twenty_one}, "event.assignment_strategy.members"),
        ({"assignment_strategy": {**strategy(good), "shifts_per_member": 0}}, "event"),
        ({"assignment_strategy": {**strategy(good), "type": "any"}}, "event.assignment_strategy.type"),
        ({"assignment_strategy": {**strategy(good), "members": [{"type": "user_member"}]}},
         "event.assignment_strategy.members[0].user_id"),
        ({"assignment_strategy": {**strategy(good), "members": [user("PNOBODY")]}},
         "event.assignment_strategy.members"),
    ]  # fmt: skip
    for change, field in bad:
        faults = await at.faults("POST", at.events, {"event": good | change})
        assert list(faults) == [field], (change, faults)
        assert all(map(text, items(faults, field)))
    missing = await at.faults("POST", at.events, {"event": {"name": "x"}})
    assert sorted(missing) == sorted(f"event.{name}" for name in good if name != "name")
    documents: list[object] = [None, [], {}, {"event": []}, {"event": None}, {"events": good}]
    for document in documents:
        assert len(await at.faults("POST", at.events, document)) == 1
    assert (await at.at.done("GET", f"{at.path}/rotations/{at.rotation}"))["events"] == []


async def test_who_may_change_events(at: Room) -> None:
    ada, team = await at.at.user("Ada"), await at.at.team("Web")
    made = await at.added(event(ada))
    at.at.enter("watcher", ada, Role.OBSERVER)
    at.at.enter("responder", ada, Role.LIMITED_USER)
    at.at.enter("walled", ada, Role.RESTRICTED_ACCESS, {team: TeamRole.MANAGER})
    path = f"{at.events}/{made['id']}"
    for who in ("watcher", "responder"):
        assert (await at.at.done("GET", path, by=who))["id"] == made["id"]
        assert await at.at.refused("POST", at.events, {"event": event(ada)}, by=who) == (403, 2010)
        assert await at.at.refused("PUT", path, {"event": {"name": "x"}}, by=who) == (403, 2010)
        assert await at.at.refused("DELETE", path, by=who) == (403, 2010)
    for method in ("GET", "PUT", "DELETE"):
        body = {"event": {"name": "x"}} if method == "PUT" else None
        assert await at.at.refused(method, path, body, by="walled") == (404, 2100)
    await at.at.done("PUT", at.path, {"schedule": {"teams": [{"id": team, "type": "team_reference"}]}})
    assert (await at.at.done("PUT", path, {"event": {"name": "Ours"}}, by="walled"))["name"] == "Ours"
    for lost in (f"{at.events}/NONE", f"{at.path}/rotations/NONE/events/{made['id']}", path.replace(at.key, "PNONE")):
        for method in ("GET", "PUT", "DELETE"):
            body = {"event": {"name": "x"}} if method == "PUT" else None
            assert await at.at.refused(method, lost, body) == (404, 2100)
    assert await at.at.refused("POST", at.events, {"event": event(ada)}, by="nobody") == (401, 2006)
