"""Follow the sun: three rotations hand the day round the world, and the program pages whoever has it."""

from datetime import UTC, datetime, timedelta

from tests.api.rest.rotations.rotation_room import custom_shift, override, user
from tests.town.office import Json, Person, Shop
from tests.town.town import Town

DAY = datetime(2027, 3, 1, tzinfo=UTC)  # a Monday
ROTATIONS = (  # nine to five on the walls of three cities, in UTC from 0, 8 and 14 hours on
    ("Asia/Tokyo", "2027-03-01T09:00:00", "2027-03-01T17:00:00"),
    ("Europe/Berlin", "2027-03-01T09:00:00", "2027-03-01T17:00:00"),
    ("America/New_York", "2027-03-01T09:00:00", "2027-03-01T17:00:00"),
)


def daily(place: tuple[str, str, str], *people: Person) -> Json:
    """Return an event of office hours in which people take turns of a day."""
    zone, start, end = place
    return {
        "name": zone,
        "start_time": {"date_time": start, "time_zone": zone},
        "end_time": {"date_time": end, "time_zone": zone},
        "effective_since": "2027-03-01T00:00:00Z",
        "recurrence": ["RRULE:FREQ=DAILY"],
        "assignment_strategy": {
            "type": "rotating_member_assignment_strategy",
            "shifts_per_member": 1,
            "members": [user(person.id) for person in people],
        },
    }


async def paged(town: Town, at: datetime, shop: Shop, people: list[Person]) -> set[str]:
    """Let something break at this instant; return the names of those who got a letter about it."""
    await town.set_clock(at)
    summary = f"broken at {at:%d. %H:%M}"
    await town.event(shop, summary)
    return {person.name for person in people if any(summary in subject for subject in town.subjects(person))}


async def test_the_day_goes_round_the_world(town: Town) -> None:
    office = town.office
    ken, mia, eva, tom, zoe = people = [await office.person(name) for name in ("Ken", "Mia", "Eva", "Tom", "Zoe")]
    await town.set_clock(DAY - timedelta(days=1))
    schedule = {"name": "Follow the sun", "time_zone": "Etc/UTC"}
    path = f"/v3/schedules/{(await office.do('POST', '/v3/schedules', {'schedule': schedule}))['schedule']['id']}"
    crews = ((ken, mia), (eva,), (tom,))
    rotations = []
    for place, crew in zip(ROTATIONS, crews, strict=True):
        rotation = (await office.do("POST", f"{path}/rotations", {}))["rotation"]["id"]
        await office.do("POST", f"{path}/rotations/{rotation}/events", {"event": daily(place, *crew)})
        rotations.append(rotation)
    beside = custom_shift(zoe.id, "2027-03-01T22:00:00Z", "2027-03-02T00:00:00Z")
    await office.do("POST", f"{path}/custom_shifts", {"custom_shifts": [beside]})
    instead = override({"rotation_id": rotations[1]}, (eva.id, zoe.id), "2027-03-02T09:00:00Z", "2027-03-02T10:00:00Z")
    await office.do("POST", f"{path}/overrides", {"overrides": [instead]})
    key = path.rsplit("/", 1)[1]
    rule = {"escalation_delay_in_minutes": 30, "targets": [{"id": key, "type": "schedule_v3_reference"}]}
    policy = {"type": "escalation_policy", "name": "World", "escalation_rules": [rule]}
    made = await office.do("POST", "/escalation_policies", {"escalation_policy": policy})
    shop = await office.service("Checkout", made["escalation_policy"]["id"])

    async def at(hours: float, *, days: int = 0) -> set[str]:
        return await paged(town, DAY + timedelta(days=days, hours=hours), shop, people)

    second = 1 / 3600
    assert await at(3) == {"Ken"}
    assert await at(8 - second) == {"Ken"}
    assert await at(8 + second) == {"Eva"}
    assert await at(15) == {"Eva", "Tom"}, "rotations are on call in parallel"
    assert await at(20) == {"Tom"}
    assert await at(23) == {"Zoe"}, "a custom shift stands beside all rotations"
    assert await at(3, days=1) == {"Mia"}
    assert await at(9 - second, days=1) == {"Eva"}
    assert await at(9 + second, days=1) == {"Zoe"}, "an override replaces whom it names"
    assert await at(10 + second, days=1) == {"Eva"}
    assert (await office.ask("DELETE", f"{path}/rotations/{rotations[1]}")).status_code == 204
    assert await at(11, days=1) == set(), "what is ended calls nobody"
    query = "include[]=final_schedule&since=2027-03-02T08:00:00Z&until=2027-03-02T16:00:00Z"
    final = (await office.do("GET", f"{path}?{query}"))["schedule"]["final_schedule"]
    assert [one["member"]["user_id"] for one in final["computed_shift_assignments"]] == [
        eva.id, zoe.id, eva.id, tom.id,
    ]  # fmt: skip # the past of the day stays as it was
    known = await office.do("GET", "/oncalls?since=2027-03-02T17:00:00Z&until=2027-03-02T18:00:00Z")
    assert [one["user"]["id"] for one in known["oncalls"]] == [tom.id]
