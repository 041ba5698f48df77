"""Escalation policies: which levels make one, and what is said about those that do not."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.oncall.policy import LONGEST_DELAY, Level, Policy, Target, faults_of
from tocsin.ground.limits import MOST_LEVELS, MOST_REPEATS, MOST_TARGETS

targets = some.builds(Target, kind=some.sampled_from(("user", "schedule")), id=some.text("ABC", min_size=1, max_size=3))


def level(position: int = 1, *, minutes: float = 30, users: tuple[str, ...] = ("PUSER",)) -> Level:
    return Level(
        id=f"PLEVEL{position}",
        position=position,
        delay=timedelta(minutes=minutes),
        strategy="assign_to_everyone",
        targets=tuple(Target("user", user) for user in users),
    )


@given(some.integers(1, MOST_LEVELS), some.integers(0, MOST_REPEATS), some.integers(1, MOST_TARGETS))
def test_what_keeps_the_limits_is_a_policy(levels: int, repeats: int, users: int) -> None:
    people = tuple(f"P{number}" for number in range(users))
    assert faults_of([level(position, users=people) for position in range(1, levels + 1)], repeats) == ()


@pytest.mark.parametrize(
    ("levels", "repeats", "says"),
    [
        ([], 0, "must be 1 to"),
        ([level(position) for position in range(1, MOST_LEVELS + 2)], 0, "must be 1 to"),
        ([level()], -1, "Num loops"),
        ([level()], MOST_REPEATS + 1, "Num loops"),
        ([level(minutes=0.5)], 0, "delay"),
        ([level(minutes=LONGEST_DELAY.total_seconds())], 0, "delay"),
        ([level(users=())], 0, "targets"),
        ([level(users=tuple(f"P{number}" for number in range(MOST_TARGETS + 1)))], 0, "targets"),
        ([level(users=("PUSER", "PUSER"))], 0, "twice"),
        ([level(), level()], 0, "twice"),
    ],
)
def test_what_does_not_is_named(levels: list[Level], repeats: int, says: str) -> None:
    faults = faults_of(levels, repeats)
    assert len(faults) == 1
    assert says in faults[0]


@given(some.lists(targets, max_size=4), some.integers(0, 10**6))
def test_a_policy_survives_being_written_as_json(called: list[Target], seconds: int) -> None:
    rung = Level("PLEVEL", 1, timedelta(seconds=seconds), "round_robin", tuple(called))
    policy = Policy("PPOLICY", "Platform", 2, (rung,))
    assert msgspec.json.decode(msgspec.json.encode(policy), type=Policy) == policy
