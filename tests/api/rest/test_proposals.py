"""Proposals over the API: a fairer order for the coming turns, absences respected, and put in force by overrides."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, time, timedelta

import httpx2
import pytest

from tests.api.desk import Caller, Desk
from tests.api.rest.load_room import DAY, Json, iso, made, monday_after, now, schedule
from tests.town.seed import layer_of, seed_schedule
from tocsin.domain.oncall.absence import Absence
from tocsin.domain.oncall.schedule import Restriction, Schedule
from tocsin.domain.people.role import Role
from tocsin.ground.ids import new_id
from tocsin.store.covers import absences
from tocsin.store.schedules import rows


async def _people(desk: Desk, *names: str) -> list[Caller]:
    return [await desk.person(name) for name in names]


def _ask(schedule_id: str, since: datetime, until: datetime, **more: object) -> Json:
    return {"schedule_id": schedule_id, "since": iso(since), "until": iso(until), **more}


async def _asked(api: httpx2.AsyncClient, body: Json) -> Json:
    return await made(api, "/api/proposals", "proposal", body)


def _turns(proposal: Json) -> list[Json]:
    found = proposal["turns"]
    assert isinstance(found, list)
    return found


def _of(turn: Json, side: str) -> str:
    person = turn[side]
    assert isinstance(person, dict)
    return str(person["id"])


async def _who(desk: Desk, schedule_id: str, at: datetime) -> tuple[str, ...]:
    found = await desk.store.read(lambda turn: rows.timelines(turn, [schedule_id]))
    return found[schedule_id].who(at)


async def test_whoever_had_less_gets_more_and_the_proposal_is_put_in_force(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await _people(desk, "Ada", "Bo")
    monday = monday_after(await now(desk))
    await schedule(desk, "PAB", [ada.id, ada.id, ada.id, bo.id], monday)
    proposal = await _asked(api, _ask("PAB", monday, monday + 8 * DAY, max_consecutive_nights=3, min_rest_hours=0))
    turns = _turns(proposal)
    assert len(turns) == 8
    after = Counter(_of(turn, "after") for turn in turns)
    assert after == {ada.id: 4, bo.id: 4}
    assert (proposal["possible"], proposal["broken_rules"], proposal["advice"]) == (True, [], None)
    deviation = proposal["deviation"]
    assert isinstance(deviation, dict)
    assert deviation["after"] < deviation["before"]
    changed = [turn for turn in turns if turn["changed"]]
    assert len(changed) == proposal["changes"]
    answer = await api.post("/api/proposals/apply", json={"proposal": proposal})
    assert answer.status_code == 201, answer.text
    assert len(answer.json()["overrides"]) == len(changed)
    for number, turn in enumerate(turns):
        assert await _who(desk, "PAB", monday + number * DAY + timedelta(hours=5)) == (_of(turn, "after"),)
    again = await api.post("/api/proposals/apply", json={"proposal": proposal})
    assert (again.status_code, "new proposal" in again.text) == (409, True) or again.status_code == 400


async def test_nobody_is_proposed_while_away(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await _people(desk, "Ada", "Bo")
    monday = monday_after(await now(desk))
    await schedule(desk, "PAB", [ada.id, bo.id], monday)
    away = Absence(id=new_id(), user_id=ada.id, start=monday + 2 * DAY, end=monday + 5 * DAY)
    await desk.store.work(lambda turn: absences.add(turn, away, None))
    turns = _turns(await _asked(api, _ask("PAB", monday, monday + 6 * DAY)))
    assert [_of(turn, "after") == bo.id for turn in turns[2:5]] == [True, True, True]
    assert [_of(turn, "after") for turn in (turns[0], turns[1], turns[5])] == [ada.id] * 3


async def test_what_cannot_be_is_said_in_words(api: httpx2.AsyncClient, desk: Desk) -> None:
    (ada,) = await _people(desk, "Ada")
    monday = monday_after(await now(desk))
    await schedule(desk, "PA", [ada.id], monday)
    proposal = await _asked(api, _ask("PA", monday, monday + 3 * DAY, min_rest_hours=8, max_consecutive_nights=2))
    assert proposal["possible"] is False
    broken = proposal["broken_rules"]
    assert isinstance(broken, list)
    assert {each["rule"] for each in broken} == {"rest", "nights"}
    assert "0 hours of rest" in broken[0]["text"]
    assert "name more members" in str(proposal["advice"])


async def test_other_members_can_be_named(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo, cy = await _people(desk, "Ada", "Bo", "Cy")
    monday = monday_after(await now(desk))
    await schedule(desk, "PAB", [ada.id, bo.id], monday)
    turns = _turns(await _asked(api, _ask("PAB", monday, monday + 4 * DAY, members=[bo.id, cy.id])))
    assert Counter(_of(turn, "after") for turn in turns) == {bo.id: 2, cy.id: 2}
    none = await api.post("/api/proposals", json={"proposal": _ask("PAB", monday, monday + 4 * DAY, members=["PX"])})
    assert none.status_code == 400


async def test_the_past_counts(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await _people(desk, "Ada", "Bo")
    today = (await now(desk)).replace(hour=0, minute=0, second=0)
    desk.store.clock_shift = -12 * DAY
    await schedule(desk, "PAB", [ada.id] * 12 + [bo.id], today - 11 * DAY)
    desk.store.clock_shift = timedelta()
    turns = _turns(await _asked(api, _ask("PAB", today + DAY, today + 9 * DAY, max_consecutive_nights=30)))
    assert {_of(turn, "after") for turn in turns} == {bo.id}


async def test_parallel_layers_get_overrides_of_one_layer(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo, cy = await _people(desk, "Ada", "Bo", "Cy")
    monday = monday_after(await now(desk))
    nightly = (Restriction(kind="daily", start_time=time(20), length_s=12 * 3600),)
    both = Schedule(
        id="PPAR",
        name="Both",
        time_zone="Etc/UTC",
        stacked=False,
        layers=(
            layer_of("PONE", [ada.id], start=monday - DAY, turn=DAY),
            layer_of("PTWO", [bo.id, bo.id, bo.id, cy.id], start=monday, turn=7 * DAY, restrictions=nightly),
        ),
    )
    await seed_schedule(desk.store, both)
    ask = _ask("PPAR", monday, monday + 28 * DAY, layer_ids=["PTWO"], max_consecutive_nights=31)
    proposal = await _asked(api, ask)
    assert Counter(_of(turn, "after") for turn in _turns(proposal)) == {bo.id: 2, cy.id: 2}
    answer = await api.post("/api/proposals/apply", json={"proposal": proposal})
    assert answer.status_code == 201, answer.text
    for turn in _turns(proposal):
        start = datetime.fromisoformat(str(turn["start"]))
        assert set(await _who(desk, "PPAR", start + timedelta(hours=1))) == {ada.id, _of(turn, "after")}


async def test_the_heaviest_layer_is_taken(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await _people(desk, "Ada", "Bo")
    monday = monday_after(await now(desk))
    day = (Restriction(kind="daily", start_time=time(8), length_s=4 * 3600),)
    layers = (
        layer_of("PLOW", [ada.id, bo.id], start=monday, turn=DAY),
        layer_of("PHIGH", [bo.id], start=monday, turn=DAY, restrictions=day),
    )
    await seed_schedule(desk.store, Schedule(id="PTWO", name="Two", time_zone="Etc/UTC", stacked=True, layers=layers))
    proposal = await _asked(api, _ask("PTWO", monday, monday + 6 * DAY))
    assert proposal["layers"] == [{"id": "PLOW", "name": "Layer PLOW"}]


async def test_who_may_ask_and_who_may_put_in_force(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await _people(desk, "Ada", "Bo")
    watcher, guest = await desk.person("Wat", Role.OBSERVER), await desk.person("Guest", Role.RESTRICTED_ACCESS)
    monday = monday_after(await now(desk))
    await schedule(desk, "PAB", [ada.id, ada.id, bo.id], monday)
    ask = _ask("PAB", monday, monday + 6 * DAY)
    proposal = await _asked(watcher.api, ask)
    assert (await guest.api.post("/api/proposals", json={"proposal": ask})).status_code == 404
    assert (await watcher.api.post("/api/proposals/apply", json={"proposal": proposal})).status_code == 403
    assert (await guest.api.post("/api/proposals/apply", json={"proposal": proposal})).status_code == 404
    assert (await ada.api.post("/api/proposals/apply", json={"proposal": proposal})).status_code == 201


async def test_a_proposal_that_names_nobody_or_an_old_turn_changes_nothing(api: httpx2.AsyncClient, desk: Desk) -> None:
    ada, bo = await _people(desk, "Ada", "Bo")
    monday = monday_after(await now(desk))
    await schedule(desk, "PAB", [ada.id, ada.id, bo.id], monday)
    proposal = await _asked(api, _ask("PAB", monday, monday + 6 * DAY))
    turns = _turns(proposal)
    for wrong in (
        {**turns[0], "after": {"id": "PNOBODY"}},
        {**turns[0], "turn": "elsewhere", "after": {"id": bo.id}},
        {**turns[0], "start": iso(monday + timedelta(hours=1)), "after": {"id": bo.id}},
        {**turns[0], "before": {"id": bo.id}, "after": {"id": ada.id}},
        {**turns[0], "end": "9999-12-31T00:00Z", "after": {"id": bo.id}},
    ):
        answer = await api.post("/api/proposals/apply", json={"proposal": {**proposal, "turns": [*turns[1:], wrong]}})
        assert answer.status_code in (400, 409), answer.text
    assert await _who(desk, "PAB", monday + timedelta(hours=1)) == (ada.id,)
    assert await _who(desk, "PAB", monday + DAY + timedelta(hours=1)) == (ada.id,)


@pytest.mark.parametrize(
    "change",
    [
        {"schedule_id": "PNONE"},
        {"since": "yesterday"},
        {"until": "2020-01-01T00:00Z", "since": "2019-12-01T00:00Z"},
        {"until": "2999-01-01T00:00Z"},
        {"since": "9999-12-01T00:00Z", "until": "9999-12-31T00:00Z"},
        {"since": "0001-01-01T00:00Z", "until": "0001-01-31T00:00Z"},
        {"max_consecutive_nights": 0},
        {"min_rest_hours": -1},
        {"members": ["P"] * 51},
        {"layer_ids": ["PNONE"]},
    ],
)
async def test_wrong_questions_are_refused(api: httpx2.AsyncClient, desk: Desk, change: Json) -> None:
    (ada,) = await _people(desk, "Ada")
    monday = monday_after(await now(desk))
    await schedule(desk, "PA", [ada.id], monday)
    body = {**_ask("PA", monday, monday + 3 * DAY), **change}
    answer = await api.post("/api/proposals", json={"proposal": body})
    assert answer.status_code in (400, 404), answer.text
