"""Quiet times: maintenance, disabled services and support hours decide whether anybody is woken at all."""

from datetime import timedelta

from tests.town.town import MONDAY, Town

OFFICE_HOURS = {
    "support_hours": {
        "type": "fixed_time_per_day",
        "time_zone": "Etc/UTC",
        "days_of_week": [1, 2, 3, 4, 5],
        "start_time": "09:00:00",
        "end_time": "17:00:00",
    },
    "incident_urgency_rule": {
        "type": "use_support_hours",
        "during_support_hours": {"type": "constant", "urgency": "high"},
        "outside_support_hours": {"type": "constant", "urgency": "low"},
    },
    "scheduled_actions": [
        {
            "type": "urgency_change",
            "at": {"type": "named_time", "name": "support_hours_start"},
            "to_urgency": "high",
        }
    ],
}


async def test_maintenance_keeps_alerts_and_wakes_nobody_until_it_is_over(town: Town) -> None:
    ada = await town.office.person("Ada")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada]]))
    now = await town.now()
    window = {
        "type": "maintenance_window",
        "start_time": now.isoformat(),
        "end_time": (now + timedelta(hours=1)).isoformat(),
        "services": [{"id": shop.id, "type": "service_reference"}],
    }
    await town.office.do("POST", "/maintenance_windows", {"maintenance_window": window})
    key = await town.event(shop, "restarting on purpose")
    assert (await town.incidents(), town.letters(ada)) == ([], [])
    await town.sleep(minutes=61)
    assert await town.incidents() == []
    await town.event(shop, "restarting on purpose", key=key)
    assert len(await town.incidents()) == 1
    assert len(town.letters(ada)) == 1


async def test_a_disabled_service_takes_events_and_opens_nothing(town: Town) -> None:
    ada = await town.office.person("Ada")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada]]))
    path = f"/services/{shop.id}"
    await town.office.do("PUT", path, {"service": {"type": "service", "name": "Shop", "status": "disabled"}})
    await town.event(shop, "nobody cares")
    assert (await town.incidents(), town.letters(ada)) == ([], [])
    await town.office.do("PUT", path, {"service": {"type": "service", "name": "Shop", "status": "active"}})
    await town.event(shop, "somebody cares")
    assert len(town.letters(ada)) == 1


async def test_the_hour_decides_how_people_are_told(town: Town) -> None:
    await town.set_clock(MONDAY - timedelta(hours=2))
    ada = await town.office.person("Ada")
    mail = await town.office.mail_method(ada)
    await town.office.rules(ada, (mail, 0), (mail, 5))
    await town.office.rules(ada, (mail, 60 * 12), urgency="low")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada]]), OFFICE_HOURS)
    await town.event(shop, "before the office opens")
    incident = await town.only_incident()
    assert (incident["urgency"], town.letters(ada)) == ("low", [])
    await town.sleep(minutes=121)
    incident = await town.only_incident()
    assert incident["urgency"] == "high"
    assert len(town.letters(ada)) == 1
    await town.sleep(minutes=5)
    assert len(town.letters(ada)) == 2
    await town.event(shop, "while the office is open")
    assert (await town.incidents())[1]["urgency"] == "high"


async def test_the_severity_can_decide_too(town: Town) -> None:
    ada = await town.office.person("Ada")
    rule = {"incident_urgency_rule": {"type": "constant", "urgency": "severity_based"}}
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada]]), rule)
    for severity in ("critical", "error", "warning", "info"):
        await town.event(shop, severity, severity=severity)
    assert [incident["urgency"] for incident in await town.incidents()] == ["high", "high", "low", "low"]
