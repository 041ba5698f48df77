"""A rotation room: requests for schedules of rotations as clients write them, and a desk to send them from."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.api.rest.rota import now, wire
from tests.api.rest.service_desk import Desk, Json, desk, items, text

MONDAY = "2035-03-05"  # far enough ahead that nothing in the tests has begun by itself
START = datetime(2035, 3, 5, tzinfo=UTC)


def user(user_id: str | None) -> Json:
    """Return a member as clients write it; None is a place that is left empty on purpose."""
    return {"type": "empty_member"} if user_id is None else {"type": "user_member", "user_id": user_id}


def event(*members: str | None, start: str = f"{MONDAY}T09:00:00Z", end: str = "2035-03-12T09:00:00Z") -> Json:
    """Return an event of a week, in which these members take turns of a week."""
    return {
        "name": "Weekly",
        "start_time": {"date_time": start, "time_zone": "Europe/Berlin"},
        "end_time": {"date_time": end, "time_zone": "Europe/Berlin"},
        "effective_since": f"{MONDAY}T00:00:00Z",
        "recurrence": ["RRULE:FREQ=WEEKLY"],
        "assignment_strategy": {
            "type": "rotating_member_assignment_strategy",
            "shifts_per_member": 1,
            "members": [user(member) for member in members],
        },
    }


def custom_shift(user_id: str | None, start: str, end: str) -> Json:
    """Return a custom shift as clients write it."""
    assignment = {"type": "shift_assignment", "member": user(user_id)}
    return {"type": "custom_shift", "start_time": start, "end_time": end, "assignments": [assignment]}


def override(place: Mapping[str, object], who: tuple[str | None, str | None], start: str, end: str) -> Json:
    """Return an override in which the second of two members takes what the first one has."""
    had, gets = who
    return {
        "type": "override_shift",
        **place,
        "start_time": start,
        "end_time": end,
        "overridden_member": user(had),
        "overriding_member": user(gets),
    }


@dataclass(frozen=True)
class Room:
    """A desk, and a schedule with one rotation."""

    at: Desk
    key: str
    rotation: str

    @property
    def path(self) -> str:
        """Where the schedule lives."""
        return f"/v3/schedules/{self.key}"

    @property
    def events(self) -> str:
        """Where the events of the rotation live."""
        return f"{self.path}/rotations/{self.rotation}/events"

    async def added(self, body: Json) -> Json:
        """Add an event to the rotation."""
        return await self.at.done("POST", self.events, {"event": body})

    async def given(self, *bodies: Json) -> list[Json]:
        """Lay overrides over the schedule."""
        status, document = await self.at.ask("POST", f"{self.path}/overrides", {"overrides": bodies})
        assert status == 201, document
        return items(document, "overrides")

    async def put_on(self, *bodies: Json) -> list[Json]:
        """Add custom shifts to the schedule."""
        status, document = await self.at.ask("POST", f"{self.path}/custom_shifts", {"custom_shifts": bodies})
        assert status == 201, document
        return items(document, "custom_shifts")

    async def shifts(self, since: str, until: str, more: str = "") -> list[tuple[str, str, object, Json]]:
        """Return who is on call in a window: start, end, user and source of each shift."""
        final = await self.final(since, until, more)
        return [
            (text(one["start_time"]), text(one["end_time"]), _of(one, "member").get("user_id"), _of(one, "source"))
            for one in items(final, "computed_shift_assignments")
        ]

    async def final(self, since: str, until: str, more: str = "") -> Json:
        """Return the final schedule of a window."""
        query = f"include[]=final_schedule&since={since}&until={until}{more}"
        return _of(await self.at.done("GET", f"{self.path}?{query}"), "final_schedule")

    async def faults(self, method: str, path: str, body: object = None, *, by: str = "admin") -> Json:
        """Return the faults of a request that is invalid, by the path of their fields."""
        status, document = await self.at.ask(method, path, body, by=by)
        assert status == 400, document
        return _of(_of(document, "error"), "errors")


@asynccontextmanager
async def room(database: str, key_file: Path) -> AsyncIterator[Room]:
    """Open the API over this database, with a schedule in Berlin that has one rotation without events."""
    async with desk(database, key_file) as at:
        key = await made(at)
        rotation = await at.done("POST", f"/v3/schedules/{key}/rotations", {})
        yield Room(at, key, text(rotation["id"]))


async def made(at: Desk, name: str = "Web", zone: str = "Europe/Berlin") -> str:
    """Create a schedule and return its id."""
    body = {"schedule": {"name": name, "time_zone": zone}}
    return text((await at.done("POST", "/v3/schedules", body))["id"])


def _of(document: Json, name: str) -> Json:
    value = document[name]
    assert isinstance(value, dict)
    return value


__all__ = ["MONDAY", "START", "Room", "custom_shift", "event", "made", "now", "override", "room", "user", "wire"]
