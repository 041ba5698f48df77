"""Fill schedules: hundreds of schedules with a policy each, made from copies of a few that the program itself wrote."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from tocsin.bench.database import Database
from tocsin.bench.fill import copy_id
from tocsin.bench.organisation import Json, Organisation, Person
from tocsin.ground import clock

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney")
OVERRIDES_EACH = 5  # of a day each, in the weeks to come

_LAYERS = 3
_DELAY_MIN = 30
_DAY_S = 86_400
_BEGAN = datetime(2024, 1, 1, 8, tzinfo=UTC)
_TABLES = (
    "schedule, schedule_user, schedule_version, schedule_override, escalation_policy, escalation_level, "
    "escalation_target"
)


class _Model(Struct, frozen=True):
    """A policy that is copied, with the one schedule and the people on its levels."""

    schedule_id: str | None
    policy_id: str
    level_ids: tuple[str, ...]


class Levels(Struct, frozen=True, kw_only=True):
    """Whom a filled policy calls: by a schedule on the first level, and `stand_in` on one of its own."""

    people: tuple[Person, ...]
    stand_in: Person | None = None
    by_schedule: bool = True


async def policies(organisation: Organisation, database: Database, levels: Levels, *, count: int) -> None:
    """Make so many policies, a multiple of the number of `ZONES`, in equal parts for each of them.

    Each calls by a schedule of its own, of three layers with overrides to come; without `by_schedule` it calls one
    of the people by name.
    """
    each = count // len(ZONES)
    for number, zone in enumerate(ZONES):
        people = levels.people[number:] + levels.people[:number]
        schedule_id = await _schedule(organisation, people, zone) if levels.by_schedule else None
        first = ("schedule_reference", schedule_id) if schedule_id else ("user_reference", people[0].id)
        model = await _policy(organisation, [first, *_named(levels.stand_in)], name=zone, schedule_id=schedule_id)
        # The one that is copied counts too, so that there are as many as asked for.
        await _copies(database, model, each - 1, first=1 + number * each)
    await database.do("UPDATE config_stamp SET n = n + 1")
    await database.do(f"VACUUM (ANALYZE) {_TABLES}")


def _named(person: Person | None) -> list[tuple[str, str]]:
    return [] if person is None else [("user_reference", person.id)]


async def _schedule(organisation: Organisation, people: Sequence[Person], zone: str) -> str:
    """Make a schedule: a layer that always has somebody, and two above it that count some hours of the day."""
    layers = [
        {
            "start": _BEGAN.isoformat(),
            "rotation_virtual_start": _BEGAN.isoformat(),
            "rotation_turn_length_seconds": (1, 2, 7)[place] * _DAY_S,
            "users": [{"user": {"id": each.id, "type": "user_reference"}} for each in people],
            "restrictions": [] if place == _LAYERS - 1 else [_hours(place)],
        }
        for place in range(_LAYERS)
    ]
    body = {"type": "schedule", "name": f"Nights in {zone}", "time_zone": zone, "schedule_layers": layers}
    schedule_id = str((await organisation.do("POST", "/schedules", {"schedule": body}))["schedule"]["id"])
    for number in range(OVERRIDES_EACH):
        override = _override(number, people[number % len(people)])
        await organisation.do("POST", f"/schedules/{schedule_id}/overrides", {"override": override})
    return schedule_id


def _hours(place: int) -> Json:
    return {
        "type": "daily_restriction",
        "start_time_of_day": f"{8 + 8 * place:02}:00:00",
        "duration_seconds": 8 * 3_600,
    }


def _override(number: int, person: Person) -> Json:
    start = (clock.utc_now() + timedelta(days=3 + 9 * number)).replace(microsecond=0)
    end = start + timedelta(days=1)
    return {"start": start.isoformat(), "end": end.isoformat(), "user": {"id": person.id, "type": "user_reference"}}


async def _policy(
    organisation: Organisation, targets: Sequence[tuple[str, str]], *, name: str, schedule_id: str | None
) -> _Model:
    rules = [
        {"escalation_delay_in_minutes": _DELAY_MIN, "targets": [{"type": kind, "id": key}]} for kind, key in targets
    ]
    body = {"type": "escalation_policy", "name": f"Policy of {name}", "escalation_rules": rules}
    made = (await organisation.do("POST", "/escalation_policies", {"escalation_policy": body}))["escalation_policy"]
    return _Model(schedule_id, made["id"], tuple(rule["id"] for rule in made["escalation_rules"]))


async def _copies(database: Database, model: _Model, count: int, *, first: int) -> None:
    """Copy a policy with its levels and its schedule, each copy with a schedule of its own."""
    policy = {"policy_id": copy_id("PX")}
    named = {"name": "t.name || ' ' || lpad(g::text, 6, '0')"}
    of = f"t.id = '{model.policy_id}'"
    await database.copies("escalation_policy", count, of=of, fresh={"id": copy_id("PX"), **named}, first=first)
    for place, level_id in enumerate(model.level_ids):
        level = copy_id(f"L{place}")
        await database.copies(
            "escalation_level", count, of=f"t.id = '{level_id}'", fresh={"id": level, **policy}, first=first
        )
        target = {"level_id": level} | ({"target_id": copy_id("SX")} if model.schedule_id and not place else {})
        await database.copies("escalation_target", count, of=f"t.level_id = '{level_id}'", fresh=target, first=first)
    if model.schedule_id is None:
        return
    of = f"t.id = '{model.schedule_id}'"
    await database.copies("schedule", count, of=of, fresh={"id": copy_id("SX"), **named}, first=first)
    fresh = {"schedule_id": copy_id("SX")}
    here = f"t.schedule_id = '{model.schedule_id}'"
    for table in ("schedule_user", "schedule_version"):
        await database.copies(table, count, of=here, fresh=fresh, first=first)
    fresh |= {"id": "t.id || '-' || g"}
    await database.copies("schedule_override", count, of=here, fresh=fresh, first=first)
