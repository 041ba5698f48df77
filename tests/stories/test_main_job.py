"""The main job: an alert wakes the right person, nobody answers, the next one is called, answers, and it ends."""

from tests.town.town import Town


async def test_an_evening_as_it_should_be(town: Town) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    policy = await town.office.policy("Web", [[ada], [bo]], minutes=30)
    shop = await town.office.service("Shop", policy)

    key = await town.event(shop, "disk full on db-1")
    assert len(town.letters(ada)) == 1
    assert "disk full on db-1" in town.subjects(ada)[0]
    assert town.letters(bo) == []

    await town.sleep(minutes=29)
    assert town.letters(bo) == []
    await town.sleep(minutes=1)
    assert len(town.letters(bo)) == 1

    page = await town.click(town.letters(bo)[0], "Acknowledge")
    assert "Acknowledged by you" in page
    incident = await town.only_incident()
    assert incident["status"] == "acknowledged"

    await town.sleep(hours=5)
    assert (len(town.letters(ada)), len(town.letters(bo))) == (1, 1)

    await town.resolve(shop, key)
    incident = await town.only_incident()
    assert incident["status"] == "resolved"
    happened = await town.happened(incident["id"])
    assert happened == ["trigger", "assign", "notify", "escalate", "notify", "acknowledge", "resolve"]
