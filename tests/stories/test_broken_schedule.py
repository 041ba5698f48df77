"""A schedule that is damaged is nobody: pages go out, answers count, and everybody can see what is wrong."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.stories.test_on_call_edges import daily
from tests.town.database import tell
from tests.town.office import Person
from tests.town.seed import call_by_schedules, seed_schedule
from tests.town.town import MONDAY, Town

DAMAGES = {
    "unknown zone": "UPDATE schedule SET time_zone = 'Mars/Olympus' WHERE id = 'PROTA'",
    "document of another shape": "UPDATE schedule SET document = '{\"layers\": 3}' WHERE id = 'PROTA'",
    "document that is a list": "UPDATE schedule SET document = '[]' WHERE id = 'PROTA'",
    "layer without people or length": (
        "UPDATE schedule SET document = jsonb_set(document::jsonb, '{layers,0,turn_layer,turn_s}', '0')"
        " WHERE id = 'PROTA'"
    ),
}
MOVED_ON = "UPDATE config_stamp SET n = n + 1"
READS: Sequence[str] = (
    "/oncalls",
    "/oncalls?since=2027-02-20T00:00Z&until=2027-03-10T00:00Z",
    "/oncalls?include[]=schedules",
    "/schedules",
    "/schedules?since=2027-02-20T00:00Z&until=2027-03-10T00:00Z&include[]=final_schedule",
    "/schedules/PROTA",
    "/schedules/PROTA?since=2027-02-20T00:00Z&until=2027-03-10T00:00Z&overflow=true",
    "/schedules/PROTA/users",
    "/schedules/PROTA/users?since=2027-02-20T00:00Z&until=2027-03-10T00:00Z",
    "/schedules/PROTA/overrides?since=2027-02-20T00:00Z&until=2027-03-10T00:00Z",
    "/api/coverage",
    "/api/oncalls",
    "/api/schedules/PROTA/history",
    "/api/schedules/PROTA/versions",
    "/api/load?since=2027-02-20T00:00Z&until=2027-02-28T00:00Z",
    "/api/absences/conflicts",
)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
async def test_a_damaged_schedule_is_passed_over_and_stops_nobody(town: Town, database: str, damage: str) -> None:
    office = town.office
    ada, bo = await office.person("Ada"), await office.person("Bo")
    await town.set_clock(MONDAY)
    store = town.house.store
    await seed_schedule(store, daily("PROTA", ada.id))
    await seed_schedule(store, daily("PWELL", bo.id))
    policy_id = await office.policy("Web", [[ada], [bo]], minutes=5)
    rules = (await office.do("GET", f"/escalation_policies/{policy_id}"))["escalation_policy"]["escalation_rules"]
    await call_by_schedules(store, rules[0]["id"], "PROTA")
    await call_by_schedules(store, rules[1]["id"], "PWELL")
    shop = await office.service("Shop", policy_id)
    other = await office.service("Other", await office.policy("Other", [[ada]]))
    await town.event(shop, "before the damage")
    assert len(town.letters(ada)) == 1
    tell(database, damage, MOVED_ON)

    for number in range(5):
        await town.event(shop, f"after the damage {number}")
    assert len(town.letters(bo)) == 5, "the first level is empty, so the next one is called at once"
    await town.event(other, "elsewhere")
    assert len(town.letters(ada)) == 2
    await _answers_count(town, ada)
    await _everybody_can_look(town)
    await _whoever_plans_mends_it(town, ada)
    await town.event(shop, "after the mending")
    assert len(town.letters(ada)) == 3


async def _whoever_plans_mends_it(town: Town, ada: Person) -> None:
    began = (MONDAY - timedelta(days=9)).isoformat()
    layer = {
        "start": began,
        "rotation_virtual_start": began,
        "rotation_turn_length_seconds": 86400,
        "users": [{"user": {"id": ada.id, "type": "user_reference"}}],
    }
    shown = (await town.office.do("GET", "/schedules/PROTA"))["schedule"]["schedule_layers"]
    layer |= {"id": shown[0]["id"]} if shown else {}
    if not shown:
        in_part = await town.office.ask("PUT", "/schedules/PROTA", {"schedule": {"name": "Only the name"}})
        assert in_part.status_code == 400, "or its layers would be gone for good"
    body = {"type": "schedule", "name": "Rota", "time_zone": "Europe/Berlin", "schedule_layers": [layer]}
    await town.office.do("PUT", "/schedules/PROTA", {"schedule": body})
    findings = (await town.office.do("GET", "/api/coverage?kinds[]=unreadable_schedule"))["findings"]
    assert findings == []


async def _answers_count(town: Town, ada: Person) -> None:
    first = (await town.incidents())[0]
    body = {"incident": {"type": "incident", "status": "acknowledged"}}
    answer = await town.office.ask("PUT", f"/incidents/{first['id']}", body, by=ada)
    assert answer.status_code == 200, answer.text


async def _everybody_can_look(town: Town) -> None:
    for path in READS:
        answer = await town.office.ask("GET", path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
    last = (await town.incidents())[-2]
    explained = await town.office.ask("GET", f"/api/incidents/{last['id']}/explain")
    assert explained.status_code == 200, explained.text
    simulated = await town.office.ask("POST", "/api/simulate", {"service_id": last["service_id"]})
    assert simulated.status_code == 200, simulated.text
    oncalls = (await town.office.do("GET", "/oncalls"))["oncalls"]
    assert [row["user"]["summary"] for row in oncalls if row["schedule"]] == ["Bo"]
    findings = (await town.office.do("GET", "/api/coverage?kinds[]=unreadable_schedule"))["findings"]
    assert [(each["schedule"]["id"], each["verdict"]) for each in findings] == [("PROTA", "fail")]
    assert "cannot be read" in findings[0]["text"]
