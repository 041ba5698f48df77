"""An hour before the hand-off Ann hears that she goes off call; her override takes it back; Bo hears when it is his."""

import asyncio
from datetime import timedelta

import pytest

from tests.town.office import Person
from tests.town.seed import call_by_schedules, layer_of, schedule_of, seed_override, seed_schedule
from tests.town.town import MONDAY, Town
from tocsin.store.hints import Topic

HOUR = timedelta(hours=1)


async def _rule(town: Town, person: Person, handoff_type: str, minutes: int) -> None:
    method = {"id": await town.office.mail_method(person), "type": "email_contact_method"}
    rule = {"handoff_type": handoff_type, "notify_advance_in_minutes": minutes, "contact_method": method}
    path = f"/users/{person.id}/oncall_handoff_notification_rules"
    await town.office.do("POST", path, {"oncall_handoff_notification_rule": rule})


async def _subject(town: Town, person: Person, number: int) -> str:
    """Return the subject of somebody's letter of this number, looking anew as the minutes of the town go by."""
    async with asyncio.timeout(40):
        while len(town.letters(person)) < number:
            for topic in (Topic.CONFIG, Topic.PAGES):
                town.house.store.hints.ring(topic)
            await asyncio.sleep(0.5)
    return town.subjects(person)[number - 1]


@pytest.mark.slow
async def test_people_hear_of_their_hand_offs_and_of_what_became_of_them(town: Town) -> None:
    office = town.office
    ann, bo = await office.person("Ann"), await office.person("Bo")
    await town.set_clock(MONDAY)
    policy_id = await office.policy("Night", [[ann]])
    await office.service("Checkout", policy_id)
    policy = (await office.do("GET", f"/escalation_policies/{policy_id}"))["escalation_policy"]
    store = town.house.store
    layer = layer_of("PDAYS", [ann.id, bo.id], start=MONDAY - 21 * HOUR, turn=24 * HOUR)
    await seed_schedule(store, schedule_of("PPLATFORM", layer, name="Platform", time_zone="Europe/Berlin"))
    await call_by_schedules(store, policy["escalation_rules"][0]["id"], "PPLATFORM")
    await _rule(town, ann, "both", 60)
    await _rule(town, bo, "oncall", 0)

    await town.sleep(hours=2.02)
    off = "You go off call for Platform at Mon 1 Mar 2027, 13:00 CET (Europe/Berlin)"
    assert await _subject(town, ann, 1) == f"[Notice] {off}"
    assert "On call then: Bo." in town.letters(ann)[0].text()
    assert town.letters(bo) == []

    await seed_override(store, "PPLATFORM", ann.id, MONDAY + 3 * HOUR, MONDAY + 5 * HOUR)
    assert await _subject(town, ann, 2) == f"[Notice] No longer so: y{off[1:]}"

    await town.sleep(hours=3)
    on = "You go on call for Platform at Mon 1 Mar 2027, 15:00 CET (Europe/Berlin)"
    assert await _subject(town, bo, 1) == f"[Notice] {on}"
    said = town.letters(bo)[0].text()
    assert "You are called by level 1 of Night. You take over from Ann." in said
    assert "Until Tue 2 Mar 2027, 13:00 CET (Europe/Berlin)." in said
    assert await _subject(town, ann, 3) == f"[Notice] {off.replace('13:00', '15:00')}"
    assert (len(town.letters(ann)), len(town.letters(bo))) == (3, 1), "each is told once"
