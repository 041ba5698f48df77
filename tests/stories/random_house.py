"""A random house: people, schedules, a policy and a service made by chance, and written into a database."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any, Literal

from tocsin.domain.oncall.schedule import CustomShift, Layer, Override, Restriction, Schedule, TurnLayer
from tocsin.domain.people.actor import SYSTEM
from tocsin.ground.ids import new_id
from tocsin.store.config import bump_config
from tocsin.store.schedules import custom_shifts, overrides, write
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Turn

CHANNELS = ("email", "sms", "webhook")
FIRST_DAY = datetime(2027, 1, 4, tzinfo=UTC)
ZONES = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
OWNER = "POWNER"

Urgency = Literal["high", "low"]
Json = dict[str, Any]


@dataclass
class Somebody:
    """A user with contact methods (id, channel, whether on) and rules (id, method, urgency, delay in seconds)."""

    id: str
    methods: list[tuple[str, str, bool]] = field(default_factory=list)
    rules: list[tuple[str, str, Urgency, int]] = field(default_factory=list)


@dataclass
class Rung:
    """A level: its id, delay in seconds, whether targets take turns, and targets as kind and id."""

    id: str
    delay_s: int
    round_robin: bool
    targets: list[tuple[str, str]]


@dataclass
class RandomHouse:
    """Everything that one story needs; `answers` are a user and the seconds after which they acknowledge."""

    at: datetime
    people: list[Somebody]
    managers: list[str]
    schedules: list[Schedule]
    rungs: list[Rung]
    repeats: int
    acknowledgement_timeout_s: int | None
    auto_resolve_timeout_s: int | None
    urgency_rule: Json
    support_hours: Json | None
    raises: list[Json]
    fallback: str | None
    disabled: bool
    window: tuple[datetime, datetime] | None
    severity: str
    answers: list[tuple[str, int]]
    carried: frozenset[str] | None
    policy_id: str = field(default_factory=new_id)
    service_id: str = field(default_factory=new_id)
    integration_id: str = field(default_factory=new_id)
    team_id: str = field(default_factory=new_id)


def random_house(seed: int) -> RandomHouse:
    """Return the house of this number, always the same but for its ids."""
    chance = Random(seed)
    at = FIRST_DAY + timedelta(days=chance.randrange(300), seconds=chance.randrange(86400), milliseconds=371)
    people = [_somebody(chance) for _ in range(chance.randint(2, 6))]
    ids = [person.id for person in people]
    schedules = [_schedule(chance, ids, at) for _ in range(chance.randint(0, 3))]
    targets = [("user", each) for each in ids] + [("schedule", each.id) for each in schedules] * 3
    hours = _hours(chance) if chance.random() < 0.5 else None
    return RandomHouse(
        at=at,
        people=people,
        managers=chance.sample(ids, chance.randint(0, 1)),
        schedules=schedules,
        rungs=[_rung(chance, targets) for _ in range(chance.randint(1, 4))],
        repeats=chance.choice((0, 0, 1, 2)),
        acknowledgement_timeout_s=chance.choice((None, 600, 1800, 5400)),
        auto_resolve_timeout_s=chance.choice((None, None, 3600, 14400)),
        urgency_rule=_urgency_rule(chance, hours),
        support_hours=hours,
        raises=[{"at": chance.choice(("start", "end"))}] if hours and chance.random() < 0.7 else [],
        fallback=chance.choice((None, chance.choice(ids))),
        disabled=chance.random() < 0.03,
        window=_window(chance, at),
        severity=chance.choice(("critical", "error", "warning", "info")),
        answers=[(chance.choice(ids), 60 * chance.randrange(90) + 29) for _ in range(chance.choice((0, 0, 1, 2)))],
        carried=frozenset(chance.sample(CHANNELS, chance.choice((0, 1, 2, 2)))) if chance.random() < 0.25 else None,
    )


def _somebody(chance: Random) -> Somebody:
    person = Somebody(new_id())
    for channel in chance.sample(CHANNELS, chance.choice((0, 1, 1, 2, 2, 3))):
        person.methods.append((new_id(), channel, chance.random() < 0.9))
    seen = set()
    for method_id, _, _ in person.methods * 2:
        urgency: Urgency = chance.choice(("high", "low"))
        rule = (method_id, urgency, 60 * chance.choice((0, 0, 1, 2, 5, 12)))
        if chance.random() < 0.7 and rule not in seen:
            seen.add(rule)
            person.rules.append((new_id(), *rule))
    return person


def _rung(chance: Random, targets: list[tuple[str, str]]) -> Rung:
    chosen = list(dict.fromkeys(chance.choice(targets) for _ in range(chance.randint(1, 3))))
    return Rung(new_id(), 60 * chance.choice((1, 2, 5, 5, 15, 30)), chance.random() < 0.3, chosen)


def _hours(chance: Random) -> Json:
    start, end = chance.sample(range(24), 2)
    days = sorted(chance.sample(range(1, 8), chance.randint(1, 7)))
    return {
        "time_zone": chance.choice(ZONES),
        "days": days,
        "start": time(start).isoformat(),
        "end": time(end, 30).isoformat(),
    }


def _urgency_rule(chance: Random, hours: Json | None) -> Json:
    measures = ("high", "low", "severity_based")
    if hours is None or chance.random() < 0.4:
        return {"kind": "always", "urgency": chance.choice(measures)}
    return {"kind": "by_hours", "hours": hours, "during": chance.choice(measures), "outside": chance.choice(measures)}


def _window(chance: Random, at: datetime) -> tuple[datetime, datetime] | None:
    if chance.random() < 0.85:
        return None
    start = at + timedelta(hours=chance.uniform(-3, 1))
    return start, start + timedelta(hours=chance.uniform(1, 4))


def _schedule(chance: Random, ids: list[str], at: datetime) -> Schedule:
    schedule_id = new_id()
    layers = tuple(_layer(chance, ids, at) for _ in range(chance.randint(1, 3)))
    beside = []
    if chance.random() < 0.3:
        start, end = _edges(chance, at)
        beside.append(CustomShift(id=new_id(), user_id=chance.choice(ids), start=start, end=end))
    laid = []
    for _ in range(chance.choice((0, 0, 1, 2))):
        layer = chance.choice(layers) if chance.random() < 0.4 else None
        start, end = _edges(chance, at)
        laid.append(
            Override(
                id=new_id(),
                user_id=chance.choice(ids),
                layer_id=layer.id if layer else None,
                replaced_user_id=chance.choice(ids) if layer else None,
                start=start,
                end=end,
            )
        )
    return Schedule(
        id=schedule_id,
        name=f"Schedule {schedule_id}",
        time_zone=chance.choice(ZONES),
        stacked=chance.random() < 0.8,
        layers=layers,
        custom_shifts=tuple(beside),
        overrides=tuple(laid),
    )


def _edges(chance: Random, at: datetime) -> tuple[datetime, datetime]:
    start = (at + timedelta(minutes=chance.uniform(-180, 90))).replace(microsecond=0)
    return start, start + timedelta(minutes=chance.randint(5, 300))


def _layer(chance: Random, ids: list[str], at: datetime) -> Layer:
    start = (at - timedelta(days=chance.randint(1, 40))).replace(microsecond=0, second=0)
    members = tuple(chance.choice(ids) for _ in range(chance.randint(1, 4)))
    restrictions = []
    if chance.random() < 0.4:
        hour = chance.randrange(24)
        restrictions.append(Restriction(kind="daily", start_time=time(hour), length_s=3600 * chance.randint(2, 16)))
    turn_s = chance.choice((1800, 3600, 43200, 86400, 604800))
    turns = TurnLayer(
        start_at=start,
        end_at=None,
        virtual_start_at=start,
        turn_s=turn_s,
        members=members,
        restrictions=tuple(restrictions),
    )
    return Layer(id=new_id(), name=chance.choice(("", "Weekly", "Hours")), turn_layer=turns)


async def found(turn: Turn) -> None:
    """Write the owner, who is called when a whole policy has nobody."""
    await _write_people(turn, [Somebody(OWNER, [("POWNERMAIL", "email", True)])], "owner")


async def write_house(turn: Turn, house: RandomHouse) -> None:
    """Write the house, beside those that are there."""
    await _write_people(turn, house.people, "user")
    execute = turn.connection.execute
    await execute("INSERT INTO team (id, name) VALUES (%s, %s)", (house.team_id, house.team_id))
    for user_id in house.managers:
        order = "INSERT INTO team_member (team_id, user_id, role) VALUES (%s, %s, 'manager')"
        await execute(order, (house.team_id, user_id))
    for schedule in house.schedules:
        draft = Draft(schedule=schedule, description=None, kind="layers", team_ids=())
        await write.create(turn, draft, SYSTEM)
        for shift in schedule.custom_shifts:
            await custom_shifts.add(turn, schedule.id, shift, SYSTEM)
        for override in schedule.overrides:
            await overrides.add(turn, schedule.id, override, SYSTEM)
    await _write_policy(turn, house)
    await _write_service(turn, house)
    await bump_config(turn)


async def _write_people(turn: Turn, people: list[Somebody], role: str) -> None:
    execute = turn.connection.execute
    for person in people:
        order = "INSERT INTO app_user (id, name, email, role) VALUES (%s, %s, %s, %s)"
        await execute(order, (person.id, f"User {person.id}", f"{person.id}@example.org", role))
        for method_id, channel, enabled in person.methods:
            order = (
                "INSERT INTO contact_method (id, user_id, channel, label, address, enabled)"
                " VALUES (%s, %s, %s, 'Mine', %s, %s)"
            )
            await execute(order, (method_id, person.id, channel, f"{method_id}@example.org", enabled))
        for rule_id, method_id, urgency, delay_s in person.rules:
            order = (
                "INSERT INTO notification_rule (id, user_id, contact_method_id, urgency, start_delay_s)"
                " VALUES (%s, %s, %s, %s, %s)"
            )
            await execute(order, (rule_id, person.id, method_id, urgency, delay_s))


async def _write_policy(turn: Turn, house: RandomHouse) -> None:
    execute = turn.connection.execute
    order = "INSERT INTO escalation_policy (id, name, team_id, repeats) VALUES (%s, %s, %s, %s)"
    await execute(order, (house.policy_id, house.policy_id, house.team_id, house.repeats))
    for position, rung in enumerate(house.rungs, start=1):
        strategy = "round_robin" if rung.round_robin else "assign_to_everyone"
        order = "INSERT INTO escalation_level (id, policy_id, position, delay_s, strategy) VALUES (%s, %s, %s, %s, %s)"
        await execute(order, (rung.id, house.policy_id, position, rung.delay_s, strategy))
        for place, (kind, target_id) in enumerate(rung.targets, start=1):
            order = "INSERT INTO escalation_target (level_id, position, kind, target_id) VALUES (%s, %s, %s, %s)"
            await execute(order, (rung.id, place, kind, target_id))


async def _write_service(turn: Turn, house: RandomHouse) -> None:
    execute = turn.connection.execute
    await execute(
        """
        INSERT INTO service (id, name, escalation_policy_id, acknowledgement_timeout_s, auto_resolve_timeout_s,
                             urgency_rule, support_hours, scheduled_actions, fallback_user_id, disabled)
        VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s, %s)
        """,
        (
            house.service_id,
            house.service_id,
            house.policy_id,
            house.acknowledgement_timeout_s,
            house.auto_resolve_timeout_s,
            json.dumps(house.urgency_rule),
            json.dumps(house.support_hours) if house.support_hours else None,
            json.dumps(house.raises),
            house.fallback,
            house.disabled,
        ),
    )
    await execute(
        """
        INSERT INTO integration (id, service_id, name, kind, routing_key_hash, routing_key_sealed)
        VALUES (%s, %s, 'Tests', 'events_api_v2', %s, '')
        """,
        (house.integration_id, house.service_id, hashlib.sha256(house.integration_id.encode()).digest()),
    )
    if house.window is not None:
        window_id = new_id()
        order = "INSERT INTO maintenance_window (id, start_at, end_at) VALUES (%s, %s, %s)"
        await execute(order, (window_id, *house.window))
        order = "INSERT INTO maintenance_window_service (window_id, service_id) VALUES (%s, %s)"
        await execute(order, (window_id, house.service_id))
