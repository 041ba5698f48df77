"""Schedules of rotations over the API: created, listed, shown with who is on call, changed, removed, by whom."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.api.rest import rota
from tests.api.rest.rotations.rotation_room import Room, custom_shift, event, made, now, override, room, wire
from tests.api.rest.service_desk import PUBLIC_URL, Desk, Json, items, text
from tocsin.domain.people.role import Role, TeamRole


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "master.key") as opened:
        yield opened


async def policy_on(at: Desk, schedule_id: str) -> str:
    """Create a policy that calls by a schedule of rotations and return its id."""
    rule = {"escalation_delay_in_minutes": 30, "targets": [{"id": schedule_id, "type": "schedule_v3_reference"}]}
    body = {"escalation_policy": {"name": "Night", "escalation_rules": [rule]}}
    return text((await at.done("POST", "/escalation_policies", body))["id"])


async def test_a_schedule_reads_back_as_it_was_written(at: Room) -> None:
    team = await at.at.team("Web")
    written = {"name": "  Night   and  day ", "time_zone": "America/New_York", "description": "Around the clock"}
    body = {**written, "teams": [{"id": team, "type": "team_reference"}], "rotations": []}
    shown = await at.at.done("POST", "/v3/schedules", {"schedule": body})
    assert shown == await at.at.done("GET", f"/v3/schedules/{shown['id']}")
    assert {name: shown[name] for name in written} == written | {"name": "Night and day"}
    assert (shown["type"], shown["self"]) == ("schedule_v3", f"{PUBLIC_URL}/v3/schedules/{shown['id']}")
    assert [one["id"] for one in items(shown, "teams")] == [team]
    assert (shown["rotations"], shown["escalation_policies"]) == ([], [])
    changed = await at.at.done("PUT", f"/v3/schedules/{shown['id']}", {"schedule": {"name": "Days", "teams": []}})
    assert changed == {**shown, "name": "Days", "summary": "Days", "teams": []}
    moved: Json = {"time_zone": "Pacific Time (US & Canada)", "description": None}
    changed = await at.at.done("PUT", f"/v3/schedules/{shown['id']}", {"schedule": moved})
    assert (changed["time_zone"], changed["description"]) == ("America/Los_Angeles", None)


async def test_a_list_has_the_schedules_of_this_version_only(at: Room) -> None:
    ada, team = await at.at.user("Ada"), await at.at.team("Web")
    await rota.made(at.at, rota.layer(ada), name="Layers")
    keys = [await made(at.at, name) for name in ("Zulu", "alpha")]
    await at.at.done("PUT", f"/v3/schedules/{keys[0]}", {"schedule": {"teams": [{"id": team}]}})
    _, listed = await at.at.ask("GET", "/v3/schedules")
    assert [one["summary"] for one in items(listed, "schedules")] == ["alpha", "Web", "Zulu"]
    assert {one["type"] for one in items(listed, "schedules")} == {"schedule_v3_reference"}
    assert (listed["limit"], listed["offset"], listed["more"], "total" in listed) == (100, 0, False, False)
    _, listed = await at.at.ask("GET", "/v3/schedules?limit=2000&query=ALP&total=true")
    assert (listed["limit"], listed["total"]) == (1000, 1)
    _, listed = await at.at.ask("GET", f"/v3/schedules?team_ids[]={team}")
    assert [one["id"] for one in items(listed, "schedules")] == [keys[0]]
    _, listed = await at.at.ask("GET", "/v3/schedules?limit=1&offset=1")
    assert ([one["summary"] for one in items(listed, "schedules")], listed["more"]) == (["Web"], True)
    at.at.enter("walled", ada, Role.RESTRICTED_ACCESS, {team: TeamRole.OBSERVER})
    _, listed = await at.at.ask("GET", "/v3/schedules", by="walled")
    assert [one["id"] for one in items(listed, "schedules")] == [keys[0]]
    _, others = await at.at.ask("GET", "/schedules")
    assert [one["name"] for one in items(others, "schedules")] == ["Layers"]
    for query in ("limit=0", "limit=x", "offset=-1", "offset=10000"):
        assert len(await at.faults("GET", f"/v3/schedules?{query}")) == 1


async def test_each_version_sends_to_the_other_one(at: Room) -> None:
    ada = await at.at.user("Ada")
    layered = await rota.made(at.at, rota.layer(ada), name="Layers")
    (sentence,) = items(await at.faults("GET", f"/v3/schedules/{layered}"), "schedule")
    assert f" /schedules/{layered}" in text(sentence)
    for path in ("rotations", "overrides?since=2035-01-01&until=2035-01-02"):
        assert await at.at.refused("GET", f"/v3/schedules/{layered}/{path}") == (400, 2001)
    status, document = await at.at.ask("GET", f"/schedules/{at.key}")
    assert status == 400
    assert "shift-based" in str(document)
    assert f"/v3/schedules/{at.key}" in str(document)


async def test_who_is_on_call_and_why(at: Room) -> None:
    ada, bo, cy = [await at.at.user(name) for name in ("Ada", "Bo", "Cy")]
    await at.added(event(ada, bo, None))
    (shift,) = await at.put_on(custom_shift(cy, "2035-03-06T09:00:00", "2035-03-06T17:00:00"))
    (first, second) = await at.given(
        override({"rotation_id": at.rotation}, (ada, cy), "2035-03-07T00:00:00Z", "2035-03-08T00:00:00Z"),
        override({"custom_shift_id": shift["id"]}, (cy, bo), "2035-03-06T16:00:00+01:00", "2035-03-06T17:00:00+01:00"),
    )
    shifts = await at.shifts("2035-03-05T09:00:00Z", "2035-03-26T08:00:00Z", "&time_zone=Etc/UTC")
    of_rotation = {"type": "schedule_rotation", "rotation_id": at.rotation}
    given = {"type": "schedule_rotation_override", "rotation_id": at.rotation, "override_id": first["id"]}
    lent = {"type": "custom_shift_override", "shift_id": shift["id"], "override_id": second["id"]}
    assert shifts == [
        ("2035-03-05T09:00:00Z", "2035-03-07T00:00:00Z", ada, of_rotation),
        ("2035-03-06T08:00:00Z", "2035-03-06T15:00:00Z", cy, {"type": "custom_shift", "shift_id": shift["id"]}),
        ("2035-03-06T15:00:00Z", "2035-03-06T16:00:00Z", bo, lent),
        ("2035-03-07T00:00:00Z", "2035-03-08T00:00:00Z", cy, given),
        ("2035-03-08T00:00:00Z", "2035-03-12T09:00:00Z", ada, of_rotation),
        ("2035-03-12T09:00:00Z", "2035-03-19T09:00:00Z", bo, of_rotation),
    ]
    final = await at.final("2035-03-05T09:00:00Z", "2035-03-26T08:00:00Z")
    assert final["rendered_coverage_percentage"] == 66.8
    inside = ("2035-03-10T00:00:00Z", "2035-03-11T00:00:00Z")
    assert [shift[:2] for shift in await at.shifts(*inside)] == [
        ("2035-03-10T01:00:00+01:00", "2035-03-11T01:00:00+01:00")
    ]
    assert [shift[:2] for shift in await at.shifts(*inside, "&overflow=true&time_zone=Etc/UTC")] == [
        ("2035-03-08T00:00:00Z", "2035-03-12T09:00:00Z")
    ]
    shown = await at.at.done("GET", f"{at.path}?include[]=users")
    assert [one["id"] for one in items(shown, "users")] == [ada, bo]
    assert "final_schedule" not in shown
    coming = (await at.at.done("GET", f"{at.path}?include[]=final_schedule"))["final_schedule"]
    assert isinstance(coming, dict)
    assert coming["rendered_coverage_percentage"] == 0
    for query in ("include[]=rotations", "since=x", "since=2035-01-02&until=2035-01-01", "time_zone=Mars"):
        assert await at.at.refused("GET", f"{at.path}?{query}") in {(400, 2001), (400, 2004)}


async def test_who_changed_it_is_listed(at: Room) -> None:
    found = items(await at.at.done("GET", f"{at.path}/audit/records"), "records")
    assert found[-1]["action"] == "create"
    resource = found[-1]["root_resource"]
    assert isinstance(resource, dict)
    assert (resource["id"], resource["type"]) == (at.key, "schedule_v3_reference")


async def test_what_is_not_there_says_so(at: Room) -> None:
    assert await at.at.refused("GET", f"{at.path}/nothing") == (404, 2100)
    assert await at.at.refused("PUT", f"{at.path}/rotations/{at.rotation}", {}) == (405, 2001)


async def test_a_schedule_in_use_stays(at: Room) -> None:
    policy = await policy_on(at.at, at.key)
    shown = await at.at.done("GET", f"/escalation_policies/{policy}")
    (target,) = items(items(shown, "escalation_rules")[0], "targets")
    assert (target["id"], target["type"]) == (at.key, "schedule_v3_reference")
    assert target["self"] == f"{PUBLIC_URL}{at.path}"
    assert [one["id"] for one in items(await at.at.done("GET", at.path), "escalation_policies")] == [policy]
    assert "escalation policies" in str(await at.faults("DELETE", at.path))
    await at.at.ask("DELETE", f"/escalation_policies/{policy}")
    assert await at.at.ask("DELETE", at.path) == (204, {})
    assert await at.at.refused("GET", at.path) == (404, 2100)
    assert await at.at.refused("DELETE", at.path) == (404, 2100)


async def test_each_fault_is_told_under_its_field(at: Room) -> None:
    good: Json = {"name": "Night", "time_zone": "UTC"}
    bad: list[tuple[Json, str]] = [
        ({"name": "  "}, "schedule.name"),
        ({"name": "x" * 256}, "schedule.name"),
        ({"name": "web"}, "schedule.name"),
        ({"time_zone": "Mars"}, "schedule.time_zone"),
        ({"description": "x" * 1025}, "schedule.description"),
        ({"rotations": [{}]}, "schedule.rotations"),
        ({"escalation_policies": [{"id": "P1"}]}, "schedule.escalation_policies"),
        ({"teams": [{"id": "PNONE", "type": "team_reference"}]}, "schedule.teams"),
        ({"teams": [{}]}, "schedule.teams[0]"),
    ]
    for change, field in bad:
        faults = await at.faults("POST", "/v3/schedules", {"schedule": good | change})
        assert list(faults) == [field], (change, faults)
    assert sorted(await at.faults("POST", "/v3/schedules", {"schedule": {}})) == [
        "schedule.name",
        "schedule.time_zone",
    ]
    bodies: list[object] = [None, [], {}, {"schedule": []}, {"schedule": None}]
    for body in bodies:
        assert len(await at.faults("POST", "/v3/schedules", body)) == 1
    for part in ("rotations", "escalation_policies"):
        assert list(await at.faults("PUT", at.path, {"schedule": {part: [{}]}})) == [f"schedule.{part}"]


async def test_who_may_change_a_schedule(at: Room) -> None:
    ada, team = await at.at.user("Ada"), await at.at.team("Web")
    at.at.enter("watcher", ada, Role.OBSERVER)
    at.at.enter("manager", ada, Role.RESTRICTED_ACCESS, {team: TeamRole.MANAGER})
    body = {"schedule": {"name": "Mine", "time_zone": "UTC"}}
    assert (await at.at.done("GET", at.path, by="watcher"))["id"] == at.key
    assert await at.at.refused("POST", "/v3/schedules", body, by="watcher") == (403, 2010)
    assert await at.at.refused("PUT", at.path, body, by="watcher") == (403, 2010)
    assert await at.at.refused("DELETE", at.path, by="watcher") == (403, 2010)
    for method in ("GET", "PUT", "DELETE"):
        assert await at.at.refused(method, at.path, body if method == "PUT" else None, by="manager") == (404, 2100)
    assert await at.at.refused("POST", "/v3/schedules", body, by="manager") == (403, 2010)
    of_team = {"schedule": {**body["schedule"], "teams": [{"id": team, "type": "team_reference"}]}}
    key = (await at.at.done("POST", "/v3/schedules", of_team, by="manager"))["id"]
    leave: Json = {"schedule": {"teams": []}}
    assert await at.at.refused("PUT", f"/v3/schedules/{key}", leave, by="manager") == (403, 2010)
    assert await at.at.ask("DELETE", f"/v3/schedules/{key}", by="manager") == (204, {})


async def test_rotations_are_made_empty_listed_and_ended(at: Room) -> None:
    ada, bo = await at.at.user("Ada"), await at.at.user("Bo")
    path = f"{at.path}/rotations"
    made_too = await at.at.done("POST", path)
    assert (made_too["type"], made_too["events"], len(text(made_too["id"]))) == ("schedule_rotation", [], 26)
    for number in range(3, 11):
        assert (await at.at.ask("POST", path, {}))[0] == 201, number
    assert list(await at.faults("POST", path, {})) == ["schedule.rotations"]
    bodies: list[object] = [{"rotation": {}}, [1], "x"]
    for body in bodies:
        assert list(await at.faults("POST", path, body)) == ["rotation"]
    _, listed = await at.at.ask("GET", f"{path}?limit=3&offset=8")
    assert (len(items(listed, "rotations")), listed["more"]) == (2, False)
    _, listed = await at.at.ask("GET", f"{path}?limit=2")
    assert [one["id"] for one in items(listed, "rotations")] == [at.rotation, made_too["id"]]
    assert await at.at.ask("DELETE", f"{path}/{made_too['id']}") == (204, {})
    assert await at.at.refused("GET", f"{path}/{made_too['id']}") == (404, 2100)
    instant = await now(at.at)
    old = {"start": "2020-01-06T09:00:00Z", "end": "2020-01-13T09:00:00Z"}
    await at.added(event(ada, **old) | {"effective_since": wire(instant), "effective_until": "2035-01-01T00:00:00Z"})
    await at.added(event(bo, **old) | {"effective_since": "2035-01-01T00:00:00Z"})
    at.at.house.store.clock_shift = timedelta(hours=1)
    place = {"rotation_id": at.rotation}
    hours = (wire(instant + timedelta(minutes=10)), wire(instant + timedelta(hours=3)))
    running, coming = await at.given(
        override(place, (ada, bo), *hours),
        override(place, (bo, ada), "2035-02-01T00:00:00Z", "2035-02-02T00:00:00Z"),
    )
    at.at.house.store.clock_shift = timedelta(hours=2)
    assert await at.at.ask("DELETE", f"{path}/{at.rotation}") == (204, {})
    assert await at.at.refused("GET", f"{path}/{at.rotation}") == (404, 2100)
    assert await at.at.refused("DELETE", f"{path}/{at.rotation}") == (404, 2100)
    shown = await at.at.done("GET", at.path)
    assert at.rotation not in [one["id"] for one in items(shown, "rotations")]
    shifts = await at.shifts(wire(instant), "2035-03-01T00:00:00Z".replace("2035", str(instant.year + 1)))
    assert [shift[2] for shift in shifts] == [ada, bo], "what has been stays; nothing is to come"
    assert wire(instant + timedelta(hours=2)) <= _utc(shifts[-1][1]) <= wire(instant + timedelta(hours=2.1))
    assert await at.at.refused("GET", f"{at.path}/overrides/{coming['id']}") == (404, 2100)
    cut = await at.at.done("GET", f"{at.path}/overrides/{running['id']}")
    assert cut["end_time"] == shifts[-1][1]


def _utc(written: str) -> str:
    return wire(datetime.fromisoformat(written).astimezone(UTC))
