"""One picture: the final schedule is the same over REST, in a calendar, for the engine and in the simulator."""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from icalendar import Calendar

from tests.api.rest.rota import DAY_S, daily, entries, give, layer, made, now, wire
from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.domain.people.role import Role
from tocsin.store.turn import Turn

INSTANTS = 25
ROTAS = 6
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Etc/UTC", "America/Santiago")


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A service desk over a fresh database."""
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


async def _rota(at: Desk, chance: random.Random, people: list[str], number: int) -> str:
    """Make a schedule of two or three layers, one with restrictions, and four overrides in the coming fortnight."""
    began = await now(at) - timedelta(days=chance.randrange(20, 200), hours=chance.randrange(24))
    layers = []
    for _ in range(chance.randrange(2, 4)):
        members = chance.sample(people, chance.randrange(1, len(people)))
        turn_s = chance.choice((DAY_S, DAY_S // 2, 7 * DAY_S, 9 * 3600))
        layers.append(layer(*members, start=wire(began), turn_s=turn_s))
    layers[-1]["restrictions"] = [daily(f"{chance.randrange(24):02}:30:00", chance.randrange(2, 12))]
    key = await made(at, *layers, name=f"Rota {number}", zone=ZONES[number % len(ZONES)])
    for _ in range(4):
        start = await now(at) + timedelta(minutes=chance.randrange(1, 14 * 1440))
        end = start + timedelta(minutes=chance.randrange(30, 2000))
        assert (await give(at, key, chance.choice(people), wire(start), wire(end)))[0] == 201
    return key


def _holding(shifts: list[tuple[datetime, datetime, str]], instant: datetime) -> set[str]:
    return {name for start, end, name in shifts if start <= instant < end}


async def _by_rest(at: Desk, key: str, since: datetime) -> list[tuple[datetime, datetime, str]]:
    window = f"since={wire(since)}&until={wire(since + timedelta(days=16))}&time_zone=UTC"
    shown = await at.done("GET", f"/schedules/{key}?{window}")
    return [
        (datetime.fromisoformat(start), datetime.fromisoformat(end), name)
        for start, end, name in entries(shown["final_schedule"])
    ]


async def _by_calendar(at: Desk, key: str) -> list[tuple[datetime, datetime, str]]:
    body = {"calendar_feed": {"kind": "schedule", "id": key}}
    feed = await at.done("POST", "/api/calendar_feeds", body, by="planner")
    read = Calendar.from_ical((await at.client.get(urlsplit(text(feed["http_url"])).path)).text)
    assert isinstance(read, Calendar)
    events: list[Any] = read.walk("VEVENT")
    return [
        (each["DTSTART"].dt, each["DTEND"].dt, str(each["SUMMARY"]).removeprefix("On call: ").split(" — ")[0])
        for each in events
    ]


async def _by_simulator(at: Desk, policy: str, instant: datetime) -> set[str]:
    """Return whom the first level calls at an instant, says the simulator."""
    told = await at.done("POST", "/api/simulate", {"escalation_policy_id": policy, "at": wire(instant)})
    first: Json = items(told, "calls")[0]
    users = first["users"]
    assert isinstance(users, list)
    return {text(user["user"]["summary"]) for user in users}


async def test_the_final_schedule_is_one_picture_for_everybody(at: Desk) -> None:
    chance = random.Random(11)
    names = {await at.user(name): name for name in ("Ada", "Bo", "Cleo", "Dan")}
    people = list(names)
    at.enter("planner", people[0], Role.ADMIN)
    for number in range(ROTAS):
        key = await _rota(at, chance, people, number)
        rules = [{"escalation_delay_in_minutes": 5, "targets": [{"id": key, "type": "schedule_reference"}]}]
        body = {"escalation_policy": {"name": f"Policy {number}", "escalation_rules": rules}}
        policy = text((await at.done("POST", "/escalation_policies", body))["id"])
        since = await now(at)
        rest, calendar = await _by_rest(at, key, since), await _by_calendar(at, key)
        for _ in range(INSTANTS):
            instant = since + timedelta(seconds=chance.randrange(14 * DAY_S))
            seen = _holding(rest, instant)
            assert seen == _holding(calendar, instant), (key, instant)
            assert seen == {names[user_id] for user_id in await _by_engine(at, key, instant)}, (key, instant)
            assert not seen or seen == await _by_simulator(at, policy, instant), (key, instant)


async def _by_engine(at: Desk, key: str, instant: datetime) -> tuple[str, ...]:
    """Return whom the engine would call by a schedule if it were this instant."""

    async def job(turn: Turn) -> tuple[str, ...]:
        await at.house.directory.refresh(turn)
        timelines = await at.house.directory.timelines(turn, [key])
        return timelines[key].who(instant)

    return await at.house.store.read(job)
