"""Incidents over the API: opened, answered, given to others, listed and found again, as clients of PagerDuty do it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rest.incident_room import Room, code, one, person, room
from tocsin.domain.events.event import Action
from tocsin.domain.people.role import Role


@pytest.fixture
async def shop(database: str, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(database, tmp_path / "master.key") as opened:
        yield opened


async def test_a_report_calls_the_first_level_and_says_what_comes_next(shop: Room) -> None:
    incident = await shop.reported("  Shop   is slow ", body={"type": "incident_body", "details": "Since noon"})
    assert incident["title"] == "Shop is slow"
    assert incident["summary"] == f"[#{incident['incident_number']}] Shop is slow"
    assert (incident["status"], incident["urgency"], incident["assigned_via"]) == (
        "triggered",
        "high",
        "escalation_policy",
    )
    assert [one["assignee"]["id"] for one in incident["assignments"]] == [shop.ann.id]
    assert [action["type"] for action in incident["pending_actions"]] == ["escalate", "resolve"]
    assert incident["service"]["id"] == shop.service_id
    assert incident["escalation_policy"]["id"] == shop.policy_id
    assert [team["id"] for team in incident["teams"]] == [shop.team_id]
    assert incident["alert_counts"] == {"all": 0, "triggered": 0, "resolved": 0}
    assert incident["last_status_change_by"]["id"] == shop.ann.id
    assert incident["self"] == f"https://tocsin.example/incidents/{incident['id']}"
    assert incident["first_trigger_log_entry"]["type"] == "trigger_log_entry_reference"
    shown = (await shop.ann.api.get(f"/incidents/{incident['id']}")).json()
    assert shown == {"incident": incident}


async def test_the_description_comes_back_as_the_text_it_was(shop: Room) -> None:
    incident = await shop.reported(body={"type": "incident_body", "details": "Since noon"})
    shop.ann.api.event_hooks = {}  # the specification says object where clients send and read a text
    shown = (await shop.ann.api.get(f"/incidents/{incident['id']}?include[]=body")).json()["incident"]
    assert shown["body"] == {"type": "incident_body", "details": "Since noon"}


async def test_an_account_token_has_to_say_for_whom_it_acts(shop: Room) -> None:
    body = {"incident": shop.report("Slow")}
    assert code(await shop.account.post("/incidents", json=body)) == (400, 1008)
    stranger = {"From": "nobody@example.org"}
    assert code(await shop.account.post("/incidents", json=body, headers=stranger)) == (400, 1008)
    made = await shop.account.post("/incidents", json=body, headers={"From": shop.bo.email})
    assert made.status_code == 201
    assert made.json()["incident"]["last_status_change_by"]["id"] == shop.bo.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "  "},
        {"title": None},
        {"service": None},
        {"service": {"id": "PNOTHERE", "type": "service_reference"}},
        {"urgency": "medium"},
        {"escalation_policy": {"id": "PNOTHERE", "type": "escalation_policy_reference"}},
        {"assignments": [{"assignee": {"id": "PNOTHERE", "type": "user_reference"}}]},
    ],
)
async def test_a_report_that_makes_no_sense_is_refused_for_good(shop: Room, wrong: dict[str, object]) -> None:
    answer = await shop.ann.api.post("/incidents", json={"incident": {**shop.report("Slow"), **wrong}})
    assert code(answer) == (400, 2001)
    assert (await shop.ann.api.get("/incidents?total=true")).json()["total"] == 0


async def test_an_unknown_priority_is_refused_and_a_name_is_enough(shop: Room) -> None:
    answer = await shop.ann.api.post("/incidents", json={"incident": shop.report("Slow", priority={"id": "PX"})})
    assert code(answer) == (400, 1020)
    incident = await shop.reported(priority={"name": "P1"})
    assert incident["priority"]["name"] == "P1"
    assert (await shop.changed(incident["id"], priority="P2"))["priority"]["name"] == "P2"
    assert (await shop.changed(incident["id"], priority=None))["priority"] is None


async def test_a_key_is_taken_only_while_its_incident_is_open(shop: Room) -> None:
    first = await shop.reported(incident_key="disk")
    again = await shop.ann.api.post("/incidents", json={"incident": shop.report("Other", incident_key="disk")})
    assert code(again) == (400, 2001)
    assert "already exists" in again.json()["error"]["errors"][0]
    await shop.changed(first["id"], status="resolved")
    second = await shop.reported(incident_key="disk")
    found = (await shop.ann.api.get("/incidents?incident_key=disk&statuses[]=triggered")).json()["incidents"]
    assert [incident["id"] for incident in found] == [second["id"]]


async def test_who_reports_for_themselves_has_it_and_is_not_paged(shop: Room) -> None:
    incident = await shop.reported(assignments=[{"assignee": person(shop.ann)}])
    assert (incident["status"], incident["assigned_via"]) == ("acknowledged", "direct_assignment")
    assert incident["acknowledgements"][0]["acknowledger"]["id"] == shop.ann.id
    given = await shop.reported(assignments=[{"assignee": person(shop.bo)}])
    assert given["status"] == "triggered"
    assert [action["type"] for action in given["pending_actions"]] == ["resolve"]


async def test_the_course_of_an_incident(shop: Room) -> None:
    key = (await shop.opened("disk"))["id"]
    assert code(await shop.update(key, status="triggered")) == (400, 1003)
    acknowledged = await shop.changed(key, status="acknowledged")
    assert acknowledged["acknowledgements"][0]["acknowledger"]["id"] == shop.ann.id
    assert [action["type"] for action in acknowledged["pending_actions"]] == ["unacknowledge", "resolve"]
    assert code(await shop.update(key, status="acknowledged")) == (400, 1002)
    await shop.wait(timedelta(minutes=31))
    assert (await shop.ann.api.get(f"/incidents/{key}")).json()["incident"]["status"] == "triggered"
    resolved = await shop.changed(key, status="resolved", resolution="Bigger disk", by=shop.bo)
    assert (resolved["status"], resolved["assignments"], resolved["acknowledgements"]) == ("resolved", [], [])
    assert resolved["alert_counts"] == {"all": 1, "triggered": 0, "resolved": 1}
    assert resolved["resolved_at"] == resolved["last_status_change_at"]
    assert code(await shop.update(key, status="resolved")) == (400, 1001)
    assert one(await shop.ann.api.get(f"/incidents/{key}/notes"), "notes")["content"] == "Bigger disk"
    reopened = await shop.changed(key, status="triggered")
    assert (reopened["status"], reopened["resolved_at"]) == ("triggered", None)
    await shop.changed(key, status="resolved")
    taken = await shop.changed(key, status="acknowledged", by=shop.bo)
    assert [each["acknowledger"]["id"] for each in taken["acknowledgements"]] == [shop.bo.id]


async def test_an_incident_is_escalated_and_given_to_others(shop: Room) -> None:
    key = (await shop.reported())["id"]
    escalated = await shop.changed(key, escalation_level=2)
    assert [each["assignee"]["id"] for each in escalated["assignments"]] == [shop.bo.id]
    assert code(await shop.update(key, escalation_level=7)) == (400, 1006)
    given = await shop.changed(key, assignments=[{"assignee": person(shop.ann)}, {"assignee": person(shop.bo)}])
    assert {each["assignee"]["id"] for each in given["assignments"]} == {shop.ann.id, shop.bo.id}
    mine, policy = [{"assignee": person(shop.ann)}], {"id": shop.policy_id, "type": "escalation_policy_reference"}
    assert code(await shop.update(key, assignments=mine, escalation_policy=policy)) == (400, 2001)
    planned = await shop.changed(key, escalation_policy=policy)
    assert planned["assigned_via"] == "escalation_policy"
    assert [each["assignee"]["id"] for each in planned["assignments"]] == [shop.ann.id]
    assert (await shop.changed(key, urgency="low", title="Slower"))["urgency"] == "low"


async def test_a_refused_change_of_policy_leaves_the_policy_usable(shop: Room) -> None:
    over = (await shop.reported())["id"]
    await shop.changed(over, status="resolved")
    rules = [{"escalation_delay_in_minutes": 5, "targets": [person(shop.bo)]}]
    body = {"escalation_policy": {"type": "escalation_policy", "name": "Day", "escalation_rules": rules}}
    made = (await shop.account.post("/escalation_policies", json=body)).json()["escalation_policy"]
    policy = {"id": made["id"], "type": "escalation_policy_reference"}
    assert code(await shop.update(over, escalation_policy=policy)) == (400, 1001)
    incident = await shop.reported(escalation_policy=policy)
    assert [each["assignee"]["id"] for each in incident["assignments"]] == [shop.bo.id]
    assert (await shop.changed(incident["id"], status="acknowledged"))["escalation_policy"]["id"] == made["id"]


async def test_a_disabled_service_takes_no_reports(shop: Room) -> None:
    await shop.account.put(f"/services/{shop.service_id}", json={"service": {"status": "disabled"}})
    assert code(await shop.ann.api.post("/incidents", json={"incident": shop.report("Slow")})) == (400, 2001)


async def test_a_bulk_update_changes_all_or_nothing(shop: Room) -> None:
    ids = [(await shop.reported(f"Report {n}"))["id"] for n in range(3)]
    change = [{"id": each, "type": "incident_reference", "status": "acknowledged"} for each in ids]
    wrong = [*change, {"id": "QNOTHERE", "type": "incident_reference", "status": "resolved"}]
    assert code(await shop.ann.api.put("/incidents", json={"incidents": wrong})) == (400, 2001)
    untouched = (await shop.ann.api.get("/incidents?statuses[]=triggered")).json()["incidents"]
    assert len(untouched) == 3
    answer = await shop.ann.api.put("/incidents", json={"incidents": change})
    assert [each["status"] for each in answer.json()["incidents"]] == ["acknowledged"] * 3
    again = [{"id": ids[0], "type": "incident", "status": "resolved"}, change[1]]
    assert code(await shop.ann.api.put("/incidents", json={"incidents": again})) == (400, 1002)
    assert (await shop.ann.api.get(f"/incidents/{ids[0]}")).json()["incident"]["status"] == "acknowledged"
    too_many = [{"id": f"Q{n}", "type": "incident"} for n in range(251)]
    assert (await shop.ann.api.put("/incidents", json={"incidents": too_many})).status_code == 413


async def test_a_snooze_ends_and_calls_again(shop: Room) -> None:
    key = (await shop.reported())["id"]
    for seconds in (0, -1, 604_801, 10**17):
        assert code(await shop.ann.api.post(f"/incidents/{key}/snooze", json={"duration": seconds})) == (400, 1013)
    answer = await shop.ann.api.post(f"/incidents/{key}/snooze", json={"duration": 3600})
    assert answer.status_code == 201
    assert answer.json()["incident"]["status"] == "acknowledged"
    assert answer.json()["incident"]["pending_actions"][0]["type"] == "unacknowledge"
    await shop.wait(timedelta(minutes=61))
    assert (await shop.ann.api.get(f"/incidents/{key}")).json()["incident"]["status"] == "triggered"


async def test_merged_incidents_end_in_the_one_that_took_their_alerts(shop: Room) -> None:
    into, source = await shop.opened("disk"), await shop.opened("memory")
    body = {"source_incidents": [{"id": source["id"], "type": "incident_reference"}]}
    answer = await shop.ann.api.put(f"/incidents/{into['id']}/merge", json=body)
    assert answer.json()["incident"]["id"] == into["id"]
    shown = (await shop.ann.api.get(f"/incidents/{source['id']}")).json()["incident"]
    assert shown["status"] == "resolved"
    assert shown["resolve_reason"]["incident"]["id"] == into["id"]
    assert not shown["is_mergeable"]
    merged = (await shop.ann.api.get(f"/incidents/{into['id']}")).json()["incident"]
    assert merged["alert_counts"] == {"all": 2, "triggered": 2, "resolved": 0}
    assert code(await shop.ann.api.put(f"/incidents/{into['id']}/merge", json=body)) == (400, 1019)
    itself = {"source_incidents": [{"id": into["id"], "type": "incident_reference"}]}
    assert code(await shop.ann.api.put(f"/incidents/{into['id']}/merge", json=itself)) == (400, 2001)


async def test_lists_filter_sort_and_page(shop: Room) -> None:
    numbers = [(await shop.reported(f"Report {n}"))["incident_number"] for n in range(4)]
    low = await shop.reported("Minor", urgency="low")
    numbers.append(low["incident_number"])
    await shop.fire("gone")
    await shop.fire("gone", Action.RESOLVE)
    api = shop.ann.api

    async def listed(query: str) -> list[int]:
        answer = await api.get(f"/incidents?{query}")
        assert answer.status_code == 200, answer.text
        return [incident["incident_number"] for incident in answer.json()["incidents"]]

    gone = max(numbers) + 1
    assert await listed("sort_by=incident_number:asc") == [*numbers, gone]
    assert await listed("") == [gone, *reversed(numbers)]
    assert await listed("statuses[]=resolved") == [gone]
    assert await listed("urgencies[]=low") == [low["incident_number"]]
    assert await listed("sort_by=urgency:asc,incident_number:desc&statuses[]=triggered") == [
        numbers[4],
        *numbers[3::-1],
    ]
    assert (await listed("sort_by=resolved_at:desc"))[0] == gone
    assert (await listed("sort_by=resolved_at:asc"))[-1] == gone
    assert (await listed("sort_by=urgency:desc&limit=1&offset=5")) == [low["incident_number"]]
    assert await listed(f"user_ids[]={shop.bo.id}") == []
    assert len(await listed(f"user_ids[]={shop.ann.id}&user_ids[]={shop.bo.id}")) == 5
    assert len(await listed(f"team_ids[]={shop.team_id}&service_ids[]={shop.service_id}")) == 6
    assert await listed("team_ids[]=PNOTHERE") == []
    assert await listed("incident_key=gone") == [gone]
    assert await listed("since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z") == []
    assert await listed("limit=2&offset=1&sort_by=created_at:asc") == numbers[1:3]
    page = (await api.get("/incidents?limit=2&offset=4&total=true&sort_by=created_at:asc")).json()
    assert (page["limit"], page["offset"], page["more"], page["total"]) == (2, 4, False, 6)
    assert (await api.get("/incidents?limit=2")).json()["total"] is None
    for wrong in ("sort_by=title", "statuses[]=open", "urgencies[]=p1", "include[]=everything", "since=2020-01-01"):
        assert (await api.get(f"/incidents?{wrong}")).status_code == 400


async def test_what_is_open_never_drops_out_of_its_list(shop: Room) -> None:
    key = (await shop.reported())["id"]
    quiet = {"acknowledgement_timeout": None, "auto_resolve_timeout": None}
    await shop.account.put(f"/services/{shop.service_id}", json={"service": quiet})
    other = (await shop.reported())["id"]
    await shop.wait(timedelta(days=40))
    assert (await shop.ann.api.get("/incidents")).json()["incidents"] == []
    assert one(await shop.ann.api.get("/incidents?statuses[]=triggered"), "incidents")["id"] == other
    everything = (await shop.ann.api.get("/incidents?date_range=all")).json()["incidents"]
    assert {each["id"] for each in everything} == {key, other}


async def test_references_become_whole_where_that_is_asked(shop: Room) -> None:
    key = (await shop.opened("disk"))["id"]
    await shop.changed(key, status="acknowledged")
    names = (
        "acknowledgers", "agents", "assignees", "conference_bridge", "escalation_policies",
        "first_trigger_log_entries", "priorities", "services", "teams", "users",
    )  # fmt: skip
    query = "&".join(f"include[]={name}" for name in names)
    incident = (await shop.ann.api.get(f"/incidents/{key}?{query}")).json()["incident"]
    assert incident["service"]["type"] == "service"
    assert incident["escalation_policy"]["type"] == "escalation_policy"
    assert incident["teams"][0]["type"] == "team"
    assert incident["assignments"][0]["assignee"]["email"] == shop.ann.email
    assert incident["acknowledgements"][0]["acknowledger"]["email"] == shop.ann.email
    assert incident["last_status_change_by"]["email"] == shop.ann.email
    assert incident["first_trigger_log_entry"]["type"] == "trigger_log_entry"
    assert incident["conference_bridge"] is None
    listed = one(await shop.ann.api.get(f"/incidents?{query}"), "incidents")
    assert listed["service"] == incident["service"]


async def test_people_bound_to_teams_see_theirs_and_what_is_assigned_to_them(shop: Room) -> None:
    eve = await shop.desk.person("Eve", Role.RESTRICTED_ACCESS)
    mail = {"type": "email_contact_method", "label": "Mail", "address": "eve@example.org"}
    added = await eve.api.post(f"/users/{eve.id}/contact_methods", json={"contact_method": mail})
    assert added.status_code == 201, added.text
    first, second = await shop.reported(), await shop.reported()
    assert code(await eve.api.get(f"/incidents/{first['id']}")) == (404, 2100)
    assert (await eve.api.get("/incidents")).json()["incidents"] == []
    assert code(await shop.update(first["id"], by=eve, status="resolved")) == (404, 2100)
    await shop.changed(first["id"], assignments=[{"assignee": person(eve)}])
    assert one(await eve.api.get("/incidents"), "incidents")["id"] == first["id"]
    assert one(await eve.api.get(f"/incidents?service_ids[]={shop.service_id}"), "incidents")["id"] == first["id"]
    assert (await shop.changed(first["id"], by=eve, status="acknowledged"))["status"] == "acknowledged"
    watcher = await shop.desk.person("Will", Role.READ_ONLY_USER)
    assert len((await watcher.api.get("/incidents")).json()["incidents"]) == 2
    assert code(await shop.update(second["id"], by=watcher, status="resolved")) == (403, 2010)
    assert (
        await shop.account.put(f"/teams/{shop.team_id}/users/{eve.id}", json={"role": "observer"})
    ).status_code == 204
    assert len((await eve.api.get("/incidents?sort_by=created_at:asc")).json()["incidents"]) == 2
