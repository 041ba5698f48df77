"""Notifications over the API: who was told, when, by which channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.api.rest.incident_room import HAND_OVER, Room, code, one, room
from tocsin.domain.people.role import Role


@pytest.fixture
async def shop(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "master.key") as opened:
        yield opened


def _stretch(days: int = 1) -> str:
    now = datetime.now(UTC)
    since, until = (now - timedelta(days=days)).isoformat(), (now + timedelta(hours=1)).isoformat()
    return f"since={since.replace('+00:00', 'Z')}&until={until.replace('+00:00', 'Z')}"


async def test_pages_that_left_are_listed(shop: Room) -> None:
    await shop.opened("disk")
    assert (await shop.ann.api.get(f"/notifications?{_stretch()}")).json()["notifications"] == []
    await shop.store.work(lambda turn: turn.run(HAND_OVER))
    page = one(await shop.ann.api.get(f"/notifications?{_stretch()}&include[]=users"), "notifications")
    assert (page["type"], page["address"], page["status"]) == ("email_notification", shop.ann.email, "success")
    assert (page["user"]["type"], page["user"]["id"]) == ("user", shop.ann.id)
    assert (await shop.ann.api.get(f"/notifications?{_stretch()}&filter=sms_notification")).json()[
        "notifications"
    ] == []
    mail = await shop.ann.api.get(f"/notifications?{_stretch()}&filter=email_notification&total=true")
    assert mail.json()["total"] == 1


async def test_an_address_is_shown_to_those_who_answer(shop: Room) -> None:
    await shop.opened("disk")
    await shop.store.work(lambda turn: turn.run(HAND_OVER))
    watcher = await shop.desk.person("Will", Role.READ_ONLY_USER)
    assert "address" not in one(await watcher.api.get(f"/notifications?{_stretch()}"), "notifications")
    eve = await shop.desk.person("Eve", Role.RESTRICTED_ACCESS)
    assert (await eve.api.get(f"/notifications?{_stretch()}")).json()["notifications"] == []


async def test_a_stretch_of_time_is_needed(shop: Room) -> None:
    assert code(await shop.ann.api.get("/notifications")) == (400, 2003)
    assert code(await shop.ann.api.get(f"/notifications?{_stretch(200)}")) == (400, 2004)
    assert code(await shop.ann.api.get(f"/notifications?{_stretch()}&filter=pigeons")) == (400, 2001)
