"""A rota: requests for schedules as clients write them, for tests of schedules over the API."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tests.api.rest.service_desk import Desk, Json, items, text
from tocsin.store.turn import Turn

DAY_S = 86_400
WEEK_S = 7 * DAY_S
MONDAY = datetime(2035, 3, 5, tzinfo=UTC)  # far enough ahead that nothing in the tests has begun by itself


def layer(*user_ids: str, start: str = "2035-03-05T09:00:00Z", turn_s: int = WEEK_S, name: str = "") -> Json:
    """Return a layer in which these people take turns."""
    body: Json = {
        "start": start,
        "rotation_virtual_start": start,
        "rotation_turn_length_seconds": turn_s,
        "users": [{"user": {"id": user_id, "type": "user"}} for user_id in user_ids],
    }
    return body | ({"name": name} if name else {})


def daily(start: str, hours: float) -> Json:
    """Return a restriction to some hours of every day."""
    return {"type": "daily_restriction", "start_time_of_day": start, "duration_seconds": int(hours * 3600)}


def schedule(*layers: Json, name: str = "Web", zone: str = "Etc/UTC") -> Json:
    """Return the body of a schedule."""
    return {"schedule": {"type": "schedule", "name": name, "time_zone": zone, "schedule_layers": list(layers)}}


async def made(at: Desk, *layers: Json, name: str = "Web", zone: str = "Etc/UTC") -> str:
    """Create a schedule and return its id."""
    return text((await at.done("POST", "/schedules", schedule(*layers, name=name, zone=zone)))["id"])


async def give(at: Desk, key: str, user_id: str, start: str, end: str, *, by: str = "admin") -> tuple[int, Json]:
    """Add one override in the older form, which the official specification does not know any more."""
    body = {"override": {"start": start, "end": end, "user": {"id": user_id, "type": "user_reference"}}}
    status, document = await at.ask("POST", f"/schedules/{key}/overrides", body, by=by)
    inner = document.get("override", document)
    assert isinstance(inner, dict)
    return status, inner


async def now(at: Desk) -> datetime:
    """Return the present instant of the product's clock, in whole seconds."""

    async def job(turn: Turn) -> datetime:
        return turn.now.replace(microsecond=0)

    return await at.house.store.read(job)


def entries(part: object) -> list[tuple[str, str, str]]:
    """Return the entries of a part of a schedule: start, end and the name of the user."""
    assert isinstance(part, dict)
    found = []
    for entry in items(part, "rendered_schedule_entries"):
        user = entry["user"]
        assert isinstance(user, dict)
        found.append((text(entry["start"]), text(entry["end"]), text(user["summary"])))
    return found


def names_of(layers: Sequence[Json]) -> list[object]:
    """Return the names of layers."""
    return [one["name"] for one in layers]


def wire(at: datetime) -> str:
    """Return an instant as clients write it."""
    return at.isoformat().replace("+00:00", "Z")


def hours(count: float) -> timedelta:
    """Return this many hours."""
    return timedelta(hours=count)
