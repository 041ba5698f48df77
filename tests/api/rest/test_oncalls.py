"""On-calls over the API: users whom levels name are on call without beginning or end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.rest.service_desk import Desk, desk, items
from tocsin.domain.people.role import Role, TeamRole


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


def people(document: dict[str, object]) -> list[tuple[object, object, object]]:
    found = []
    for row in items(document, "oncalls"):
        policy, user = row["escalation_policy"], row["user"]
        assert isinstance(policy, dict)
        assert isinstance(user, dict)
        found.append((policy["summary"], row["escalation_level"], user["summary"]))
    return found


async def test_everybody_whom_a_level_names_is_on_call(at: Desk) -> None:
    ada, bo, team = await at.user("Ada"), await at.user("Bo"), await at.team("Shop")
    search = await at.policy("search", [bo])
    await at.policy("Checkout", [ada, bo], team)
    everybody = await at.done("GET", "/oncalls?total=true&earliest=true")
    assert people(everybody) == [("Checkout", 1, "Ada"), ("Checkout", 2, "Bo"), ("search", 1, "Bo")]
    assert everybody["total"] == 3
    for row in items(everybody, "oncalls"):
        assert (row["start"], row["end"], row["schedule"]) == (None, None, None)
    assert people(await at.done("GET", f"/oncalls?user_ids[]={ada}")) == [("Checkout", 1, "Ada")]
    assert people(await at.done("GET", f"/oncalls?escalation_policy_ids[]={search}")) == [("search", 1, "Bo")]
    assert people(await at.done("GET", "/oncalls?schedule_ids[]=PSCHEDULE")) == []
    page = await at.done("GET", "/oncalls?limit=1&offset=1&since=2026-01-01&until=2026-02-01")
    assert people(page) == [("Checkout", 2, "Bo")]
    assert page["more"] is True
    at.enter("walled", bo, Role.RESTRICTED_ACCESS, {team: TeamRole.OBSERVER})
    assert people(await at.done("GET", "/oncalls", by="walled")) == [("Checkout", 1, "Ada"), ("Checkout", 2, "Bo")]


async def test_the_deleted_are_not_on_call(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    await at.policy("Checkout", [ada, bo])
    await at.done("DELETE", f"/users/{ada}")
    assert people(await at.done("GET", "/oncalls")) == [("Checkout", 2, "Bo")]


async def test_includes_put_whole_resources_in_place_of_references(at: Desk) -> None:
    await at.policy("Checkout", [await at.user("Ada")])
    query = "include[]=users&include[]=escalation_policies&include[]=schedules"
    (row,) = items(await at.done("GET", f"/oncalls?{query}"), "oncalls")
    policy, user = row["escalation_policy"], row["user"]
    assert isinstance(policy, dict)
    assert isinstance(user, dict)
    assert (policy["type"], user["type"]) == ("escalation_policy", "user")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("since=2026-02-01&until=2026-01-01", 2004),
        ("since=2026-01-01&until=2026-06-01", 2004),
        ("since=yesterday", 2004),
        ("include[]=teams", 2001),
        ("limit=-1", 2001),
    ],
)
async def test_what_cannot_be_asked_is_400(at: Desk, query: str, code: int) -> None:
    assert await at.refused("GET", f"/oncalls?{query}") == (400, code)
