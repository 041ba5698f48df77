"""Teams over the API: members, policies, teams under teams, and who may see which."""

from __future__ import annotations

import httpx2

from tests.api.desk import PUBLIC_URL, Desk
from tocsin.domain.people.role import Role


async def _team(api: httpx2.AsyncClient, name: str = "Web", parent: str | None = None) -> str:
    team: dict[str, object] = {"type": "team", "name": name, "description": "Managed by Terraform"}
    if parent:
        team["parent"] = {"id": parent, "type": "team_reference"}
    answer = await api.post("/teams", json={"team": team})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["team"]["id"])


async def _policy(desk: Desk, policy_id: str = "PPOLICY", target: str | None = None) -> None:
    async with desk.store.connection() as connection:
        await connection.execute("INSERT INTO escalation_policy (id, name) VALUES (%s, %s)", (policy_id, policy_id))
        await connection.execute(
            "INSERT INTO escalation_level (id, policy_id, position, delay_s) VALUES ('PL', %s, 1, 60)", (policy_id,)
        )
        if target:
            await connection.execute("INSERT INTO escalation_target VALUES ('PL', 1, 'user', %s)", (target,))


async def test_a_team_is_made_read_changed_and_deleted(api: httpx2.AsyncClient) -> None:
    team_id = await _team(api, "  Web   shop ")
    team = (await api.get(f"/teams/{team_id}")).json()["team"]
    assert (team["name"], team["description"], team["self"]) == (
        "Web shop",
        "Managed by Terraform",
        f"{PUBLIC_URL}/teams/{team_id}",
    )
    changed = await api.put(f"/teams/{team_id}", json={"team": {"name": "Shop", "description": None}})
    assert (changed.json()["team"]["name"], changed.json()["team"]["description"]) == ("Shop", None)
    assert list(changed.json()) == ["team"]
    assert (await api.get("/teams?query=SHO")).json()["teams"][0]["id"] == team_id
    assert (await api.delete(f"/teams/{team_id}")).status_code == 204
    assert (await api.get(f"/teams/{team_id}")).status_code == 404


async def test_a_name_is_taken_once(api: httpx2.AsyncClient) -> None:
    await _team(api, "Web")
    answer = await api.post("/teams", json={"team": {"name": "web"}})
    assert answer.json()["error"]["errors"] == ["Name has already been taken"]


async def test_teams_stand_under_one_another_without_rings(api: httpx2.AsyncClient) -> None:
    upper = await _team(api, "Upper")
    lower = await _team(api, "Lower", upper)
    assert (await api.get(f"/teams/{lower}")).json()["team"]["parent"]["summary"] == "Upper"
    ring = await api.put(f"/teams/{upper}", json={"team": {"parent": {"id": lower}}})
    assert ring.status_code == 400
    assert (await api.put(f"/teams/{upper}", json={"team": {"parent": {"id": upper}}})).status_code == 400
    assert (await api.put(f"/teams/{upper}", json={"team": {"parent": {"id": "PNONE"}}})).status_code == 400
    refused = await api.delete(f"/teams/{upper}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 6006)
    assert (await api.put(f"/teams/{lower}", json={"team": {"parent": None}})).json()["team"]["parent"] is None
    assert (await api.delete(f"/teams/{upper}?reassignment_team=PNONE")).status_code == 400
    assert (await api.delete(f"/teams/{upper}?reassignment_team={lower}")).status_code == 204


async def test_people_join_change_their_role_and_leave(api: httpx2.AsyncClient, desk: Desk) -> None:
    team_id, ada, bo = await _team(api), await desk.person("Ada"), await desk.person("Bo")
    assert (await api.put(f"/teams/{team_id}/users/{ada.id}")).status_code == 204
    assert (await api.put(f"/teams/{team_id}/users/{bo.id}", json={"role": "observer"})).status_code == 204
    assert (await api.put(f"/teams/{team_id}/users/{bo.id}", json={"role": "responder"})).status_code == 204
    assert (await api.put(f"/teams/{team_id}/users/{bo.id}", json={"role": "king"})).status_code == 400
    members = (await api.get(f"/teams/{team_id}/members")).json()["members"]
    assert [(member["user"]["id"], member["role"]) for member in members] == [(ada.id, "manager"), (bo.id, "responder")]
    full = (await api.get(f"/teams/{team_id}/members?include[]=users&limit=1&total=true")).json()
    assert (full["members"][0]["user"]["email"], full["more"], full["total"]) == (ada.email, True, 2)
    assert [user["id"] for user in (await api.get(f"/users?team_ids[]={team_id}")).json()["users"]] == [ada.id, bo.id]
    assert (await api.get(f"/users/{ada.id}?include[]=teams")).json()["user"]["teams"][0]["type"] == "team"
    assert (await api.delete(f"/teams/{team_id}/users/{ada.id}")).status_code == 204
    assert (await api.delete(f"/teams/{team_id}/users/{ada.id}")).status_code == 404
    assert (await api.put(f"/teams/{team_id}/users/PNOBODY")).status_code == 404


async def test_a_policy_belongs_to_one_team_and_can_be_taken_back(api: httpx2.AsyncClient, desk: Desk) -> None:
    team_id, ada = await _team(api), await desk.person("Ada")
    await _policy(desk, target=ada.id)
    await api.put(f"/teams/{team_id}/users/{ada.id}")
    assert (await api.put(f"/teams/{team_id}/escalation_policies/PPOLICY")).status_code == 204
    refused = await api.delete(f"/teams/{team_id}/users/{ada.id}")
    assert refused.json()["error"]["errors"] == [
        "User cannot be removed as they belong to an escalation policy on this team"
    ]
    assert (await api.delete(f"/teams/{team_id}")).json()["error"]["code"] == 6006
    assert (await api.delete(f"/teams/{team_id}/escalation_policies/PPOLICY")).status_code == 204
    assert (await api.delete(f"/teams/{team_id}/escalation_policies/PPOLICY")).status_code == 404
    assert (await api.put(f"/teams/{team_id}/escalation_policies/PNONE")).status_code == 404
    assert (await api.delete(f"/teams/{team_id}/users/{ada.id}")).status_code == 204


async def test_who_is_bound_to_teams_finds_no_others(api: httpx2.AsyncClient, desk: Desk) -> None:
    mine, other = await _team(api, "Mine"), await _team(api, "Other")
    bound = await desk.person("Bound", Role.RESTRICTED_ACCESS)
    await api.put(f"/teams/{mine}/users/{bound.id}", json={"role": "responder"})
    assert [team["id"] for team in (await bound.api.get("/teams?total=true")).json()["teams"]] == [mine]
    assert (await bound.api.get(f"/teams/{mine}")).status_code == 200
    assert (await bound.api.get(f"/teams/{other}")).status_code == 404
    assert (await bound.api.put(f"/teams/{mine}", json={"team": {"name": "X"}})).status_code == 403
