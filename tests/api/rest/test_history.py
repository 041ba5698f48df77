"""Who was on call then, and by which version: past answers stay what they were, whatever is edited later."""

from __future__ import annotations

import contextlib
import random
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from tests.api.desk import Desk
from tests.engine.scribe import rows
from tests.town.seed import layer_of, schedule_of, seed_override, seed_schedule
from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.people.actor import SYSTEM
from tocsin.domain.people.role import Role
from tocsin.ground.errors import Refused
from tocsin.store.schedules import overrides, write
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Store

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PEOPLE = ("PADA", "PBO", "PCY")


@pytest.fixture
async def noon(desk: Desk) -> datetime:
    """Ada and Bo take turns of a day from noon on, which is an hour ago; the instant is that noon."""
    await _users(desk.store)
    now = await _now(desk.store)
    noon = now.replace(microsecond=0) - HOUR
    await seed_schedule(desk.store, _schedule(noon, "PADA", "PBO"))
    return noon


async def _users(store: Store) -> None:
    values = ", ".join(f"('{each}', '{each[1:].title()}', '{each.lower()}@example.org', 'user')" for each in PEOPLE)
    order = f"INSERT INTO app_user (id, name, email, role) VALUES {values}"
    await store.work(lambda turn: turn.connection.execute(order.encode()))


async def _remove(store: Store, override_id: str) -> None:
    """Take an override back; one that is over stays."""
    with contextlib.suppress(Refused):
        await store.work(lambda turn: overrides.remove(turn, "PPLATFORM", override_id))


async def _now(store: Store) -> datetime:
    (now,) = await rows(store, "SELECT tocsin_now()")
    assert isinstance(now[0], datetime)
    return now[0]


def _schedule(start: datetime, *members: str, name: str = "Platform") -> Schedule:
    return schedule_of("PPLATFORM", layer_of("PDAYS", members, start=start, turn=DAY), name=name)


async def _update(store: Store, schedule: Schedule) -> None:
    draft = Draft(schedule=schedule, description=None, kind="layers", team_ids=())
    await store.work(lambda turn: write.update(turn, draft, SYSTEM))


