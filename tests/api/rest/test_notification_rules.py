"""Notification rules over the API: as Terraform sends them, and never twice."""

from __future__ import annotations

import httpx2
import pytest


async def _user(api: httpx2.AsyncClient, name: str = "Ada") -> tuple[str, str]:
    answer = await api.post("/users", json={"user": {"name": name, "email": f"{name}@example.org"}})
    user = answer.json()["user"]
    return user["id"], user["contact_methods"][0]["id"]


def _rule(method_id: str, minutes: int = 5, urgency: str = "high") -> dict[str, object]:
    """A rule with the empty fields that the Terraform provider nests into it."""
    method = {"id": method_id, "type": "email_contact_method", "label": "", "address": ""}
    rule = {
        "type": "assignment_notification_rule",
        "start_delay_in_minutes": minutes,
        "urgency": urgency,
        "contact_method": method,
    }
    return {"notification_rule": rule}


async def test_a_rule_is_made_read_changed_and_deleted(api: httpx2.AsyncClient) -> None:
    user_id, method_id = await _user(api)
    answer = await api.post(f"/users/{user_id}/notification_rules", json=_rule(method_id))
    assert answer.status_code == 201
    rule = answer.json()["notification_rule"]
    assert (rule["start_delay_in_minutes"], rule["urgency"], rule["contact_method"]["id"]) == (5, "high", method_id)
    path = f"/users/{user_id}/notification_rules/{rule['id']}"
    assert (await api.get(path)).json()["notification_rule"] == rule
    full = (await api.get(f"{path}?include[]=contact_methods")).json()["notification_rule"]
    assert full["contact_method"]["address"] == "Ada@example.org"
    changed = await api.put(path, json=_rule(method_id, 10, "low"))
    assert (changed.json()["notification_rule"]["start_delay_in_minutes"], changed.status_code) == (10, 200)
    assert (await api.delete(path)).status_code == 204
    assert (await api.get(path)).status_code == 404


async def test_the_list_can_be_of_one_urgency(api: httpx2.AsyncClient) -> None:
    user_id, _ = await _user(api)
    rules = (await api.get(f"/users/{user_id}/notification_rules?urgency=low")).json()["notification_rules"]
    assert [rule["urgency"] for rule in rules] == ["low"]


async def test_the_same_rule_twice_is_refused(api: httpx2.AsyncClient) -> None:
    user_id, method_id = await _user(api)
    answer = await api.post(f"/users/{user_id}/notification_rules", json=_rule(method_id, 0))
    assert answer.status_code == 400
    assert "unique" in answer.json()["error"]["errors"][0]


@pytest.mark.parametrize(("minutes", "urgency"), [(-1, "high"), (10_081, "high"), (5, "severe")])
async def test_what_makes_no_sense_is_refused(api: httpx2.AsyncClient, minutes: int, urgency: str) -> None:
    user_id, method_id = await _user(api)
    answer = await api.post(f"/users/{user_id}/notification_rules", json=_rule(method_id, minutes, urgency))
    assert answer.status_code == 400


async def test_a_rule_uses_only_addresses_of_its_user(api: httpx2.AsyncClient) -> None:
    ada, _ = await _user(api)
    _, address_of_bo = await _user(api, "Bo")
    assert (await api.post(f"/users/{ada}/notification_rules", json=_rule(address_of_bo))).status_code == 400


async def test_a_rule_that_lacks_a_part_is_refused(api: httpx2.AsyncClient) -> None:
    user_id, _ = await _user(api)
    answer = await api.post(f"/users/{user_id}/notification_rules", json={"notification_rule": {"urgency": "high"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2003)
