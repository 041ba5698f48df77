"""Explain: "why was I paged?" is answered link by link, by the schedule as it was at that moment."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.rest.incident_room import HAND_OVER, Room, room
from tests.engine.scribe import rows
from tests.town.seed import call_by_schedules, layer_of, schedule_of, seed_override, seed_schedule
from tocsin.domain.people.actor import SYSTEM
from tocsin.domain.people.role import Role
from tocsin.store.query import Command
from tocsin.store.schedules import write
from tocsin.store.schedules.write import Draft

Json = dict[str, Any]

DELIVERED = Command(
    "receipts of what was handed over",
    """
    INSERT INTO delivery (notification_id, provider, key, started_at, ended_at, receipt, detail)
    SELECT id, 'mail.example.org', 'k' || id, handed_at, handed_at, 'accepted', '250 OK'
      FROM notification WHERE state = 'handed'
    """,
)


@pytest.fixture
async def there(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "key") as made:
        yield made


async def explained(there: Room, incident_id: str, *, user_id: str | None = None) -> Json:
    query = f"?user_id={user_id}" if user_id else ""
    answer = await there.ann.api.get(f"/api/incidents/{incident_id}/explain{query}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()["explanation"]
    return found


async def hand_over(there: Room) -> None:
    await there.store.work(lambda turn: turn.run(HAND_OVER))
    await there.store.work(lambda turn: turn.run(DELIVERED))


async def on_call_since(there: Room, user_id: str) -> datetime:
    """Let level 2 call a schedule in which somebody is on call; return when that began."""
    now: datetime = (await rows(there.store, "SELECT date_trunc('second', tocsin_now())"))[0][0]
    start = now - timedelta(days=1)
    layer = layer_of("PWEEKLY", [user_id], start=start, turn=timedelta(days=7))
    await seed_schedule(there.store, schedule_of("PPLATFORM", layer, name="Platform"))
    levels = await rows(there.store, "SELECT id FROM escalation_level ORDER BY position")
    await call_by_schedules(there.store, levels[1][0], "PPLATFORM")
    return start


async def test_the_chain_leads_from_the_event_to_the_receipt(there: Room) -> None:
    since = await on_call_since(there, there.bo.id)
    incident = await there.opened("disk")
    await there.wait(timedelta(minutes=5))
    await hand_over(there)
    found = await explained(there, incident["id"], user_id=there.bo.id)
    (page,) = found["pages"]
    event, opened, policy, on_call, rule, receipt = page["why"]
    assert event == "Alertmanager reported: Disk is full (severity critical, dedup key disk)."
    assert opened.startswith(f"It opened incident #{incident['incident_number']} on Checkout, ")
    assert "urgency high, the service says high, by the rule as it is today." in opened
    assert policy.startswith("Policy Night, as it was frozen then, called level 2, ")
    assert policy.endswith("5 minutes after the call before.")
    assert on_call.startswith("Bo: level 2 of Night → schedule Platform (version 1) → Layer PWEEKLY, from ")
    assert rule == (
        "No notification rule is set for high urgency, so every contact method is used at once: "
        "email (Default, b•••@example.org)."
    ) or rule.endswith("email (Work, b•••@example.org).")
    assert receipt.startswith("mail.example.org: accepted (250 OK), ")
    assert page["deliveries"][0]["receipt"] == "accepted"
    (call,) = found["calls"]
    (reason,) = call["users"][0]["reasons"]
    assert (reason["schedule_version"], reason["since"]) == (1, since.isoformat().replace("+00:00", "Z"))


async def test_the_schedule_is_told_as_it_was_then(there: Room) -> None:
    since = await on_call_since(there, there.bo.id)
    incident = await there.opened("disk")
    await there.wait(timedelta(minutes=5))
    later = layer_of("PWEEKLY", [there.ann.id], start=since, turn=timedelta(days=7))
    changed = schedule_of("PPLATFORM", later, name="Renamed since")
    draft = Draft(schedule=changed, description=None, kind="layers", team_ids=())
    await there.store.work(lambda turn: write.update(turn, draft, SYSTEM))
    await seed_override(there.store, "PPLATFORM", there.ann.id, since, since + timedelta(days=7))
    found = await explained(there, incident["id"])
    (reason,) = found["calls"][1]["users"][0]["reasons"]
    assert (reason["schedule"]["summary"], reason["schedule_version"], reason["source"]) == ("Platform", 1, "layer")


async def test_everything_that_happened_is_told_in_sentences(there: Room) -> None:
    incident = await there.opened("disk")
    await there.wait(timedelta(minutes=5))
    await there.changed(incident["id"], status="acknowledged")
    await there.wait(timedelta(minutes=31))
    await there.changed(incident["id"], status="resolved")
    found = await explained(there, incident["id"])
    said = [sentence.split(" ", 1)[1] for sentence in found["sentences"]]
    assert said[0] == "Alertmanager reports: Disk is full (critical)."
    assert "Level 1 calls Ann: named there." in said
    assert "Level 2 calls Bo: named there." in said
    assert "Ann acknowledges it." in said
    assert "The acknowledgement has timed out: Ann is called again." in said
    assert "Ann resolves it." in said
    called_off = [page for page in found["pages"] if page["state"] == "cancelled"]
    assert called_off[0]["why"][-1].startswith("It was called off before it left: ")


async def test_what_is_still_to_come_is_told_for_an_open_incident(there: Room) -> None:
    incident = await there.opened("disk")
    await there.wait(timedelta(minutes=2))
    to_come = (await explained(there, incident["id"]))["to_come"]
    later = [(round(page["after_s"]), page["user"]["summary"]) for page in to_come["pages"]]
    assert later == [(0, "Ann"), (180, "Bo")], "Ann's page has not left yet, Bo is next"
    assert to_come["sentences"][-1].endswith("Here it ends: resolved.")
    await there.changed(incident["id"], status="resolved")
    assert (await explained(there, incident["id"]))["to_come"] is None


async def test_a_report_by_hand_names_the_reporter(there: Room) -> None:
    assignments = [{"assignee": {"id": there.bo.id, "type": "user_reference"}}]
    incident = await there.reported("Shop is slow", assignments=assignments)
    found = await explained(there, incident["id"], user_id=there.bo.id)
    assert found["pages"][0]["why"][0] == "Ann reported: Shop is slow."
    assert any(line.startswith("The incident was given to Bo directly, ") for line in found["pages"][0]["why"])
    assert found["origin"]["integration"] is None


async def test_who_may_not_see_the_incident_gets_no_explanation(there: Room) -> None:
    incident = await there.opened("disk")
    stranger = await there.desk.person("Stan", Role.RESTRICTED_ACCESS)
    assert (await stranger.api.get(f"/api/incidents/{incident['id']}/explain")).status_code == 404
    assert (await there.ann.api.get("/api/incidents/QNOTHING/explain")).status_code == 404
