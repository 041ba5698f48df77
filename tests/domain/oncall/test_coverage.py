"""The guard finds every fault that was planted, and says nothing where there is none."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import msgspec
import pytest
from msgspec import Struct

from tocsin.domain.oncall.absence import Absence
from tocsin.domain.oncall.coverage import examine
from tocsin.domain.oncall.finding import Facts, Finding, MethodFacts, PersonFacts, PolicyFacts
from tocsin.domain.oncall.finding_words import Names, advice, sentence
from tocsin.domain.oncall.policy import Level, Policy, Target
from tocsin.domain.oncall.schedule import Layer, Override, Restriction, Schedule, TurnLayer
from tocsin.domain.oncall.timeline import Timeline

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(days=90)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/UTC")
CONFIGURATIONS = 500
EVER_SINCE = NOW - timedelta(days=400)


class Town(Struct):
    """A generated configuration, as lists that a fault can be planted in."""

    chance: random.Random
    people: dict[str, PersonFacts]
    schedules: list[Schedule]
    policies: list[PolicyFacts]
    away: list[Absence]

    def facts(self) -> Facts:
        """Return it as the guard reads it."""
        timelines = {schedule.id: Timeline(schedule) for schedule in self.schedules}
        return Facts(policies=self.policies, timelines=timelines, people=self.people, away=self.away)

    def findings(self) -> tuple[Finding, ...]:
        """Return what the guard finds."""
        return examine(self.facts(), NOW, UNTIL)


def _person(name: str) -> PersonFacts:
    method = MethodFacts(id=f"M{name}", channel="email", label="Work", usable=True, proven=True, failing=False)
    return PersonFacts(id=name, name=name, methods=(method,), rules=(1, 1))


def _layer(chance: random.Random, key: str, members: tuple[str, ...]) -> Layer:
    begin = EVER_SINCE + timedelta(hours=chance.randrange(24))
    turn_s = chance.choice((86_400, 43_200, 604_800, 3_600 * 8))
    turns = TurnLayer(start_at=begin, end_at=None, virtual_start_at=begin, turn_s=turn_s, members=members)
    return Layer(id=key, name=key, turn_layer=turns)


def _hours(chance: random.Random, key: str, members: tuple[str, ...]) -> Layer:
    """A layer of working hours, far from the hours in which clocks change."""
    opening = Restriction(kind="daily", start_time=time(chance.randrange(6, 12)), length_s=8 * 3600)
    turns = _layer(chance, key, members).turn_layer
    assert turns is not None
    return Layer(id=key, name=key, turn_layer=msgspec.structs.replace(turns, restrictions=(opening,)))


def _schedule(chance: random.Random, key: str, members: tuple[str, ...]) -> Schedule:
    layers = [_layer(chance, f"{key}a", members)]
    if chance.random() < 0.5:
        layers.append(_hours(chance, f"{key}b", members))
    overrides = []
    for number in range(chance.randrange(3)):
        begin = NOW + timedelta(hours=chance.randrange(2000))
        end = begin + timedelta(hours=chance.randrange(1, 30))
        overrides.append(Override(id=f"{key}o{number}", start=begin, end=end, user_id=members[0]))
    return Schedule(
        id=key,
        name=f"Schedule {key}",
        time_zone=chance.choice(ZONES),
        stacked=True,
        layers=tuple(layers),
        overrides=tuple(overrides),
    )


def _level(policy: str, position: int, target: Target) -> Level:
    return Level(f"{policy}L{position}", position, timedelta(minutes=10), "assign_to_everyone", (target,))


def _clean(seed: int) -> Town:
    """A configuration without a fault: every level has somebody at every instant, and never the same person."""
    chance = random.Random(seed)
    people, schedules, policies = {}, [], []
    for number in range(chance.randrange(1, 4)):
        names = [f"P{number}{letter}" for letter in "abcdef"]
        people.update({name: _person(name) for name in names})
        first = _schedule(chance, f"S{number}", tuple(names[: chance.randrange(2, 4)]))
        second = _schedule(chance, f"T{number}", tuple(names[3:]))
        schedules += [first, second]
        levels = (
            _level(f"E{number}", 1, Target("schedule", first.id)),
            _level(f"E{number}", 2, Target("schedule", second.id)),
        )
        policies.append(PolicyFacts(policy=Policy(f"E{number}", f"Policy {number}", 1, levels), services=("Shop",)))
    return Town(chance, people, schedules, policies, [])


def _replace_schedule(town: Town, position: int, schedule: Schedule) -> None:
    town.schedules[position] = schedule


def _members(schedule: Schedule) -> tuple[str, ...]:
    turns = schedule.layers[0].turn_layer
    assert turns is not None
    return tuple(member for member in turns.members if member is not None)


Seen = Callable[[Finding], bool]


def _gap(town: Town) -> Seen:
    """Every layer ends within the ninety days."""
    schedule = town.schedules[0]
    ends = NOW + timedelta(hours=town.chance.randrange(24, 2000))
    layers = []
    for layer in schedule.layers:
        assert layer.turn_layer is not None
        layers.append(msgspec.structs.replace(layer, turn_layer=msgspec.structs.replace(layer.turn_layer, end_at=ends)))
    _replace_schedule(town, 0, msgspec.structs.replace(schedule, layers=tuple(layers), overrides=()))
    return lambda one: one.kind == "gap" and one.schedule_id == schedule.id and one.stretches[0][0] == ends


def _gap_of_a_minute(town: Town) -> Seen:
    """Somebody empties one minute by an override to nobody."""
    schedule = town.schedules[0]
    start = NOW + timedelta(minutes=town.chance.randrange(100, 100_000))
    layer = schedule.layers[0]
    assert layer.turn_layer is not None
    first = msgspec.structs.replace(layer, turn_layer=msgspec.structs.replace(layer.turn_layer, end_at=start))
    later = msgspec.structs.replace(
        layer, id="later", turn_layer=msgspec.structs.replace(layer.turn_layer, start_at=start + timedelta(minutes=1))
    )
    _replace_schedule(town, 0, msgspec.structs.replace(schedule, layers=(first, later), overrides=()))
    wanted = (start, start + timedelta(minutes=1))
    return lambda one: one.kind == "gap" and one.schedule_id == schedule.id and one.stretches == (wanted,)


def _off_hours(town: Town) -> Seen:
    """The weekend is off by design, on the only level: known, and no warning."""
    schedule = town.schedules[0]
    opening = tuple(
        Restriction(kind="weekly", start_day=day, start_time=time(8), length_s=9 * 3600) for day in range(1, 6)
    )
    closing = tuple(
        Restriction(kind="weekly", start_day=day, start_time=time(17), length_s=(15 if day < 5 else 63) * 3600)
        for day in range(1, 6)
    )
    turns = schedule.layers[0].turn_layer
    assert turns is not None
    layer = Layer(id="office", name="office", turn_layer=msgspec.structs.replace(turns, restrictions=opening))
    changed = msgspec.structs.replace(
        schedule, time_zone="Asia/Kolkata", layers=(layer,), overrides=(), off_hours=closing
    )
    _replace_schedule(town, 0, changed)
    policy = town.policies[0].policy
    alone = msgspec.structs.replace(policy, levels=policy.levels[:1])
    town.policies[0] = msgspec.structs.replace(town.policies[0], policy=alone)
    return lambda one: one.kind == "off_hours" and one.policy_id == policy.id


def _empty_level(town: Town) -> Seen:
    """The first level names somebody who cannot be reached."""
    policy = town.policies[0].policy
    town.people["Lost"] = PersonFacts(id="Lost", name="Lost")
    levels = (_level(policy.id, 1, Target("user", "Lost")), *policy.levels[1:])
    town.policies[0] = msgspec.structs.replace(town.policies[0], policy=msgspec.structs.replace(policy, levels=levels))
    return lambda one: one.kind == "empty_level" and one.policy_id == policy.id and one.level == 1


def _nobody(town: Town) -> Seen:
    """A policy whose only level names a schedule that was never filled."""
    empty = Schedule(id="Empty", name="Empty", time_zone="Europe/Berlin", stacked=True)
    town.schedules.append(empty)
    levels = (_level("EX", 1, Target("schedule", empty.id)),)
    town.policies.append(PolicyFacts(policy=Policy("EX", "On nobody", 0, levels)))
    return lambda one: one.kind == "nobody" and one.policy_id == "EX" and one.stretches == ((NOW, UNTIL),)


def _unreachable(town: Town) -> Seen:
    """A member of a rotation has no contact method that can be used."""
    name = _members(town.schedules[0])[-1]
    off = msgspec.structs.replace(town.people[name].methods[0], usable=False)
    town.people[name] = msgspec.structs.replace(town.people[name], methods=(off,), rules=(0, 0))
    return lambda one: one.kind == "unreachable_person" and one.user_id == name


def _no_rule(town: Town) -> Seen:
    """A member has no rule for urgent things."""
    name = _members(town.schedules[-1])[0]
    town.people[name] = msgspec.structs.replace(town.people[name], rules=(0, 1))
    return lambda one: one.kind == "no_notification_rule" and one.user_id == name


def _unproven(town: Town) -> Seen:
    """No message has ever arrived at a member's only address."""
    name = _members(town.schedules[-1])[0]
    fresh = msgspec.structs.replace(town.people[name].methods[0], proven=False)
    town.people[name] = msgspec.structs.replace(town.people[name], methods=(fresh,))
    return lambda one: one.kind == "unproven_method" and one.user_id == name


