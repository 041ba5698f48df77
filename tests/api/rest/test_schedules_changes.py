"""Changing schedules over the API: layers end and never vanish, overrides stay, and what is in use is not deleted."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.rest.rota import DAY_S, MONDAY, entries, give, hours, layer, made, names_of, now, schedule, wire
from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.api.rest.schedules.merge import MOST_ENDED, merged
from tocsin.domain.oncall.schedule import ByShift, Layer, Pattern, Schedule, TurnLayer
from tocsin.domain.people.actor import SYSTEM
from tocsin.domain.people.role import Role
from tocsin.store.schedules import write
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Turn

SNAPSHOT = "Schedule can't be deleted if it's being used by an escalation policy snapshot with open incidents"


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


async def layers_at(at: Desk, key: str) -> list[Json]:
    return items(await at.done("GET", f"/schedules/{key}"), "schedule_layers")


async def test_overrides_survive_an_update(at: Desk) -> None:
    """T12: other systems lose overrides when Terraform writes the schedule anew."""
    ada, bo = await at.user("Ada"), await at.user("Bo")
    key = await made(at, layer(ada, start="2020-01-06T09:00:00Z", turn_s=DAY_S))
    await give(at, key, bo, "2035-03-05T10:00:00Z", "2035-03-05T12:00:00Z")
    window = "since=2035-03-05T09:00:00Z&until=2035-03-05T13:00:00Z"
    before = entries((await at.done("GET", f"/schedules/{key}?{window}"))["final_schedule"])
    await at.done(
        "PUT", f"/schedules/{key}", schedule(layer(ada, start="2020-01-06T09:00:00Z", turn_s=DAY_S), name="New")
    )
    shown = await at.done("GET", f"/schedules/{key}?{window}")
    assert entries(shown["final_schedule"]) == before
    assert [who for _, _, who in before] == ["Ada", "Bo", "Ada"]
    assert entries(shown["overrides_subschedule"]) == [("2035-03-05T10:00:00Z", "2035-03-05T12:00:00Z", "Bo")]


async def test_a_layer_that_is_left_out_ends_and_one_that_has_not_begun_goes(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    running = layer(ada, start="2020-01-06T09:00:00Z", name="Running")
    key = await made(at, running, layer(bo, name="To come"), layer(bo, start="2020-01-06T09:00:00Z", name="Stays"))
    stays = (await layers_at(at, key))[0]
    changed = {**stays, "users": [{"user": {"id": ada, "type": "user_reference"}}]}
    instant = await now(at)
    await at.done("PUT", f"/schedules/{key}", {"schedule": {"schedule_layers": [changed, layer(bo, name="New")]}})
    after = await layers_at(at, key)
    assert names_of(after) == ["New", "Stays", "Running"]
    assert after[1]["id"] == stays["id"]
    assert [user["user"] for user in items(after[1], "users")] != [user["user"] for user in items(stays, "users")]
    assert wire(instant) <= text(after[2]["end"]) <= wire(instant + timedelta(minutes=2))
    assert await at.refused("PUT", f"/schedules/{key}", {"schedule": {"schedule_layers": [{**stays, "id": "PX"}]}}) == (
        400,
        2001,
    )
    # Terraform's provider ends a layer by itself, also one that has not begun.
    ended = [{**one, "end": wire(await now(at))} for one in reversed(after)]
    await at.done("PUT", f"/schedules/{key}", {"schedule": {"schedule_layers": ended}})
    assert names_of(await layers_at(at, key)) == ["Stays", "Running"]


async def test_what_was_read_can_be_sent_back_and_an_order_can_be_said(at: Desk) -> None:
    ada = await at.user("Ada")
    one, two, three = (layer(ada, start="2020-01-06T09:00:00Z", name=name) for name in ("one", "two", "three"))
    key = await made(at, one, two, three)
    read = await layers_at(at, key)
    assert names_of(read) == ["three", "two", "one"]

    async def put(layers: Sequence[Json], query: str = "") -> list[object]:
        body = {"schedule": {"schedule_layers": list(layers)}}
        return names_of(items(await at.done("PUT", f"/schedules/{key}{query}", body), "schedule_layers"))

    assert await put(read) == ["three", "two", "one"]
    assert await put(read[::-1]) == ["three", "two", "one"]
    assert await put([layer(ada, name="four"), *read]) == ["four", "three", "two", "one"]
    read = await layers_at(at, key)
    assert await put([read[1], read[0], *read[2:]], "?layer_order=highest_first") == ["three", "four", "two", "one"]
    assert await put((await layers_at(at, key)), "?layer_order=lowest_first") == ["one", "two", "four", "three"]
    assert await at.refused("PUT", f"/schedules/{key}?layer_order=sideways", {"schedule": {}}) == (400, 2001)


async def test_fields_that_are_not_sent_stay(at: Desk) -> None:
    ada = await at.user("Ada")
    key = await made(at, layer(ada))
    before = await at.done("GET", f"/schedules/{key}")
    assert await at.done("PUT", f"/schedules/{key}", {"schedule": {"description": ""}}) == {**before, "description": ""}
    (only,) = items(before, "schedule_layers")
    body = {"schedule": {"schedule_layers": [{"id": only["id"], "rotation_turn_length_seconds": DAY_S}]}}
    (after,) = items(await at.done("PUT", f"/schedules/{key}", body), "schedule_layers")
    assert after == {**only, "rotation_turn_length_seconds": DAY_S}


async def test_a_schedule_in_use_is_not_deleted(at: Desk) -> None:
    ada = await at.user("Ada")
    key = await made(at, layer(ada, start="2020-01-06T09:00:00Z"))
    rules = [{"escalation_delay_in_minutes": 30, "targets": [{"id": key, "type": "schedule_reference"}]}]
    policy = await at.done(
        "POST", "/escalation_policies", {"escalation_policy": {"name": "P", "escalation_rules": rules}}
    )
    target = items(items(policy, "escalation_rules")[0], "targets")[0]
    assert (target["type"], target["summary"], target["id"]) == ("schedule_reference", "Web", key)
    shown = await at.done("GET", f"/schedules/{key}")
    assert [one["id"] for one in items(shown, "escalation_policies")] == [policy["id"]]
    status, document = await at.ask("DELETE", f"/schedules/{key}")
    assert status == 400
    assert errors_of(document) == ["Schedule can't be deleted if it's being used by escalation policies"]
    full = await at.done("GET", f"/escalation_policies/{policy['id']}?include[]=targets")
    assert items(items(full, "escalation_rules")[0], "targets")[0]["type"] == "schedule"
    await at.done("DELETE", f"/escalation_policies/{policy['id']}")
    assert await at.ask("DELETE", f"/schedules/{key}") == (204, {})
    assert await at.refused("DELETE", f"/schedules/{key}") == (404, 2100)


def errors_of(document: Json) -> list[str]:
    error = document["error"]
    assert isinstance(error, dict)
    found: list[str] = error["errors"]
    return found


async def test_policies_call_by_schedules_that_are_there(at: Desk) -> None:
    ada, team = await at.user("Ada"), await at.team("Web")
    for kind in ("schedule", "schedule_reference", "schedule_v3_reference"):
        rules = [
            {"escalation_delay_in_minutes": 30, "targets": [{"id": "PNONE", "type": kind}, {"id": ada, "type": "user"}]}
        ]
        status, document = await at.ask(
            "POST", "/escalation_policies", {"escalation_policy": {"name": "P", "escalation_rules": rules}}
        )
        assert (status, errors_of(document)) == (400, ["Schedule PNONE not found"])
    assert team


async def test_one_of_the_other_version_says_where_it_lives(at: Desk) -> None:
    ada = await at.user("Ada")
    pattern = Pattern(
        id="PPATTERN",
        name="Days",
        time_zone="Etc/UTC",
        begin_on=date(2026, 1, 5),
        begin_time=time(9),
        length_s=DAY_S,
        recurrence=("RRULE:FREQ=DAILY",),
        effective_since=datetime(2026, 1, 5, tzinfo=UTC),
        effective_until=None,
        members=(ada,),
        turns=ByShift(),
    )
    layers = (Layer(id="PLAYER", patterns=(pattern,)),)
    three = Schedule(id="PTHREE", name="Three", time_zone="Etc/UTC", stacked=False, layers=layers)
    draft = Draft(schedule=three, description=None, kind="rotations", team_ids=())
    await at.house.store.work(lambda turn: write.create(turn, draft, SYSTEM))
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/users", None),
        ("GET", "/overrides?since=2035-01-01&until=2035-01-02", None),
        ("PUT", "", {"schedule": {}}),
        ("DELETE", "", None),
        ("POST", "/overrides", {"overrides": [{"start": "2035-01-01", "end": "2035-01-02", "user": {"id": ada}}]}),
    ):
        status, document = await at.ask(method, f"/schedules/PTHREE{path}", body)
        (sentence,) = errors_of(document)
        assert (status, "/v3/schedules" in sentence, "shift-based" in sentence) == (400, True, True)
    assert items(await at.done("GET", "/schedules"), "schedules") == []
    rules = [{"escalation_delay_in_minutes": 30, "targets": [{"id": "PTHREE", "type": "schedule_v3_reference"}]}]
    calling = {"escalation_policy": {"name": "P", "escalation_rules": rules}}
    policy = await at.done("POST", "/escalation_policies?include[]=targets", calling)
    target = items(items(policy, "escalation_rules")[0], "targets")[0]
    (row,) = items(await at.done("GET", "/oncalls?include[]=schedules"), "oncalls")
    assert row["schedule"] == target
    assert (target["type"], target["summary"]) == ("schedule_v3_reference", "Three")
    assert text(target["self"]).endswith("/v3/schedules/PTHREE")


async def test_changes_leave_records(at: Desk) -> None:
    ada = await at.user("Ada")
    key = await made(at, layer(ada, start="2020-01-06T09:00:00Z"))
    await at.done("PUT", f"/schedules/{key}", {"schedule": {"description": "Nights"}})
    _, override = await give(at, key, ada, "2035-03-05T10:00:00Z", "2035-03-05T12:00:00Z")
    await at.ask("DELETE", f"/schedules/{key}/overrides/{override['id']}")
    await at.ask("DELETE", f"/schedules/{key}")

    async def job(turn: Turn) -> list[tuple[object, ...]]:
        kinds = ("schedule", "override")
        found = await turn.connection.execute(
            "SELECT resource_kind, action, change::text FROM audit WHERE resource_kind = ANY(%s) ORDER BY id",
            [list(kinds)],
        )
        return await found.fetchall()

    records = await at.house.store.read(job)
    assert [(kind, action) for kind, action, _ in records] == [
        ("schedule", "create"),
        ("schedule", "update"),
        ("override", "create"),
        ("override", "delete"),
        ("schedule", "delete"),
    ]
    assert json.loads(str(records[1][2])) == {"description": {"before": None, "after": "Nights"}}
    assert json.loads(str(records[2][2]))["schedule_id"]["after"] == key


async def test_deleted_people_stay_visible_in_a_schedule(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    key = await made(at, layer(ada, bo))
    await at.done("DELETE", f"/users/{bo}")
    shown = await at.done("GET", f"/schedules/{key}")
    gone = items(shown, "users")[1]
    assert (gone["summary"], gone["html_url"]) == ("Bo", None)
    assert gone["deleted_at"]
    again = await at.done("PUT", f"/schedules/{key}", json.loads(json.dumps({"schedule": shown})))
    assert again == shown
    assert await at.refused("POST", "/schedules", schedule(layer(bo), name="Other")) == (400, 2001)


def of(layer_id: str, *, since: int = -48, until: int | None = None) -> Layer:
    """Return a layer that begins and ends so many hours after Monday."""
    end_at = None if until is None else MONDAY + hours(until)
    turns = TurnLayer(
        start_at=MONDAY + hours(since), end_at=end_at, virtual_start_at=MONDAY, turn_s=DAY_S, members=("PADA",)
    )
    return Layer(id=layer_id, name=layer_id, turn_layer=turns)


def test_layers_of_others_keep_their_place() -> None:
    calendar = Layer(id="calendar", calendar_id="PCAL")
    old = (of("a"), calendar, of("b"), of("over", until=-24))
    after = merged((of("a"), of("new")), old, MONDAY, highest_first=None)
    assert [one.id for one in after] == ["a", "calendar", "b", "over", "new"]
    ends = {one.id: one.turn_layer.end_at for one in after if one.turn_layer}
    assert ends == {"a": None, "b": MONDAY, "over": MONDAY - hours(24), "new": None}


def test_ended_layers_are_kept_within_a_bound() -> None:
    old = tuple(of(f"old{number}", since=-9000, until=number - 9000 + 1) for number in range(100))
    after = merged((of("a"),), old, MONDAY, highest_first=False)
    assert [one.id for one in after] == [*(f"old{number}" for number in range(100 - MOST_ENDED, 100)), "a"]


@pytest.mark.parametrize(
    ("told", "order"),
    [
        (("c", "b", "a"), ["a", "b", "c"]),
        (("a", "b", "c"), ["a", "b", "c"]),
        (("b", "a", "c"), ["b", "a", "c"]),
        (("new", "c", "a"), ["a", "c", "new"]),
        (("a", "new"), ["a", "new"]),
    ],
)
def test_a_request_is_listed_as_it_was_answered_or_lowest_first(told: Sequence[str], order: list[str]) -> None:
    old = tuple(of(name) for name in ("a", "b", "c"))
    after = merged([of(name) for name in told], old, MONDAY, highest_first=None)
    assert [one.id for one in after if one.id in told] == order


@given(st.lists(st.tuples(st.integers(-99, 99), st.none() | st.integers(1, 99)), max_size=12))
def test_sending_back_what_was_answered_changes_nothing(told: list[tuple[int, int | None]]) -> None:
    old = tuple(
        of(f"layer{number}", since=since, until=None if length is None else since + length)
        for number, (since, length) in enumerate(told)
    )
    assert merged(old[::-1], old, MONDAY, highest_first=None) == old
    assert merged(old, old, MONDAY, highest_first=None) == old
    left = merged((), old, MONDAY, highest_first=None)
    assert [one.id for one in left] == [one.id for one in old if one.turn_layer and one.turn_layer.start_at < MONDAY]
    assert all(one.turn_layer and one.turn_layer.end_at and one.turn_layer.end_at <= MONDAY for one in left)


async def test_a_team_that_has_a_schedule_is_not_deleted(at: Desk) -> None:
    ada, team = await at.user("Ada"), await at.team("Platform")
    body = schedule(layer(ada))
    inner = body["schedule"]
    assert isinstance(inner, dict)
    inner["teams"] = [{"id": team, "type": "team_reference"}]
    made = text((await at.done("POST", "/schedules", body))["id"])
    assert await at.refused("DELETE", f"/teams/{team}") == (400, 6006)
    assert (await at.ask("DELETE", f"/schedules/{made}"))[0] == 204
    assert (await at.ask("DELETE", f"/teams/{team}"))[0] == 204


async def test_who_changed_a_schedule_is_listed_for_those_who_govern(at: Desk) -> None:
    ada = await at.user("Ada")
    key = await made(at, layer(ada), name="Web")
    for name in ("Web 2", "Web 3"):
        await at.done("PUT", f"/schedules/{key}", {"schedule": {"name": name}})
    first = await at.done("GET", f"/schedules/{key}/audit/records?limit=2")
    assert [record["action"] for record in items(first, "records")] == ["update", "update"]
    (field,) = items(items(first, "records")[0]["details"], "fields")  # type: ignore[arg-type]  # an object, as the contract has been asked
    assert (field["name"], field["before_value"], field["value"]) == ("name", "Web 2", "Web 3")
    rest = await at.done("GET", f"/schedules/{key}/audit/records?limit=2&cursor={first['next_cursor']}")
    assert [record["action"] for record in items(rest, "records")] == ["create"]
    assert rest["next_cursor"] is None
    assert await at.refused("GET", f"/v3/schedules/{key}/audit/records") == (400, 2001)
    assert await at.refused("GET", f"/schedules/{key}/audit/records?cursor=x") == (400, 2001)
    at.enter("shaper", ada, Role.USER)
    assert await at.refused("GET", f"/schedules/{key}/audit/records", by="shaper") == (403, 2010)
