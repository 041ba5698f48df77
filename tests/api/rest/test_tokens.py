"""API tokens over the API: shown once, worth no more than their maker, dead when revoked."""

from __future__ import annotations

import httpx2

from tests.api.desk import Desk
from tocsin.domain.people.role import Role


async def test_a_token_is_shown_once_works_and_dies(api: httpx2.AsyncClient, desk: Desk) -> None:
    answer = await api.post("/api/tokens", json={"token": {"name": "deploy", "read_only": True}})
    assert answer.status_code == 201
    token = answer.json()["token"]
    client = desk.client(token["token"])
    assert (await client.get("/users")).status_code == 200
    assert (await client.post("/teams", json={"team": {"name": "Web"}})).status_code == 403
    listing = await api.get("/api/tokens?all=true")
    assert token["token"] not in listing.text
    assert token["id"] in listing.text
    assert (await api.delete(f"/api/tokens/{token['id']}")).status_code == 204
    assert (await client.get("/users")).status_code == 401
    assert (await api.delete(f"/api/tokens/{token['id']}")).status_code == 404


async def test_nobody_makes_a_token_that_reaches_further(desk: Desk) -> None:
    owner, admin, member = [await desk.person(role.value, role) for role in (Role.OWNER, Role.ADMIN, Role.USER)]
    for_owner, for_account = {"name": "x", "user_id": owner.id}, {"name": "x"}
    assert (await admin.api.post("/api/tokens", json={"token": for_owner})).status_code == 403
    assert (await member.api.post("/api/tokens", json={"token": for_account})).status_code == 403
    assert (await owner.api.post("/api/tokens", json={"token": for_owner})).status_code == 201
    own = await member.api.post("/api/tokens", json={"token": {"name": "mine", "user_id": member.id}})
    assert own.status_code == 201
    assert len(own.json()["token"]["token"]) == 20
    assert own.json()["token"]["token"].startswith("u+")


async def test_people_see_their_own_tokens_and_admins_all(desk: Desk) -> None:
    admin, member = await desk.person("Admin", Role.ADMIN), await desk.person("Member")
    assert [token["name"] for token in (await member.api.get("/api/tokens")).json()["tokens"]] == ["Member"]
    assert (await member.api.get("/api/tokens?all=true")).status_code == 403
    assert len((await admin.api.get("/api/tokens?all=true")).json()["tokens"]) == 2


async def test_an_end_without_an_offset_is_refused(api: httpx2.AsyncClient) -> None:
    body = {"token": {"name": "x", "valid_until": "2030-01-01T00:00:00"}}
    assert (await api.post("/api/tokens", json=body)).status_code == 400
