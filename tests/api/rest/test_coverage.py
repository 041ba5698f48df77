"""GET /api/coverage: what will be wrong with the nights to come, for whoever may see it."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rest.rota import daily, layer, made, now, wire
from tests.api.rest.service_desk import Desk, Json, desk, items
from tests.town.seed import seed_override
from tocsin.domain.people.role import Role, TeamRole


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A service desk over a fresh database."""
    async with desk(database, tmp_path / "key") as opened:
        yield opened


async def _policy(at: Desk, name: str, schedule_id: str, team_id: str | None = None) -> str:
    rules = [{"escalation_delay_in_minutes": 5, "targets": [{"id": schedule_id, "type": "schedule_reference"}]}]
    teams = [{"id": team_id, "type": "team_reference"}] if team_id else []
    body = {"escalation_policy": {"name": name, "escalation_rules": rules, "teams": teams}}
    made = (await at.done("POST", "/escalation_policies", body))["id"]
    assert isinstance(made, str)
    return made


def _told(answer: Json) -> list[tuple[object, object]]:
    return [(each["kind"], each["verdict"]) for each in items(answer, "findings")]


async def test_hours_without_anybody_are_told_with_what_to_do(at: Desk) -> None:
    ada, ben = await at.user("Ada"), await at.user("Ben")
    office = layer(ada, ben, start="2020-01-06T00:00:00Z") | {"restrictions": [daily("09:00:00", 8)]}
    schedule_id = await made(at, office, name="Office", zone="Europe/Berlin")
    policy_id = await _policy(at, "Payments", schedule_id)
    answer = await at.done("GET", "/api/coverage?days=3&verdicts[]=fail&verdicts[]=warn&time_zone=Europe/Berlin")
    nobody, gap = items(answer, "findings")
    assert (nobody["kind"], gap["kind"]) == ("nobody", "gap")
    assert isinstance(nobody["text"], str)
    assert nobody["text"].startswith("Payments calls nobody ")
    assert "(Europe/Berlin)" in nobody["text"]
    assert nobody["advice"]
    assert isinstance(nobody["escalation_policy"], dict)
    assert nobody["escalation_policy"]["id"] == policy_id
    assert isinstance(gap["total_seconds"], int)
    assert gap["total_seconds"] in range(2 * 24 * 3600 - 9 * 3600, 2 * 24 * 3600 + 9 * 3600)
    looked_at = answer["coverage"]
    assert isinstance(looked_at, dict)
    assert (looked_at["escalation_policies"], looked_at["schedules"], looked_at["fails"]) == (1, 1, 1)


async def test_a_rotation_around_the_clock_is_well(at: Desk) -> None:
    ada, ben = await at.user("Ada"), await at.user("Ben")
    await _policy(at, "Payments", await made(at, layer(ada, ben, start="2020-01-06T09:00:00Z")))
    answer = await at.done("GET", "/api/coverage")
    assert not [told for told in _told(answer) if told[1] != "note"]
    kinds = {kind for kind, _ in _told(answer)}
    assert "unproven_method" in kinds, "nothing was ever sent to them"


async def test_findings_are_paged_and_filtered(at: Desk) -> None:
    ada = await at.user("Ada")
    for name in ("One", "Two", "Three"):
        await _policy(at, name, await made(at, layer(ada, start="2040-01-01T00:00:00Z"), name=name))
    answer = await at.done("GET", "/api/coverage?kinds[]=nobody&limit=2&total=true")
    assert (_told(answer), answer["more"], answer["total"]) == ([("nobody", "fail")] * 2, True, 3)
    rest = await at.done("GET", "/api/coverage?kinds[]=nobody&limit=2&offset=2")
    assert (len(_told(rest)), rest["more"]) == (1, False)
    assert await at.refused("GET", "/api/coverage?days=0") == (400, 2001)
    assert await at.refused("GET", "/api/coverage?verdicts[]=bad") == (400, 2001)


async def test_people_of_one_team_see_its_policies_alone(at: Desk) -> None:
    ada, team = await at.user("Ada"), await at.team("Platform")
    for name, team_id in (("Theirs", team), ("Others", None)):
        schedule_id = await made(at, layer(ada, start="2040-01-01T00:00:00Z"), name=name)
        await _policy(at, name, schedule_id, team_id)
    at.enter("restricted", ada, Role.RESTRICTED_ACCESS, {team: TeamRole.RESPONDER})
    answer = await at.done("GET", "/api/coverage?kinds[]=nobody", by="restricted")
    (one,) = items(answer, "findings")
    assert isinstance(one["escalation_policy"], dict)
    assert one["escalation_policy"]["summary"] == "Theirs"


async def test_somebody_on_call_while_away_is_told(at: Desk) -> None:
    ada, ben = await at.user("Ada"), await at.user("Ben")
    schedule_id = await made(at, layer(ada, ben, start="2020-01-06T09:00:00Z"), name="Nights")
    await _policy(at, "Payments", schedule_id)
    start = await now(at) + timedelta(days=1)
    absence = {"start": wire(start), "end": wire(start + timedelta(days=10)), "kind": "holiday"}
    await at.done("POST", f"/api/users/{ada}/absences", {"absence": absence})
    answer = await at.done("GET", "/api/coverage?kinds[]=absent_on_call")
    (one,) = items(answer, "findings")
    assert isinstance(one["text"], str)
    assert one["text"].startswith("Ada is on call by Nights and absent ")
    assert (one["verdict"], one["advice"]) == ("warn", "Ask for cover.")


async def test_a_policy_that_leaves_hours_to_nobody_is_kept_and_says_so(at: Desk) -> None:
    ada = await at.user("Ada")
    office = layer(ada, start="2020-01-06T00:00:00Z") | {"restrictions": [daily("09:00:00", 8)]}
    schedule_id = await made(at, office, name="Office")
    rules = [{"escalation_delay_in_minutes": 5, "targets": [{"id": schedule_id, "type": "schedule_reference"}]}]
    body = {"escalation_policy": {"name": "Payments", "escalation_rules": rules}}
    headers = {"authorization": "Token token=admin"}
    answer = await at.client.post("/escalation_policies", json=body, headers=headers)
    assert answer.status_code == 201
    warnings = json.loads(answer.headers["tocsin-warnings"])
    assert warnings[0].startswith("Payments calls nobody ")
    path = f"/escalation_policies/{answer.json()['escalation_policy']['id']}"
    rules[0]["targets"] = [{"id": await made(at, layer(ada, start="2020-01-06T00:00:00Z")), "type": "schedule"}]
    assert "tocsin-warnings" not in (await at.client.put(path, json=body, headers=headers)).headers


async def test_a_window_in_the_past_is_judged_with_the_overrides_of_that_time(at: Desk) -> None:
    ada = await at.user("Ada")
    schedule_id = await made(at, layer(ada, start=wire(await now(at))), name="Nights")
    await _policy(at, "Payments", schedule_id)
    begin = await now(at) - timedelta(days=30)
    await seed_override(at.house.store, schedule_id, ada, begin, begin + timedelta(days=5))
    answer = await at.done("GET", f"/api/coverage?since={wire(begin)}&days=5&kinds[]=nobody&kinds[]=gap")
    assert items(answer, "findings") == []
