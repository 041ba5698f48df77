"""Cover and swap: colleagues take each other's turns, the right one is paged, and a moved rotation loses nothing."""

import asyncio
from datetime import datetime, timedelta

from tests.town.office import Json, Person
from tests.town.seed import call_by_schedules, layer_of, schedule_of, seed_schedule
from tests.town.town import MONDAY, Town
from tocsin.domain.oncall.schedule import Layer
from tocsin.domain.people.actor import SYSTEM
from tocsin.store.covers import look_again
from tocsin.store.schedules import rows, write
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Turn

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
REQUESTS = "/api/cover_requests"


class Evening:
    """A shop whose only level is a schedule of weekly turns, from the Monday on which the story begins."""

    def __init__(self, town: Town, *people: Person) -> None:
        """Let these people take turns."""
        self.town = town
        self.people = people

    async def begin(self) -> None:
        """Write schedule, policy and service."""
        await self.town.set_clock(MONDAY - DAY)
        store = self.town.house.store
        await seed_schedule(store, schedule_of("PWEEKLY", self._layer(*self.people), name="Weekly"))
        policy_id = await self.town.office.policy("Web", [[self.people[0]]])
        policy = (await self.town.office.do("GET", f"/escalation_policies/{policy_id}"))["escalation_policy"]
        await call_by_schedules(store, policy["escalation_rules"][0]["id"], "PWEEKLY")
        self.shop = await self.town.office.service("Shop", policy_id)

    async def turn_of(self, week: int) -> str:
        """Return the name of the turn of a week."""
        timelines = await self.town.house.store.read(lambda turn: rows.timelines(turn, ["PWEEKLY"]))
        return timelines["PWEEKLY"].on_call(MONDAY + week * WEEK)[0].turn

    async def ask(self, asker: Person, week: int, **more: object) -> Json:
        """Let somebody ask for cover of their week."""
        body = {"schedule_id": "PWEEKLY", "turn": await self.turn_of(week), **more}
        made: Json = (await self.town.office.do("POST", REQUESTS, {"cover_request": body}, by=asker))["cover_request"]
        return made

    async def answer(self, who: Person, request: Json, verb: str) -> Json:
        """Let somebody answer a request."""
        said: Json = (await self.town.office.do("POST", f"{REQUESTS}/{request['id']}/{verb}", by=who))["cover_request"]
        return said

    async def move(self, *people: Person) -> int:
        """Write the rotation anew with these people in order, and look again at what was agreed."""

        async def job(turn: Turn) -> int:
            schedule = schedule_of("PWEEKLY", self._layer(*people), name="Weekly")
            await write.update(turn, Draft(schedule=schedule, description=None, kind="layers", team_ids=()), SYSTEM)
            return await look_again(turn, ["PWEEKLY"])

        return await self.town.house.store.work(job)

    async def paged_at(self, instant: datetime) -> list[str]:
        """Let something break at an instant, and return the names of those who are paged."""
        await self.town.set_clock(instant)
        before = {person.name: self._pages(person) for person in self.people}
        key = await self.town.event(self.shop, f"it broke at {instant:%c}")
        found = [person.name for person in self.people if self._pages(person) > before[person.name]]
        await self.town.resolve(self.shop, key)
        return found

    def _pages(self, person: Person) -> int:
        return sum("it broke" in subject for subject in self.town.subjects(person))

    def _layer(self, *people: Person) -> Layer:
        return layer_of("PLAYER", [person.id for person in people], start=MONDAY, turn=WEEK)


async def evening(town: Town) -> tuple[Evening, Person, Person, Person]:
    """Begin the evening with Ada, Bo and Cy."""
    ada, bo, cy = [await town.office.person(name) for name in ("Ada", "Bo", "Cy")]
    begun = Evening(town, ada, bo, cy)
    await begun.begin()
    return begun, ada, bo, cy


async def hears(town: Town, person: Person, words: str) -> str:
    """Return the text of somebody's letter with these words in its subject, once it is there."""
    async with asyncio.timeout(15):
        while True:
            for letter in town.letters(person):
                if words in str(letter.mail["Subject"]):
                    return letter.text().replace("\n", " ")
            await asyncio.sleep(0.02)


async def test_after_a_swap_the_one_who_took_the_turn_is_paged(town: Town) -> None:
    begun, ada, bo, _ = await evening(town)
    back = {"schedule_id": "PWEEKLY", "turn": await begun.turn_of(1)}
    request = await begun.ask(ada, 0, asked=[bo.id], in_return=back, note="A concert")
    assert "A concert" in await hears(town, bo, "Ada asks for cover")
    await begun.answer(bo, request, "accept")
    assert "in return" in await hears(town, ada, "Bo covers for you")
    second = timedelta(seconds=1)
    assert await begun.paged_at(MONDAY + second) == ["Bo"]
    assert await begun.paged_at(MONDAY + WEEK - 5 * second) == ["Bo"]
    assert await begun.paged_at(MONDAY + WEEK + second) == ["Ada"]
    assert await begun.paged_at(MONDAY + 2 * WEEK - 5 * second) == ["Ada"]
    assert await begun.paged_at(MONDAY + 2 * WEEK + second) == ["Cy"]


async def test_t11_a_swap_does_not_drift_when_the_rotation_moves(town: Town) -> None:
    begun, ada, bo, cy = await evening(town)
    request = await begun.ask(ada, 0, asked=[bo.id])
    await begun.answer(bo, request, "accept")
    assert await begun.move(cy, ada, bo) == 1, "the first week is Cy's now, and Ada has another one"
    found = (await town.office.do("GET", f"{REQUESTS}?state=conflict"))["cover_requests"]
    assert [each["id"] for each in found] == [request["id"]]
    assert "Ada no longer has this turn" in found[0]["conflicts"][0]
    assert "the schedule has Cy there" in found[0]["conflicts"][0]
    for person in (ada, bo):
        assert "until somebody keeps or withdraws" in await hears(town, person, "A cover no longer fits")
    minute = timedelta(minutes=1)
    assert await begun.paged_at(MONDAY + minute) == ["Bo"], "it stays where it was agreed, until somebody decides"
    await begun.answer(ada, request, "withdraw")
    assert await begun.paged_at(MONDAY + 5 * minute) == ["Cy"]
    assert await begun.paged_at(MONDAY + WEEK + minute) == ["Ada"], "nobody took Ada's other week by accident"


async def test_whoever_is_asked_last_takes_the_rest_of_a_running_turn(town: Town) -> None:
    begun, ada, bo, cy = await evening(town)
    hour = timedelta(hours=1)
    assert await begun.paged_at(MONDAY + hour) == ["Ada"]
    request = await begun.ask(ada, 0)
    await begun.answer(bo, request, "decline")
    await begun.answer(cy, request, "accept")
    assert await begun.paged_at(MONDAY + 2 * hour) == ["Cy"]
    assert await begun.paged_at(MONDAY + WEEK + hour) == ["Bo"]
