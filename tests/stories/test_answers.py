"""Answers: acknowledging, snoozing, reassigning, resolving, reopening and merging, by link and by API."""

from tests.town.office import Person, Shop
from tests.town.town import Town, link_under


async def two_levels(town: Town, more: dict[str, object] | None = None) -> tuple[Person, Person, Shop]:
    """Make a service with Ada on level one and Bo on level two, thirty minutes apart."""
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    policy = await town.office.policy("Web", [[ada], [bo]], minutes=30)
    return ada, bo, await town.office.service("Shop", policy, more)


async def test_an_acknowledgement_calls_off_pages_that_wait(town: Town) -> None:
    ada, bo, shop = await two_levels(town)
    method = await town.office.mail_method(ada)
    await town.office.rules(ada, (method, 0), (method, 5), (method, 10))
    await town.event(shop, "slow queries")
    await town.sleep(minutes=6)
    assert len(town.letters(ada)) == 2
    await town.click(town.letters(ada)[1], "Acknowledge")
    await town.sleep(hours=1)
    assert (len(town.letters(ada)), len(town.letters(bo))) == (2, 0)
    states = [page["state"] for page in await town.pages((await town.only_incident())["id"])]
    assert states == ["handed", "handed", "cancelled"]


async def test_an_acknowledgement_that_times_out_pages_again(town: Town) -> None:
    ada, bo, shop = await two_levels(town, {"acknowledgement_timeout": 3600})
    await town.event(shop, "forgotten")
    await town.click(town.letters(ada)[0], "Acknowledge")
    await town.sleep(minutes=59)
    assert len(town.letters(ada)) == 1
    await town.sleep(minutes=2)
    assert len(town.letters(ada)) == 2
    assert (await town.only_incident())["status"] == "triggered"
    await town.sleep(minutes=30)
    assert len(town.letters(bo)) == 1, "and the plan goes on"


async def test_a_snooze_keeps_quiet_and_then_calls_again(town: Town) -> None:
    ada, bo, shop = await two_levels(town)
    await town.event(shop, "not before breakfast")
    incident = await town.only_incident()
    await town.office.do("POST", f"/incidents/{incident['id']}/snooze", {"duration": 4 * 3600}, by=ada)
    await town.sleep(minutes=239)
    assert (len(town.letters(ada)), len(town.letters(bo))) == (1, 0)
    await town.sleep(minutes=2)
    assert len(town.letters(ada)) == 2


async def test_a_reassigned_incident_calls_the_new_people_and_no_level(town: Town) -> None:
    ada, bo, shop = await two_levels(town)
    cy = await town.office.person("Cy")
    await town.event(shop, "a matter for Cy")
    incident = await town.only_incident()
    assignee = {"assignee": {"id": cy.id, "type": "user_reference"}}
    changed = await town.office.update(incident["id"], {"assignments": [assignee]}, by=ada)
    await town.settle()
    assert [each["assignee"]["id"] for each in changed["assignments"]] == [cy.id]
    assert "assigned to you directly" in town.letters(cy)[0].text()
    await town.sleep(hours=2)
    assert (len(town.letters(ada)), len(town.letters(bo)), len(town.letters(cy))) == (1, 0, 1)


async def test_the_last_alert_resolves_the_incident(town: Town) -> None:
    ada, bo, shop = await two_levels(town)
    first, second = await town.event(shop, "disk a"), await town.event(shop, "disk b")
    one, two = await town.incidents()
    await town.office.do(
        "PUT",
        f"/incidents/{one['id']}/merge",
        {"source_incidents": [{"id": two["id"], "type": "incident_reference"}]},
        by=ada,
    )
    await town.settle()
    merged, gone = await town.incidents()
    assert (gone["status"], gone["merged_into"]) == ("resolved", one["id"])
    assert (merged["status"], merged["alerts_triggered"]) == ("triggered", 2)
    await town.resolve(shop, first)
    assert (await town.incidents())[0]["status"] == "triggered"
    await town.resolve(shop, second)
    assert (await town.incidents())[0]["status"] == "resolved"
    await town.sleep(hours=2)
    assert town.letters(bo) == []


async def test_an_incident_that_nobody_touches_resolves_itself(town: Town) -> None:
    ada, _bo, shop = await two_levels(town, {"auto_resolve_timeout": 4 * 3600})
    await town.event(shop, "flickering")
    await town.click(town.letters(ada)[0], "Acknowledge")
    await town.sleep(minutes=239)
    assert (await town.only_incident())["status"] == "acknowledged"
    await town.sleep(minutes=2)
    assert (await town.only_incident())["status"] == "resolved"


async def test_a_reopened_incident_begins_with_level_one(town: Town) -> None:
    ada, bo, shop = await two_levels(town)
    await town.event(shop, "not over")
    await town.sleep(minutes=30)
    await town.click(town.letters(bo)[0], "Resolve")
    incident = await town.only_incident()
    assert incident["status"] == "resolved"
    await town.office.update(incident["id"], {"status": "triggered"}, by=bo)
    await town.settle()
    assert (len(town.letters(ada)), len(town.letters(bo))) == (2, 1)
    await town.sleep(minutes=30)
    assert len(town.letters(bo)) == 2


async def test_an_event_after_the_end_opens_a_new_incident(town: Town) -> None:
    ada, _bo, shop = await two_levels(town)
    key = await town.event(shop, "again and again")
    await town.event(shop, "again and again", key=key)
    assert len(await town.incidents()) == 1
    await town.resolve(shop, key)
    await town.event(shop, "again and again", key=key)
    assert [incident["status"] for incident in await town.incidents()] == ["resolved", "triggered"]
    assert len(town.letters(ada)) == 2


async def test_a_scanner_that_opens_every_link_answers_nothing(town: Town) -> None:
    ada, bo, shop = await two_levels(town)
    await town.event(shop, "behind a mail scanner")
    for word in ("Acknowledge", "Resolve"):
        assert "<button" in await town.open(link_under(town.letters(ada)[0], word))
    await town.settle()
    assert (await town.only_incident())["status"] == "triggered"
    await town.sleep(minutes=30)
    assert len(town.letters(bo)) == 1


async def test_the_second_answer_hears_who_was_first(town: Town) -> None:
    ada, bo, shop = await two_levels(town)
    await town.event(shop, "two answers")
    await town.sleep(minutes=30)
    assert "Acknowledged by you" in await town.press(link_under(town.letters(bo)[0], "Acknowledge"))
    again = await town.press(link_under(town.letters(bo)[0], "Acknowledge"))
    other = await town.press(link_under(town.letters(ada)[0], "Acknowledge"))
    assert "Already acknowledged by you" in again
    assert "Already acknowledged by Bo" in other
    happened = await town.happened((await town.only_incident())["id"])
    assert happened.count("acknowledge") == 1


async def test_a_link_is_too_old_after_a_day(town: Town) -> None:
    ada, _bo, shop = await two_levels(town)
    await town.event(shop, "yesterday")
    await town.sleep(hours=25)
    assert "expired" in await town.press(link_under(town.letters(ada)[0], "Resolve"))
    assert (await town.only_incident())["status"] == "triggered"
