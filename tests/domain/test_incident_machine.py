"""The incident's life: any sequence of events, answers and timers, against a small model that knows nothing of it."""

from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.domain.test_escalation import crew, policy
from tocsin.domain.incidents import order as orders
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.decision import Decision, Page
from tocsin.domain.incidents.incident import Situation, Status, Terms, TimerKind
from tocsin.domain.incidents.moves import decide, open_incident
from tocsin.domain.incidents.order import By
from tocsin.domain.incidents.timeline import EntryKind
from tocsin.ground.errors import Refused, Why

PEOPLE = ("ann", "bo", "cy", "dee")
TOOL = By(Agent("integration", "alertmanager", "Alertmanager"), Via("api"), strict=False)
ACKNOWLEDGEMENT_LASTS = timedelta(minutes=30)
OPEN_AT_MOST = timedelta(hours=9)

PLAN = policy([["ann"], ["bo", "cy"]], repeats=1)
TERMS = Terms("service", "Checkout", ACKNOWLEDGEMENT_LASTS, OPEN_AT_MOST)


def by(user_id: str) -> By:
    """Return an order's giver."""
    return By(Agent("user", user_id, user_id), Via("api"))


class Life(RuleBasedStateMachine):
    """Drives one incident; the model is the fields whose names begin with `model_`."""

    def __init__(self) -> None:
        """Begin at an arbitrary instant."""
        super().__init__()
        self.now = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
        self.ids = count()
        self.away: set[str] = set()
        self.situation: Situation | None = None
        self.pending: list[Page] = []
        self.kinds: list[EntryKind] = []
        self.model_status = "triggered"
        self.model_alerts: set[str] = {"alert-0"}
        self.model_alerts_seen = 1

    def new_id(self) -> str:
        """Return a fresh id for a log entry."""
        return f"entry-{next(self.ids)}"

    def apply(self, decision: Decision) -> None:
        """Store a decision as the database would."""
        if decision.pages_recalled is not None:
            self.pending.clear()
        self.pending.extend(decision.pages)
        self.kinds.extend(entry.kind for entry in decision.entries)
        self.situation = Situation(
            decision.incident,
            decision.plan,
            decision.terms,
            decision.assignees,
            decision.acknowledgements,
            decision.timers,
        )

    def order(self, *wanted: orders.Order) -> Why | None:
        """Give orders; return why they were refused, with nothing changed, or None."""
        assert self.situation is not None
        everybody = crew(PLAN, away=self.away, fallbacks=(("owners", ("dee",)),))
        decision = Decision.on(self.situation, everybody, self.now, self.new_id)
        before = self.situation.incident.status
        try:
            for each in wanted:
                decide(decision, each)
        except Refused as refusal:
            assert self.situation.incident.status is before
            return refusal.why
        self.apply(decision)
        return None

    @initialize(empty_first_level=some.booleans(), urgency=some.sampled_from(["high", "low"]))
    def begin(self, *, empty_first_level: bool, urgency: str) -> None:
        """Open the incident from an event."""
        if empty_first_level:
            self.away.add("ann")
        everybody = crew(PLAN, away=self.away, fallbacks=(("owners", ("dee",)),))
        opening = orders.Opening(TOOL, "Disk full", urgency, "plan-1", alert_id="alert-0", details={})
        self.apply(
            open_incident(opening, "incident", terms=TERMS, plan=PLAN, surroundings=(everybody, self.now, self.new_id))
        )

    @rule(user_id=some.sampled_from(PEOPLE))
    def acknowledge(self, user_id: str) -> None:
        """A person acknowledges."""
        assert self.situation is not None
        mine = any(each.agent_id == user_id for each in self.situation.acknowledgements)
        why = self.order(orders.Acknowledge(by(user_id)))
        if self.model_status == "resolved":
            assert why is Why.ALREADY_RESOLVED
        elif mine:
            assert why is Why.ALREADY_ACKNOWLEDGED
        else:
            assert why is None
            self.model_status = "acknowledged"
            assert user_id in self.situation.assignees

    @rule()
    def tool_acknowledges(self) -> None:
        """A tool's acknowledgement counts while it is triggered, and is let pass in silence otherwise."""
        assert self.order(orders.Acknowledge(TOOL)) is None
        if self.model_status == "triggered":
            self.model_status = "acknowledged"

    @rule(user_id=some.sampled_from(PEOPLE))
    def resolve(self, user_id: str) -> None:
        """A person resolves: all alerts are over."""
        why = self.order(orders.Resolve(by(user_id)))
        assert (why is Why.ALREADY_RESOLVED) == (self.model_status == "resolved")
        self.model_status = "resolved"
        self.model_alerts.clear()

    @precondition(lambda self: self.model_status != "resolved")
    @rule(urgency=some.sampled_from(["high", "low"]))
    def another_alert(self, urgency: str) -> None:
        """A further alert joins the incident."""
        alert_id = f"alert-{self.model_alerts_seen}"
        self.model_alerts_seen += 1
        self.model_alerts.add(alert_id)
        assert self.order(orders.AlertTriggered(TOOL, alert_id, 1, urgency, {})) is None
        assert self.situation is not None
        if urgency == "high":
            assert self.situation.incident.urgency == "high"

    @precondition(lambda self: bool(self.model_alerts))
    @rule(data=some.data())
    def alert_ends(self, data: some.DataObject) -> None:
        """One alert is over; with the last one the incident is."""
        alert_id = data.draw(some.sampled_from(sorted(self.model_alerts)))
        self.model_alerts.remove(alert_id)
        assert self.order(orders.AlertResolved(TOOL, alert_id)) is None
        if not self.model_alerts:
            self.model_status = "resolved"

    @rule(duration=some.integers(-5, 700_000))
    def snooze(self, duration: int) -> None:
        """A person snoozes, for one second to seven days."""
        why = self.order(orders.Snooze(by("bo"), timedelta(seconds=duration)))
        if self.model_status == "resolved":
            assert why is Why.ALREADY_RESOLVED
        elif not 1 <= duration <= 604_800:
            assert why is Why.SNOOZE_DURATION
        else:
            self.model_status = "acknowledged"

    @rule(giver=some.sampled_from(PEOPLE), to=some.sets(some.sampled_from(PEOPLE), min_size=1))
    def reassign(self, giver: str, to: set[str]) -> None:
        """A person gives it to others; who gives it only to themselves has it."""
        wanted = tuple(sorted(to))
        why = self.order(orders.Reassign(by(giver), wanted))
        if self.model_status == "resolved":
            assert why is Why.ALREADY_RESOLVED
        elif to & self.away:
            assert why is Why.INVALID
        else:
            assert why is None
            assert self.situation is not None
            assert self.situation.assignees == wanted
            self.model_status = "acknowledged" if wanted == (giver,) else "triggered"

    @rule(level=some.integers(0, 4))
    def escalate(self, level: int) -> None:
        """A person calls a level."""
        why = self.order(orders.Escalate(by("dee"), level))
        if self.model_status == "resolved":
            assert why is Why.ALREADY_RESOLVED
        elif level not in (1, 2):
            assert why is Why.CANNOT_ESCALATE
        elif why is None:
            self.model_status = "triggered"

    @rule()
    def reopen(self) -> None:
        """A person reopens what was resolved."""
        why = self.order(orders.Reopen(by("cy")))
        assert (why is None) == (self.model_status == "resolved")
        self.model_status = "triggered" if why is None else self.model_status

    @rule(urgency=some.sampled_from(["high", "low"]))
    def change_urgency(self, urgency: str) -> None:
        """A person changes the urgency."""
        why = self.order(orders.SetUrgency(by("ann"), urgency))
        assert (why is None) == (self.model_status != "resolved")

    @rule(user_id=some.sampled_from(PEOPLE[:3]))
    def come_and_go(self, user_id: str) -> None:
        """Somebody becomes unreachable, or reachable again."""
        self.away ^= {user_id}

    @precondition(lambda self: self.situation is not None and bool(self.situation.timers))
    @rule()
    def something_is_due(self) -> None:
        """Time passes until the next timer, which rings."""
        assert self.situation is not None
        kind, due_at = min(self.situation.timers.items(), key=lambda item: (item[1], item[0]))
        self.now = max(self.now, due_at)
        assert self.order(orders.Due(TimerKind(kind))) is None
        if kind in ("unacknowledge", "unsnooze"):
            self.model_status = "triggered"
        elif kind == "auto_resolve":
            self.model_status = "resolved"
            self.model_alerts.clear()

    @invariant()
    def status_is_what_the_model_says(self) -> None:
        """The incident and the model agree."""
        if self.situation is not None:
            assert self.situation.incident.status == self.model_status
            if self.model_status != "resolved":
                assert self.situation.incident.alerts_triggered == len(self.model_alerts)

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """A triggered incident has something due, an exhausted plan, or people it was given to."""
        if self.situation is None or self.model_status != "triggered":
            return
        incident = self.situation.incident
        given = incident.assigned_via == "direct_assignment" and self.situation.assignees
        assert TimerKind.ESCALATE in self.situation.timers or incident.exhausted or given

    @invariant()
    def no_page_leaves_after_an_answer(self) -> None:
        """Pages wait only while it is triggered, only for those who have it, and only of the running round."""
        if self.situation is None:
            return
        if self.model_status != "triggered":
            assert not self.pending
        for page in self.pending:
            assert page.user_id in self.situation.assignees
            assert page.round <= self.situation.incident.round

    @invariant()
    def what_is_over_is_quiet(self) -> None:
        """A resolved incident has nobody, nothing due and no acknowledgement."""
        if self.situation is not None and self.model_status == "resolved":
            assert not self.situation.timers
            assert not self.situation.assignees
            assert not self.situation.acknowledgements

    @invariant()
    def acknowledged_means_somebody(self) -> None:
        """An acknowledged incident has an acknowledgement, which ends or is snoozed, and no call is due."""
        if self.situation is not None and self.model_status == "acknowledged":
            assert self.situation.acknowledgements
            assert TimerKind.ESCALATE not in self.situation.timers
            timers = self.situation.timers
            assert TimerKind.UNACKNOWLEDGE in timers or TimerKind.UNSNOOZE in timers


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_status_words_are_the_ones_of_the_wire() -> None:
    """The three states carry PagerDuty's words, which clients compare literally."""
    assert [status.value for status in Status] == ["triggered", "acknowledged", "resolved"]
