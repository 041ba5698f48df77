"""Notes over the API: written by whoever answers, changed by their author, and gone when they are deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.rest.incident_room import Room, code, room
from tocsin.ground.limits import LONGEST_NOTE


@pytest.fixture
async def shop(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "master.key") as opened:
        yield opened


async def test_a_note_is_written_changed_and_deleted(shop: Room) -> None:
    key = (await shop.reported())["id"]
    path = f"/incidents/{key}/notes"
    answer = await shop.ann.api.post(path, json={"note": {"content": "Looking"}})
    assert answer.status_code == 200
    assert list(answer.json()) == ["note"]
    note = answer.json()["note"]
    assert (note["content"], note["user"]["id"]) == ("Looking", shop.ann.id)
    await shop.bo.api.post(path, json={"note": {"content": "Me too"}})
    listed = (await shop.ann.api.get(path)).json()
    assert [each["content"] for each in listed["notes"]] == ["Looking", "Me too"]
    assert list(listed) == ["notes"]
    assert code(await shop.bo.api.put(f"{path}/{note['id']}", json={"note": {"content": "Mine"}})) == (403, 2010)
    changed = await shop.ann.api.put(f"{path}/{note['id']}", json={"note": {"content": "Found it"}})
    assert changed.json()["note"]["content"] == "Found it"
    told = await shop.ann.api.get(f"/incidents/{key}/log_entries?is_overview=true")
    assert "Found it" in [entry.get("note") for entry in told.json()["log_entries"]]
    assert code(await shop.bo.api.delete(f"{path}/{note['id']}")) == (403, 2010)
    assert (await shop.account.delete(f"{path}/{note['id']}")).status_code == 204
    assert [each["content"] for each in (await shop.ann.api.get(path)).json()["notes"]] == ["Me too"]
    told = await shop.ann.api.get(f"/incidents/{key}/log_entries")
    assert "Found it" not in told.text
    assert "Looking" not in told.text
    assert code(await shop.ann.api.put(f"{path}/{note['id']}", json={"note": {"content": "Gone"}})) == (404, 2100)


@pytest.mark.parametrize("content", ["", "   ", None, 7, "x" * (LONGEST_NOTE + 1)])
async def test_a_note_says_something_and_not_too_much(shop: Room, content: object) -> None:
    key = (await shop.reported())["id"]
    assert code(await shop.ann.api.post(f"/incidents/{key}/notes", json={"note": {"content": content}})) == (400, 2001)


async def test_a_note_has_an_author_and_an_incident(shop: Room) -> None:
    key = (await shop.reported())["id"]
    body = {"note": {"content": "Looking"}}
    assert code(await shop.account.post(f"/incidents/{key}/notes", json=body)) == (400, 1008)
    assert code(await shop.ann.api.post("/incidents/QNOTHERE/notes", json=body)) == (404, 2100)
    assert code(await shop.ann.api.get("/incidents/QNOTHERE/notes")) == (404, 2100)
    for_bo = await shop.account.post(f"/incidents/{key}/notes", json=body, headers={"From": shop.bo.email})
    assert for_bo.json()["note"]["user"]["id"] == shop.bo.id
