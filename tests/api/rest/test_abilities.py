"""Abilities, licenses, priorities and vendors over the API: what clients read before they do anything."""

from __future__ import annotations

import httpx2

from tests.api.desk import Desk
from tocsin.domain.people.role import Role
from tocsin.store import priorities


async def test_an_ability_is_there_not_built_or_unknown(api: httpx2.AsyncClient) -> None:
    assert "teams" in (await api.get("/abilities")).json()["abilities"]
    assert (await api.get("/abilities/teams")).status_code == 204
    not_built = await api.get("/abilities/sso")
    assert (not_built.status_code, not_built.json()["error"]["code"]) == (402, 2014)
    assert (await api.get("/abilities/flying")).status_code == 404


async def test_everybody_has_a_license(api: httpx2.AsyncClient, desk: Desk) -> None:
    follower = await desk.person("Follower", Role.READ_ONLY_USER)
    ada = await desk.person("Ada")
    assert (await api.get(f"/users/{follower.id}/license")).json()["license"]["role_group"] == "Stakeholder"
    assert (await api.get(f"/users/{ada.id}/license")).json()["license"]["role_group"] == "FullUser"
    shelf = (await api.get("/licenses")).json()["licenses"]
    assert [plan["current_value"] for plan in shelf] == [1, 1]


async def test_priorities_come_from_the_most_to_the_least_severe(api: httpx2.AsyncClient, desk: Desk) -> None:
    assert await desk.store.work(priorities.seed) == 5
    assert await desk.store.work(priorities.seed) == 0
    answer = (await api.get("/priorities", params={"limit": 100})).json()
    assert [priority["name"] for priority in answer["priorities"]] == ["P1", "P2", "P3", "P4", "P5"]
    by_name = await desk.store.read(lambda turn: turn.one(priorities.BY_ID_OR_NAME, {"id": "p3"}))
    assert by_name.position == 3


async def test_vendors_have_stable_ids(api: httpx2.AsyncClient) -> None:
    vendors = (await api.get("/vendors", params={"limit": 100})).json()["vendors"]
    assert {"PTALRTM", "PTGRAFA", "PTEVNT2"} <= {vendor["id"] for vendor in vendors}
    assert (await api.get("/vendors?query=grafana&total=true")).json()["total"] == 1
    assert (await api.get("/vendors/PTEVNT2")).json()["vendor"]["name"] == "Events API v2"
    assert (await api.get("/vendors/PNONE")).status_code == 404
