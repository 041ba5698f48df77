"""Users over the API: whoever is created can be reached at once, and nobody goes who is still needed."""

from __future__ import annotations

import httpx2
import pytest

from tests.api.desk import PUBLIC_URL, Desk
from tocsin.domain.people.role import Role

# As the Terraform provider sends it: no From, the zone null, stray fields.
TERRAFORM = {
    "user": {
        "type": "user", "name": "  Ada   Lovelace ", "email": "ada@example.org", "role": "user", "time_zone": None,
        "color": "teal", "job_title": "", "description": "Managed by Terraform", "avatar_url": "", "license": None,
    }
}  # fmt: skip


async def _create(api: httpx2.AsyncClient, name: str = "Ada", role: str = "user") -> dict[str, object]:
    user = {"type": "user", "name": name, "email": f"{name.lower()}@example.org", "role": role}
    answer = await api.post("/users", json={"user": user})
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()["user"]
    return made


async def test_a_new_user_is_reachable_by_mail_for_both_urgencies(api: httpx2.AsyncClient) -> None:
    answer = await api.post("/users", json=TERRAFORM)
    assert answer.status_code == 201
    assert list(answer.json()) == ["user"]
    user = answer.json()["user"]
    assert user["name"] == "Ada Lovelace"
    assert user["time_zone"] == "Etc/UTC"
    assert user["job_title"] == ""
    assert user["self"] == f"{PUBLIC_URL}/users/{user['id']}"
    assert user["html_url"].startswith("https://tocsin.example/")
    full = (await api.get(f"/users/{user['id']}?include[]=contact_methods&include%5B%5D=notification_rules")).json()[
        "user"
    ]
    assert [method["address"] for method in full["contact_methods"]] == ["ada@example.org"]
    assert [method["type"] for method in full["contact_methods"]] == ["email_contact_method"]
    assert {rule["urgency"]: rule["start_delay_in_minutes"] for rule in full["notification_rules"]} == {
        "high": 0,
        "low": 0,
    }


async def test_an_identical_update_right_after_the_creation_changes_nothing(api: httpx2.AsyncClient) -> None:
    made = (await api.post("/users", json=TERRAFORM)).json()["user"]
    again = await api.put(f"/users/{made['id']}", json=TERRAFORM)
    assert again.status_code == 200
    assert again.json()["user"] == made
    assert (await api.get(f"/users/{made['id']}/license")).json()["license"]["role_group"] == "FullUser"


async def test_an_update_leaves_what_it_does_not_name(api: httpx2.AsyncClient) -> None:
    made = await _create(api)
    await api.put(
        f"/users/{made['id']}", json={"user": {"job_title": "Countess", "time_zone": "Pacific Time (US & Canada)"}}
    )
    user = (await api.get(f"/users/{made['id']}")).json()["user"]
    assert (user["name"], user["job_title"], user["time_zone"]) == ("Ada", "Countess", "America/Los_Angeles")
    await api.put(f"/users/{made['id']}", json={"user": {"job_title": None}})
    assert (await api.get(f"/users/{made['id']}")).json()["user"]["job_title"] is None


async def test_the_search_looks_into_names_and_addresses(api: httpx2.AsyncClient) -> None:
    await _create(api, "Ada")
    plus = {"user": {"name": "Bo", "email": "bo+pager@Example.org"}}
    await api.post("/users", json=plus)
    for text, names in (("aDa", ["Ada"]), ("bo+pager@example.org", ["Bo"]), ("example.org", ["Ada", "Bo"]), ("%", [])):
        answer = await api.get("/users", params={"query": text, "limit": 100})
        assert [user["name"] for user in answer.json()["users"]] == names


async def test_a_client_can_walk_through_all_pages(api: httpx2.AsyncClient) -> None:
    for number in range(7):
        await _create(api, f"User{number}")
    seen: list[str] = []
    offset = 0
    while True:
        page = (await api.get("/users", params={"limit": 3, "offset": offset})).json()
        assert (page["limit"], page["offset"], page["total"]) == (3, offset, None)
        seen += [user["name"] for user in page["users"]]
        offset += page["limit"]
        if not page["more"]:
            break
    assert seen == [f"User{number}" for number in range(7)]
    assert (await api.get("/users?total=true&limit=1")).json()["total"] == 7


@pytest.mark.parametrize(
    ("user", "fault"),
    [
        ({"name": "A", "email": "nope"}, "Email is not an e-mail address"),
        ({"name": " ", "email": "a@example.org"}, "Name can't be blank"),
        ({"name": "A" * 101, "email": "a@example.org"}, "Name is at most"),
        ({"name": "A", "email": "a@example.org", "role": "king"}, "Role is one of"),
        ({"name": "A", "email": "a@example.org", "time_zone": "Mars/Olympus"}, "time_zone is not"),
        ({"name": 5, "email": "a@example.org"}, "user.name: expected str"),
    ],
)
async def test_what_is_wrong_is_said_with_status_400(
    api: httpx2.AsyncClient, user: dict[str, object], fault: str
) -> None:
    answer = await api.post("/users", json={"user": user})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 2001
    assert fault in answer.json()["error"]["errors"][0]


