"""Proposals: who should take the coming turns so that load is spread evenly, with rest, and with nobody away."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from tocsin.domain.oncall.hours import HourBook, longest_run, nights_of
from tocsin.domain.oncall.load import Line, Weights, Worker
from tocsin.domain.oncall.proposal_search import Person, Puzzle, Turn, searched
from tocsin.domain.oncall.proposal_turns import OpenTurn
from tocsin.domain.oncall.stretches import Stretch, joined

MOST_TURNS = 400  # of one proposal: half a year of two turns a day, which is searched within seconds
MOST_MEMBERS = 50  # among whom turns are spread; larger circles are several schedules

_MARGIN = timedelta(days=2)  # around what is looked at: a night reaches into the day before and after


class Rules(Struct, frozen=True):
    """What a fair order must keep: nights that may follow one another, and rest between two turns of a person."""

    most_nights: int
    rest: timedelta


class Question(Struct, frozen=True, kw_only=True):
    """What a proposal is asked for.

    `base` is the load in weighted seconds, in hundredths, that each member has anyway: of the past, and of what is
    fixed in the window. `fixed` tells when people are on call besides the open turns, before and after them too.
    """

    turns: tuple[OpenTurn, ...]
    members: tuple[Worker, ...]
    base: Mapping[str, int]
    fixed: Mapping[str, Sequence[Stretch]]
    absences: Mapping[str, Sequence[Stretch]]
    weights: Weights
    rules: Rules
    seed: int = 0


class Broken(Struct, frozen=True):
    """A rule that the order breaks: who, from when, and how much it is.

    `absent` has the number of members who could be asked, `rest` the seconds of rest that are left (below zero when
    two turns overlap), `nights` the nights in a row.
    """

    rule: Literal["absent", "rest", "nights"]
    user_id: str
    at: datetime
    measure: int


class Choice(Struct, frozen=True):
    """An open turn and who should take it."""

    turn: OpenTurn
    user_id: str


class Proposal(Struct, frozen=True, kw_only=True):
    """The order that was found, each person's load before and after, and the rules that it breaks, best none.

    `proven` says that every order was looked at and none keeps all rules.
    """

    choices: tuple[Choice, ...]
    before: Mapping[str, int]
    after: Mapping[str, int]
    broken: tuple[Broken, ...]
    proven: bool = False


def propose(question: Question) -> Proposal:
    """Return the fairest order that was found: the smallest variance of load among the members that keeps all rules.

    It looks in a fixed order and as far as fixed limits, so the same question has the same answer. Nobody is given a
    turn in their absence; a turn for which everybody is away stays with its holder and is told as broken.
    """
    people = [worker.id for worker in question.members]
    people += sorted({turn.holder for turn in question.turns} - set(people))
    puzzle = _puzzle(question, people)
    holders = [people.index(turn.holder) for turn in question.turns]
    found = searched(puzzle, holders, seed=question.seed)
    choices = tuple(Choice(turn, people[who]) for turn, who in zip(question.turns, found.who, strict=True))
    stuck = [turn for turn, reduced in zip(question.turns, puzzle.turns, strict=True) if reduced.stuck]
    shown = range(len(question.members))
    return Proposal(
        choices=choices,
        before={people[each]: puzzle.load_of(each, holders) for each in shown},
        after={people[each]: puzzle.load_of(each, found.who) for each in shown},
        broken=(
            *(Broken("absent", turn.holder, turn.start, len(question.members)) for turn in stuck),
            *_broken(question, choices),
        ),
        proven=found.proven,
    )


def _puzzle(question: Question, people: Sequence[str]) -> Puzzle:
    """Reduce the question to numbers."""
    workers = {worker.id: worker for worker in question.members}
    edges = [edge for turn in question.turns for edge in (turn.start, turn.end)]
    book = HourBook(_second(min(edges) - _MARGIN), _second(max(edges) + _MARGIN))
    turns = [_turn(question, turn, book, people=people) for turn in question.turns]
    return Puzzle(
        turns=turns,
        people=[
            Person(
                base=question.base.get(user_id, 0),
                busy=[(_second(start), _second(end)) for start, end in joined(question.fixed.get(user_id, ()))],
                nights=_fixed_nights(question, workers[user_id]) if user_id in workers else frozenset(),
            )
            for user_id in people
        ],
        members=len(question.members),
        rest=int(question.rules.rest.total_seconds()),
        most_nights=question.rules.most_nights,
    )


def _turn(question: Question, turn: OpenTurn, book: HourBook, *, people: Sequence[str]) -> Turn:
    loads, nights, allowed = [], [], []
    workers = {worker.id: worker for worker in question.members}
    for index, user_id in enumerate(people):
        worker = workers.get(user_id)
        if worker is None:
            loads.append(0)
            nights.append(frozenset[int]())
            continue
        mine = book.of(worker.zone, worker.holidays)
        pieces = [piece for start, end in turn.parts for piece in mine.pieces(_second(start), _second(end))]
        line = Line()
        line.take(pieces, question.weights)
        loads.append(line.load)
        nights.append(frozenset(night.toordinal() for night in nights_of(pieces)))
        if not _meets(turn.parts, question.absences.get(user_id, ())):
            allowed.append(index)
    return Turn(
        parts=[(_second(start), _second(end)) for start, end in turn.parts],
        loads=loads,
        nights=nights,
        allowed=allowed or [people.index(turn.holder)],
        stuck=not allowed,
    )


def _fixed_nights(question: Question, worker: Worker) -> frozenset[int]:
    times = joined(question.fixed.get(worker.id, ()))
    if not times:
        return frozenset()
    mine = HourBook(_second(times[0][0] - _MARGIN), _second(times[-1][1] + _MARGIN)).of(worker.zone, worker.holidays)
    pieces = [piece for start, end in times for piece in mine.pieces(_second(start), _second(end))]
    return frozenset(night.toordinal() for night in nights_of(pieces))


def _broken(question: Question, choices: Sequence[Choice]) -> list[Broken]:
    """Return each rule that somebody's turns break, told by the person and the instant."""
    found: list[Broken] = []
    for worker in question.members:
        turns = [choice.turn for choice in choices if choice.user_id == worker.id]
        found += _short_rests(question, worker.id, turns)
        found += _long_runs(question, worker, turns)
    return found