async def _ask(api: httpx2.AsyncClient, path: str, **query: object) -> dict[str, Any]:
    answer = await api.get(path, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


async def _who(api: httpx2.AsyncClient, at: datetime) -> tuple[int | None, list[str]]:
    (found,) = (await _ask(api, "/api/oncalls", at=_text(at)))["oncalls"]
    return found["version"], [shift["user"]["summary"] for shift in found["shifts"]]


async def test_who_was_on_call_at_an_instant_and_by_which_version(
    desk: Desk, api: httpx2.AsyncClient, noon: datetime
) -> None:
    desk.store.clock_shift += 2 * DAY
    await _update(desk.store, _schedule(noon, "PCY", name="Renamed"))
    assert await _who(api, noon - DAY) == (None, []), "there was no schedule"
    assert await _who(api, noon + 2 * HOUR) == (1, ["Ada"])
    assert await _who(api, noon + DAY + HOUR) == (1, ["Bo"])
    assert await _who(api, noon + 3 * DAY) == (2, ["Cy"])
    (found,) = (await _ask(api, "/api/oncalls", at=_text(noon + 2 * HOUR)))["oncalls"]
    assert (found["name_then"], found["schedule"]["summary"]) == ("Platform", "Renamed")
    (shift,) = found["shifts"]
    assert (shift["start"], shift["end"]) == (_text(noon), _text(noon + DAY))
    assert shift["source"]["layer"] == {"id": "PDAYS", "name": "Layer PDAYS"}


async def test_the_history_tells_each_stretch_by_the_version_of_its_time(
    desk: Desk, api: httpx2.AsyncClient, noon: datetime
) -> None:
    desk.store.clock_shift += DAY
    override_id = await seed_override(desk.store, "PPLATFORM", "PCY", noon + DAY + 2 * HOUR, noon + DAY + 4 * HOUR)
    desk.store.clock_shift += DAY
    await _update(desk.store, _schedule(noon, "PCY"))
    desk.store.clock_shift += HOUR
    told = (await _ask(api, "/api/schedules/PPLATFORM/history", since=_text(noon)))["shifts"]
    seen = [(each["version"], each["user"]["summary"], each["source"]["override_id"]) for each in told]
    assert seen == [
        (1, "Ada", None), (1, "Bo", None), (1, "Cy", override_id), (1, "Bo", None), (1, "Ada", None), (2, "Cy", None)
    ]  # fmt: skip # a table reads better in rows
    assert all(one["end"] == two["start"] for one, two in pairwise(told))
    page = await _ask(api, "/api/schedules/PPLATFORM/history", since=_text(noon), limit=2, offset=1, total="true")
    assert (page["shifts"], page["more"], page["total"]) == (told[1:3], True, 6)


async def test_versions_say_who_changed_what(desk: Desk, api: httpx2.AsyncClient, noon: datetime) -> None:
    desk.store.clock_shift += DAY
    await _update(desk.store, _schedule(noon, "PADA", "PCY", name="Renamed"))
    versions = (await _ask(api, "/api/schedules/PPLATFORM/versions"))["versions"]
    assert [(each["number"], each["valid_until"] is None, each["changed_by"]["type"]) for each in versions] == [
        (2, True, "system"),
        (1, False, "system"),
    ]
    assert versions[0]["changes"] == [
        "The schedule was renamed from Platform to Renamed.",
        "Cy joined Layer PDAYS.",
        "Bo left Layer PDAYS.",
    ]
    assert versions[1]["changes"] == ["Layer PDAYS was added: Ada, Bo."]
    assert versions[0]["valid_since"] == versions[1]["valid_until"]


async def test_a_past_answer_does_not_change_when_the_configuration_is_edited_later(
    desk: Desk, api: httpx2.AsyncClient, noon: datetime
) -> None:
    chance = random.Random(5)  # a fixed seed: the same story each time
    answers: dict[datetime, tuple[int | None, list[str]]] = {}
    laid: list[str] = []
    for _ in range(12):
        now = await _now(desk.store)
        start = now + chance.randint(-20, 20) * HOUR
        match chance.randrange(4):
            case 0:
                laid.append(await seed_override(desk.store, "PPLATFORM", chance.choice(PEOPLE), start, start + DAY))
            case 1 if laid:
                await _remove(desk.store, laid.pop())
            case _:
                await _update(desk.store, _schedule(noon, *chance.sample(PEOPLE, chance.randint(1, 3))))
        desk.store.clock_shift += timedelta(minutes=chance.randint(30, 900))
        at = await _now(desk.store) - timedelta(minutes=5)
        answers[at] = await _who(api, at)
        assert {each: await _who(api, each) for each in answers} == answers
    for at, (version, who) in answers.items():
        second = at.replace(microsecond=0)
        told = await _ask(
            api, "/api/schedules/PPLATFORM/history", since=_text(second), until=_text(second + timedelta(seconds=1))
        )
        assert [(each["version"], each["user"]["summary"]) for each in told["shifts"]] == [(version, x) for x in who]


async def test_filters_and_pages(desk: Desk, api: httpx2.AsyncClient, noon: datetime) -> None:
    for number in range(3):
        schedule = schedule_of(f"PMORE{number}", layer_of(f"PL{number}", ["PADA"], start=noon, turn=DAY))
        await seed_schedule(desk.store, schedule)
    page = await _ask(api, "/api/oncalls", limit=3, total="true")
    assert (len(page["oncalls"]), page["more"], page["total"]) == (3, True, 4)
    some = await _ask(api, "/api/oncalls", **{"schedule_ids[]": "PMORE1"})
    assert [each["schedule"]["id"] for each in some["oncalls"]] == ["PMORE1"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/oncalls?at=tomorrow", 2004),
        ("/api/schedules/PPLATFORM/history?since=2026-01-02T00:00Z&until=2026-01-01T00:00Z", 2004),
        ("/api/schedules/PPLATFORM/history?since=2020-01-01T00:00Z&until=2026-01-01T00:00Z", 2004),
        ("/api/schedules/PNOTHING/history", 2100),
        ("/api/schedules/PNOTHING/versions", 2100),
    ],
)
async def test_what_makes_no_sense_is_refused(api: httpx2.AsyncClient, noon: datetime, path: str, code: int) -> None:
    answer = await api.get(path)
    assert answer.json()["error"]["code"] == code


async def test_people_who_see_their_teams_only_see_no_other_past(desk: Desk, noon: datetime) -> None:
    outsider = await desk.person("Rex", Role.RESTRICTED_ACCESS)
    assert (await outsider.api.get("/api/schedules/PPLATFORM/history")).status_code in (403, 404)
    assert (await outsider.api.get("/api/schedules/PPLATFORM/versions")).status_code in (403, 404)
    answer = await outsider.api.get("/api/oncalls")
    assert answer.status_code == 403 or answer.json()["oncalls"] == []
