"""The search behind proposals: the most even way to hand out turns that keeps rest and nights, found in fixed steps."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import prod

from msgspec import Struct

FEW_ORDERS = 16_000  # six turns among five people: so many are all looked at, within half a second
MOST_STEPS = 50_000  # turns laid and taken back, for all of few orders or for the first of many
MOST_TRIES = 100_000  # changes tried in all: about two seconds
MOST_ROUNDS = 100  # fresh beginnings; with a third as many, one case in forty is a tenth worse than the best order
SMALL = 64  # turns times people, up to which two turns at once are given to any two people

_MULTIPLIER, _INCREMENT, _MODULUS = 6364136223846793005, 1442695040888963407, 2**64  # Knuth's MMIX generator


class Turn(Struct, frozen=True, kw_only=True):
    """A turn in numbers: its parts in seconds, and for each person its load, its nights, and who may have it.

    A `stuck` one can be had by nobody but its holder, because everybody is away.
    """

    parts: Sequence[tuple[int, int]]
    loads: Sequence[int]
    nights: Sequence[frozenset[int]]
    allowed: Sequence[int]
    stuck: bool = False


class Person(Struct, frozen=True, kw_only=True):
    """A person in numbers: the load they have anyway, and when and in which nights they are on call anyway."""

    base: int
    busy: Sequence[tuple[int, int]]
    nights: frozenset[int]


class Puzzle(Struct, frozen=True, kw_only=True):
    """Turns to hand out, in order of their start; the first `members` people count for fairness."""

    turns: Sequence[Turn]
    people: Sequence[Person]
    members: int
    rest: int
    most_nights: int

    def load_of(self, person: int, who: Sequence[int]) -> int:
        """Return somebody's load in this order."""
        had = sum(turn.loads[person] for turn, holder in zip(self.turns, who, strict=True) if holder == person)
        return self.people[person].base + had

    def spread(self, who: Sequence[int]) -> int:
        """Return how unevenly this order spreads load: the variance among the members, times their number squared."""
        loads = [self.load_of(person, who) for person in range(self.members)]
        return self.members * sum(load * load for load in loads) - sum(loads) ** 2

    def faults(self, person: int, mine: Sequence[int]) -> int:
        """Return how often rules are broken when somebody has these turns, given in order of their start."""
        return self._short_rests(person, mine) + self._long_runs(person, mine)

    def faults_in(self, who: Sequence[int]) -> int:
        """Return how often this order breaks rules."""
        return sum(
            self.faults(person, [index for index, holder in enumerate(who) if holder == person])
            for person in range(self.members)
        )

    def _short_rests(self, person: int, mine: Sequence[int]) -> int:
        spans = [(start, end, -1) for start, end in self.people[person].busy]
        spans += [(start, end, each) for each in mine for start, end in self.turns[each].parts]
        spans.sort()
        return sum(
            before != after and start - end < self.rest for (_, end, before), (start, _, after) in pairwise(spans)
        )

    def _long_runs(self, person: int, mine: Sequence[int]) -> int:
        fixed = self.people[person].nights
        nights = fixed.union(*(self.turns[each].nights[person] for each in mine))
        return _excess(nights, self.most_nights) - _excess(fixed, self.most_nights)


class Found(Struct, frozen=True):
    """The order found; `proven` says that no order at all keeps every rule."""

    who: list[int]
    proven: bool


def searched(puzzle: Puzzle, holders: Sequence[int], *, seed: int = 0) -> Found:
    """Return the best order found: the fewest broken rules, then the smallest spread, then the fewest changes.

    Where there are few orders it looks at all. Else it begins with the order as it is, with the first one that keeps
    all rules, and with more or less shaken copies of the best, and changes one or two turns as long as that helps.
    `seed` picks other shaken copies.
    """
    first, everything = _first_order(puzzle, holders)
    if first is not None and everything:
        return Found(first, proven=False)
    hunt = _Hunt(puzzle, holders)
    for begin in (holders, first or _greedy(puzzle)):
        if all(who in turn.allowed for who, turn in zip(begin, puzzle.turns, strict=True)):
            hunt.improve(begin)
    chance = (seed * _MULTIPLIER + _INCREMENT) % _MODULUS
    for number in range(MOST_ROUNDS):
        if hunt.tries >= MOST_TRIES or hunt.is_perfect:
            break
        begin, chance = _shaken(puzzle, hunt.best, chance, one_in=1 + number % 3)
        hunt.improve(begin)
    return Found(hunt.best, proven=everything)


