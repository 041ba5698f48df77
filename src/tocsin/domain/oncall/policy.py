"""Escalation policy: whom to call, level by level, how long each level has, and how often to begin again."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from msgspec import Struct

from tocsin.ground.limits import MOST_LEVELS, MOST_REPEATS, MOST_TARGETS

Strategy = Literal["assign_to_everyone", "round_robin"]
TargetKind = Literal["user", "schedule"]

SHORTEST_DELAY = timedelta(minutes=1)  # a page needs that long to reach a pocket; PagerDuty's documented bound
LONGEST_DELAY = timedelta(days=30)  # a level that may sleep for a month is a mistake in typing


class Target(Struct, frozen=True):
    """One whom a level calls: a user, or whoever a schedule says is on call."""

    kind: TargetKind
    id: str


class Level(Struct, frozen=True):
    """One rung of a policy: whom it calls, and how long they have before the next rung is called.

    `position` counts from 1. With `round_robin` the targets take turns, one per incident; else all are called.
    """

    id: str
    position: int
    delay: timedelta
    strategy: Strategy
    targets: tuple[Target, ...]


class Policy(Struct, frozen=True):
    """An escalation policy as configured; `repeats` is how many further rounds follow the first one."""

    id: str
    name: str
    repeats: int
    levels: tuple[Level, ...]


def faults_of(levels: Sequence[Level], repeats: int) -> tuple[str, ...]:
    """Return one sentence for each thing that keeps these levels from being a policy; none when they are one."""
    faults = []
    if not 1 <= len(levels) <= MOST_LEVELS:
        faults.append(f"Escalation rules must be 1 to {MOST_LEVELS}.")
    if not 0 <= repeats <= MOST_REPEATS:
        faults.append(f"Num loops must be 0 to {MOST_REPEATS}.")
    for level in levels:
        faults.extend(_faults_of_level(level))
    named = [level.id for level in levels]
    if len(set(named)) < len(named):
        faults.append("An escalation rule is named twice.")
    return tuple(faults)


def _faults_of_level(level: Level) -> list[str]:
    where = f"Escalation rule {level.position}"
    faults = []
    if not 1 <= len(level.targets) <= MOST_TARGETS:
        faults.append(f"{where} needs 1 to {MOST_TARGETS} targets.")
    if not SHORTEST_DELAY <= level.delay <= LONGEST_DELAY:
        shortest, longest = (int(bound.total_seconds() // 60) for bound in (SHORTEST_DELAY, LONGEST_DELAY))
        faults.append(f"{where}: the escalation delay must be {shortest} to {longest} minutes.")
    if len(set(level.targets)) < len(level.targets):
        faults.append(f"{where} names a target twice.")
    return faults
