"""Schedules over the API: what clients write comes back, and who is on call is told on the clocks that they ask for."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.rest.rota import DAY_S, daily, entries, layer, made, names_of, schedule
from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.domain.people.role import Role, TeamRole


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


async def test_what_terraform_writes_comes_back(at: Desk) -> None:
    """Go's text of a time, `type: user`, layers lowest first; answers are in the schedule's zone, highest first."""
    ada, bo, team = await at.user("Ada"), await at.user("Bo"), await at.team("Web")
    body = {
        "schedule": {
            "name": "  Web   on call ",
            "time_zone": "America/New_York",
            "description": "Managed by Terraform",
            "teams": [{"id": team, "type": "team_reference"}],
            "schedule_layers": [
                {
                    **layer(ada, bo, start="2020-11-06T20:00:00-05:00", turn_s=DAY_S, name="Night Shift"),
                    "rotation_virtual_start": "2020-11-07 01:00:00 +0000 UTC",
                    "end": "",
                    "restrictions": [daily("08:00:00", 9)],
                },
                {
                    **layer(bo, start="2035-12-02T01:00:00Z"),
                    "restrictions": [
                        {
                            "type": "weekly_restriction",
                            "start_time_of_day": "17:30:00",
                            "start_day_of_week": 5,
                            "duration_seconds": 3600,
                        }
                    ],
                },
            ],
        }
    }
    made_ = await at.done("POST", "/schedules?overflow=true", body)
    assert made_["name"] == made_["summary"] == "Web on call"
    assert (made_["type"], made_["time_zone"]) == ("schedule", "America/New_York")
    assert made_["description"] == "Managed by Terraform"
    assert [one["id"] for one in items(made_, "teams")] == [team]
    assert [one["summary"] for one in items(made_, "users")] == ["Ada", "Bo"]
    assert made_["escalation_policies"] == []
    top, bottom = items(made_, "schedule_layers")
    assert names_of([top, bottom]) == ["Layer 2", "Night Shift"]
    assert bottom["start"] == bottom["rotation_virtual_start"] == "2020-11-06T20:00:00-05:00"
    assert (bottom["end"], bottom["rotation_turn_length_seconds"]) == (None, DAY_S)
    assert bottom["restrictions"] == [daily("08:00:00", 9)]
    assert (top["start"], items(top, "restrictions")[0]["start_day_of_week"]) == ("2035-12-01T20:00:00-05:00", 5)
    first = items(bottom, "users")[0]["user"]
    assert isinstance(first, dict)
    assert (first["type"], first["id"]) == ("user_reference", ada)
    assert (bottom["rendered_schedule_entries"], bottom["rendered_coverage_percentage"]) == ([], None)
    assert await at.done("GET", f"/schedules/{made_['id']}") == made_
    assert await at.done("PUT", f"/schedules/{made_['id']}", body_of(made_)) == made_


def body_of(shown: Json) -> Json:
    """Return what a client sends back that changes nothing of what it read."""
    return {"schedule": json.loads(json.dumps(shown))}


async def test_who_is_on_call_is_told_in_the_window(at: Desk) -> None:
    ada, bo, cy = [await at.user(name) for name in ("Ada", "Bo", "Cy")]
    zone = "Europe/Berlin"
    low = layer(ada, bo, start="2035-03-19T09:00:00+01:00", name="Low")
    high = layer(cy, start="2035-03-19T00:00:00+01:00", turn_s=DAY_S, name="High") | {
        "restrictions": [daily("12:00:00", 1)]
    }
    key = await made(at, low, high, zone=zone)
    path = f"/schedules/{key}?since=2035-03-26T08:00:00&until=2035-03-26T14:00:00"
    shown = await at.done("GET", path)
    final = shown["final_schedule"]
    assert entries(final) == [  # the night before, the clocks went forward: nine o'clock is nine o'clock
        ("2035-03-26T08:00:00+02:00", "2035-03-26T09:00:00+02:00", "Ada"),
        ("2035-03-26T09:00:00+02:00", "2035-03-26T12:00:00+02:00", "Bo"),
        ("2035-03-26T12:00:00+02:00", "2035-03-26T13:00:00+02:00", "Cy"),
        ("2035-03-26T13:00:00+02:00", "2035-03-26T14:00:00+02:00", "Bo"),
    ]
    assert isinstance(final, dict)
    assert (final["name"], final["rendered_coverage_percentage"]) == ("Final Schedule", 100)
    top = items(shown, "schedule_layers")[0]
    assert (top["name"], top["rendered_coverage_percentage"]) == ("High", 16.67)
    whole = await at.done("GET", f"{path}&overflow=true")
    assert entries(whole["final_schedule"])[0] == ("2035-03-25T13:00:00+02:00", "2035-03-26T09:00:00+02:00", "Ada")
    elsewhere = await at.done("GET", f"{path}&time_zone=UTC")
    assert entries(elsewhere["final_schedule"])[0] == ("2035-03-26T08:00:00Z", "2035-03-26T10:00:00Z", "Bo")
    assert names_of(items(elsewhere, "schedule_layers")) == ["High", "Low"]
    two_weeks = await at.done("GET", f"/schedules/{key}?since=2035-03-19T09:00&include_next_oncall_for_user={bo}")
    assert entries(two_weeks["final_schedule"])[-1][1] == "2035-04-02T10:00:00+02:00"  # 336 hours later
    assert two_weeks["next_oncall_for_user"] is None  # it is years ahead
    (found,) = items(
        await at.done("GET", "/schedules?since=2035-03-26&until=2035-03-27&include[]=final_schedule"), "schedules"
    )
    assert entries(found["final_schedule"])
    assert "schedule_layers" not in found
    path = f"/schedules/{key}/users?since=2035-03-26T12:30:00Z&until=2035-03-26T12:40:00Z"
    assert [one["name"] for one in items_of(await at.ask("GET", path), "users")] == ["Bo"]


async def test_the_next_shift_of_a_user_is_told(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    key = await made(at, layer(ada, bo, start="2020-01-06T00:00:00Z", turn_s=DAY_S))
    shown = await at.done("GET", f"/schedules/{key}?include_next_oncall_for_user={bo}")
    following = shown["next_oncall_for_user"]
    assert isinstance(following, dict)
    assert following["user"]["id"] == bo
    assert text(following["start"]).endswith("T00:00:00Z")
    _, document = await at.ask("GET", f"/schedules/{key}/users")
    (present,) = items(document, "users")
    assert present["id"] in (ada, bo)
    (listed,) = items(await at.done("GET", f"/schedules?include_next_oncall_for_user={bo}"), "schedules")
    assert listed["next_oncall_for_user"] == following


async def test_a_preview_keeps_nothing(at: Desk) -> None:
    ada = await at.user("Ada")
    body = schedule(layer(ada, turn_s=DAY_S), name="Perhaps")
    shown = await at.done("POST", "/schedules/preview?since=2035-03-05&until=2035-03-07", body)
    assert entries(shown["final_schedule"]) == [
        ("2035-03-05T09:00:00Z", "2035-03-06T09:00:00Z", "Ada"),
        ("2035-03-06T09:00:00Z", "2035-03-07T00:00:00Z", "Ada"),
    ]
    assert (shown["id"], shown["name"]) == (None, "Perhaps")
    assert items(await at.done("GET", "/schedules"), "schedules") == []
    assert await at.refused("POST", "/schedules/preview", schedule(layer("PNOBODY"))) == (400, 2001)
    assert await at.refused("POST", "/schedules/preview?since=2035-03-05&until=2045-03-05", body) == (400, 2004)


async def test_lists_are_paged_filtered_and_hide_what_a_reader_may_not_see(at: Desk) -> None:
    ada, team = await at.user("Ada"), await at.team("Web")
    shared = schedule(layer(ada), name="Alpha")
    shared["schedule"]["teams"] = [{"id": team, "type": "team_reference"}]  # type: ignore[index]  # built just above
    alpha = text((await at.done("POST", "/schedules", shared))["id"])
    beta = await made(at, layer(ada), name="beta 100%")

    async def names(query: str, by: str = "admin") -> list[object]:
        found = await at.done("GET", f"/schedules?{query}", by=by)
        return [one["name"] for one in items(found, "schedules")]

    assert await names("") == ["Alpha", "beta 100%"]
    assert await names("query=100%25") == ["beta 100%"]
    assert await names(f"team_ids[]={team}") == ["Alpha"]
    page = await at.done("GET", "/schedules?limit=1&offset=1&total=true")
    assert [page[name] for name in ("limit", "offset", "more", "total")] == [1, 1, False, 2]
    at.enter("walled", ada, Role.RESTRICTED_ACCESS, {team: TeamRole.RESPONDER})
    at.enter("watcher", ada, Role.OBSERVER)
    assert await names("", by="walled") == ["Alpha"]
    assert await at.refused("GET", f"/schedules/{beta}", by="walled") == (404, 2100)
    assert await at.refused("PUT", f"/schedules/{alpha}", shared, by="walled") == (403, 2010)
    assert await at.refused("POST", "/schedules", schedule(layer(ada), name="Mine"), by="watcher") == (403, 2010)
    assert await at.refused("DELETE", f"/schedules/{alpha}", by="watcher") == (403, 2010)
    assert (await at.done("GET", f"/schedules/{beta}", by="watcher"))["id"] == beta
    at.enter("walled", ada, Role.RESTRICTED_ACCESS, {team: TeamRole.MANAGER})
    assert (await at.done("PUT", f"/schedules/{alpha}", shared, by="walled"))["name"] == "Alpha"
    elsewhere: Json = {"schedule": {"teams": []}}
    assert await at.refused("PUT", f"/schedules/{alpha}", elsewhere, by="walled") == (403, 2010)
    assert await at.refused("GET", "/schedules?include[]=teams") == (400, 2001)
    assert await at.refused("GET", "/schedules?since=2030-01-01&until=2031-01-01") == (400, 2004)


async def test_what_a_schedule_leaves_open_is_told_at_save(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    method = text(items_of(await at.ask("GET", f"/users/{bo}/contact_methods"), "contact_methods")[0]["id"])
    await at.done("DELETE", f"/users/{bo}/contact_methods/{method}")
    headers = {"authorization": "Token token=admin"}
    body = schedule(
        layer(ada, bo, start="2020-01-06T09:00:00Z") | {"restrictions": [daily("09:00:00", 12)]}, name="Dág"
    )
    answer = await at.client.post("/schedules", json=body, headers=headers)
    assert list(answer.json()) == ["schedule"]
    told = json.loads(answer.headers["tocsin-warnings"])
    assert any("168.0 of the next 336 hours" in sentence for sentence in told)
    assert any("Bo has no contact method" in sentence for sentence in told)


def items_of(answer: tuple[int, Json], name: str) -> list[Json]:
    """Return a list out of an answer."""
    return items(answer[1], name)


async def test_hours_off_are_not_gaps(at: Desk) -> None:
    ada = await at.user("Ada")
    day = layer(ada, start="2020-01-06T09:00:00Z") | {"restrictions": [daily("09:00:00", 12)]}
    away = {"type": "weekly_restriction", "start_time_of_day": "21:00:00", "duration_seconds": 12 * 3600}
    body = schedule(day)
    body["schedule"]["off_hours"] = [{**away, "start_day_of_week": number} for number in range(1, 8)]  # type: ignore[index]  # built just above
    headers = {"authorization": "Token token=admin"}
    answer = await at.client.post("/schedules", json=body, headers=headers)
    assert answer.status_code == 201
    assert "tocsin-warnings" not in answer.headers
    assert [one["start_day_of_week"] for one in answer.json()["schedule"]["off_hours"]] == list(range(1, 8))


HOSTILE: list[object] = [
    None,
    [],
    {},
    {"schedule": None},
    {"schedule": []},
    schedule(name="   "),
    {"schedule": {"name": "No zone"}},
    schedule(zone="Mars/Olympus"),
    schedule(zone="../../etc/passwd"),
    schedule({}),
    schedule({"start": "now"}),
    schedule(layer()),
    schedule(layer("PNOBODY")),
    schedule(*[layer("PADA")] * 60),
    schedule(layer(*["PADA"] * 201)),
    schedule(layer("PADA", turn_s=0)),
    schedule(layer("PADA", turn_s=-(10**18))),
    schedule(layer("PADA", turn_s=10**30)),
    schedule(layer("PADA", start="yesterday")),
    schedule(layer("PADA", start="9999-12-31T23:59:59Z")),
    schedule(layer("PADA", start="0001-01-01T00:00:00+14:00")),
    schedule(layer("PADA") | {"end": "2035-03-01"}),
    schedule(layer("PADA") | {"users": [{"user": None}]}),
    schedule(layer("PADA") | {"users": [None]}),
    schedule(layer("PADA") | {"restrictions": [daily("25:00", 1)]}),
    schedule(layer("PADA") | {"restrictions": [daily("09:00", 25)]}),
    schedule(layer("PADA") | {"restrictions": [daily("09:00", 0)]}),
    schedule(layer("PADA") | {"restrictions": [{**daily("09:00", 1), "type": "weekly_restriction"}]}),
    schedule(layer("PADA") | {"restrictions": [{**daily("09:00", 1), "start_day_of_week": 3}]}),
    schedule(layer("PADA") | {"restrictions": [{**daily("09:00", 1), "type": "hourly_restriction"}]}),
    {"schedule": {"name": "X", "time_zone": "UTC", "teams": [{"id": "PNOTEAM"}]}},
]


async def test_what_is_not_a_schedule_is_400_and_says_where(at: Desk) -> None:
    ada = await at.user("Ada")
    for body in HOSTILE:
        told = json.loads(json.dumps(body).replace('"PADA"', json.dumps(ada)))
        status, document = await at.ask("POST", "/schedules", told)
        assert status == 400, (body, document)
    status, document = await at.ask("POST", "/schedules", schedule(layer(ada), layer(ada, turn_s=5, name="Fast")))
    assert "Layer Fast: A turn must last" in str(document)
    status, document = await at.ask("POST", "/schedules", schedule(layer(ada), {"start": "2035-01-01"}))
    assert "schedule.schedule_layers[1].users is missing." in str(document)
    assert items(await at.done("GET", "/schedules"), "schedules") == []
    await made(at, layer(ada), name="Web")
    assert await at.refused("POST", "/schedules", schedule(layer(ada), name=" web ")) == (400, 2001)
    assert await at.refused("GET", "/schedules/PNOTHING") == (404, 2100)
    assert await at.refused("GET", "/schedules/PNOTHING/users") == (404, 2100)
    (only,) = items(await at.done("GET", "/schedules"), "schedules")
    for query in (
        "since=9999-12-31",
        "until=0001-01-01",
        "since=x",
        "since=2035-01-02&until=2035-01-01",
        "until=1969-12-30",
    ):
        for path in ("", "/users", "/overrides"):
            status, _ = await at.ask("GET", f"/schedules/{only['id']}{path}?{query}")
            assert status == 400, (path, query)
    zone = "Pacific Time (US & Canada)"
    assert (await at.done("POST", "/schedules", schedule(name="Rails", zone=zone)))[
        "time_zone"
    ] == "America/Los_Angeles"