def _failing(town: Town) -> Seen:
    """The last messages to a member did not arrive."""
    name = _members(town.schedules[0])[0]
    broken = msgspec.structs.replace(town.people[name].methods[0], failing=True)
    town.people[name] = msgspec.structs.replace(town.people[name], methods=(broken,))
    return lambda one: one.kind == "failing_method" and one.user_id == name


def _two_levels(town: Town) -> Seen:
    """The second level takes in a person of the first."""
    policy = town.policies[0].policy
    name = _members(town.schedules[0])[0]
    second = msgspec.structs.replace(policy.levels[1], targets=(*policy.levels[1].targets, Target("user", name)))
    changed = msgspec.structs.replace(policy, levels=(policy.levels[0], second))
    town.policies[0] = msgspec.structs.replace(town.policies[0], policy=changed)
    return lambda one: one.kind == "two_levels" and (one.user_id, one.level, one.other_level) == (name, 1, 2)


def _removed(town: Town) -> Seen:
    """A member has left."""
    name = _members(town.schedules[0])[0]
    town.people[name] = msgspec.structs.replace(town.people[name], removed=True)
    return lambda one: one.kind == "removed_person" and one.user_id == name


def _absent(town: Town) -> Seen:
    """A member goes away for a fortnight and is on call in it."""
    schedule = town.schedules[0]
    shift = town.chance.choice(Timeline(schedule).final(NOW + timedelta(days=1), UNTIL))
    assert shift.user_id is not None
    town.away.append(Absence(id="A", user_id=shift.user_id, start=shift.start, end=shift.start + timedelta(days=14)))
    name = shift.user_id
    return lambda one: (
        one.kind == "absent_on_call"
        and (one.schedule_id, one.user_id) == (schedule.id, name)
        and one.stretches[0][0] == shift.start
    )


