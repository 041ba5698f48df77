"""Proposals: on small cases as even as the best order there is, with rest and nights kept and nobody away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise, product
from math import prod
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tocsin.domain.oncall.load import Weights, Worker
from tocsin.domain.oncall.proposal import Proposal, Question, Rules, propose
from tocsin.domain.oncall.proposal_search import FEW_ORDERS, Person, Puzzle, Turn, searched
from tocsin.domain.oncall.proposal_turns import OpenTurn, open_turns
from tocsin.domain.oncall.schedule import (
    ByCalendar,
    ByShift,
    Layer,
    Pattern,
    Restriction,
    Schedule,
    Shift,
    Source,
    TurnLayer,
)
from tocsin.domain.oncall.timeline import Timeline

ZONE = ZoneInfo("Etc/UTC")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def _turn(number: int, holder: str, *, hours: int = 24) -> OpenTurn:
    start = MONDAY + number * DAY
    return OpenTurn(key=f"t{number}", layer_id="L", holder=holder, parts=((start, start + timedelta(hours=hours)),))


def _question(
    turns: tuple[OpenTurn, ...],
    members: str,
    *,
    base: dict[str, int] | None = None,
    absences: dict[str, list[tuple[datetime, datetime]]] | None = None,
    fixed: dict[str, list[tuple[datetime, datetime]]] | None = None,
    nights: int = 31,
    rest: int = 0,
) -> Question:
    return Question(
        turns=turns,
        members=tuple(Worker(member, ZONE) for member in members),
        base=base or {},
        fixed=fixed or {},
        absences=absences or {},
        weights=Weights(),
        rules=Rules(nights, timedelta(hours=rest)),
    )


def _who(proposal: Proposal) -> str:
    return "".join(choice.user_id for choice in proposal.choices)


def test_whoever_had_little_gets_more() -> None:
    turns = tuple(_turn(number, "A") for number in range(4))
    proposal = propose(_question(turns, "AB", base={"A": 100 * 3600 * 170}))
    assert _who(proposal) == "BBBB"
    assert proposal.before["A"] > proposal.after["A"] == 100 * 3600 * 170
    assert (proposal.broken, proposal.proven) == ((), False)


def test_a_fair_order_is_left_alone() -> None:
    turns = (_turn(0, "A"), _turn(1, "B"), _turn(2, "A"), _turn(3, "B"))
    assert _who(propose(_question(turns, "AB"))) == "ABAB"


def test_nobody_is_asked_while_away() -> None:
    turns = tuple(_turn(number, "A") for number in range(3))
    away = {"A": [(MONDAY + DAY + timedelta(hours=5), MONDAY + DAY + timedelta(hours=6))]}
    assert _who(propose(_question(turns, "AB", absences=away)))[1] == "B"


def test_when_everybody_is_away_the_turn_stays_and_that_is_told() -> None:
    away = {member: [(MONDAY, MONDAY + DAY)] for member in "AB"}
    proposal = propose(_question((_turn(0, "A"), _turn(1, "A")), "AB", absences=away))
    assert _who(proposal)[0] == "A"
    assert [(each.rule, each.user_id, each.measure) for each in proposal.broken] == [("absent", "A", 2)]


def test_rest_between_turns_is_kept() -> None:
    turns = tuple(_turn(number, "A") for number in range(4))
    proposal = propose(_question(turns, "AB", rest=12))
    assert _who(proposal) in ("ABAB", "BABA")


def test_a_shift_elsewhere_in_the_schedule_counts_for_rest() -> None:
    fixed = {"B": [(MONDAY - DAY, MONDAY)]}
    assert _who(propose(_question((_turn(0, "B"),), "AB", fixed=fixed, rest=1))) == "A"


def test_too_many_nights_that_cannot_be_avoided_are_told() -> None:
    proposal = propose(_question(tuple(_turn(number, "A") for number in range(3)), "A", nights=2))
    assert proposal.proven
    assert [(each.rule, each.user_id, each.measure) for each in proposal.broken] == [("nights", "A", 3)]
    short = propose(_question(tuple(_turn(number, "A") for number in range(2)), "A", rest=8))
    assert [(each.rule, each.at, each.measure) for each in short.broken] == [("rest", MONDAY + DAY, 0)]


def test_somebody_who_is_no_member_any_more_hands_everything_on() -> None:
    proposal = propose(_question((_turn(0, "X"), _turn(1, "X")), "AB"))
    assert sorted(_who(proposal)) == ["A", "B"]
    assert set(proposal.before) == {"A", "B"}


def _shift(user: str | None, start: int, end: int, turn: str, *, kind: str = "layer") -> Shift:
    source = Source(kind="layer", layer_id="L") if kind == "layer" else Source(kind="override", override_id="O")
    return Shift(
        start=MONDAY + timedelta(hours=start), end=MONDAY + timedelta(hours=end), user_id=user, source=source, turn=turn
    )


def test_open_turns_are_whole_single_and_of_their_layer() -> None:
    shifts = [
        _shift("A", -4, 4, "before"),
        _shift("A", 4, 8, "cut"),
        _shift("B", 8, 10, "cut", kind="override"),
        _shift("A", 10, 12, "cut"),
        _shift("A", 12, 16, "both"),
        _shift("B", 12, 16, "both"),
        _shift("A", 20, 30, "after"),
        _shift(None, 16, 20, "nobody"),
    ]
    turns, fixed = open_turns(shifts, [Layer(id="L")], (MONDAY, MONDAY + DAY), time_zone="Etc/UTC")
    assert [(turn.key, len(turn.parts), turn.holder) for turn in turns] == [("cut", 2, "A")]
    assert sorted(shift.turn for shift in fixed) == ["after", "before", "both", "both", "cut", "nobody"]
    assert open_turns(shifts, [Layer(id="M")], (MONDAY, MONDAY + DAY), time_zone="Etc/UTC")[0] == ()


NIGHTLY = Restriction(kind="daily", start_time=time(20), length_s=12 * 3600)
RESTRICTED = Layer(
    id="L",
    turn_layer=TurnLayer(
        start_at=MONDAY,
        end_at=None,
        virtual_start_at=MONDAY,
        turn_s=7 * 86_400,
        members=("A", "B"),
        restrictions=(NIGHTLY,),
    ),
)


def _pattern(turns: ByCalendar | ByShift) -> Layer:
    nightly = Pattern(
        id="P",
        name="",
        time_zone="Etc/UTC",
        begin_on=MONDAY.date(),
        begin_time=time(20),
        length_s=12 * 3600,
        recurrence=("RRULE:FREQ=DAILY",),
        effective_since=MONDAY,
        effective_until=None,
        members=("A", "B"),
        turns=turns,
    )
    return Layer(id="L", patterns=(nightly,))


@pytest.mark.parametrize(
    "layer",
    [
        RESTRICTED,
        _pattern(ByShift(shifts_per_member=7)),
        _pattern(ByCalendar(begin_on=MONDAY.date(), begin_time=time(), turn_s=7 * 86_400)),
    ],
)
def test_a_week_of_nights_is_one_turn(layer: Layer) -> None:
    schedule = Schedule(id="S", name="S", time_zone="Etc/UTC", stacked=True, layers=(layer,))
    shifts = Timeline(schedule).final(MONDAY, MONDAY + 35 * DAY, whole=True)
    turns, fixed = open_turns(shifts, [layer], (MONDAY + DAY, MONDAY + 22 * DAY), time_zone="Etc/UTC")
    assert [turn.holder for turn in turns] == ["B", "A"]
    assert all(7 <= len(turn.parts) <= 8 for turn in turns)
    assert len(fixed) >= 7


_CASES = some.tuples(
    some.integers(1, 5),  # people
    some.integers(1, 6),  # turns
    some.integers(1, 4),  # the most nights that may follow one another
    some.sampled_from((0, 6, 12, 30)),  # hours of rest
    some.sampled_from((10, 12, 24)),  # hours of a turn
)


@settings(deadline=None, max_examples=60)
@given(case=_CASES, data=some.data())
def test_as_good_as_the_best_order_there_is(case: tuple[int, int, int, int, int], data: some.DataObject) -> None:
    people, count, nights, rest, length = case
    members = "ABCDE"[:people]
    draw = data.draw
    begins = draw(some.lists(some.sampled_from((0, 8, 20, 24)), min_size=count, max_size=count))
    turns = []
    for number, offset in enumerate(begins):
        start = MONDAY + (number + 3) * DAY + timedelta(hours=offset)
        holder = draw(some.sampled_from(members))
        turns.append(
            OpenTurn(key=f"{number}", layer_id="L", holder=holder, parts=((start, start + timedelta(hours=length)),))
        )
    turns.sort(key=lambda turn: turn.start)
    absences = {
        member: [(MONDAY + day * DAY, MONDAY + (day + 1) * DAY)]
        for member in members
        if (day := draw(some.integers(0, 20))) < 10
    }
    base = {member: draw(some.integers(0, 60)) * 360_000 for member in members}
    question = _question(tuple(turns), members, base=base, absences=absences, nights=nights, rest=rest)
    proposal = propose(question)
    assert [choice.turn for choice in proposal.choices] == turns
    allowed = [[member for member in members if not _away(turn, absences.get(member, []))] for turn in turns]
    for choice, fitting in zip(proposal.choices, allowed, strict=True):
        assert choice.user_id in (fitting or [choice.turn.holder])
    best = _best(question, [fitting or [turn.holder] for fitting, turn in zip(allowed, turns, strict=True)])
    rules_broken = [each for each in proposal.broken if each.rule != "absent"]
    if best is None:
        assert rules_broken
        assert proposal.proven
        return
    assert rules_broken == []
    assert _spread(proposal.after) <= best * 1.05


def _away(turn: OpenTurn, absences: list[tuple[datetime, datetime]]) -> bool:
    return any(turn.start < end and start < turn.end for start, end in absences)


def _spread(loads: Mapping[str, int]) -> int:
    values = list(loads.values())
    return len(values) * sum(load * load for load in values) - sum(values) ** 2


def _best(question: Question, allowed: list[list[str]]) -> int | None:
    """The smallest spread of any order that keeps the rules, found by looking at all; None when there is none."""
    best: int | None = None
    for who in product(*allowed):
        if all(_keeps(question, [t for t, w in zip(question.turns, who, strict=True) if w == m]) for m in set(who)):
            spread = _spread(_loads(question, who))
            best = spread if best is None else min(best, spread)
    return best


def _keeps(question: Question, turns: list[OpenTurn]) -> bool:
    """An independent reading of the rules, hour by hour."""
    for before, after in pairwise(turns):
        if after.start - before.end < question.rules.rest:
            return False
    nights: dict[int, int] = {}
    for turn in turns:
        at = turn.start
        while at < turn.end:
            if at.hour >= 22 or at.hour < 8:
                evening = (at - timedelta(hours=8)).toordinal()
                nights[evening] = nights.get(evening, 0) + 1
            at += timedelta(hours=1)
    had = {evening for evening, hours in nights.items() if hours >= 5}
    return not any(all(first + step in had for step in range(question.rules.most_nights + 1)) for first in had)


def _loads(question: Question, who: tuple[str, ...]) -> dict[str, int]:
    loads = {worker.id: question.base.get(worker.id, 0) for worker in question.members}
    for turn, user in zip(question.turns, who, strict=True):
        at = turn.start
        while at < turn.end:
            night, weekend = at.hour >= 22 or at.hour < 8, at.weekday() >= 5
            weight = 200 if night or weekend else 150 if at.hour >= 18 else 100
            loads[user] += 3600 * weight
            at += timedelta(hours=1)
    return loads


@pytest.mark.parametrize("seed", range(4))
def test_the_search_comes_close_where_there_are_too_many_orders_to_look_at_all(seed: int) -> None:
    chance = Random(seed)
    turns = [
        Turn(
            parts=[(24 * number + 8 * chance.randrange(3), 24 * number + 32)],
            loads=[chance.choice((10, 15, 20, 24, 36, 48))] * 6,
            nights=[frozenset({number})] * 6,
            allowed=[person for person in range(6) if person != number],
        )
        for number in range(6)
    ]
    people = [Person(base=chance.randrange(60), busy=[], nights=frozenset()) for _ in range(6)]
    puzzle = Puzzle(turns=turns, people=people, members=6, rest=12, most_nights=2)
    orders = [turn.allowed for turn in turns]
    assert prod(len(allowed) for allowed in orders) < FEW_ORDERS
    doubled = Puzzle(
        turns=[*turns, Turn(parts=[(999, 1000)], loads=[0] * 6, nights=[frozenset()] * 6, allowed=[0, 1])],
        people=people,
        members=6,
        rest=12,
        most_nights=2,
    )
    exact = puzzle.spread(searched(puzzle, [1, 2, 3, 4, 5, 0]).who)
    close = doubled.spread(searched(doubled, [1, 2, 3, 4, 5, 0, 0]).who)
    assert exact <= close <= exact * 1.05


def test_a_half_year_of_daily_turns_among_twelve_is_evened_out() -> None:
    turns = [
        Turn(
            parts=[(number * 86_400, (number + 1) * 86_400)],
            loads=[100 + 50 * (number % 7 > 4)] * 12,
            nights=[frozenset({number})] * 12,
            allowed=[person for person in range(12) if (number + person) % 5],
        )
        for number in range(180)
    ]
    people = [Person(base=person * 90, busy=[], nights=frozenset()) for person in range(12)]
    puzzle = Puzzle(turns=turns, people=people, members=12, rest=86_400, most_nights=3)
    holders = [turn.allowed[0] for turn in turns]
    found = searched(puzzle, holders)
    assert puzzle.faults_in(found.who) == 0
    loads = [puzzle.load_of(person, found.who) for person in range(12)]
    assert max(loads) - min(loads) <= 60
    assert searched(puzzle, holders).who == found.who
