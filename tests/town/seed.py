"""Seed: a small organisation written straight into a database, for tests that begin below the API."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.domain.oncall.schedule import Layer, Member, Override, Restriction, Schedule, TurnLayer
from tocsin.domain.people.actor import SYSTEM
from tocsin.ground.ids import new_id
from tocsin.store.config import bump_config
from tocsin.store.query import Command
from tocsin.store.schedules import custom_shifts, overrides, write
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Store, Turn

ROUTING_KEY = "0123456789abcdef0123456789abcdef"

_STATEMENTS = (
    """
    INSERT INTO app_user (id, name, email, role) VALUES
        ('PANN', 'Ann', 'ann@example.org', 'user'), ('PBO', 'Bo', 'bo@example.org', 'user')
    """,
    """
    INSERT INTO contact_method (id, user_id, channel, label, address) VALUES
        ('PANNMAIL', 'PANN', 'email', 'Work', 'ann@example.org'), ('PBOMAIL', 'PBO', 'email', 'Work', 'bo@example.org')
    """,
    "INSERT INTO escalation_policy (id, name) VALUES ('PPOLICY', 'Night')",
    """
    INSERT INTO escalation_level (id, policy_id, position, delay_s) VALUES
        ('PLEVEL1', 'PPOLICY', 1, 300), ('PLEVEL2', 'PPOLICY', 2, 300)
    """,
    """
    INSERT INTO escalation_target (level_id, position, kind, target_id) VALUES
        ('PLEVEL1', 1, 'user', 'PANN'), ('PLEVEL2', 1, 'user', 'PBO')
    """,
    """
    INSERT INTO service (id, name, escalation_policy_id, urgency_rule)
    VALUES ('PSERVICE', 'Checkout', 'PPOLICY', '{"kind": "always", "urgency": "high"}')
    """,
)
_INTEGRATION = """
    INSERT INTO integration (id, service_id, name, kind, routing_key_hash, routing_key_sealed)
    VALUES ('PINTEGRATION', 'PSERVICE', 'Alertmanager', 'events_api_v2_inbound_integration', %(hash)s, '')
"""


async def seed_on_call(store: Store) -> None:
    """Write Ann on level 1, Bo on level 2, five minutes each, one service and its integration with `ROUTING_KEY`."""

    async def job(turn: Turn) -> None:
        for statement in _STATEMENTS:
            await turn.run(Command("seed", statement))
        await turn.run(Command("seed", _INTEGRATION), {"hash": hashlib.sha256(ROUTING_KEY.encode()).digest()})

    await store.work(job)


def layer_of(
    layer_id: str,
    members: Sequence[Member],
    *,
    start: datetime,
    turn: timedelta,
    restrictions: Sequence[Restriction] = (),
    end: datetime | None = None,
) -> Layer:
    """Return a layer in which these people take turns of one length, the first of them from `start` on."""
    return Layer(
        id=layer_id,
        name=f"Layer {layer_id}",
        turn_layer=TurnLayer(
            start_at=start,
            end_at=end,
            virtual_start_at=start,
            turn_s=int(turn.total_seconds()),
            members=tuple(members),
            restrictions=tuple(restrictions),
        ),
    )


def schedule_of(schedule_id: str, *layers: Layer, name: str | None = None, time_zone: str = "Etc/UTC") -> Schedule:
    """Return a stacked schedule with these layers, lowest first."""
    return Schedule(id=schedule_id, name=name or schedule_id, time_zone=time_zone, stacked=True, layers=layers)


async def seed_schedule(store: Store, schedule: Schedule, *, team_ids: Sequence[str] = ()) -> None:
    """Write a schedule, with the overrides and custom shifts that it holds, as the product itself would."""

    async def job(turn: Turn) -> None:
        draft = Draft(schedule=schedule, description=None, kind="layers", team_ids=tuple(team_ids))
        await write.create(turn, draft, SYSTEM)
        for override in schedule.overrides:
            await overrides.add(turn, schedule.id, override, SYSTEM)
        for shift in schedule.custom_shifts:
            await custom_shifts.add(turn, schedule.id, shift, SYSTEM)

    await store.work(job)


async def seed_override(
    store: Store, schedule_id: str, user_id: str, start: datetime, end: datetime, *, override_id: str | None = None
) -> str:
    """Give a stretch of a schedule to somebody else; return the id of the override."""
    override = Override(id=override_id or new_id(), start=start, end=end, user_id=user_id)
    await store.work(lambda turn: overrides.add(turn, schedule_id, override, SYSTEM))
    return override.id


async def call_by_schedules(store: Store, level_id: str, *schedule_ids: str) -> None:
    """Let a level call whoever is on call by these schedules, and nobody else."""

    async def job(turn: Turn) -> None:
        await turn.run(Command("seed", "DELETE FROM escalation_target WHERE level_id = %(id)s"), {"id": level_id})
        target = Command("seed", "INSERT INTO escalation_target VALUES (%(id)s, %(position)s, 'schedule', %(target)s)")
        for position, schedule_id in enumerate(schedule_ids):
            await turn.run(target, {"id": level_id, "position": position, "target": schedule_id})
        await bump_config(turn)

    await store.work(job)