class _Hunt:
    """The best order so far, and how many changes were tried for it."""

    def __init__(self, puzzle: Puzzle, holders: Sequence[int]) -> None:
        self.tries = 0
        self.best: list[int] = []
        self._worth: tuple[int, int, int] | None = None
        self._puzzle, self._holders = puzzle, holders

    @property
    def is_perfect(self) -> bool:
        """Say whether no order can be better but for its changes: everybody has the same, and all rules are kept."""
        return self._worth is not None and self._worth[:2] == (0, 0)

    def improve(self, begin: Sequence[int]) -> None:
        """Change one or two turns at a time as long as the order gets better, and keep it if it is the best."""
        state = _State(self._puzzle, begin)
        small = len(self._puzzle.turns) * self._puzzle.members <= SMALL
        while self._try_all(state, self._changes(state)) or (small and self._try_all(state, self._pairs())):
            pass
        worth = (state.broken, state.spread, _changed(state.who, self._holders))
        if self._worth is None or worth < self._worth:
            self.best, self._worth = list(state.who), worth

    def _try_all(self, state: "_State", changes: Iterable[dict[int, int]]) -> bool:
        """Try these changes as far as there are tries left, and say whether any made the order better."""
        better = False
        for change in changes:
            if self.tries >= MOST_TRIES:
                return False
            self.tries += 1
            better |= state.try_change(change)
        return better

    def _changes(self, state: "_State") -> Iterator[dict[int, int]]:
        turns = self._puzzle.turns
        for index, turn in enumerate(turns):
            yield from ({index: person} for person in turn.allowed if person != state.who[index])
        for one in range(len(turns)):
            for other in range(one + 1, len(turns)):
                first, second = state.who[one], state.who[other]
                if first != second and second in turns[one].allowed and first in turns[other].allowed:
                    yield {one: second, other: first}

    def _pairs(self) -> Iterator[dict[int, int]]:
        turns = self._puzzle.turns
        for one in range(len(turns)):
            for other in range(one + 1, len(turns)):
                for first in turns[one].allowed:
                    yield from ({one: first, other: second} for second in turns[other].allowed)


class _State:
    """An order with its loads and faults, kept up to date while it changes."""

    def __init__(self, puzzle: Puzzle, who: Sequence[int]) -> None:
        self.who = list(who)
        self._puzzle = puzzle
        self._loads = [puzzle.load_of(person, who) for person in range(len(puzzle.people))]
        self._mine = [[i for i, holder in enumerate(who) if holder == p] for p in range(len(puzzle.people))]
        self._faults = [puzzle.faults(p, self._mine[p]) if p < puzzle.members else 0 for p in range(len(puzzle.people))]
        self.broken = sum(self._faults)
        self.spread = puzzle.spread(who)

    def try_change(self, change: dict[int, int]) -> bool:
        """Make the change if fewer rules are broken by it, or as few and load is spread more evenly."""
        loads = self._loads_after(change)
        spread = self._spread_after(loads)
        if self.broken == 0 and spread >= self.spread:
            return False
        mine = {person: self._mine_after(person, change) for person in loads}
        faults = {p: self._puzzle.faults(p, held) if p < self._puzzle.members else 0 for p, held in mine.items()}
        broken = self.broken + sum(count - self._faults[person] for person, count in faults.items())
        if (broken, spread) >= (self.broken, self.spread):
            return False
        for index, person in change.items():
            self.who[index] = person
        for person, load in loads.items():
            self._loads[person], self._mine[person], self._faults[person] = load, mine[person], faults[person]
        self.broken, self.spread = broken, spread
        return True

    def _loads_after(self, change: dict[int, int]) -> dict[int, int]:
        loads: dict[int, int] = {}
        for index, person in change.items():
            turn, before = self._puzzle.turns[index], self.who[index]
            loads[before] = loads.get(before, self._loads[before]) - turn.loads[before]
            loads[person] = loads.get(person, self._loads[person]) + turn.loads[person]
        return loads

    def _spread_after(self, loads: dict[int, int]) -> int:
        members = self._puzzle.members
        everyone = [loads.get(person, self._loads[person]) for person in range(members)]
        return members * sum(load * load for load in everyone) - sum(everyone) ** 2

    def _mine_after(self, person: int, change: dict[int, int]) -> list[int]:
        kept = [index for index in self._mine[person] if index not in change]
        return sorted([*kept, *(index for index, holder in change.items() if holder == person)])


