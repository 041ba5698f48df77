"""Hand-off notification rules over the API: as Terraform sends them, by whoever may set them, and never twice."""

from __future__ import annotations

import httpx2
import pytest

from tests.api.desk import Desk
from tocsin.domain.people.role import Role

WRAP = "oncall_handoff_notification_rule"


async def _user(api: httpx2.AsyncClient, name: str = "Ada") -> tuple[str, str]:
    answer = await api.post("/users", json={"user": {"name": name, "email": f"{name}@example.org"}})
    user = answer.json()["user"]
    return user["id"], user["contact_methods"][0]["id"]


def _rule(method_id: str, **fields: object) -> dict[str, object]:
    method = {"id": method_id, "type": "email_contact_method"}
    return {WRAP: {"contact_method": method, **fields}}


async def test_a_rule_is_made_read_changed_and_deleted(api: httpx2.AsyncClient) -> None:
    user_id, method_id = await _user(api)
    path = f"/users/{user_id}/{WRAP}s"
    assert (await api.get(path)).json() == {f"{WRAP}s": []}
    answer = await api.post(path, json=_rule(method_id, handoff_type="oncall", notify_advance_in_minutes=180))
    assert answer.status_code == 201
    rule = answer.json()[WRAP]
    assert (rule["handoff_type"], rule["notify_advance_in_minutes"]) == ("oncall", 180)
    assert (rule["contact_method"]["id"], rule["contact_method"]["type"]) == (
        method_id,
        "email_contact_method_reference",
    )
    one = f"{path}/{rule['id']}"
    assert (await api.get(one)).json() == {WRAP: rule}
    assert (await api.get(path)).json() == {f"{WRAP}s": [rule]}
    changed = await api.put(one, json=_rule(method_id, handoff_type="offcall", notify_advance_in_minutes=0))
    assert changed.status_code == 200
    assert changed.json()[WRAP] == rule | {"handoff_type": "offcall", "notify_advance_in_minutes": 0}
    assert (await api.delete(one)).status_code == 204
    assert (await api.get(one)).status_code == 404
    assert (await api.delete(one)).status_code == 404


async def test_what_is_left_out_tells_both_ways_at_the_hand_off(api: httpx2.AsyncClient) -> None:
    user_id, method_id = await _user(api)
    rule = (await api.post(f"/users/{user_id}/{WRAP}s", json=_rule(method_id))).json()[WRAP]
    assert (rule["handoff_type"], rule["notify_advance_in_minutes"]) == ("both", 0)


async def test_a_change_leaves_what_it_does_not_name(api: httpx2.AsyncClient) -> None:
    user_id, method_id = await _user(api)
    path = f"/users/{user_id}/{WRAP}s"
    made = (await api.post(path, json=_rule(method_id, notify_advance_in_minutes=30))).json()[WRAP]
    changed = await api.put(f"{path}/{made['id']}", json={WRAP: {"handoff_type": "oncall"}})
    assert changed.json()[WRAP] == made | {"handoff_type": "oncall"}


async def test_the_same_rule_twice_is_refused(api: httpx2.AsyncClient) -> None:
    user_id, method_id = await _user(api)
    path = f"/users/{user_id}/{WRAP}s"
    await api.post(path, json=_rule(method_id))
    again = await api.post(path, json=_rule(method_id))
    assert again.status_code == 400
    assert "unique" in again.json()["error"]["errors"][0]
    other = (await api.post(path, json=_rule(method_id, handoff_type="oncall"))).json()[WRAP]
    assert (await api.put(f"{path}/{other['id']}", json=_rule(method_id, handoff_type="both"))).status_code == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"notify_advance_in_minutes": -1},
        {"notify_advance_in_minutes": 43_201},
        {"notify_advance_in_minutes": "soon"},
        {"handoff_type": "sometimes"},
    ],
)
async def test_what_makes_no_sense_is_refused(api: httpx2.AsyncClient, fields: dict[str, object]) -> None:
    user_id, method_id = await _user(api)
    answer = await api.post(f"/users/{user_id}/{WRAP}s", json=_rule(method_id, **fields))
    assert answer.status_code == 400
    assert answer.json()["error"]["errors"][0]


async def test_a_rule_needs_a_contact_method_of_its_user(api: httpx2.AsyncClient) -> None:
    ada, _ = await _user(api)
    _, address_of_bo = await _user(api, "Bo")
    path = f"/users/{ada}/{WRAP}s"
    assert (await api.post(path, json=_rule(address_of_bo))).status_code == 400
    answer = await api.post(path, json={WRAP: {"handoff_type": "both"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2003)


async def test_a_contact_method_takes_its_rules_with_it(api: httpx2.AsyncClient) -> None:
    user_id, method_id = await _user(api)
    await api.post(f"/users/{user_id}/{WRAP}s", json=_rule(method_id))
    await api.delete(f"/users/{user_id}/contact_methods/{method_id}")
    assert (await api.get(f"/users/{user_id}/{WRAP}s")).json() == {f"{WRAP}s": []}


async def test_people_set_their_own_and_administrators_everybodys(desk: Desk, api: httpx2.AsyncClient) -> None:
    user_id, method_id = await _user(api)
    path = f"/users/{user_id}/{WRAP}s"
    observer = await desk.person("Olga", Role.OBSERVER)
    mine = (
        await observer.api.post(
            f"/users/{observer.id}/contact_methods",
            json={"contact_method": {"type": "email_contact_method", "label": "Work", "address": "olga@town.example"}},
        )
    ).json()["contact_method"]["id"]
    assert (await observer.api.post(f"/users/{observer.id}/{WRAP}s", json=_rule(mine))).status_code == 201
    assert (await observer.api.post(path, json=_rule(method_id))).status_code == 403
    assert (await observer.api.get(path)).status_code == 403
    assert (await api.get(f"/users/PNOBODY/{WRAP}s")).status_code == 404
