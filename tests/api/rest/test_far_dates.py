"""Far dates: whatever instant a client writes, it is answered or told what to write, and nothing breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.api.rest.cover_crew import Crew, a_crew
from tests.api.rest.service_desk import Json, text
from tocsin.api.kit import discovered

EXTREMES = (
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "2099-12-31T23:59:59Z",
    "2100-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31",
)
_GETS = sorted(each.path for each in discovered("tocsin.api.rest") if each.method == "GET" and not each.is_open)
_NAMES = ("since", "until", "at")


@pytest.fixture
async def crew(database: str, tmp_path: Path) -> AsyncIterator[Crew]:
    async with a_crew(database, tmp_path) as opened:
        yield opened


async def _sent(crew: Crew, method: str, path: str, body: object = None, **query: str) -> httpx2.Response:
    headers = {"authorization": "Token token=admin", "from": "ada@acme.example"}
    return await crew.at.client.request(method, path, params=query or None, json=body, headers=headers)


async def _there(crew: Crew) -> dict[str, str]:
    """Return an id that exists for each room of the API that takes dates."""
    policy_id = await crew.at.policy("Platform", [crew.ada])
    service_id = await crew.at.service("Web", policy_id)
    calendar = {"holiday_calendar": {"name": "None", "text": _ICS}}
    holidays = await crew.at.done("POST", "/api/holiday_calendars", calendar)
    return {
        "schedules": "PSCHED",
        "users": crew.ada,
        "teams": crew.team,
        "escalation_policies": policy_id,
        "services": service_id,
        "holiday_calendars": text(holidays["id"]),
    }


_ICS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nEND:VCALENDAR\r\n"


@pytest.mark.parametrize("far", EXTREMES)
async def test_no_date_in_an_address_breaks_an_answer(crew: Crew, far: str) -> None:
    """Every list and every report, with each date alone and with both ends, in a zone far from UTC."""
    there = await _there(crew)
    assert len(_GETS) > 50
    for path in _GETS:
        room = next((each for each in path.split("/") if each in there), "")
        asked = path.replace("{id}", there.get(room, "PNOBODY")).replace("{", "").replace("}", "")
        for names in (*((name,) for name in _NAMES), ("since", "until")):
            query = dict.fromkeys(names, far) | {"time_zone": "Pacific/Kiritimati"}
            answer = await _sent(crew, "GET", asked, **query)
            assert answer.status_code < 500, (asked, query)


@pytest.mark.parametrize("far", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/absences", "since"),
        ("/api/absences/conflicts", "since"),
        ("/api/coverage", "since"),
        ("/api/load?until=2026-01-01", "since"),
        ("/api/pay?until=2026-01-01", "since"),
        ("/api/schedules/PSCHED/history", "since"),
        ("/api/schedules/PSCHED/history", "until"),
        ("/api/oncalls", "at"),
        ("/oncalls", "since"),
        ("/incidents", "since"),
        ("/log_entries", "until"),
    ],
)
async def test_a_far_date_is_told_by_the_name_of_its_field(crew: Crew, path: str, name: str, far: str) -> None:
    answer = await _sent(crew, "GET", f"{path}{'&' if '?' in path else '?'}{name}={far}")
    assert answer.status_code == 400, answer.text
    assert f"{name} is not between the years 1970 and 2100." in answer.json()["error"]["errors"]


def _bodies(crew: Crew, there: dict[str, str], far: str, start: str) -> list[tuple[str, str, Json]]:
    user = {"id": crew.ada, "type": "user_reference"}
    member = {"type": "user_member", "user_id": crew.ada}
    return [
        ("POST", "/api/simulate", {"service_id": there["services"], "at": far}),
        ("POST", "/api/proposals", {"proposal": {"schedule_id": "PSCHED", "since": start, "until": far}}),
        ("POST", f"/api/users/{crew.ada}/absences", {"absence": {"start": start, "end": far}}),
        ("POST", "/api/cover_requests", crew.body(asker_id=crew.bo, start=start, end=far)),
        ("POST", "/schedules/PSCHED/overrides", {"overrides": [{"start": start, "end": far, "user": user}]}),
        ("POST", "/v3/schedules/PSCHED/custom_shifts",
         {"custom_shifts": [{"start_time": start, "end_time": far, "assignments": [member]}]}),
        ("POST", "/maintenance_windows",
         {"maintenance_window": {"type": "maintenance_window", "start_time": start, "end_time": far,
                                 "services": [{"id": there["services"], "type": "service_reference"}]}}),
        ("POST", "/api/tokens", {"token": {"name": "far", "valid_until": far}}),
    ]  # fmt: skip # a table reads better in rows


@pytest.mark.parametrize("far", EXTREMES)
async def test_no_date_in_a_body_breaks_an_answer(crew: Crew, far: str) -> None:
    """As the end of what begins now, and as the beginning of what ends then as well."""
    there = await _there(crew)
    for start in (crew.start.isoformat(), far):
        for method, path, body in _bodies(crew, there, far, start):
            answer = await _sent(crew, method, path, body)
            assert answer.status_code < 500, (path, body)