class _Order:
    """An order that is being laid, turn by turn, in which everybody keeps the rules."""

    def __init__(self, puzzle: Puzzle) -> None:
        self.who: list[int] = []
        self._puzzle = puzzle
        self._mine: list[list[int]] = [[] for _ in puzzle.people]
        self._loads = [person.base for person in puzzle.people]

    @property
    def whole(self) -> bool:
        """Say whether every turn has somebody."""
        return len(self.who) == len(self._puzzle.turns)

    def put(self, person: int) -> None:
        """Give the next turn to somebody."""
        index = len(self.who)
        self.who.append(person)
        self._mine[person].append(index)
        self._loads[person] += self._puzzle.turns[index].loads[person]

    def take_back(self) -> None:
        """Take the last turn back."""
        person = self.who.pop()
        self._loads[person] -= self._puzzle.turns[self._mine[person].pop()].loads[person]

    def fitting(self) -> list[int]:
        """Return who can have the next turn without breaking a rule, the one with the smallest load last."""
        if self.whole:
            return []
        index, puzzle = len(self.who), self._puzzle
        turn = puzzle.turns[index]
        found = [p for p in turn.allowed if p >= puzzle.members or not puzzle.faults(p, [*self._mine[p], index])]
        return sorted(found, key=lambda person: (self._loads[person] + turn.loads[person], person), reverse=True)


def _first_order(puzzle: Puzzle, holders: Sequence[int]) -> tuple[list[int] | None, bool]:
    """Return an order that keeps all rules, and whether everything was looked at, so that it is the best or the only.

    Of few orders the best is returned, with the fewest changes among equals; of many the first one that was found.
    """
    few = prod(len(turn.allowed) for turn in puzzle.turns) <= FEW_ORDERS
    order = _Order(puzzle)
    waiting = [order.fitting()]
    best: list[int] | None = None
    worth: tuple[int, int] | None = None
    for _ in range(MOST_STEPS):
        if order.whole:
            this = puzzle.spread(order.who), _changed(order.who, holders)
            if worth is None or this < worth:
                best, worth = list(order.who), this
            if not few:
                return best, False
        if waiting[-1]:
            order.put(waiting[-1].pop())
            waiting.append(order.fitting())
            continue
        waiting.pop()
        if not waiting:
            return best, True
        order.take_back()
    return best, False


def _changed(who: Sequence[int], holders: Sequence[int]) -> int:
    return sum(person != holder for person, holder in zip(who, holders, strict=True))


def _greedy(puzzle: Puzzle) -> list[int]:
    """Return an order in which each turn goes to whom it breaks the fewest rules, then to the lightest."""
    who: list[int] = []
    for index, turn in enumerate(puzzle.turns):
        worth = []
        for person in turn.allowed:
            mine = [each for each, holder in enumerate(who) if holder == person]
            load = puzzle.people[person].base + sum(puzzle.turns[each].loads[person] for each in [*mine, index])
            worth.append((puzzle.faults(person, [*mine, index]), load, person))
        who.append(min(worth)[2])
    return who


def _shaken(puzzle: Puzzle, who: Sequence[int], chance: int, *, one_in: int) -> tuple[list[int], int]:
    """Return a copy in which about one in so many turns went to anybody who may have it, and the next chance."""
    copy = list(who)
    for index, turn in enumerate(puzzle.turns):
        chance = (chance * _MULTIPLIER + _INCREMENT) % _MODULUS
        draw = chance >> 33
        if draw % one_in == 0:
            copy[index] = turn.allowed[(draw // one_in) % len(turn.allowed)]
    return copy, chance


def _excess(nights: frozenset[int], most: int) -> int:
    """Return by how many nights the runs among these are too long, all together."""
    over = run = 0
    before = None
    for night in sorted(nights):
        run = run + 1 if before is not None and night == before + 1 else 1
        over += run > most
        before = night
    return over
