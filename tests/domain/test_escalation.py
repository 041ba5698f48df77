"""Escalation: every level is called once per round, empty ones are passed over, and nobody is left without a call."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.oncall.crew import Crew, Person, Way
from tocsin.domain.oncall.escalation import Call, Spent, call_of_level, calls_of, next_call
from tocsin.domain.oncall.policy import Level, Policy, Target

WAY = Way("rule", "method", "email", timedelta())


def policy(levels: list[list[str]], *, repeats: int = 0, strategy: str = "assign_to_everyone") -> Policy:
    """Return a policy whose levels call these users, one minute apart."""
    return Policy(
        "policy",
        "Policy",
        repeats,
        tuple(
            Level(
                f"level-{position}",
                position,
                timedelta(minutes=position),
                "round_robin" if strategy == "round_robin" else "assign_to_everyone",
                tuple(Target("user", user_id) for user_id in user_ids),
            )
            for position, user_ids in enumerate(levels, 1)
        ),
    )


def crew(
    plan: Policy, *, away: set[str] | None = None, fallbacks: tuple[tuple[str, tuple[str, ...]], ...] = ()
) -> Crew:
    """Return a crew in which everybody named can be reached, except those who are away."""
    targets = {target for level in plan.levels for target in level.targets}
    everybody = {target.id for target in targets} | {user_id for _, ids in fallbacks for user_id in ids}
    people = {user_id: Person(user_id, user_id, (WAY,), (WAY,)) for user_id in everybody - (away or set())}
    return Crew(people, {target: (target.id,) for target in targets}, fallbacks)


def walk(plan: Policy, everybody: Crew, *, owned: bool = True) -> list[Call]:
    """Return all calls of a plan from its beginning to its end."""
    called, calls = 0, []
    while isinstance(found := next_call(plan, everybody, called=called, owned=owned), Call):
        calls.append(found)
        called = found.called
        assert len(calls) <= 500
    return calls


@given(some.integers(1, 20), some.integers(0, 9))
def test_every_level_is_called_once_per_round(levels: int, repeats: int) -> None:
    """A plan with people everywhere calls level after level, as often as it repeats, and then is spent."""
    plan = policy([[f"u{n}"] for n in range(levels)], repeats=repeats)
    calls = walk(plan, crew(plan))
    assert [call.level for call in calls] == list(range(1, levels + 1)) * (repeats + 1)
    assert [call.repeat for call in calls] == [number for number in range(repeats + 1) for _ in range(levels)]
    assert len(calls) == calls_of(plan)


@given(some.lists(some.booleans(), min_size=1, max_size=8), some.integers(0, 3))
def test_empty_levels_are_passed_over_and_named(present: list[bool], repeats: int) -> None:
    """Only levels with somebody are called; those between are named by the call that follows them."""
    plan = policy([[f"u{n}"] for n in range(len(present))], repeats=repeats)
    away = {f"u{n}" for n, here in enumerate(present) if not here}
    calls = walk(plan, crew(plan, away=away))
    rung = [number for number, here in enumerate(present, 1) if here]
    assert [call.level for call in calls] == rung * (repeats + 1)
    passed = [number for call in calls for number in call.empty_levels]
    assert set(passed) <= {number for number, here in enumerate(present, 1) if not here}


def test_nobody_anywhere_calls_the_fallbacks_in_order() -> None:
    """An incident that nobody owns goes to the fallbacks, one after the other, and only then is the plan spent."""
    plan = policy([["ann"], ["bo"]])
    lists = (("service fallback", ("cy",)), ("team managers", ("dee",)), ("owners", ("eve", "fay")))
    everybody = crew(plan, away={"ann", "bo", "dee"}, fallbacks=lists)
    calls = walk(plan, everybody, owned=False)
    assert [(call.fallback, call.user_ids, call.level) for call in calls] == [
        ("service fallback", ("cy",), 0),
        ("owners", ("eve", "fay"), 0),
    ]
    assert isinstance(next_call(plan, everybody, called=calls[-1].called, owned=False), Spent)


def test_owned_incident_does_not_fall_back() -> None:
    """Somebody who was called and did not answer keeps the incident when the plan ends."""
    plan = policy([["ann"]])
    everybody = crew(plan, fallbacks=(("owners", ("eve",)),))
    assert isinstance(next_call(plan, everybody, called=1, owned=True), Spent)


@given(some.integers(1, 6), some.integers(1, 30))
def test_round_robin_calls_everybody_equally(people: int, incidents: int) -> None:
    """Targets of a round-robin level take turns: after n incidents nobody was called more than once oftener."""
    plan = policy([[f"u{n}" for n in range(people)]], strategy="round_robin")
    everybody = crew(plan)
    counts = dict.fromkeys((f"u{n}" for n in range(people)), 0)
    for _ in range(incidents):
        found = next_call(plan, everybody, called=0, owned=False)
        assert isinstance(found, Call)
        counts[found.user_ids[0]] += 1
    assert max(counts.values()) - min(counts.values()) <= 1


def test_level_of_choice_stays_in_the_running_repeat() -> None:
    """Escalating by hand calls the level named, in the round that runs; a level that is not there is refused."""
    plan = policy([["ann"], ["bo"], ["cy"]], repeats=2)
    everybody = crew(plan)
    call = call_of_level(plan, everybody, level=2, called=4)
    assert call is not None
    assert (call.level, call.repeat, call.user_ids) == (2, 1, ("bo",))
    assert call_of_level(plan, everybody, level=4, called=1) is None


def test_person_without_a_way_counts_as_nobody() -> None:
    """Somebody who has no contact method cannot be called, so the level is empty."""
    plan = policy([["ann"], ["bo"]])
    everybody = crew(plan)
    everybody.people = dict(everybody.people) | {"ann": Person("ann", "Ann")}
    found = next_call(plan, everybody, called=0, owned=False)
    assert isinstance(found, Call)
    assert (found.level, found.empty_levels) == (2, (1,))
