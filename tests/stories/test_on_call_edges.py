"""On call: the right person is paged on both sides of every edge, and nobody who leaves or is renamed stalls it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from tests.town.office import Person, Shop
from tests.town.seed import call_by_schedules, layer_of, schedule_of, seed_override, seed_schedule
from tests.town.town import MONDAY, Town
from tocsin.domain.oncall.schedule import Member, Schedule
from tocsin.domain.people.actor import SYSTEM
from tocsin.store.schedules import write

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
EDGE = MONDAY + DAY  # a day after the stories begin
TRIES = 4  # to be within a second of an edge on a machine that is busy


def daily(schedule_id: str, *people: Member, name: str | None = None) -> Schedule:
    """Return a schedule on which people take turns of a day; the first of them has the day that begins at `EDGE`."""
    layer = layer_of(f"{schedule_id}L", people, start=EDGE - 40 * len(people) * DAY, turn=DAY)
    return schedule_of(schedule_id, layer, name=name or f"Rota {schedule_id}")


async def shop_on(town: Town, *schedule_ids: str, spare: Person, minutes: int = 30, round_robin: bool = False) -> Shop:
    """Make a service whose levels are these schedules, one each; with `round_robin` all are on the first level."""
    levels = [[spare]] if round_robin else [[spare] for _ in schedule_ids]
    policy_id = await town.office.policy("Web", levels, minutes=minutes, round_robin=round_robin)
    policy = (await town.office.do("GET", f"/escalation_policies/{policy_id}"))["escalation_policy"]
    level_ids = [rule["id"] for rule in policy["escalation_rules"]]
    if round_robin:
        await call_by_schedules(town.house.store, level_ids[0], *schedule_ids)
    else:
        for level_id, schedule_id in zip(level_ids, schedule_ids, strict=True):
            await call_by_schedules(town.house.store, level_id, schedule_id)
    return await town.office.service("Shop", policy_id)


async def paged_at(town: Town, shop: Shop, instant: datetime, people: list[Person]) -> tuple[list[str], datetime]:
    """Let something break at this instant; return who got a letter about it, and when the incident began."""
    await town.set_clock(instant)
    before = {person.id: len(town.letters(person)) for person in people}
    await town.event(shop, f"broken at {instant}")
    incident = (await town.incidents())[-1]
    names = [person.name for person in people if len(town.letters(person)) > before[person.id]]
    return names, datetime.fromisoformat(incident["created_at"])


async def just_before(
    town: Town, shop: Shop, people: list[Person], edge_of: Callable[[int], Awaitable[datetime]]
) -> list[str]:
    """Return who is paged in the second before an edge; `edge_of` makes another edge while the machine is too slow."""
    for number in range(TRIES):
        edge = await edge_of(number)
        names, began_at = await paged_at(town, shop, edge - SECOND, people)
        if began_at < edge:
            return names
    raise AssertionError("the machine never was quick enough to be within the second before an edge")


async def test_the_right_person_is_paged_a_second_before_and_a_second_after_a_handoff(town: Town) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    await seed_schedule(town.house.store, daily("PROTA", ada.id, bo.id))
    shop = await shop_on(town, "PROTA", spare=ada)

    async def edge_of(number: int) -> datetime:
        return EDGE + 2 * number * DAY  # Ada begins at each of them

    assert await just_before(town, shop, [ada, bo], edge_of) == ["Bo"]
    names, _ = await paged_at(town, shop, EDGE + 20 * DAY + SECOND, [ada, bo])
    assert names == ["Ada"]


async def test_the_right_person_is_paged_on_both_sides_of_both_edges_of_an_override(town: Town) -> None:
    ada, cy = await town.office.person("Ada"), await town.office.person("Cy")
    await seed_schedule(town.house.store, daily("PROTA", ada.id))
    shop = await shop_on(town, "PROTA", spare=ada)
    people = [ada, cy]

    async def starts(number: int) -> datetime:
        start = EDGE + number * DAY
        await seed_override(town.house.store, "PROTA", cy.id, start, start + HOUR)
        return start

    async def ends(number: int) -> datetime:
        return await starts(10 + number) + HOUR

    assert await just_before(town, shop, people, starts) == ["Ada"]
    assert (await paged_at(town, shop, await starts(20) + SECOND, people))[0] == ["Cy"]
    assert await just_before(town, shop, people, ends) == ["Cy"]
    assert (await paged_at(town, shop, await ends(30) + SECOND, people))[0] == ["Ada"]


async def test_a_level_pages_whoever_is_on_call_when_it_is_called(town: Town) -> None:
    ada, bo, cy = [await town.office.person(name) for name in ("Ada", "Bo", "Cy")]
    await seed_schedule(town.house.store, daily("PFIRST", cy.id))
    await seed_schedule(town.house.store, daily("PSECOND", ada.id, bo.id))
    shop = await shop_on(town, "PFIRST", "PSECOND", spare=cy)
    await town.set_clock(EDGE - timedelta(minutes=10))
    await town.event(shop, "it begins before the hand-off")
    assert (len(town.letters(cy)), len(town.letters(ada)), len(town.letters(bo))) == (1, 0, 0)
    await town.sleep(minutes=31)
    assert (len(town.letters(ada)), len(town.letters(bo))) == (1, 0), "Bo was on call when it began"


async def test_a_round_robin_over_two_schedules_takes_turns(town: Town) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    await seed_schedule(town.house.store, daily("PONE", ada.id))
    await seed_schedule(town.house.store, daily("PTWO", bo.id))
    shop = await shop_on(town, "PONE", "PTWO", spare=ada, round_robin=True)
    await town.set_clock(EDGE)
    for number in range(3):
        await town.event(shop, f"problem {number}")
    assert (len(town.letters(ada)), len(town.letters(bo))) == (2, 1)


async def test_t13_a_rename_changes_nobody_on_a_schedule(town: Town) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    await seed_schedule(town.house.store, daily("PROTA", ada.id))
    shop = await shop_on(town, "PROTA", spare=bo)
    await town.set_clock(EDGE)
    await town.event(shop, "before the rename")
    for name in ('O\'Ada (née "B") Über-Lovelace', "ada.lovelace+new_name", "Ада"):
        user = {"type": "user", "name": name, "email": ada.email}
        await town.office.do("PUT", f"/users/{ada.id}", {"user": user})
    renamed = daily("PROTA", ada.id, name="Nächte: 24x7 / (alt)")
    draft = write.Draft(schedule=renamed, description=None, kind="layers", team_ids=())
    await town.house.store.work(lambda turn: write.update(turn, draft, SYSTEM))
    await town.event(shop, "after the rename")
    assert (len(town.letters(ada)), len(town.letters(bo))) == (2, 0)


async def test_t13_a_person_deactivated_in_the_middle_of_an_incident_stalls_nothing(town: Town) -> None:
    ada, bo, cy = [await town.office.person(name) for name in ("Ada", "Bo", "Cy")]
    await seed_schedule(town.house.store, daily("PFIRST", cy.id))
    await seed_schedule(town.house.store, daily("PSECOND", ada.id))
    await seed_schedule(town.house.store, daily("PTHIRD", bo.id))
    shop = await shop_on(town, "PFIRST", "PSECOND", "PTHIRD", spare=cy)
    await town.set_clock(EDGE)
    await town.event(shop, "the second one leaves meanwhile")
    await town.office.do("DELETE", f"/users/{ada.id}")
    await town.sleep(minutes=31)
    assert town.letters(ada) == []
    assert len(town.letters(bo)) == 1, "the schedule that now has nobody is passed over at once"


async def test_t14_a_schedule_with_nobody_on_call_does_not_wait(town: Town) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    await seed_schedule(town.house.store, daily("PEMPTY", None))
    await seed_schedule(town.house.store, daily("PROTA", bo.id))
    shop = await shop_on(town, "PEMPTY", "PROTA", spare=ada)
    await town.set_clock(EDGE)
    await town.event(shop, "the first level sleeps")
    assert len(town.letters(bo)) == 1
    entries = await town.timeline((await town.only_incident())["id"])
    assert [entry["body"]["level"] for entry in entries if entry["body"].get("nobody_on_call")] == [1]


async def test_t15_nobody_on_call_anywhere_opens_the_incident_and_rings_the_fallback(town: Town) -> None:
    ada = await town.office.person("Ada")
    await seed_schedule(town.house.store, daily("PEMPTY", None))
    shop = await shop_on(town, "PEMPTY", spare=ada)
    await town.set_clock(EDGE)
    await town.event(shop, "everybody sleeps")
    incident = await town.only_incident()
    assert incident["status"] == "triggered"
    assert [letter.recipient for letter in town.mailbox.letters] == ["olga@town.example"]
    assert "Nobody else was on call for Shop" in town.mailbox.letters[0].text()
