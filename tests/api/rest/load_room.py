"""A room for tests of fair load: people, a team, schedules of their own, and pages that reached them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx2

from tests.api.desk import Desk
from tests.town.seed import layer_of, schedule_of, seed_schedule
from tocsin.domain.oncall.schedule import Restriction
from tocsin.store.query import Command
from tocsin.store.turn import Turn

DAY = timedelta(days=1)
Json = dict[str, object]


async def now(desk: Desk) -> datetime:
    """Return the instant of the database, in whole seconds."""

    async def job(turn: Turn) -> datetime:
        return turn.now.astimezone(UTC).replace(microsecond=0)

    return await desk.store.read(job)


def monday_after(at: datetime) -> datetime:
    """Return the next Monday's midnight in UTC."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (7 - midnight.weekday()) * DAY


async def schedule(
    desk: Desk,
    schedule_id: str,
    members: Sequence[str],
    start: datetime,
    *,
    turn: timedelta = DAY,
    team_ids: Sequence[str] = (),
    restrictions: Sequence[Restriction] = (),
) -> None:
    """Write a schedule with one layer in which these people take turns from an instant on."""
    layer = layer_of(f"{schedule_id}L", members, start=start, turn=turn, restrictions=restrictions)
    await seed_schedule(desk.store, schedule_of(schedule_id, layer), team_ids=team_ids)


async def page(desk: Desk, number: int, user_id: str, at: datetime, *, schedule_id: str, team_id: str | None) -> None:
    """Let an incident of a policy that calls this schedule reach somebody at an instant, twice."""
    key = f"{number:04}"
    statements = (
        "INSERT INTO escalation_policy (id, name, team_id) VALUES (%(policy)s, %(policy)s, %(team)s)",
        "INSERT INTO escalation_level (id, policy_id, position, delay_s) VALUES (%(level)s, %(policy)s, 1, 60)",
        "INSERT INTO escalation_target VALUES (%(level)s, 1, 'schedule', %(schedule)s)",
        """INSERT INTO service (id, name, escalation_policy_id, urgency_rule)
        VALUES (%(service)s, %(service)s, %(policy)s, '{"kind": "always", "urgency": "high"}')""",
        "INSERT INTO plan (id, policy_id, document) VALUES (%(plan)s, %(policy)s, '{}')",
        """INSERT INTO incident (id, service_id, title, status, urgency, plan_id, assigned_via, created_at, updated_at,
                                 status_changed_at, status_changed_by)
        VALUES (%(incident)s, %(service)s, 'disk', 'triggered', 'high', %(plan)s, 'escalation_policy', %(at)s, %(at)s,
                %(at)s, '{}')""",
        """INSERT INTO notification (incident_id, user_id, contact_method_id, rule_id, round, channel, urgency, rank,
                                     created_at, due_at, state, handed_at)
        SELECT %(incident)s, %(user)s, 'C', 'R', n, 'email', 'high', 0, %(at)s, %(at)s, 'handed',
               %(at)s::timestamptz + make_interval(mins => n) FROM generate_series(0, 1) AS n""",
    )
    values: dict[str, object] = {
        "policy": f"PP{key}", "level": f"PL{key}", "service": f"PS{key}", "plan": f"plan{key}",
        "incident": f"Q{key}", "team": team_id, "schedule": schedule_id, "user": user_id, "at": at,
    }  # fmt: skip

    async def job(turn: Turn) -> None:
        for statement in statements:
            await turn.run(Command("seed", statement), values)

    await desk.store.work(job)


def iso(at: datetime) -> str:
    """Return an instant as clients write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


async def made(api: httpx2.AsyncClient, path: str, key: str, body: Json, *, method: str = "POST") -> Json:
    """Send a body under its key and return the resource of the answer, which must be a good one."""
    answer = await api.request(method, path, json={key: body})
    assert answer.status_code in (200, 201), answer.text
    found = answer.json()[key]
    assert isinstance(found, dict)
    return found


async def team(api: httpx2.AsyncClient, name: str) -> str:
    """Create a team."""
    return str((await made(api, "/teams", "team", {"type": "team", "name": name}))["id"])


def items(found: Json, name: str) -> list[Json]:
    """Return what must be a list of objects."""
    value = found[name]
    assert isinstance(value, list)
    return value


def summary(found: object) -> str:
    """Return what a reference calls its thing."""
    assert isinstance(found, dict)
    return str(found["summary"])