def _short_rests(question: Question, user_id: str, turns: Sequence[OpenTurn]) -> list[Broken]:
    fixed = [(start, end, "") for start, end in joined(question.fixed.get(user_id, ()))]
    spans = sorted([*fixed, *((start, end, turn.key) for turn in turns for start, end in turn.parts)])
    return [
        Broken("rest", user_id, start, int((start - end).total_seconds()))
        for (_, end, before), (start, _, after) in pairwise(spans)
        if before != after and start - end < question.rules.rest
    ]


def _long_runs(question: Question, worker: Worker, turns: Sequence[OpenTurn]) -> list[Broken]:
    if not turns:
        return []
    times = joined([*question.fixed.get(worker.id, ()), *(part for turn in turns for part in turn.parts)])
    mine = HourBook(_second(times[0][0] - _MARGIN), _second(times[-1][1] + _MARGIN)).of(worker.zone, worker.holidays)
    pieces = [piece for start, end in times for piece in mine.pieces(_second(start), _second(end))]
    nights = nights_of(pieces)
    fixed = _fixed_nights(question, worker)
    found: list[Broken] = []
    run: list[date] = []
    for night in sorted(nights):
        run = [*run, night] if run and (night - run[-1]).days == 1 else [night]
        whole = night + timedelta(days=1) not in nights
        if whole and len(run) > question.rules.most_nights and any(each.toordinal() not in fixed for each in run):
            begins = datetime(run[0].year, run[0].month, run[0].day, 22, tzinfo=worker.zone)
            found.append(Broken("nights", worker.id, begins.astimezone(UTC), longest_run(run)))
    return found


def _meets(parts: Sequence[Stretch], others: Sequence[Stretch]) -> bool:
    return any(start < other_end and other_start < end for start, end in parts for other_start, other_end in others)


def _second(at: datetime) -> int:
    return int(at.timestamp())
