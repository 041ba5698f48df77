"""A crew: three people who take turns of a week in one schedule, and the desk over which they ask for cover."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from tests.api.rest.service_desk import Desk, Json, desk, text
from tests.town.seed import layer_of, schedule_of, seed_schedule
from tocsin.domain.oncall.schedule import Layer
from tocsin.domain.people.actor import SYSTEM
from tocsin.domain.people.role import Role
from tocsin.ground.clock import utc_now
from tocsin.store.covers import look_again
from tocsin.store.query import Query
from tocsin.store.schedules import rows, write
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Turn

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
PATH = "/api/cover_requests"


class Told(Struct, frozen=True):
    """A notice that somebody gets."""

    user_id: str
    title: str
    words: str
    url_path: str


class Made(Struct, frozen=True):
    """An audit record."""

    action: str
    change: dict[str, object]


TOLD = Query("notices", "SELECT user_id, title, words, url_path FROM notice ORDER BY id", Told)
MADE = Query(
    "audit records of cover requests",
    "SELECT action, change FROM audit WHERE resource_kind = 'cover_request' ORDER BY id",
    Made,
)


@dataclass
class Crew:
    """Three people of a team who take turns of a week, the first since yesterday, and the desk that serves them."""

    at: Desk
    team: str
    ada: str
    bo: str
    cy: str
    start: datetime

    def layer(self, *members: str, start: datetime | None = None) -> Layer:
        """Return the layer of the schedule with these people."""
        return layer_of("PLAYER", members or (self.ada, self.bo, self.cy), start=start or self.start, turn=WEEK)

    async def rewrite(self, *layers: Layer) -> int:
        """Write the schedule anew and look again at cover, as whoever writes schedules does."""

        async def job(turn: Turn) -> int:
            draft = Draft(
                schedule=schedule_of("PSCHED", *layers, name="Platform"),
                description=None,
                kind="layers",
                team_ids=(self.team,),
            )
            await write.update(turn, draft, SYSTEM)
            return await look_again(turn, ["PSCHED"])

        return await self.at.house.store.work(job)

    async def who(self, instant: datetime, schedule_id: str = "PSCHED") -> tuple[str, ...]:
        """Return who is on call."""
        timelines = await self.at.house.store.read(lambda turn: rows.timelines(turn, [schedule_id]))
        return timelines[schedule_id].who(instant)

    async def turn_of(self, instant: datetime, schedule_id: str = "PSCHED") -> str:
        """Return the name of the turn at an instant."""
        timelines = await self.at.house.store.read(lambda turn: rows.timelines(turn, [schedule_id]))
        return timelines[schedule_id].on_call(instant)[0].turn

    async def asked(self, *, by: str = "bo", **more: object) -> Json:
        """Let somebody ask for cover of the second week."""
        return await self.at.done("POST", PATH, self.body(**more), by=by)

    def body(self, **more: object) -> Json:
        """Return a request for the second week, which is Bo's."""
        start = self.start + WEEK
        wanted = {"schedule_id": "PSCHED", "start": start.isoformat(), "end": (start + WEEK).isoformat(), **more}
        return {"cover_request": {name: value for name, value in wanted.items() if value is not None}}

    async def told(self) -> list[Told]:
        """Return the notices, oldest first."""
        return await self.at.house.store.read(lambda turn: turn.rows(TOLD))


def named(document: Json, field: str) -> str:
    """Return the id in a reference."""
    reference = document[field]
    assert isinstance(reference, dict)
    return text(reference["id"])


@asynccontextmanager
async def a_crew(database: str, folder: Path) -> AsyncIterator[Crew]:
    """Open the desk and bring Ada, Bo, Cy, an observer, and Dee, who is in no schedule."""
    async with desk(database, folder / "master.key") as at:
        team = await at.team("Platform")
        ada, bo, cy, dee = [await at.user(name) for name in ("Ada", "Bo", "Cy", "Dee")]
        at.enter("ada", ada, Role.LIMITED_USER)
        at.enter("bo", bo, Role.LIMITED_USER)
        at.enter("cy", cy, Role.OBSERVER)
        at.enter("dee", dee, Role.LIMITED_USER)
        start = (utc_now() - DAY).replace(microsecond=0)
        crew = Crew(at, team, ada, bo, cy, start)
        await seed_schedule(at.house.store, schedule_of("PSCHED", crew.layer(), name="Platform"), team_ids=[team])
        yield crew
