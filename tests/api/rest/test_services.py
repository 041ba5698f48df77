"""Services over the API: what clients write comes back, and how a service is doing follows from what is open."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.domain.people.role import Role, TeamRole
from tocsin.store.query import Command, Query
from tocsin.store.services import SERVICES_BY_ID, Id, service_of
from tocsin.store.turn import Turn

OPEN = Command(
    "an incident that is open",
    """INSERT INTO incident (id, service_id, title, status, urgency, plan_id, assigned_via, created_at, updated_at,
    status_changed_at, status_changed_by)
VALUES (%(id)s, %(service_id)s, 'Disk full', %(status)s, 'high', 'plan', 'escalation_policy', '2026-11-01 00:00Z',
    '2026-11-01 00:00Z', '2026-11-01 00:00Z', '{}')""",
)
AUDITED = Query(
    "what the audit says was done to this thing",
    "SELECT action AS id FROM audit WHERE resource_kind = 'service' AND resource_id = %(id)s ORDER BY audit.id",
    Id,
)
HOURS = {
    "type": "fixed_time_per_day",
    "time_zone": "America/Lima",
    "days_of_week": [1, 2, 3, 4, 5],
    "start_time": "09:00:00",
    "end_time": "17:00:00",
}
BY_HOURS = {
    "type": "use_support_hours",
    "during_support_hours": {"type": "constant", "urgency": "high"},
    "outside_support_hours": {"type": "constant", "urgency": "severity_based"},
}
RAISE = {
    "type": "urgency_change",
    "at": {"type": "named_time", "name": "support_hours_start"},
    "to_urgency": "high",
}


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


@pytest.fixture
async def policy(at: Desk) -> str:
    return await at.policy("Platform", [await at.user("Ada")])


def wrapped(policy: str, **fields: object) -> Json:  # the fields of one service are the point of the test
    reference = {"id": policy, "type": "escalation_policy_reference"}
    return {"service": {"type": "service", "name": "Checkout", "escalation_policy": reference, **fields}}


async def test_timeouts_that_are_not_sent_are_off(at: Desk, policy: str) -> None:
    made = await at.done("POST", "/services", wrapped(policy))
    assert (made["acknowledgement_timeout"], made["auto_resolve_timeout"]) == (None, None)
    assert made["incident_urgency_rule"] == {"type": "constant", "urgency": "high"}
    assert (made["support_hours"], made["scheduled_actions"], made["integrations"], made["teams"]) == (None, [], [], [])
    assert made["status"] == "active"
    assert "auto_pause_notifications_parameters" not in made


@pytest.mark.parametrize(("sent", "kept"), [(None, None), (0, None), (1800, 1800)])
async def test_a_timeout_of_null_or_zero_is_off(at: Desk, policy: str, sent: int | None, kept: int | None) -> None:
    made = await at.done("POST", "/services", wrapped(policy, acknowledgement_timeout=600, auto_resolve_timeout=600))
    body = {"service": {"acknowledgement_timeout": sent}}
    changed = await at.done("PUT", f"/services/{made['id']}", body)
    assert (changed["acknowledgement_timeout"], changed["auto_resolve_timeout"]) == (kept, 600)


async def test_what_terraform_writes_comes_back(at: Desk, policy: str) -> None:
    grouping = {"type": "content_based", "config": {"aggregate": "all", "fields": ["summary"], "time_window": 3600}}
    body = wrapped(
        policy,
        description="Managed by Terraform",
        acknowledgement_timeout=1800,
        auto_resolve_timeout=None,
        alert_creation="create_alerts_and_incidents",
        incident_urgency_rule=BY_HOURS,
        support_hours=HOURS,
        scheduled_actions=[RAISE],
        alert_grouping=None,
        alert_grouping_parameters=grouping,
        auto_pause_notifications_parameters={"enabled": True, "timeout": 300},
    )
    query = "include[]=auto_pause_notifications_parameters"
    made = await at.done("POST", f"/services?{query}", body)
    sent = body["service"]
    assert isinstance(sent, dict)
    names = ("description", "acknowledgement_timeout", "auto_resolve_timeout", "incident_urgency_rule", "support_hours")
    assert {name: made[name] for name in names} == {name: sent[name] for name in names}
    assert made["scheduled_actions"] == [RAISE]
    assert made["alert_grouping_parameters"] == grouping
    pause = made["auto_pause_notifications_parameters"]
    assert isinstance(pause, dict)
    assert (pause["enabled"], pause["timeout"]) == (True, 300)
    assert await at.done("PUT", f"/services/{made['id']}?{query}", body) == made
    assert await at.done("GET", f"/services/{made['id']}?{query}") == made


async def test_the_engine_reads_what_was_written(at: Desk, policy: str) -> None:
    body = wrapped(policy, incident_urgency_rule=BY_HOURS, support_hours=HOURS, scheduled_actions=[RAISE])
    key = text((await at.done("POST", "/services", body))["id"])
    (facts,) = await at.house.store.read(lambda turn: turn.rows(SERVICES_BY_ID, {"ids": [key, "PNONE"]}))
    service = service_of(facts)
    assert service.support_hours is not None
    assert service.support_hours.days == (1, 2, 3, 4, 5)
    assert [planned.at for planned in service.raises] == ["start"]


async def test_a_constant_rule_takes_the_support_hours_with_it(at: Desk, policy: str) -> None:
    body = wrapped(policy, incident_urgency_rule=BY_HOURS, support_hours=HOURS, scheduled_actions=[RAISE])
    made = await at.done("POST", "/services", body)
    constant = {"service": {"incident_urgency_rule": {"type": "constant", "urgency": "low"}}}
    changed = await at.done("PUT", f"/services/{made['id']}", constant)
    assert (changed["support_hours"], changed["scheduled_actions"]) == (None, [])


@pytest.mark.parametrize(
    ("sent", "shown", "older"),
    [
        ({"alert_grouping": "time", "alert_grouping_timeout": 10}, {"timeout": 10}, ("time", 10)),
        ({"alert_grouping_parameters": {"type": "time", "config": {"timeout": 0}}}, {"timeout": 0}, ("time", 0)),
        (
            {"alert_grouping_parameters": {"type": "intelligent"}},
            {"time_window": 300, "recommended_time_window": 300, "iag_fields": ["summary"]},
            ("intelligent", None),
        ),
        ({"alert_grouping_parameters": {"type": None}}, None, (None, None)),
        ({"alert_grouping_parameters": None}, None, (None, None)),
    ],
)
async def test_grouping_is_kept_in_both_of_its_forms(
    at: Desk, policy: str, sent: Json, shown: Json | None, older: tuple[str | None, int | None]
) -> None:
    made = await at.done("POST", "/services", wrapped(policy, **sent))
    grouping = made["alert_grouping_parameters"]
    assert (grouping["config"] if isinstance(grouping, dict) else grouping) == shown
    assert (made["alert_grouping"], made["alert_grouping_timeout"]) == older


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "},
        {"name": "x" * 300},
        {"escalation_policy": {"id": "PNONE", "type": "escalation_policy_reference"}},
        {"escalation_policy": None},
        {"acknowledgement_timeout": -1},
        {"acknowledgement_timeout": "soon"},
        {"auto_resolve_timeout": 10**12},
        {"status": "sleeping"},
        {"incident_urgency_rule": BY_HOURS},
        {"scheduled_actions": [RAISE]},
        {"support_hours": {**HOURS, "time_zone": "Mars/Olympus"}},
        {"support_hours": {**HOURS, "days_of_week": [0]}},
        {"support_hours": {**HOURS, "days_of_week": []}},
        {"support_hours": {**HOURS, "start_time": "late"}},
        {"incident_urgency_rule": {"type": "constant", "urgency": "medium"}},
        {"alert_grouping_parameters": {"type": "time", "config": {"timeout": 1441}}},
        {"alert_grouping_parameters": {"type": "content_based", "config": {"fields": ["summary"]}}},
        {"alert_grouping_parameters": {"type": "intelligent", "config": {"time_window": 7200}}},
        {"auto_pause_notifications_parameters": {"enabled": True, "timeout": 121}},
        {"fallback_user": {"id": "PNONE"}},
    ],
)
async def test_what_is_not_a_service_is_400(at: Desk, policy: str, fields: Json) -> None:
    status, _ = await at.refused("POST", "/services", wrapped(policy, **fields))
    assert status == 400
    assert items(await at.done("GET", "/services"), "services") == []


async def test_the_zones_that_rails_programs_send_are_understood(at: Desk, policy: str) -> None:
    hours = {**HOURS, "time_zone": "Eastern Time (US & Canada)", "start_time": "09:00"}
    made = await at.done("POST", "/services", wrapped(policy, support_hours=hours))
    assert made["support_hours"] == {**HOURS, "time_zone": "America/New_York"}


@pytest.mark.parametrize(
    ("open_ones", "status"),
    [
        ((), "active"),
        (("resolved",), "active"),
        (("acknowledged",), "warning"),
        (("acknowledged", "triggered"), "critical"),
    ],
)
async def test_the_status_follows_from_what_is_open(
    at: Desk, policy: str, open_ones: tuple[str, ...], status: str
) -> None:
    key = await at.service("Checkout", policy)

    async def job(turn: Turn) -> None:
        for number, each in enumerate(open_ones):
            await turn.run(OPEN, {"id": f"QINCIDENT{number}", "service_id": key, "status": each})

    await at.house.store.work(job)
    shown = await at.done("GET", f"/services/{key}")
    assert shown["status"] == status
    assert shown["last_incident_timestamp"] == ("2026-11-01T00:00:00Z" if open_ones else None)
    (listed,) = items(await at.done("GET", "/services"), "services")
    assert listed == shown


async def test_a_service_is_disabled_and_enabled_by_its_status(at: Desk, policy: str) -> None:
    key = await at.service("Checkout", policy)
    for sent, status in (("disabled", "disabled"), ("active", "active"), ("critical", "active")):
        assert (await at.done("PUT", f"/services/{key}", {"service": {"status": sent}}))["status"] == status


async def test_deleting_asks_to_resolve_what_is_open_and_takes_the_integrations(at: Desk, policy: str) -> None:
    key = await at.service("Checkout", policy)
    made = await at.done("POST", f"/services/{key}/integrations", {"integration": {"type": "integration"}})
    window = {"start_time": "2030-01-01T00:00:00Z", "end_time": "2030-01-01T01:00:00Z", "services": [{"id": key}]}
    planned = await at.done("POST", "/maintenance_windows", {"maintenance_window": window})
    assert await at.ask("DELETE", f"/services/{key}") == (204, {})
    assert at.house.resolved == [(key, "PTOKEN")]
    assert await at.refused("GET", f"/services/{key}") == (404, 2100)
    assert await at.refused("GET", f"/services/{key}/integrations/{made['id']}") == (404, 2100)
    assert await at.refused("GET", f"/maintenance_windows/{planned['id']}") == (404, 2100)
    written = await at.house.store.read(lambda turn: turn.rows(AUDITED, {"id": key}))
    assert [each.id for each in written] == ["create", "delete"]


async def test_lists_are_paged_filtered_and_sorted(at: Desk, policy: str) -> None:
    team = await at.team("Shop")
    shop = await at.policy("Shop", [await at.user("Bo")], team)
    await at.service("checkout", shop)
    await at.service("Basket", shop)
    await at.service("search", policy)

    async def names(query: str) -> list[object]:
        return [one["name"] for one in items(await at.done("GET", f"/services?{query}"), "services")]

    assert await names("") == ["Basket", "checkout", "search"]
    assert await names("sort_by=name:desc") == ["search", "checkout", "Basket"]
    assert await names("query=CHECK") == ["checkout"]
    assert await names("name=BASKET") == ["Basket"]
    assert await names(f"team_ids[]={team}") == ["Basket", "checkout"]
    page = await at.done("GET", "/services?limit=2&total=true")
    assert [page[name] for name in ("limit", "offset", "more", "total")] == [2, 0, True, 3]
    shown = items(await at.done("GET", "/services?include[]=teams&include[]=escalation_policies"), "services")[0]
    assert items(shown, "teams")[0]["type"] == "team"
    policy_shown = shown["escalation_policy"]
    assert isinstance(policy_shown, dict)
    assert policy_shown["type"] == "escalation_policy"
    assert policy_shown["escalation_rules"]


async def test_names_are_unique(at: Desk, policy: str) -> None:
    await at.service("Checkout", policy)
    assert await at.refused("POST", "/services", wrapped(policy, name="checkout")) == (400, 2001)


async def test_roles_and_teams_say_who_may(at: Desk, policy: str) -> None:
    ada, team = await at.user("Eve"), await at.team("Shop")
    shop = await at.policy("Shop", [ada], team)
    mine, foreign = await at.service("Checkout", shop), await at.service("Search", policy)
    at.enter("responder", ada, Role.LIMITED_USER)
    at.enter("manager", ada, Role.LIMITED_USER, {team: TeamRole.MANAGER})
    at.enter("walled", ada, Role.RESTRICTED_ACCESS, {team: TeamRole.MANAGER})
    change = {"service": {"description": "mine"}}
    assert await at.refused("PUT", f"/services/{mine}", change, by="responder") == (403, 2010)
    assert (await at.done("PUT", f"/services/{mine}", change, by="manager"))["description"] == "mine"
    assert await at.refused("GET", f"/services/{foreign}", by="walled") == (404, 2100)
    assert await at.refused("PUT", f"/services/{mine}", wrapped(policy), by="walled") == (400, 2001)
    assert await at.refused("PUT", f"/services/{mine}", wrapped(policy), by="manager") == (403, 2010)
    seen = items(await at.done("GET", "/services", by="walled"), "services")
    assert [one["id"] for one in seen] == [mine]


async def test_a_fallback_user_can_be_set_and_taken_away(at: Desk, policy: str) -> None:
    key, bo = await at.service("Checkout", policy), await at.user("Bo")
    shown = await at.done("PUT", f"/services/{key}", {"service": {"fallback_user": {"id": bo}}})
    fallback = shown["fallback_user"]
    assert isinstance(fallback, dict)
    assert (fallback["id"], fallback["summary"]) == (bo, "Bo")
    assert (await at.done("PUT", f"/services/{key}", {"service": {"fallback_user": None}}))["fallback_user"] is None