async def test_an_address_belongs_to_one_user_only(api: httpx2.AsyncClient) -> None:
    ada = await _create(api, "Ada")
    answer = await api.post("/users", json={"user": {"name": "Other", "email": "ADA@example.org"}})
    assert (answer.status_code, answer.json()["error"]["errors"]) == (400, ["Email has already been taken"])
    await api.delete(f"/users/{ada['id']}")
    assert (await api.post("/users", json={"user": {"name": "New", "email": "ada@example.org"}})).status_code == 201


async def test_a_deleted_user_is_not_found_and_stays_a_row(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada = await _create(api)
    assert (await api.delete(f"/users/{ada['id']}")).status_code == 204
    assert (await api.get(f"/users/{ada['id']}")).status_code == 404
    async with desk.store.connection() as connection:
        row = await (await connection.execute("SELECT name FROM app_user WHERE id = %s", (ada["id"],))).fetchone()
    assert row == ("Ada",)


async def test_a_user_with_an_open_incident_is_not_deleted(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada = await _create(api)
    async with desk.store.connection() as connection:
        await connection.execute(
            """INSERT INTO incident (id, service_id, title, status, urgency, plan_id, assigned_via, created_at,
               updated_at, status_changed_at, status_changed_by) VALUES ('Q1', 'S', 't', 'triggered', 'high', 'p',
               'escalation_policy', now(), now(), now(), '{}')"""
        )
        await connection.execute("INSERT INTO assignment VALUES ('Q1', %s, now())", (ada["id"],))
    answer = await api.delete(f"/users/{ada['id']}")
    assert answer.status_code == 400
    assert "open incidents" in answer.json()["error"]["errors"][0]


async def test_the_last_one_whom_a_policy_calls_is_not_deleted(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada = await _create(api)
    async with desk.store.connection() as connection:
        await connection.execute("INSERT INTO escalation_policy (id, name) VALUES ('PP', 'Web')")
        await connection.execute(
            "INSERT INTO escalation_level (id, policy_id, position, delay_s) VALUES ('PL', 'PP', 1, 60)"
        )
        await connection.execute("INSERT INTO escalation_target VALUES ('PL', 1, 'user', %s)", (ada["id"],))
    answer = await api.delete(f"/users/{ada['id']}")
    assert answer.json()["error"]["errors"] == ["Cannot Delete Only Rule For Escalation Policy"]
    bo = await _create(api, "Bo")
    async with desk.store.connection() as connection:
        await connection.execute("INSERT INTO escalation_target VALUES ('PL', 2, 'user', %s)", (bo["id"],))
    assert (await api.delete(f"/users/{ada['id']}")).status_code == 204


async def test_me_is_the_user_of_the_token_and_nobody_for_an_account(api: httpx2.AsyncClient, desk: Desk) -> None:
    bo = await desk.person("Bo")
    assert (await bo.api.get("/users/me")).json()["user"]["id"] == bo.id
    assert (await api.get("/users/me")).status_code == 400


async def test_roles_are_given_by_those_who_may(desk: Desk) -> None:
    owner, admin = await desk.person("Owner", Role.OWNER), await desk.person("Admin", Role.ADMIN)
    member = await desk.person("Member")
    assert (await member.api.put(f"/users/{member.id}", json={"user": {"job_title": "x"}})).status_code == 200
    assert (await member.api.put(f"/users/{member.id}", json={"user": {"role": "admin"}})).status_code == 403
    assert (await member.api.post("/users", json={"user": {"name": "A", "email": "a@example.org"}})).status_code == 403
    assert (await admin.api.put(f"/users/{member.id}", json={"user": {"role": "owner"}})).status_code == 403
    assert (await admin.api.delete(f"/users/{owner.id}")).status_code == 403
    assert (await owner.api.put(f"/users/{owner.id}", json={"user": {"role": "user"}})).status_code == 400
    assert (await owner.api.put(f"/users/{member.id}", json={"user": {"role": "owner"}})).status_code == 200
    assert (await owner.api.put(f"/users/{owner.id}", json={"user": {"role": "user"}})).status_code == 200


async def test_addresses_of_others_are_hidden_from_those_who_only_look(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada = await _create(api)
    looker = await desk.person("Looker", Role.OBSERVER)
    user = (await looker.api.get(f"/users/{ada['id']}?include[]=contact_methods")).json()["user"]
    assert user["contact_methods"] == []
    assert (await looker.api.get(f"/users/{ada['id']}/contact_methods")).status_code == 403


async def test_an_unknown_include_is_refused(api: httpx2.AsyncClient) -> None:
    answer = await api.get("/users?include[]=secrets")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2001)


async def test_every_change_leaves_an_audit_record(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada = await _create(api)
    await api.put(f"/users/{ada['id']}", json={"user": {"name": "Augusta"}})
    await api.put(f"/users/{ada['id']}", json={"user": {"name": "Augusta"}})
    await api.delete(f"/users/{ada['id']}")
    async with desk.store.connection() as connection:
        cursor = await connection.execute(
            "SELECT action, change FROM audit WHERE resource_id = %s ORDER BY id", (ada["id"],)
        )
        rows = await cursor.fetchall()
    assert [row[0] for row in rows] == ["create", "update", "delete"]
    assert rows[1][1] == {"name": {"before": "Ada", "after": "Augusta"}}
