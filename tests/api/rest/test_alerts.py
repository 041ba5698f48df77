"""Alerts over the API: what a tool sent comes back whole, and people resolve and move alerts by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.rest.incident_room import Json, Room, code, one, room
from tocsin.domain.events.event import Action


@pytest.fixture
async def shop(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "master.key") as opened:
        yield opened


async def _alert(shop: Room, incident: Json) -> Json:
    return one(await shop.ann.api.get(f"/incidents/{incident['id']}/alerts"), "alerts")


async def test_an_alert_shows_what_the_tool_sent(shop: Room) -> None:
    incident = await shop.opened("disk")
    assert incident["incident_key"] is None
    alert = await _alert(shop, incident)
    assert (alert["alert_key"], alert["status"], alert["severity"]) == ("disk", "triggered", "critical")
    assert alert["summary"] == "Disk is full"
    assert alert["body"]["details"] == {"free": "0 %"}
    assert [context["type"] for context in alert["body"]["contexts"]] == ["link", "image"]
    assert alert["body"]["cef_details"]["source_origin"] == "db1"
    assert alert["integration"]["id"] == shop.integration_id
    assert alert["incident"]["id"] == incident["id"]
    assert alert["first_trigger_log_entry"]["id"] == incident["first_trigger_log_entry"]["id"]
    shown = (await shop.ann.api.get(f"/incidents/{incident['id']}/alerts/{alert['id']}")).json()
    assert shown == {"alert": alert}
    names = "include[]=services&include[]=incidents&include[]=first_trigger_log_entries"
    whole = one(await shop.ann.api.get(f"/incidents/{incident['id']}/alerts?{names}"), "alerts")
    assert [whole[field]["type"] for field in ("service", "incident", "first_trigger_log_entry")] == [
        "service", "incident", "trigger_log_entry"
    ]  # fmt: skip


async def test_alerts_are_found_by_status_and_key(shop: Room) -> None:
    incident, other = await shop.opened("disk"), await shop.opened("memory")
    await _move(shop, other, incident)
    path = f"/incidents/{incident['id']}/alerts"
    await shop.fire("memory", Action.RESOLVE)

    async def keys(query: str) -> list[str]:
        return [alert["alert_key"] for alert in (await shop.ann.api.get(f"{path}?{query}")).json()["alerts"]]

    assert await keys("statuses[]=triggered") == ["disk"]
    assert await keys("statuses[]=resolved") == ["memory"]
    assert await keys("alert_key=disk") == ["disk"]
    assert await keys("sort_by=created_at:asc") == ["disk", "memory"]
    assert await keys("sort_by=resolved_at:desc&limit=1") == ["memory"]
    page = (await shop.ann.api.get(f"{path}?limit=1&total=true")).json()
    assert (page["more"], page["total"], page["limit"]) == (True, 2, 1)
    for wrong in ("statuses[]=open", "sort_by=severity", "include[]=teams"):
        assert (await shop.ann.api.get(f"{path}?{wrong}")).status_code == 400


async def _move(shop: Room, source: Json, target: Json) -> Json:
    alert = await _alert(shop, source)
    body = {"alert": {"type": "alert", "incident": {"id": target["id"], "type": "incident_reference"}}}
    answer = await shop.ann.api.put(f"/incidents/{source['id']}/alerts/{alert['id']}", json=body)
    assert answer.status_code == 200, answer.text
    moved: Json = answer.json()["alert"]
    return moved


async def test_the_last_alert_that_is_resolved_resolves_its_incident(shop: Room) -> None:
    incident = await shop.opened("disk")
    alert = await _alert(shop, incident)
    path = f"/incidents/{incident['id']}/alerts/{alert['id']}"
    answer = await shop.ann.api.put(path, json={"alert": {"type": "alert", "status": "resolved"}})
    assert answer.json()["alert"]["status"] == "resolved"
    shown = (await shop.ann.api.get(f"/incidents/{incident['id']}")).json()["incident"]
    assert (shown["status"], shown["alert_counts"]["resolved"]) == ("resolved", 1)
    assert (await shop.ann.api.put(path, json={"alert": {"status": "resolved"}})).status_code == 200
    assert code(await shop.ann.api.put(path, json={"alert": {"status": "triggered"}})) == (400, 1003)
    await shop.fire("disk")
    listed = (await shop.ann.api.get("/incidents?incident_key=disk")).json()["incidents"]
    assert [each["status"] for each in listed] == ["triggered", "resolved"]


async def test_an_alert_that_moves_takes_its_count_along(shop: Room) -> None:
    source, target = await shop.opened("disk"), await shop.opened("memory")
    moved = await _move(shop, source, target)
    assert moved["incident"]["id"] == target["id"]
    counts = {each["id"]: each["alert_counts"] for each in (await shop.ann.api.get("/incidents")).json()["incidents"]}
    assert counts[source["id"]] == {"all": 0, "triggered": 0, "resolved": 0}
    assert counts[target["id"]] == {"all": 2, "triggered": 2, "resolved": 0}
    await shop.fire("disk", Action.RESOLVE)
    await shop.fire("memory", Action.RESOLVE)
    shown = (await shop.ann.api.get(f"/incidents/{target['id']}")).json()["incident"]
    assert shown["status"] == "resolved"


async def test_many_alerts_change_together_or_not_at_all(shop: Room) -> None:
    incident, other = await shop.opened("disk"), await shop.opened("memory")
    await _move(shop, other, incident)
    path = f"/incidents/{incident['id']}/alerts"
    ids = [alert["id"] for alert in (await shop.ann.api.get(path)).json()["alerts"]]
    change = [{"id": each, "type": "alert", "status": "resolved"} for each in ids]
    wrong = [*change, {"id": "QNOTHERE", "type": "alert", "status": "resolved"}]
    assert code(await shop.ann.api.put(path, json={"alerts": wrong})) == (400, 2001)
    gone = {"id": ids[0], "type": "alert", "incident": {"id": "QNOTHERE", "type": "incident_reference"}}
    assert code(await shop.ann.api.put(path, json={"alerts": [gone]})) == (400, 2001)
    assert (await shop.ann.api.put(path, json={"alerts": [{"id": f"Q{n}"} for n in range(251)]})).status_code == 413
    assert len((await shop.ann.api.get(f"{path}?statuses[]=triggered")).json()["alerts"]) == 2
    answer = await shop.ann.api.put(path, json={"alerts": change})
    assert [alert["status"] for alert in answer.json()["alerts"]] == ["resolved", "resolved"]
    assert (await shop.ann.api.get(f"/incidents/{incident['id']}")).json()["incident"]["status"] == "resolved"
    assert code(await shop.ann.api.get(f"{path}/QNOTHERE")) == (404, 2100)
    assert code(await shop.account.put(path, json={"alerts": change})) == (400, 1008)
