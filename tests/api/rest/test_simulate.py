"""Simulate: what an event, a service or a policy would do is answered, and nothing is written."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.rest.incident_room import Room, code, room
from tests.engine.scribe import rows
from tests.town.seed import call_by_schedules, layer_of, schedule_of, seed_override, seed_schedule
from tocsin.domain.people.role import Role

Json = dict[str, Any]
NIGHT = datetime(2027, 3, 2, 2, 0, tzinfo=UTC)


@pytest.fixture
async def there(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "key") as made:
        yield made


async def asked(there: Room, **body: object) -> Json:
    """Return the simulation for this body, asked by Ann."""
    answer = await there.ann.api.post("/api/simulate", json=body)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["simulation"]
    found: Json = answer.json()["simulation"]
    return found


async def key_of(there: Room) -> str:
    path = f"/services/{there.service_id}/integrations/{there.integration_id}"
    return str((await there.account.get(path)).json()["integration"]["integration_key"])


def trigger(key: str, dedup_key: str = "disk", severity: str = "critical") -> Json:
    payload = {"summary": "Disk is full", "source": "db1", "severity": severity}
    return {"routing_key": key, "event_action": "trigger", "dedup_key": dedup_key, "payload": payload}


def told(found: Json) -> list[tuple[float, str, str]]:
    return [(page["after_s"], page["user"]["summary"], page["channel"]) for page in found["pages"]]


async def test_a_service_calls_level_after_level_until_its_policy_is_spent(there: Room) -> None:
    found = await asked(there, service_id=there.service_id, at="2027-03-02T02:00:00Z")
    assert found["outcome"] == {"kind": "opens", "why": None, "incident": None}
    assert told(found) == [(0, "Ann", "email"), (300, "Bo", "email")]
    first, second = found["calls"]
    assert (first["level"], first["cause"], second["level"], second["cause"]) == (1, "opened", 2, "escalated")
    (reason,) = second["users"][0]["reasons"]
    assert (reason["kind"], reason["sentence"]) == ("user", "level 2 of Night → named there")
    assert found["ends"]["kind"] == "resolved", "the service resolves by itself after four hours"
    assert found["pages"][0]["contact_method"]["address"] == "a•••@example.org"
    assert found["sentences"][0] == "+0:00 An incident opens on Checkout with high urgency: the service says high."
    assert "+5:00 Level 2 calls Bo: named there." in found["sentences"]
    assert "+10:00 The policy is spent: it stays with Bo, and nobody else is called." in found["sentences"]
    assert found["sentences"][-2:] == ["+240:00 Checkout resolves it.", "+240:00 Here it ends: resolved."]


async def test_nothing_is_written(there: Room) -> None:
    before = await rows(there.store, "SELECT n FROM config_stamp")
    await asked(there, service_id=there.service_id)
    await asked(there, event=trigger(await key_of(there)))
    for table in ("incident", "alert", "notification", "plan", "round_robin", "log_entry"):
        assert await rows(there.store, f"SELECT count(*) FROM {table}") == [(0,)]
    assert await rows(there.store, "SELECT n FROM config_stamp") == before


async def test_an_answer_stops_the_calls_until_it_times_out(there: Room) -> None:
    answers = [{"user": there.ann.id, "acknowledges_after_s": 240}]
    found = await asked(there, service_id=there.service_id, answers=answers)
    assert told(found) == [(0, "Ann", "email"), (2040, "Ann", "email"), (2340, "Bo", "email")]
    assert [call["cause"] for call in found["calls"]] == ["opened", "timeout", "escalated"]
    assert "+4:00 Ann acknowledges it." in found["sentences"]
    assert "+34:00 The acknowledgement has timed out: Ann is called again." in found["sentences"]


async def test_people_are_found_by_schedule_layer_and_override(there: Room) -> None:
    start = NIGHT - timedelta(days=2)
    layer = layer_of("PWEEKLY", [there.bo.id], start=start, turn=timedelta(days=7))
    await seed_schedule(there.store, schedule_of("PPLATFORM", layer, name="Platform", time_zone="Europe/Berlin"))
    levels = await rows(there.store, "SELECT id FROM escalation_level ORDER BY position")
    await call_by_schedules(there.store, levels[0][0], "PPLATFORM")
    found = await asked(there, escalation_policy_id=there.policy_id, at=NIGHT.isoformat())
    (reason,) = found["calls"][0]["users"][0]["reasons"]
    assert (reason["source"], reason["layer"]["id"], reason["schedule"]["summary"]) == ("layer", "PWEEKLY", "Platform")
    assert reason["since"] == "2027-02-28T02:00:00Z"
    await seed_override(there.store, "PPLATFORM", there.ann.id, NIGHT, NIGHT + timedelta(hours=1))
    found = await asked(there, escalation_policy_id=there.policy_id, at=NIGHT.isoformat())
    (reason,) = found["calls"][0]["users"][0]["reasons"]
    assert [each["summary"] for each in reason["instead_of"]] == ["Bo"]
    assert reason["sentence"] == (
        "level 1 of Night → schedule Platform → override in place of Bo, "
        "from Tue 2 Mar 2027, 02:00 UTC until Tue 2 Mar 2027, 03:00 UTC"
    )
    assert told(found)[0] == (0, "Ann", "email")


async def test_an_event_joins_the_incident_that_is_open(there: Room) -> None:
    opened = await there.opened("disk")
    found = await asked(there, event=trigger(await key_of(there)))
    assert found["outcome"]["kind"] == "joins"
    assert found["outcome"]["incident"]["id"] == opened["id"]
    assert [page["user"]["summary"] for page in found["pages"]] == ["Ann", "Bo"], "what is still to come"
    other = await asked(there, event=trigger(await key_of(there), "another"))
    assert (other["outcome"]["kind"], other["dedup_key"]) == ("opens", "another")
    assert other["integration"]["id"] == there.integration_id


async def test_an_incident_that_will_have_resolved_itself_by_then_is_not_joined(there: Room) -> None:
    await there.opened("disk")
    event = trigger(await key_of(there))
    now: datetime = (await rows(there.store, "SELECT tocsin_now()"))[0][0]
    later = await asked(there, event=event, at=(now + timedelta(hours=3)).isoformat())
    assert later["outcome"]["kind"] == "joins"
    much_later = await asked(there, event=event, at=(now + timedelta(hours=5)).isoformat())
    assert much_later["outcome"]["kind"] == "opens"
    assert much_later["ends"]["after_s"] == 4 * 3600


async def test_a_quiet_service_opens_nothing(there: Room) -> None:
    service = {"id": there.service_id, "type": "service_reference"}
    window = {"start_time": "2027-03-02T01:00:00Z", "end_time": "2027-03-02T03:00:00Z", "services": [service]}
    body = {"maintenance_window": {"type": "maintenance_window", **window}}
    assert (await there.ann.api.post("/maintenance_windows", json=body)).status_code == 201
    found = await asked(there, service_id=there.service_id, at=NIGHT.isoformat())
    assert found["outcome"] == {"kind": "suppressed", "why": "the service is in maintenance then", "incident": None}
    assert found["sentences"] == ["+0:00 No incident opens: the service is in maintenance then."]
    assert (await asked(there, service_id=there.service_id, at="2027-03-02T03:00:00Z"))["outcome"]["kind"] == "opens"


async def test_what_nobody_would_want_is_a_warning(there: Room) -> None:
    await there.account.delete(f"/users/{there.bo.id}/contact_methods/{await method_of(there, there.bo.id)}")
    found = await asked(there, service_id=there.service_id)
    assert found["warnings"] == ["Level 2 has nobody at +5:00: Bo has no contact method that works."]
    assert "+5:00 Level 2 has nobody who can be called, and is passed over." in found["sentences"]


async def method_of(there: Room, user_id: str) -> str:
    return str((await rows(there.store, "SELECT id FROM contact_method WHERE user_id = %(id)s", {"id": user_id}))[0][0])


async def test_the_safety_net_is_always_drawn(there: Room) -> None:
    carl = await there.desk.person("Carl", Role.ADMIN)
    found = await asked(there, service_id=there.service_id)
    (net,) = found["safety_net"]
    assert net["fallback"] == "owners and administrators"
    assert [each["id"] for each in net["users"]] == [carl.id]
    assert net["reachable"] is False, "Carl has no contact method"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Send one of service_id, escalation_policy_id and event."),
        ({"service_id": "P1", "escalation_policy_id": "P2"}, "Send one of"),
        ({"service_id": 7}, "service_id"),
        ({"event": {"event_action": "trigger"}}, "'routing_key' is missing or blank"),
        ({"service_id": "P1", "at": "soon"}, "at is not a date"),
        ({"service_id": "P1", "horizon_minutes": 0}, "horizon_minutes"),
        ({"service_id": "P1", "answers": [{"user": "P1", "acknowledges_after_s": -1}]}, "acknowledges_after_s"),
        ({"service_id": "P1", "urgency": "medium"}, "urgency"),
    ],
)
async def test_a_bad_question_is_told_what_to_do(there: Room, body: Json, said: str) -> None:
    answer = await there.ann.api.post("/api/simulate", json=body)
    assert answer.status_code == 400
    assert said in answer.text


async def test_an_answer_of_a_tool_is_no_question(there: Room) -> None:
    event = trigger(await key_of(there)) | {"event_action": "resolve"}
    assert (await there.ann.api.post("/api/simulate", json={"event": event})).status_code == 400
    unknown = await there.ann.api.post("/api/simulate", json={"event": trigger("0" * 32)})
    assert code(unknown)[0] == 404
    for year, said in (
        ("2010", "within five years"),
        ("2099", "within five years"),
        ("9999", "the years 1970 and 2100"),
    ):
        far = {"service_id": there.service_id, "at": f"{year}-12-31T23:59:59Z"}
        refused = await there.ann.api.post("/api/simulate", json=far)
        assert (refused.status_code, said in refused.text) == (400, True)
    nobody = {"service_id": there.service_id, "answers": [{"user": "PNOBODY", "acknowledges_after_s": 1}]}
    refused = await there.ann.api.post("/api/simulate", json=nobody)
    assert (refused.status_code, "there is no user PNOBODY" in refused.text) == (400, True)


async def test_who_may_not_see_it_may_not_simulate_it(there: Room) -> None:
    stranger = await there.desk.person("Stan", Role.RESTRICTED_ACCESS)
    for body in (
        {"service_id": there.service_id},
        {"escalation_policy_id": there.policy_id},
        {"event": trigger(await key_of(there))},
    ):
        assert (await stranger.api.post("/api/simulate", json=body)).status_code == 404
    reader = await there.desk.account(read_only=True)
    assert (await reader.post("/api/simulate", json={"service_id": there.service_id})).status_code == 200
    observer = await there.desk.person("Odile", Role.OBSERVER)
    assert (await observer.api.post("/api/simulate", json={"service_id": there.service_id})).status_code == 200
