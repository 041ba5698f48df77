"""Simulation: everything that would happen to an incident, told by the rules that decide about real ones."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Final, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from tocsin.domain.incidents.agent import Agent
from tocsin.domain.incidents.decision import Decision, Page
from tocsin.domain.incidents.incident import DUE_ORDER, Situation, Status, Terms
from tocsin.domain.incidents.moves import decide, open_incident
from tocsin.domain.incidents.order import Due, Opening, Order, Unreachable
from tocsin.domain.incidents.timeline import Entry, EntryKind
from tocsin.domain.oncall.crew import Crew, Person
from tocsin.domain.oncall.policy import Policy, Target
from tocsin.domain.oncall.timeline import Timeline

MOST_STEPS: Final = 2000  # the longest policy makes 200 calls; answers and timeouts add few
SOMEBODY: Final = Agent("system", "SIMULATION", "Somebody")  # who reports a problem that no event tells of
UNREACHED: Final = "no provider took any page of this round"

EndKind = Literal["acknowledged", "resolved", "exhausted", "nobody", "begins_anew", "horizon"]


class World(Struct, kw_only=True):
    """Everything beside the incident that decides who is told: people, schedules, and what is left when all fails.

    `turns` counts the calls of each round-robin level so far, and moves on while a simulation runs. `carried` are the
    channels that have a provider; None means that all have.
    """

    people: Mapping[str, Person]
    timelines: Mapping[str, Timeline]
    fallbacks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    turns: dict[str, int] = field(default_factory=dict)
    carried: frozenset[str] | None = None

    def behind(self, target: Target, at: datetime) -> tuple[str, ...]:
        """Return who answers for a target at an instant."""
        if target.kind == "user":
            return (target.id,)
        timeline = self.timelines.get(target.id)
        return timeline.who(at) if timeline is not None else ()

    def crew_at(self, plan: Policy, at: datetime) -> Crew:
        """Return who can be called by this plan at an instant."""
        targets = {target for level in plan.levels for target in level.targets}
        on_call = {target: self.behind(target, at) for target in targets}
        return Crew(self.people, on_call, self.fallbacks, self.turns, set(), {})

    def carries(self, channel: str) -> bool:
        """Say whether messages of this channel leave the house."""
        return self.carried is None or channel in self.carried


class Step(Struct, frozen=True, kw_only=True):
    """What one decision did: its log entries, and the round of the pages that it wrote if it wrote any.

    `order` counts steps and rings together, because several may share an instant.
    """

    at: datetime
    order: int
    entries: tuple[Entry, ...]
    round: int | None
    assignees: tuple[str, ...]


class Ring(Struct, frozen=True, kw_only=True):
    """A page that is due: it leaves, or fails because no provider carries its channel."""

    at: datetime
    order: int
    page: Page
    sent: bool


class CalledOff(Struct, frozen=True, kw_only=True):
    """A page that never leaves, because something happened first; `at` is when that was."""

    at: datetime
    page: Page
    why: str


class End(Struct, frozen=True, kw_only=True):
    """Where it ends: what has happened last, and who has the incident then."""

    kind: EndKind
    at: datetime
    assignees: tuple[str, ...]


class Course(Struct, frozen=True, kw_only=True):
    """Everything that would happen, in order."""

    began_at: datetime
    plan: Policy
    steps: tuple[Step, ...]
    rings: tuple[Ring, ...]
    called_off: tuple[CalledOff, ...]
    end: End


class Simulation:
    """One incident under a virtual clock; the same moves decide about it as about real ones, and nothing is written."""

    def __init__(self, world: World) -> None:
        """Begin in this world, with no incident yet."""
        self._world = world
        self._ids = count(1)
        self._order = count(1)
        self._situation: Situation | None = None
        self._pending: list[Page] = []
        self._reached: set[int] = set()
        self._steps: list[Step] = []
        self._rings: list[Ring] = []
        self._called_off: list[CalledOff] = []

    def open(self, opening: Opening, *, plan: Policy, terms_at: tuple[Terms, datetime]) -> None:
        """Open an incident as an event would, by the service's terms, at an instant."""
        terms, at = terms_at
        crew = self._world.crew_at(plan, at)
        surroundings = (crew, at, self._new_id)
        self._keep(open_incident(opening, "", terms=terms, plan=plan, surroundings=surroundings))

    def resume(self, situation: Situation, pages: Sequence[Page], *, reached: bool) -> None:
        """Go on from a real incident and its pages that have not left; `reached` says that its round told somebody."""
        self._situation = replace(situation, incident=replace(situation.incident), timers=dict(situation.timers))
        self._pending = list(pages)
        if reached:
            self._reached.add(situation.incident.round)

    def run(self, orders: Sequence[tuple[datetime, Order]], *, since: datetime, until: datetime) -> Course:
        """Let everything happen that is due until an instant, and the orders at theirs; call it once.

        At the same instant an order comes first, then timers, then pages: the engine's loops run side by side, so this
        is the way in which fewer people are told.
        """
        waiting = sorted(orders, key=lambda given: given[0])
        end: End | None = None
        at = since
        while end is None:
            upcoming = self._next_at(waiting)
            if upcoming is None:
                end = self._ended(at)
            elif upcoming > until or len(self._steps) > MOST_STEPS:
                end = self._end("horizon", until)
            else:
                at = max(at, upcoming)
                while waiting and waiting[0][0] <= at:
                    self._act(at, [waiting.pop(0)[1]])
                self._let_happen(at)
                self._let_leave(at)
                if self._begins_anew():
                    end = self._end("begins_anew", at)
        return Course(
            began_at=since,
            plan=self._known.plan,
            steps=tuple(self._steps),
            rings=tuple(self._rings),
            called_off=tuple(self._called_off),
            end=end,
        )

    @property
    def _known(self) -> Situation:
        if self._situation is None:
            raise RuntimeError("a simulation begins with an incident")
        return self._situation

    def _new_id(self) -> str:
        return f"R{next(self._ids)}"

    def _next_at(self, waiting: Sequence[tuple[datetime, Order]]) -> datetime | None:
        """Return the next instant at which anything happens, or None."""
        instants = [page.due_at for page in self._pending]
        if self._known.open:
            instants += self._known.timers.values()
        instants += [given_at for given_at, _ in waiting[:1]]
        return min(instants, default=None)

    def _act(self, at: datetime, orders: Sequence[Order]) -> None:
        crew = self._world.crew_at(self._known.plan, at)
        decision = Decision.on(self._known, crew, at, self._new_id)
        for order in orders:
            decide(decision, order)
        self._keep(decision)

    def _let_happen(self, at: datetime) -> None:
        """Let the timers happen that are due, in one decision as the engine does."""
        timers = self._known.timers
        due = [Due(kind) for kind in DUE_ORDER if kind in timers and timers[kind] <= at]
        if due:
            self._act(at, due)

    def _let_leave(self, at: datetime) -> None:
        """Let the pages leave that are due; where none of a round can, call the next people at once."""
        due = [page for page in self._pending if page.due_at <= at]
        self._pending = [page for page in self._pending if page.due_at > at]
        for page in sorted(due, key=lambda page: (page.rank, page.due_at)):
            sent = self._world.carries(page.channel)
            self._rings.append(Ring(at=at, order=next(self._order), page=page, sent=sent))
            if sent:
                self._reached.add(page.round)
            else:
                self._hurry(page, at)
        if any(not self._world.carries(page.channel) for page in due):
            self._answer_silence(at)

    def _hurry(self, failed: Page, at: datetime) -> None:
        """Make the next page of a person due at once, because the one before it failed."""
        theirs = [
            index
            for index, page in enumerate(self._pending)
            if (page.user_id, page.round) == (failed.user_id, failed.round)
        ]
        if theirs:
            first = min(theirs, key=lambda index: self._pending[index].due_at)
            page = self._pending[first]
            self._pending[first] = replace(page, due_at=min(page.due_at, at))

    def _answer_silence(self, at: datetime) -> None:
        incident = self._known.incident
        left = any(page.round == incident.round for page in self._pending)
        if incident.status is Status.TRIGGERED and not left and incident.round not in self._reached:
            self._act(at, [Unreachable(incident.round, UNREACHED)])

    def _keep(self, decision: Decision) -> None:
        """Take over what was decided, as writing it would."""
        if decision.pages_recalled is not None:
            why, at = decision.pages_recalled, decision.now
            self._called_off += [CalledOff(at=at, page=page, why=why) for page in self._pending]
            self._pending = []
        self._pending += decision.pages
        self._situation = Situation(
            decision.incident,
            decision.plan,
            decision.terms,
            decision.assignees,
            decision.acknowledgements,
            dict(decision.timers),
        )
        self._steps.append(
            Step(
                at=decision.now,
                order=next(self._order),
                entries=tuple(decision.entries),
                round=decision.pages[0].round if decision.pages else None,
                assignees=decision.assignees,
            )
        )

    def _begins_anew(self) -> bool:
        """Say whether nobody could be reached by the whole plan, so that all that was repeats itself."""
        return bool(self._steps) and any(
            entry.kind is EntryKind.REPEAT_ESCALATION_PATH and "nobody_reached" in entry.body
            for entry in self._steps[-1].entries
        )

    def _ended(self, at: datetime) -> End:
        status = self._known.incident.status
        if status is Status.TRIGGERED:
            return self._end("exhausted" if self._known.assignees else "nobody", at)
        return self._end("acknowledged" if status is Status.ACKNOWLEDGED else "resolved", at)

    def _end(self, kind: EndKind, at: datetime) -> End:
        return End(kind=kind, at=at, assignees=self._known.assignees)