def _one_person(town: Town) -> Seen:
    """A policy that hangs on one person."""
    town.people["Solo"] = _person("Solo")
    levels = (_level("EY", 1, Target("user", "Solo")),)
    town.policies.append(PolicyFacts(policy=Policy("EY", "Solo", 0, levels)))
    return lambda one: one.kind == "one_person" and one.user_id == "Solo"


FAULTS = (
    _gap,
    _gap_of_a_minute,
    _off_hours,
    _empty_level,
    _nobody,
    _unreachable,
    _no_rule,
    _unproven,
    _failing,
    _two_levels,
    _removed,
    _absent,
    _one_person,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.lstrip("_"))
def test_every_planted_fault_is_found(fault: Callable[[Town], Seen]) -> None:
    for seed in range(CONFIGURATIONS // len(FAULTS) + 1):
        town = _clean(seed)
        seen = fault(town)
        found = town.findings()
        assert any(seen(one) for one in found), (seed, found)


def test_five_hundred_clean_configurations_are_quiet() -> None:
    for seed in range(CONFIGURATIONS):
        loud = [one for one in _clean(seed).findings() if one.verdict != "note"]
        assert not loud, (seed, loud)


def test_off_hours_that_are_meant_are_no_warning() -> None:
    town = _clean(7)
    _off_hours(town)
    assert not [one for one in town.findings() if one.verdict != "note"]


def test_the_worst_and_soonest_comes_first_and_reads_as_a_sentence() -> None:
    town = _clean(3)
    _two_levels(town)
    _nobody(town)
    found = town.findings()
    assert found[0].kind == "nobody"
    names = Names(policy=lambda _: "Payments", schedule=lambda _: "Nights", user=lambda _: "Ada")
    says = sentence(found[0], names)
    assert says.startswith("Payments calls nobody from Tue 2026-11-24 12:00 to ")
    assert "(Etc/UTC)" in says
    assert advice(found[0])


def test_a_window_in_the_hour_that_spring_skips_is_told() -> None:
    """Twenty minutes at two in the morning: on the fourth of April that time does not come in Lord Howe."""
    window = Restriction(kind="daily", start_time=time(2, 5), length_s=20 * 60)
    turns = TurnLayer(
        start_at=EVER_SINCE,
        end_at=None,
        virtual_start_at=EVER_SINCE,
        turn_s=86_400,
        members=("A",),
        restrictions=(window,),
    )
    layers = (Layer(id="L", name="Backups", turn_layer=turns),)
    schedule = Schedule(id="S", name="S", time_zone="Australia/Lord_Howe", stacked=True, layers=layers)
    policy = Policy("E", "E", 0, (_level("E", 1, Target("schedule", "S")),))
    facts = Facts(
        policies=[PolicyFacts(policy=policy)], timelines={"S": Timeline(schedule)}, people={"A": _person("A")}
    )
    begin = datetime(2026, 9, 1, tzinfo=UTC)
    found = examine(facts, begin, begin + timedelta(days=90))
    lost = [one for one in found if one.kind == "lost_window"]
    assert [(one.subject, one.stretches[0][0]) for one in lost] == [
        ("Backups", datetime(2026, 10, 3, 15, 30, tzinfo=UTC))
    ]
    changes = [one for one in found if one.kind == "clock_change"]
    assert [(one.subject, one.total_s) for one in changes] == [("Australia/Lord_Howe", 1800)]


def test_each_change_of_the_clocks_is_told_once_for_each_zone() -> None:
    for seed in range(40):
        town = _clean(seed)
        zones = {schedule.time_zone for schedule in town.schedules}
        told = {
            one.subject for one in examine(town.facts(), NOW, NOW + timedelta(days=220)) if one.kind == "clock_change"
        }
        assert told == {zone for zone in zones if zone in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")}
