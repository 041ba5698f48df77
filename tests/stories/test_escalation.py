"""Escalation: levels, repeats, empty levels and last resorts; somebody always has an open incident."""

from tests.town.town import Town


async def test_levels_are_called_in_order_and_then_again(town: Town) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada], [bo]], minutes=10, repeats=1))
    await town.event(shop, "no answer")
    counts = []
    for _ in range(5):
        counts.append((len(town.letters(ada)), len(town.letters(bo))))
        await town.sleep(minutes=10)
    assert counts == [(1, 0), (1, 1), (2, 1), (2, 2), (2, 2)]
    incident = await town.only_incident()
    assert incident["exhausted"]
    happened = await town.happened(incident["id"])
    assert happened[-1] == "exhaust_escalation_path"
    assert happened.count("repeat_escalation_path") == 1
    assert incident["status"] == "triggered"


async def test_a_level_with_nobody_is_passed_over_at_once(town: Town) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    await town.office.do("DELETE", f"/users/{ada.id}/contact_methods/{await town.office.mail_method(ada)}")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada], [bo]]))
    await town.event(shop, "level one cannot be reached")
    assert town.letters(ada) == []
    assert len(town.letters(bo)) == 1
    (empty,) = [
        entry for entry in await town.timeline((await town.only_incident())["id"]) if "nobody_on_call" in entry["body"]
    ]
    assert empty["body"] == {"level": 1, "nobody_on_call": True}


async def test_when_nobody_is_on_call_the_fallback_is(town: Town) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    policy = await town.office.policy("Web", [[ada]])
    shop = await town.office.service("Shop", policy, {"fallback_user": {"id": bo.id, "type": "user_reference"}})
    await town.office.do("DELETE", f"/users/{ada.id}/contact_methods/{await town.office.mail_method(ada)}")
    await town.event(shop, "who is there?")
    assert len(town.letters(bo)) == 1
    assert "Nobody else was on call for Shop" in town.letters(bo)[0].text()
    assigned = [entry for entry in await town.timeline((await town.only_incident())["id"]) if entry["kind"] == "assign"]
    assert assigned[0]["body"]["fallback"] == "service fallback"


async def test_without_any_fallback_the_owner_is_called(town: Town) -> None:
    ada = await town.office.person("Ada")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada]]))
    await town.office.do("DELETE", f"/users/{ada.id}/contact_methods/{await town.office.mail_method(ada)}")
    await town.event(shop, "last resort")
    assert [letter.recipient for letter in town.mailbox.letters] == ["olga@town.example"]


async def test_a_person_deleted_meanwhile_stalls_nothing(town: Town) -> None:
    ada, bo, cy = [await town.office.person(name) for name in ("Ada", "Bo", "Cy")]
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada], [bo], [cy]], minutes=10))
    await town.event(shop, "the second one leaves")
    policy = {
        "escalation_policy": {
            "type": "escalation_policy",
            "name": "Web",
            "escalation_rules": [
                {"escalation_delay_in_minutes": 10, "targets": [{"id": ada.id, "type": "user_reference"}]}
            ],
        }
    }
    await town.office.do("PUT", f"/escalation_policies/{shop.policy_id}", policy)
    await town.office.do("DELETE", f"/users/{bo.id}")
    await town.sleep(minutes=10)
    assert town.letters(bo) == []
    assert len(town.letters(cy)) == 1, "the plan was frozen when the incident began, the people are those of now"


async def test_round_robin_takes_turns(town: Town) -> None:
    people = [await town.office.person(name) for name in ("Ada", "Bo", "Cy")]
    shop = await town.office.service("Shop", await town.office.policy("Web", [people], round_robin=True))
    for number in range(5):
        await town.event(shop, f"problem {number}")
    assert [len(town.letters(person)) for person in people] == [2, 2, 1]


async def test_everybody_of_a_level_is_called_and_one_answer_is_enough(town: Town) -> None:
    ada, bo, cy = [await town.office.person(name) for name in ("Ada", "Bo", "Cy")]
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada, bo], [cy]], minutes=10))
    await town.event(shop, "two at once")
    assert (len(town.letters(ada)), len(town.letters(bo))) == (1, 1)
    await town.click(town.letters(bo)[0], "Acknowledge")
    await town.sleep(hours=2)
    assert town.letters(cy) == []
