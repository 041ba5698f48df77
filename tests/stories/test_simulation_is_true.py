"""A simulation tells the truth: the engine then does the same, to the second, in hundreds of houses made by chance."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from msgspec import Struct

from tests.stories.random_house import CHANNELS, RandomHouse, found, random_house, write_house
from tocsin.domain.events import Event, lane_of
from tocsin.domain.events.event import Action
from tocsin.domain.events.severity import Severity
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.moves import decide
from tocsin.domain.incidents.order import Acknowledge, By, Resolve, Unreachable
from tocsin.domain.planning.simulation import UNREACHED
from tocsin.engine.correlate import correlate
from tocsin.engine.escalate import escalate
from tocsin.engine.turn import act, begin, finish
from tocsin.ground.limits import FIRST_PAGE_LATE, LEASE
from tocsin.store.directory import Directory
from tocsin.store.integrations import IntegrationFacts
from tocsin.store.notifications import CLAIM, DUE_CHANNELS, HURRY, SILENT_ROUNDS, Claimed, Ended, end
from tocsin.store.planning.forecast import Answer, Forecast, Question, of_event
from tocsin.store.query import Query
from tocsin.store.turn import Store, Turn

HOUSES = int(os.environ.get("TOCSIN_SIMULATED_HOUSES", "60"))  # docs/guide/simulator.md speaks of 200
AT_ONCE = 20  # houses that share a database
HORIZON = timedelta(days=2)
DEDUP_KEY = "disk"
SIMULATED = Via("api")

Result = TypeVar("Result")
Told = tuple[float, str, str, str, bool]  # after so many seconds: person, channel, contact method, whether it left


class Upcoming(Struct, frozen=True):
    """The next instant at which something is due for an incident."""

    at: datetime | None


class State(Struct, frozen=True):
    """How an incident stands."""

    id: str
    status: str
    urgency: str
    assignees: list[str]


UPCOMING = Query(
    "what is due next for an incident",
    """
    SELECT least((SELECT min(due_at) FROM timer WHERE incident_id = %(id)s),
                 (SELECT min(due_at) FROM notification WHERE incident_id = %(id)s AND state = 'pending')) AS at
    """,
    Upcoming,
)
STATE = Query(
    "the incident of a service",
    """
    SELECT i.id, i.status, i.urgency,
           ARRAY(SELECT a.user_id FROM assignment a WHERE a.incident_id = i.id ORDER BY 1)::text[] AS assignees
      FROM incident i WHERE i.service_id = %(service_id)s
    """,
    State,
)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store(database, connections=4)
    await opened.open()
    await opened.work(found)
    yield opened
    await opened.close()


async def at_instant(
    store: Store, at: datetime, job: Callable[[Turn], Awaitable[Result]], *, only_read: bool = False
) -> Result:
    """Run a job in a transaction whose instant is exactly this one."""
    async with store.connection() as connection, connection.transaction():
        if only_read:
            await connection.execute("SET TRANSACTION READ ONLY")
        cursor = await connection.execute("SELECT now()")
        row = await cursor.fetchone()
        assert row is not None
        assert isinstance(row[0], datetime)
        shift = (at - row[0]) // timedelta(microseconds=1)
        await connection.execute("SELECT set_config('tocsin.clock_shift', %s, true)", (f"{shift} microseconds",))
        return await job(Turn(connection, at, "test"))


@dataclass
class Engine:
    """The real steps of the engine, driven by a clock that jumps from one instant to the next."""

    store: Store
    house: RandomHouse
    directory: Directory = field(default_factory=Directory)
    told: list[Told] = field(default_factory=list)

    async def take_event(self, at: datetime) -> None:
        body = {"action": "trigger", "dedup_key": DEDUP_KEY, "summary": "full", "source": "tests"}
        text = json.dumps(body | {"severity": self.house.severity})
        integration_id = self.house.integration_id

        async def accept(turn: Turn) -> None:
            await turn.connection.execute(
                "INSERT INTO inbox (lane, integration_id, kind, body) VALUES (%s, %s, 'event', %s)",
                (lane_of(integration_id.encode(), DEDUP_KEY.encode()), integration_id, text),
            )
            assert await correlate(turn, self.directory, most=10) == 1

        await at_instant(self.store, at, accept)

    async def state(self) -> State | None:
        return await self.store.read(lambda turn: turn.maybe(STATE, {"service_id": self.house.service_id}))

    async def live(self, incident_id: str, until: datetime, *, since: datetime) -> None:
        """Let everything happen that is due until an instant; answers of before `since` were given already."""
        answers = [each for each in answers_of(self.house) if each[0] > since]
        while True:
            upcoming = (await self.store.read(lambda turn: turn.one(UPCOMING, {"id": incident_id}))).at
            instants = [at for at in (upcoming, *(at for at, _ in answers[:1])) if at is not None]
            if not instants or min(instants) > until:
                return
            at = min(instants)
            while answers and answers[0][0] <= at:
                await self.acknowledge(at, incident_id, answers.pop(0)[1])
            await at_instant(self.store, at, lambda turn: escalate(turn, self.directory, most=100))
            await self.send(at)

    async def acknowledge(self, at: datetime, incident_id: str, user_id: str) -> None:
        order = Acknowledge(By(Agent("user", user_id, user_id), SIMULATED, strict=False))
        await at_instant(self.store, at, lambda turn: act(turn, self.directory, {incident_id: [order]}))

    async def resolve(self, at: datetime, incident_id: str) -> None:
        order = Resolve(By(Agent("user", "tests", "tests"), SIMULATED, strict=False))
        await at_instant(self.store, at, lambda turn: act(turn, self.directory, {incident_id: [order]}))

    async def send(self, at: datetime) -> None:
        """Claim what is due and settle it, as the loop that sends does."""
        failed = await at_instant(self.store, at, self._hand_over)
        if failed:
            await at_instant(self.store, at, lambda turn: self._answer_silence(turn, failed))

    async def _hand_over(self, turn: Turn) -> set[str]:
        everything = {"channels": list(CHANNELS), "known": list(CHANNELS)}
        pages: list[Claimed] = []
        for due in await turn.rows(DUE_CHANNELS, everything):
            values = {"channel": due.channel, "most": 50, "limited": False, "lease": LEASE, "late": FIRST_PAGE_LATE}
            pages += await turn.rows(CLAIM, values)
        ended = [self._ended(page, turn.now) for page in pages]
        await end(turn, ended, [])
        ids = [each.id for each in ended if each.state == "failed"]
        if ids:
            await turn.run(HURRY, {"ids": ids})
        return {page.incident_id for page in pages if page.id in ids}

    def _ended(self, page: Claimed, now: datetime) -> Ended:
        assert page.status == "triggered"
        assert page.address is not None
        sent = self.house.carried is None or page.channel in self.house.carried
        after = (now - self.house.at).total_seconds()
        self.told.append((after, page.user_id, page.channel, page.contact_method_id, sent))
        return Ended(
            id=page.id,
            fence=page.fence,
            state="handed" if sent else "failed",
            due_at=None,
            may_repeat=False,
            handed_at=now if sent else None,
            ended_why=None,
            bundle_id=None,
            sends=1,
            unknowns=0,
        )

    async def _answer_silence(self, turn: Turn, incident_ids: set[str]) -> None:
        decisions = await begin(turn, self.directory, incident_ids)
        for silent in await turn.rows(SILENT_ROUNDS, {"ids": list(decisions)}):
            decide(decisions[silent.incident_id], Unreachable(silent.round, UNREACHED))
        await finish(turn, [each for each in decisions.values() if each.entries])


def answers_of(house: RandomHouse) -> list[tuple[datetime, str]]:
    return sorted((house.at + timedelta(seconds=after_s), user_id) for user_id, after_s in house.answers)


async def simulated(store: Store, house: RandomHouse, at: datetime) -> Forecast:
    """Ask what the event of a house would do at an instant, where nothing can be written."""
    integration = IntegrationFacts(house.integration_id, house.service_id, "events_api_v2", "Tests")
    event = Event(
        action=Action.TRIGGER,
        dedup_key=DEDUP_KEY,
        summary="full",
        source="tests",
        severity=Severity(house.severity),
    )
    question = Question(
        at=at,
        answers=tuple(Answer(user_id=user_id, after=then - at) for then, user_id in answers_of(house) if then > at),
        horizon=HORIZON,
        carried=house.carried,
    )
    return await at_instant(
        store, at, lambda turn: of_event(turn, Directory(), integration, (event, question)), only_read=True
    )


def told_by(forecast: Forecast, house: RandomHouse) -> list[Told]:
    """Return whom a simulation says are told, when, and how."""
    assert forecast.course is not None
    return [
        (
            (ring.at - house.at).total_seconds(),
            ring.page.user_id,
            ring.page.channel,
            ring.page.contact_method_id,
            ring.sent,
        )
        for ring in forecast.course.rings
    ]


async def lived(store: Store, house: RandomHouse) -> tuple[str, int]:
    """Ask, let the same happen for real, compare; return how it ended and how many pages there were."""
    await at_instant(store, house.at - timedelta(hours=4), lambda turn: write_house(turn, house))
    forecast = await simulated(store, house, house.at)
    engine = Engine(store, house)
    await engine.take_event(house.at)
    state = await engine.state()
    assert (state is None) == (forecast.outcome == "suppressed")
    if state is None:
        return "suppressed", 0
    assert forecast.course is not None
    assert state.urgency == forecast.urgency
    ended = forecast.course.end
    await engine.live(state.id, ended.at, since=house.at)
    assert sorted(engine.told) == sorted(told_by(forecast, house))
    state = await engine.state()
    assert state is not None
    assert state.assignees == sorted(ended.assignees)
    if ended.kind in ("acknowledged", "resolved"):
        assert state.status == ended.kind
    await engine.resolve(ended.at + HORIZON, state.id)
    return ended.kind, len(engine.told)


@pytest.mark.parametrize("first", range(0, HOUSES, AT_ONCE))
async def test_the_engine_does_what_the_simulation_said(store: Store, first: int) -> None:
    endings: set[str] = set()
    pages = 0
    for number in range(first, first + AT_ONCE):
        try:
            ending, count = await lived(store, random_house(number))
        except AssertionError as failure:
            failure.add_note(f"It was house {number}.")
            raise
        endings.add(ending)
        pages += count
    assert pages > 2 * AT_ONCE, "the houses of chance are lively enough to show something"
    assert len(endings) >= 3, endings


@pytest.mark.parametrize("first", range(0, HOUSES // 2, AT_ONCE))
async def test_an_event_that_joins_an_incident_is_foreseen_too(store: Store, first: int) -> None:
    joined = pages = 0
    for number in range(first, first + AT_ONCE):
        house = random_house(10_000 + number)
        again_at = house.at + timedelta(minutes=1 + number % 9, seconds=7)
        await at_instant(store, house.at - timedelta(hours=4), lambda turn, house=house: write_house(turn, house))  # type: ignore[misc]  # lambdas with defaults are not inferred
        engine = Engine(store, house)
        await engine.take_event(house.at)
        state = await engine.state()
        if state is None:
            continue
        await engine.live(state.id, again_at, since=house.at)
        forecast = await simulated(store, house, again_at)
        assert forecast.outcome == "joins"
        assert forecast.course is not None
        engine.told.clear()
        await engine.take_event(again_at)
        await engine.send(again_at)
        await engine.live(state.id, forecast.course.end.at, since=again_at)
        assert sorted(engine.told) == sorted(told_by(forecast, house)), f"house {number}"
        await engine.resolve(forecast.course.end.at + HORIZON, state.id)
        joined += 1
        pages += len(engine.told)
    assert joined > AT_ONCE // 2
    assert pages
