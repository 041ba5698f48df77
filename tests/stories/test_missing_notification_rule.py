"""T22: somebody on call without a notification rule is told at save, ahead, in a metric, and to the lead."""

import json

from tests.town.town import Town


async def test_t22_a_missing_notification_rule_is_told_before_the_night_comes(town: Town) -> None:
    office = town.office
    lead, ada = await office.person("Lea"), await office.person("Ada")
    team = (await office.do("POST", "/teams", {"team": {"type": "team", "name": "Platform"}}))["team"]["id"]
    await office.ask("PUT", f"/teams/{team}/users/{lead.id}", {"role": "manager"})
    await office.rules(ada, urgency="high")
    layer = {
        "start": "2026-01-05T09:00:00Z",
        "rotation_virtual_start": "2026-01-05T09:00:00Z",
        "rotation_turn_length_seconds": 604800,
        "users": [{"user": {"id": ada.id, "type": "user_reference"}}],
    }
    body = {"schedule": {"type": "schedule", "name": "Nights", "time_zone": "Etc/UTC", "schedule_layers": [layer]}}
    saved = await office.ask("POST", "/schedules", body)
    (warning,) = json.loads(saved.headers["tocsin-warnings"])
    assert warning.startswith("Ada has no notification rule for one of the urgencies")
    target = {"id": saved.json()["schedule"]["id"], "type": "schedule_reference"}
    rules = [{"escalation_delay_in_minutes": 5, "targets": [target]}]
    policy = {"name": "Payments", "escalation_rules": rules, "teams": [{"id": team, "type": "team_reference"}]}
    called = await office.ask("POST", "/escalation_policies", {"escalation_policy": policy})
    assert json.loads(called.headers["tocsin-warnings"])[0].startswith("Ada is called and has no notification rule")

    found = await office.do("GET", "/api/coverage?kinds[]=no_notification_rule")
    assert [finding["user"]["summary"] for finding in found["findings"]] == ["Ada"]
    assert await town.house.coverage.look() == 1
    metrics = town.house.watch.exposition().decode()
    assert 'tocsin_coverage_findings{verdict="warn"} 1.0' in metrics
    await town.letter(lead)
    assert town.subjects(lead) == ["[Notice] On call: a problem within the next 14 days"]
    assert town.subjects(ada) == []
