"""Custom shifts and overrides of rotations over the API: added, changed, taken back, as far as the past allows."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rest.rotations.rotation_room import Room, custom_shift, event, now, override, room, user, wire
from tests.api.rest.service_desk import Json, items, text
from tocsin.domain.people.role import Role, TeamRole

HOUR = timedelta(hours=1)
NOON, EVENING = "2035-03-06T12:00:00+01:00", "2035-03-06T18:00:00+01:00"
WINDOW = "since=2035-03-01&until=2035-03-31"


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "master.key") as opened:
        yield opened


async def listed(at: Room, kind: str, query: str = WINDOW) -> list[Json]:
    status, document = await at.at.ask("GET", f"{at.path}/{kind}?{query}")
    assert status == 200, document
    return items(document, kind)


async def test_custom_shifts_read_back_as_they_were_written(at: Room) -> None:
    ada, bo = await at.at.user("Ada"), await at.at.user("Bo")
    bodies = [custom_shift(ada, NOON, EVENING), custom_shift(None, "2035-03-07T12:00:00Z", "2035-03-08T12:00:00")]
    first, second = await at.put_on(*bodies)
    assert {name: first[name] for name in ("type", "start_time", "end_time")} == {
        "type": "custom_shift",
        "start_time": NOON,
        "end_time": EVENING,
    }
    assert [one["member"] for one in items(first, "assignments")] == [user(ada)]
    assert [one["member"] for one in items(second, "assignments")] == [{"type": "empty_member"}]
    assert second["end_time"] == "2035-03-08T12:00:00+01:00", "without an offset, the wall of the schedule counts"
    path = f"{at.path}/custom_shifts"
    assert await at.at.done("GET", f"{path}/{first['id']}") == first
    assert await listed(at, "custom_shifts") == [first, second]
    cut = await listed(at, "custom_shifts", "since=2035-03-06T14:00&until=2035-03-06T15:00")
    assert [one["start_time"] for one in cut] == ["2035-03-06T14:00:00+01:00"]
    whole = await listed(at, "custom_shifts", "since=2035-03-06T14:00&until=2035-03-06T15:00&overflow=true")
    assert whole == [first]
    _, page = await at.at.ask("GET", f"{path}?{WINDOW}&limit=1")
    assert (page["limit"], page["offset"], page["more"], len(items(page, "custom_shifts"))) == (1, 0, True, 1)
    change = {"start_time": "2035-03-06T13:00:00+01:00", "assignments": custom_shift(bo, NOON, EVENING)["assignments"]}
    changed = await at.at.done("PUT", f"{path}/{first['id']}", {"custom_shift": change})
    assert (changed["id"], changed["start_time"], changed["end_time"]) == (first["id"], change["start_time"], EVENING)
    assert await at.at.ask("DELETE", f"{path}/{first['id']}") == (204, {})
    assert await at.at.refused("GET", f"{path}/{first['id']}") == (404, 2100)
    for query in ("since=2035-03-01", "until=2035-03-01", "", "since=2035-03-02&until=2035-03-01"):
        assert await at.at.refused("GET", f"{path}?{query}") in {(400, 2003), (400, 2004)}


async def test_a_custom_shift_that_has_begun_can_only_end(at: Room) -> None:
    ada, bo = await at.at.user("Ada"), await at.at.user("Bo")
    instant = await now(at.at)
    path = f"{at.path}/custom_shifts"
    (shift,) = await at.put_on(custom_shift(ada, wire(instant - 9 * HOUR), wire(instant + 9 * HOUR)))
    key = text(shift["id"])
    began = (await at.at.done("GET", f"{path}/{key}?time_zone=UTC"))["start_time"]
    assert text(began) >= wire(instant), "the hours that have passed stay as they were"
    at.at.house.store.clock_shift = HOUR
    moved = {"custom_shift": {**custom_shift(bo, NOON, EVENING), "start_time": wire(instant + 2 * HOUR)}}
    assert sorted(await at.faults("PUT", f"{path}/{key}", moved)) == [
        "custom_shift.assignments",
        "custom_shift.start_time",
    ]
    longer = {"custom_shift": {**shift, "end_time": wire(instant + 10 * HOUR)}}
    assert (await at.at.done("PUT", f"{path}/{key}?time_zone=UTC", longer))["end_time"] == wire(instant + 10 * HOUR)
    (over,) = await at.given(
        override({"custom_shift_id": key}, (ada, bo), wire(instant + 5 * HOUR), wire(instant + 6 * HOUR))
    )
    at.at.house.store.clock_shift = 2 * HOUR
    assert await at.at.ask("DELETE", f"{path}/{key}") == (204, {})
    assert await at.at.refused("GET", f"{at.path}/overrides/{over['id']}") == (404, 2100)
    ended = text((await at.at.done("GET", f"{path}/{key}?time_zone=UTC"))["end_time"])
    assert wire(instant + 2 * HOUR) <= ended <= wire(instant + 2.1 * HOUR)
    at.at.house.store.clock_shift = 3 * HOUR
    assert len(await at.faults("DELETE", f"{path}/{key}")) == 1
    assert list(await at.faults("PUT", f"{path}/{key}", longer)) == ["custom_shift"]
    shifts = await at.shifts(wire(instant - HOUR), wire(instant + 12 * HOUR), "&time_zone=UTC")
    assert [(start, end, who) for start, end, who, _ in shifts] == [(began, ended, ada)]


async def test_faults_of_custom_shifts_are_told_under_their_fields_and_nothing_is_added(at: Room) -> None:
    ada = await at.at.user("Ada")
    good = custom_shift(ada, NOON, EVENING)
    bad: list[tuple[Json, str]] = [
        ({"start_time": "soon"}, "custom_shifts[1].start_time"),
        ({"start_time": EVENING}, "custom_shifts[1].end_time"),
        ({"start_time": "2015-01-01", "end_time": "2015-01-02"}, "custom_shifts[1].end_time"),
        ({"end_time": 7}, "custom_shifts[1].end_time"),
        ({"assignments": []}, "custom_shifts[1].assignments"),
        ({"assignments": [*items(good, "assignments")] * 2}, "custom_shifts[1].assignments"),
        ({"assignments": [{"member": {"type": "user_member"}}]}, "custom_shifts[1].assignments[0].member.user_id"),
        ({"assignments": [{"member": user("PNOBODY")}]}, "custom_shifts[1].assignments"),
    ]
    path = f"{at.path}/custom_shifts"
    for change, field in bad:
        assert list(await at.faults("POST", path, {"custom_shifts": [good, good | change]})) == [field], change
    missing = await at.faults("POST", path, {"custom_shifts": [{"type": "custom_shift"}]})
    assert sorted(missing) == [f"custom_shifts[0].{name}" for name in ("assignments", "end_time", "start_time")]
    bodies: list[object] = [None, [], {}, {"custom_shifts": []}, {"custom_shifts": good}]
    for body in [*bodies, {"custom_shifts": [good] * 251}]:
        assert len(await at.faults("POST", path, body)) == 1
    assert await listed(at, "custom_shifts") == []


async def test_overrides_read_back_as_they_were_written(at: Room) -> None:
    ada, bo, cy = [await at.at.user(name) for name in ("Ada", "Bo", "Cy")]
    await at.added(event(ada))
    body = override({"rotation_id": at.rotation}, (ada, bo), NOON, EVENING)
    empty = override({"rotation_id": at.rotation}, (bo, None), NOON, EVENING)
    made, second = await at.given(body, empty)
    assert {name: made[name] for name in body} == body
    assert {name: second[name] for name in empty} == empty, "whoever got a shift by an override can be overridden"
    assert "custom_shift_id" not in made
    path = f"{at.path}/overrides"
    assert await at.at.done("GET", f"{path}/{made['id']}") == made
    assert await listed(at, "overrides") == [made, second]
    assert await listed(at, "overrides", "since=2035-04-01&until=2035-04-02") == []
    assert await at.at.ask("DELETE", f"{path}/{second['id']}") == (204, {})
    change = {"end_time": "2035-03-06T20:00:00+01:00", "overriding_member": user(cy)}
    changed = await at.at.done("PUT", f"{path}/{made['id']}", {"override": change})
    assert changed == made | change
    shifts = await at.shifts("2035-03-06T11:00:00Z", "2035-03-06T20:00:00Z")
    assert [shift[2] for shift in shifts] == [cy, ada]
    _, page = await at.at.ask("GET", f"{path}?{WINDOW}&limit=1")
    assert (len(items(page, "overrides")), page["more"]) == (1, False)
    assert await at.at.refused("GET", path) == (400, 2003)
    for method in ("GET", "PUT", "DELETE"):
        assert await at.at.refused(method, f"{path}/NONE", {"override": {}} if method == "PUT" else None) == (404, 2100)


async def test_an_override_is_of_a_shift_that_is_really_there(at: Room) -> None:
    ada, bo = await at.at.user("Ada"), await at.at.user("Bo")
    await at.added(event(ada, None))
    (shift,) = await at.put_on(custom_shift(bo, NOON, EVENING))
    here, beside = {"rotation_id": at.rotation}, {"custom_shift_id": shift["id"]}
    good = override(here, (ada, bo), NOON, EVENING)
    bad: list[tuple[Json, str]] = [
        (override({}, (ada, bo), NOON, EVENING), "overrides[1]"),
        (override(here | beside, (ada, bo), NOON, EVENING), "overrides[1]"),
        (override({"rotation_id": "NONE"}, (ada, bo), NOON, EVENING), "overrides[1].rotation_id"),
        (override({"custom_shift_id": "NONE"}, (ada, bo), NOON, EVENING), "overrides[1].custom_shift_id"),
        (override(here, (bo, ada), "2035-03-07", "2035-03-08"), "overrides[1].overridden_member"),
        (override(here, (None, bo), NOON, EVENING), "overrides[1].overridden_member"),
        (override(beside, (ada, bo), NOON, EVENING), "overrides[1].overridden_member"),
        (override(beside, (bo, ada), "2035-03-07", "2035-03-08"), "overrides[1].overridden_member"),
        (override(here, (ada, bo), "2034-03-07", "2034-03-08"), "overrides[1].overridden_member"),
        (override(here, (ada, bo), "2015-03-07", "2015-03-08"), "overrides[1].end_time"),
        (override(here, (ada, bo), EVENING, NOON), "overrides[1].end_time"),
        (override(here, (ada, "PNOBODY"), NOON, EVENING), "overrides[1].overriding_member"),
        (override(here, (ada, ""), NOON, EVENING), "overrides[1].overriding_member.user_id"),
        (good | {"start_time": "?"}, "overrides[1].start_time"),
    ]
    path = f"{at.path}/overrides"
    for body, field in bad:
        faults = await at.faults("POST", path, {"overrides": [good, body]})
        assert list(faults) == [field], (body, faults)
    assert await listed(at, "overrides") == [], "all or none"
    missing = await at.faults("POST", path, {"overrides": [here]})
    assert sorted(missing) == sorted(f"overrides[0].{name}" for name in good if name not in {"type", "rotation_id"})
    documents: list[object] = [None, [], {}, {"overrides": []}, {"override": good}]
    for document in documents:
        assert len(await at.faults("POST", path, document)) == 1
    in_turn = override(here, (None, bo), "2035-03-12T10:00:00+01:00", "2035-03-12T12:00:00+01:00")
    (made,) = await at.given(in_turn)
    shifts = await at.shifts("2035-03-12T00:00:00Z", "2035-03-13T00:00:00Z")
    assert [shift[2] for shift in shifts] == [ada, bo], "an empty place can be taken"
    elsewhere = {"override": {"rotation_id": "NONE"}}
    assert list(await at.faults("PUT", f"{path}/{made['id']}", elsewhere)) == ["override.rotation_id"]
    away = {"override": {"start_time": "2035-03-05T10:00:00+01:00", "end_time": "2035-03-05T12:00:00+01:00"}}
    assert list(await at.faults("PUT", f"{path}/{made['id']}", away)) == ["override.overridden_member"]


async def test_three_ways_to_take_an_override_back(at: Room) -> None:
    ada, bo = await at.at.user("Ada"), await at.at.user("Bo")
    instant = await now(at.at)
    weekly = event(ada, start="2020-01-06T09:00:00Z", end="2020-01-13T09:00:00Z")
    await at.added(weekly | {"effective_since": wire(instant)})
    here = {"rotation_id": at.rotation}
    running, coming = await at.given(
        override(here, (ada, bo), wire(instant - HOUR), wire(instant + 9 * HOUR)),
        override(here, (ada, bo), wire(instant + 20 * HOUR), wire(instant + 21 * HOUR)),
    )
    path = f"{at.path}/overrides"
    assert await at.at.ask("DELETE", f"{path}/{coming['id']}") == (204, {})
    at.at.house.store.clock_shift = HOUR
    late = {"override": {"start_time": wire(instant + 2 * HOUR)}}
    assert list(await at.faults("PUT", f"{path}/{running['id']}", late)) == ["override.start_time"]
    same = {"override": running | {"end_time": wire(instant + 8 * HOUR)}}
    at.at.house.store.clock_shift = 2 * HOUR
    await at.at.done("PUT", f"{path}/{running['id']}", same)
    assert await at.at.ask("DELETE", f"{path}/{running['id']}") == (204, {})
    at.at.house.store.clock_shift = 3 * HOUR
    assert len(await at.faults("DELETE", f"{path}/{running['id']}")) == 1
    assert list(await at.faults("PUT", f"{path}/{running['id']}", same)) == ["override"]
    shifts = await at.shifts(wire(instant), wire(instant + 9 * HOUR), "&time_zone=UTC")
    assert [shift[2] for shift in shifts if shift[2] == bo] == [bo]
    assert shifts[-1][2] == ada


async def test_responders_may_and_observers_may_not(at: Room) -> None:
    ada, bo, team = await at.at.user("Ada"), await at.at.user("Bo"), await at.at.team("Web")
    await at.added(event(ada))
    at.at.enter("watcher", bo, Role.OBSERVER)
    at.at.enter("responder", bo, Role.LIMITED_USER)
    at.at.enter("walled", bo, Role.RESTRICTED_ACCESS, {team: TeamRole.RESPONDER})
    given = override({"rotation_id": at.rotation}, (ada, bo), NOON, EVENING)
    for kind, one, body in (
        ("overrides", "override", given),
        ("custom_shifts", "custom_shift", custom_shift(bo, NOON, EVENING)),
    ):
        path, bodies = f"{at.path}/{kind}", {kind: [body]}
        assert await at.at.refused("POST", path, bodies, by="watcher") == (403, 2010)
        assert await at.at.refused("POST", path, bodies, by="walled") == (404, 2100)
        status, document = await at.at.ask("POST", path, bodies, by="responder")
        assert status == 201
        key = items(document, kind)[0]["id"]
        change = {one: {"end_time": EVENING}}
        for who, refused in (("watcher", (403, 2010)), ("walled", (404, 2100)), ("nobody", (401, 2006))):
            assert await at.at.refused("PUT", f"{path}/{key}", change, by=who) == refused
            assert await at.at.refused("DELETE", f"{path}/{key}", by=who) == refused
        assert (await at.at.done("GET", f"{path}/{key}", by="watcher"))["id"] == key
        assert await at.at.refused("GET", f"{path}?{WINDOW}", by="walled") == (404, 2100)
        assert (await at.at.done("PUT", f"{path}/{key}", change, by="responder"))["end_time"] == EVENING
        assert await at.at.ask("DELETE", f"{path}/{key}", by="responder") == (204, {})
    await at.at.done("PUT", at.path, {"schedule": {"teams": [{"id": team}]}})
    status, _ = await at.at.ask("POST", f"{at.path}/overrides", {"overrides": [given]}, by="walled")
    assert status == 201
