"""Escalation: which level is called next, and when the one after that is due."""

from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.domain.oncall.crew import Crew
from tocsin.domain.oncall.policy import Policy
from tocsin.ground.limits import LAST_RESORT_PATIENCE


class Call(Struct, frozen=True):
    """One call of people: what was passed over to get there, and how long they have to answer.

    `called` counts the calls used up, empty ones included. `level` is counted from 1 and 0 for a fallback;
    `fallback` names the list that was taken because the policy had nobody.
    """

    called: int
    level: int
    repeat: int
    user_ids: tuple[str, ...]
    patience: timedelta
    empty_levels: tuple[int, ...] = ()
    fallback: str | None = None


class Spent(Struct, frozen=True):
    """The plan is used up: nobody is left to call."""

    called: int
    empty_levels: tuple[int, ...] = ()


def calls_of(plan: Policy) -> int:
    """Return how many calls a plan makes at most: its levels, once and for each repeat."""
    return len(plan.levels) * (plan.repeats + 1)


def next_call(plan: Policy, crew: Crew, *, called: int, owned: bool) -> Call | Spent:
    """Return the call that comes after `called` calls were made or passed over.

    A level with nobody on call is passed over at once. When the plan ends and nobody owns the incident
    (`owned` is False), the fallbacks are called one after the other, so that an incident is never left to nobody.
    """
    empty: list[int] = []
    total = calls_of(plan)
    for position in range(called, total):
        level = plan.levels[position % len(plan.levels)]
        user_ids = crew.called_by(level)
        number = position % len(plan.levels) + 1
        if user_ids:
            return Call(position + 1, number, position // len(plan.levels), user_ids, level.delay, tuple(empty))
        empty.append(number)
    if owned:
        return Spent(max(called, total), tuple(empty))
    for step in range(max(0, called - total), len(crew.fallbacks)):
        name, members = crew.fallbacks[step]
        user_ids = crew.reachable(members)
        if user_ids:
            return Call(total + step + 1, 0, plan.repeats, user_ids, LAST_RESORT_PATIENCE, tuple(empty), fallback=name)
    return Spent(total + len(crew.fallbacks), tuple(empty))


def call_of_level(plan: Policy, crew: Crew, *, level: int, called: int) -> Call | None:
    """Return the call of one level chosen by a person, or None when the plan has no such level.

    The level is called in the repeat that is running. An empty level advances to the next one.
    """
    if not 1 <= level <= len(plan.levels):
        return None
    repeat = min(max(called - 1, 0) // len(plan.levels), plan.repeats)
    found = next_call(plan, crew, called=repeat * len(plan.levels) + level - 1, owned=False)
    return found if isinstance(found, Call) else None


def due_after(call: Call, now: datetime) -> datetime:
    """Return when the next step of the plan is due after this call."""
    return now + call.patience
