"""Escalation policies over the API: what clients write comes back, and what would call nobody is refused."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.domain.people.role import Role, TeamRole

STRATEGIES = "include[]=escalation_rule_assignment_strategies"


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


def rule(*user_ids: str, minutes: int = 30, kind: str = "user_reference") -> Json:
    targets = [{"id": user_id, "type": kind} for user_id in user_ids]
    return {"escalation_delay_in_minutes": minutes, "targets": targets}


def policy(*rules: Json, name: str = "Platform") -> Json:
    return {"escalation_policy": {"type": "escalation_policy", "name": name, "escalation_rules": list(rules)}}


async def test_what_terraform_writes_comes_back(at: Desk) -> None:
    ada, bo, team = await at.user("Ada"), await at.user("Bo"), await at.team("Platform")
    body = {
        "escalation_policy": {
            "name": "  Platform   on call ",
            "description": "Managed by Terraform",
            "num_loops": 2,
            "teams": [{"id": team, "type": "team_reference"}],
            "escalation_rules": [
                {**rule(ada, kind="user"), "escalation_rule_assignment_strategy": {"type": "round_robin"}},
                rule(ada, bo, minutes=1),
            ],
        }
    }
    made = await at.done("POST", f"/escalation_policies?{STRATEGIES}", body)
    assert made["name"] == made["summary"] == "Platform on call"
    assert made["description"] == "Managed by Terraform"
    assert made["num_loops"] == 2
    assert made["on_call_handoff_notifications"] == "if_has_services"
    assert [team_["id"] for team_ in items(made, "teams")] == [team]
    assert made["services"] == []
    rules = items(made, "escalation_rules")
    assert [one["escalation_delay_in_minutes"] for one in rules] == [30, 1]
    assert rules[0]["escalation_rule_assignment_strategy"] == {"type": "round_robin"}
    assert [target["type"] for target in items(rules[1], "targets")] == ["user_reference", "user_reference"]
    key = text(made["id"])
    assert await at.done("GET", f"/escalation_policies/{key}?{STRATEGIES}") == made


async def test_an_update_keeps_the_ids_of_levels_and_what_is_not_sent(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    first = {**rule(ada), "escalation_rule_assignment_strategy": "round_robin"}
    made = await at.done("POST", "/escalation_policies", policy(first, rule(bo)))
    one, two = (text(level["id"]) for level in items(made, "escalation_rules"))
    swapped = [{**rule(bo), "id": two}, {**rule(ada), "id": one}, {**rule(ada, bo), "id": "PUNKNOWN"}]
    body = {"escalation_policy": {"id": made["id"], "escalation_rules": swapped}}
    changed = await at.done("PUT", f"/escalation_policies/{made['id']}?{STRATEGIES}", body)
    levels = items(changed, "escalation_rules")
    assert [level["id"] for level in levels][:2] == [two, one]
    assert levels[2]["id"] not in (one, two, "PUNKNOWN")
    assert [level["escalation_rule_assignment_strategy"] for level in levels] == [
        {"type": "assign_to_everyone"},
        {"type": "round_robin"},
        {"type": "assign_to_everyone"},
    ]
    assert changed["name"] == "Platform"
    again = await at.done("PUT", f"/escalation_policies/{made['id']}?{STRATEGIES}", body)
    assert [level["id"] for level in items(again, "escalation_rules")][:2] == [two, one]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"escalation_policy": None},
        {"escalation_policy": {"name": "No levels", "escalation_rules": []}},
        {"escalation_policy": {"name": "None sent"}},
        policy(rule("PNOBODY")),
        policy(rule("PSCHEDULE", kind="schedule_reference")),
        policy(rule("PUSER", kind="team_reference")),
        policy(rule()),
        policy(rule("PUSER", minutes=0)),
        policy(rule("PUSER", minutes=10**9)),
        policy(name="  "),
        {"escalation_policy": {"name": "X", "num_loops": 10, "escalation_rules": [rule("PUSER")]}},
        {"escalation_policy": {"name": "X", "num_loops": "2", "escalation_rules": [rule("PUSER")]}},
        {"escalation_policy": {"name": 7, "escalation_rules": [rule("PUSER")]}},
        {"escalation_policy": {"name": "X", "escalation_rules": [rule("PUSER")], "teams": [{"id": "PNOTEAM"}]}},
    ],
)
async def test_what_is_not_a_policy_is_400(at: Desk, body: Json) -> None:
    user = await at.user("Ada")
    told = json.loads(json.dumps(body).replace('"PUSER"', json.dumps(user)))
    status, _ = await at.refused("POST", "/escalation_policies", told)
    assert status == 400
    assert items(await at.done("GET", "/escalation_policies"), "escalation_policies") == []


async def test_names_are_unique_without_regard_to_case(at: Desk) -> None:
    user = await at.user("Ada")
    await at.policy("Platform", [user])
    assert await at.refused("POST", "/escalation_policies", policy(rule(user), name="platform ")) == (400, 2001)
    other = await at.policy("Other", [user])
    assert await at.refused("PUT", f"/escalation_policies/{other}", policy(rule(user))) == (400, 2001)


async def test_one_that_services_use_is_not_deleted(at: Desk) -> None:
    key = await at.policy("Platform", [await at.user("Ada")])
    service = await at.service("Checkout", key)
    assert await at.refused("DELETE", f"/escalation_policies/{key}") == (400, 2001)
    shown = await at.done("GET", f"/escalation_policies/{key}")
    assert [one["id"] for one in items(shown, "services")] == [service]
    await at.done("DELETE", f"/services/{service}")
    assert await at.ask("DELETE", f"/escalation_policies/{key}") == (204, {})
    assert await at.refused("GET", f"/escalation_policies/{key}") == (404, 2100)


async def test_lists_are_paged_filtered_and_sorted(at: Desk) -> None:
    ada, bo, team = await at.user("Ada"), await at.user("Bo"), await at.team("Platform")
    await at.policy("beta", [ada])
    await at.policy("Alpha", [ada, bo], team)
    await at.policy("gamma %", [bo])

    async def names(query: str) -> list[object]:
        found = await at.done("GET", f"/escalation_policies?{query}")
        return [one["name"] for one in items(found, "escalation_policies")]

    assert await names("") == ["Alpha", "beta", "gamma %"]
    assert await names("sort_by=name:desc") == ["gamma %", "beta", "Alpha"]
    assert await names("query=ALPH") == ["Alpha"]
    assert await names("query=%25") == ["gamma %"]
    assert await names(f"user_ids%5B%5D={bo}") == ["Alpha", "gamma %"]
    assert await names(f"user_ids[]={ada}&team_ids[]={team}") == ["Alpha"]
    page = await at.done("GET", "/escalation_policies?limit=1&offset=1&total=true")
    assert [page[name] for name in ("limit", "offset", "more", "total")] == [1, 1, True, 3]
    assert (await at.done("GET", "/escalation_policies"))["total"] is None
    assert await at.refused("GET", "/escalation_policies?sort_by=id") == (400, 2001)
    assert await at.refused("GET", "/escalation_policies?include[]=users") == (400, 2001)


async def test_includes_put_whole_resources_in_place_of_references(at: Desk) -> None:
    ada, team = await at.user("Ada"), await at.team("Platform")
    key = await at.policy("Platform", [ada], team)
    await at.service("Checkout", key)
    query = "include[]=services&include[]=teams&include[]=targets"
    shown = await at.done("GET", f"/escalation_policies/{key}?{query}")
    assert items(shown, "services")[0]["type"] == "service"
    assert items(shown, "services")[0]["status"] == "active"
    assert items(shown, "teams")[0]["type"] == "team"
    assert items(items(shown, "escalation_rules")[0], "targets")[0]["email"] == "ada@acme.example"


async def test_a_deleted_target_stays_visible_as_a_reference(at: Desk) -> None:
    ada, bo = await at.user("Ada"), await at.user("Bo")
    made = await at.done("POST", "/escalation_policies", policy(rule(ada, bo)))
    await at.done("DELETE", f"/users/{bo}")
    shown = await at.done("GET", f"/escalation_policies/{made['id']}?include[]=targets")
    whole, gone = items(items(shown, "escalation_rules")[0], "targets")
    assert whole["type"] == "user"
    assert (gone["id"], gone["type"], gone["html_url"]) == (bo, "user_reference", None)
    assert gone["deleted_at"] is not None
    kept = {"escalation_policy": {"escalation_rules": [rule(ada, bo)]}}
    await at.done("PUT", f"/escalation_policies/{made['id']}", kept)
    assert (await at.refused("POST", "/escalation_policies", policy(rule(bo), name="New")))[0] == 400


async def test_roles_and_teams_say_who_may(at: Desk) -> None:
    ada, team, other = await at.user("Ada"), await at.team("Platform"), await at.team("Other")
    key, foreign = await at.policy("Platform", [ada], team), await at.policy("Other", [ada], other)
    at.enter("observer", ada, Role.OBSERVER)
    at.enter("manager", ada, Role.OBSERVER, {team: TeamRole.MANAGER})
    at.enter("walled", ada, Role.RESTRICTED_ACCESS, {team: TeamRole.OBSERVER})
    renamed = {"escalation_policy": {"description": "changed"}}
    assert await at.refused("PUT", f"/escalation_policies/{key}", renamed, by="observer") == (403, 2010)
    assert await at.refused("PUT", f"/escalation_policies/{foreign}", renamed, by="manager") == (403, 2010)
    assert (await at.done("PUT", f"/escalation_policies/{key}", renamed, by="manager"))["description"] == "changed"
    stolen = {"escalation_policy": {"teams": [{"id": other}]}}
    assert await at.refused("PUT", f"/escalation_policies/{key}", stolen, by="manager") == (403, 2010)
    assert await at.refused("GET", f"/escalation_policies/{foreign}", by="walled") == (404, 2100)
    seen = items(await at.done("GET", "/escalation_policies?total=true", by="walled"), "escalation_policies")
    assert [one["id"] for one in seen] == [key]
    assert await at.refused("GET", "/escalation_policies", by="stranger") == (401, 2006)
