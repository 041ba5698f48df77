"""Log entries over the API: the story of an incident in plain words, with the raw event behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rest.incident_room import Json, Room, code, one, person, room
from tocsin.api.rest.log_entry_words import Told, joined, summary_of
from tocsin.domain.incidents.timeline import EntryKind
from tocsin.domain.people.role import Role


@pytest.fixture
async def shop(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "master.key") as opened:
        yield opened


async def _story(shop: Room, incident: Json, query: str = "") -> list[str]:
    answer = await shop.ann.api.get(f"/incidents/{incident['id']}/log_entries?{query}")
    assert answer.status_code == 200, answer.text
    return [entry["summary"] for entry in reversed(answer.json()["log_entries"])]


async def test_a_timeline_tells_what_happened_in_order(shop: Room) -> None:
    incident = await shop.opened("disk")
    await shop.wait(timedelta(minutes=6))
    await shop.changed(incident["id"], status="acknowledged")
    await shop.changed(incident["id"], assignments=[{"assignee": person(shop.bo)}])
    await shop.changed(incident["id"], status="resolved", by=shop.bo)
    assert await _story(shop, incident) == [
        "Triggered by Alertmanager",
        "Assigned to Ann (level 1)",
        "Escalated to Bo (level 2)",
        "Acknowledged by Ann",
        "Assigned to Bo by Ann",
        "Resolved by Bo",
    ]
    assert await _story(shop, incident, "is_overview=true") == [
        "Triggered by Alertmanager", "Escalated to Bo (level 2)", "Acknowledged by Ann", "Resolved by Bo"
    ]  # fmt: skip


async def test_an_entry_names_everything_around_it(shop: Room) -> None:
    incident = await shop.opened("disk")
    key = incident["first_trigger_log_entry"]["id"]
    entry = (await shop.ann.api.get(f"/log_entries/{key}")).json()["log_entry"]
    assert (entry["type"], entry["channel"]) == ("trigger_log_entry", {"type": "api"})
    assert entry["agent"]["type"] == "integration_reference"
    assert entry["incident"]["id"] == incident["id"]
    assert entry["service"]["id"] == shop.service_id
    assert [team["id"] for team in entry["teams"]] == [shop.team_id]
    assert entry["event_details"] == {"description": "Disk is full"}
    assert [context["type"] for context in entry["contexts"]] == ["link", "image"]
    names = "include[]=channels&include[]=incidents&include[]=services&include[]=teams"
    whole = (await shop.ann.api.get(f"/log_entries/{key}?{names}")).json()["log_entry"]
    assert whole["channel"]["details"] == {"free": "0 %"}
    assert whole["channel"]["incident_key"] == "disk"
    assert [whole[field]["type"] for field in ("incident", "service")] == ["incident", "service"]
    assert code(await shop.ann.api.get("/log_entries/RNOTHERE")) == (404, 2100)
    assert code(await shop.ann.api.get(f"/log_entries/{key}?include[]=users")) == (400, 2001)


async def test_all_timelines_together_are_filtered_and_paged(shop: Room) -> None:
    await shop.reported()
    await shop.opened("disk")
    page = (await shop.ann.api.get("/log_entries?limit=3&total=true")).json()
    assert (len(page["log_entries"]), page["more"], page["total"]) == (3, True, 4)
    assert len((await shop.ann.api.get(f"/log_entries?team_ids[]={shop.team_id}")).json()["log_entries"]) == 4
    assert (await shop.ann.api.get("/log_entries?team_ids[]=PNOTHERE")).json()["log_entries"] == []
    assert (await shop.ann.api.get("/log_entries?until=2020-01-01T00:00:00Z")).json()["log_entries"] == []
    assert code(await shop.ann.api.get("/log_entries?since=2026-02-01&until=2026-01-01")) == (400, 2004)
    zoned = (await shop.ann.api.get("/log_entries?time_zone=Asia/Kolkata")).json()["log_entries"]
    assert zoned[0]["created_at"].endswith("+05:30")
    eve = await shop.desk.person("Eve", Role.RESTRICTED_ACCESS)
    assert (await eve.api.get("/log_entries")).json()["log_entries"] == []
    key = page["log_entries"][0]["id"]
    assert code(await eve.api.get(f"/log_entries/{key}")) == (404, 2100)


async def test_a_report_by_hand_can_be_described_afterwards(shop: Room) -> None:
    incident = await shop.reported()
    key = incident["first_trigger_log_entry"]["id"]
    body = {"channel": {"type": "web_trigger", "details": "The till beeps"}}
    assert (await shop.ann.api.put(f"/log_entries/{key}/channel", json=body)).status_code == 202
    shown = (await shop.ann.api.get(f"/log_entries/{key}?include[]=channels")).json()["log_entry"]
    assert (shown["channel"]["type"], shown["channel"]["details"]) == ("web_trigger", "The till beeps")
    wrong = {"channel": {"type": "pigeon", "details": "Coo"}}
    assert code(await shop.ann.api.put(f"/log_entries/{key}/channel", json=wrong)) == (400, 2001)
    assert code(await shop.account.put(f"/log_entries/{key}/channel", json=body)) == (400, 1008)
    story = await shop.ann.api.get(f"/incidents/{incident['id']}/log_entries")
    assigned = next(each for each in story.json()["log_entries"] if each["type"] == "assign_log_entry")
    assert code(await shop.ann.api.put(f"/log_entries/{assigned['id']}/channel", json=body)) == (400, 2001)


async def test_a_merge_and_a_snooze_are_told_too(shop: Room) -> None:
    into, source = await shop.opened("disk"), await shop.opened("memory")
    body = {"source_incidents": [{"id": source["id"], "type": "incident_reference"}]}
    await shop.ann.api.put(f"/incidents/{into['id']}/merge", json=body)
    await shop.ann.api.post(f"/incidents/{into['id']}/snooze", json={"duration": 60})
    story = await _story(shop, into)
    assert story[2] == "Ann merged 1 incident into this one"
    assert story[3].startswith("Snoozed by Ann until ")
    assert (await _story(shop, source))[-1] == "Merged and resolved by Ann"
    newest = one(await shop.ann.api.get(f"/incidents/{source['id']}/log_entries?limit=1"), "log_entries")
    assert newest["type"] == "resolve_log_entry"


def test_every_kind_has_its_words() -> None:
    body = {"user_ids": ["PANN"], "user_id": "PANN", "level": 2, "channel": "email", "receipt": "rejected"}
    for kind in EntryKind:
        assert summary_of(kind, Told("Ann", body, {"PANN": "Ann"}))
    assert summary_of("notify", Told("Tocsin", body, {"PANN": "Ann"})) == "Paging Ann by email: rejected"
    assert summary_of("escalate", Told("Tocsin", {"level": 3, "nobody_on_call": True}, {})).startswith("Level 3 was")
    assert [joined([]), joined(["a"]), joined(["a", "b", "c"])] == ["nobody", "a", "a, b and c"]
