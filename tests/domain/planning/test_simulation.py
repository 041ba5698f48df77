"""A simulation goes the way that an incident would go, says why, and warns of what nobody would want."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.incident import Terms
from tocsin.domain.incidents.order import Acknowledge, By, Opening
from tocsin.domain.oncall.crew import Person, Way
from tocsin.domain.oncall.policy import Level, Policy, Target
from tocsin.domain.oncall.schedule import Layer, Override, Restriction, Schedule, TurnLayer
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.planning.mask import masked
from tocsin.domain.planning.reason import Watched
from tocsin.domain.planning.simulation import SOMEBODY, Course, Simulation, World
from tocsin.domain.planning.story import Called, calls_of, moments_of
from tocsin.domain.planning.urgency import urgency_reason
from tocsin.domain.planning.warning import warnings
from tocsin.domain.planning.words import Cast, ending, length, lines, offset
from tocsin.domain.services.support_hours import SupportHours
from tocsin.domain.services.urgency_rule import Always, ByHours

AT = datetime(2027, 3, 2, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CAST = Cast(names={"ANN": "Ann", "BO": "Bo", "CY": "Cy"})


def person(name: str, *ways: tuple[str, int]) -> Person:
    """Return somebody with these channels and minutes after which each is used."""
    made = tuple(Way(f"R{at}", f"{name}-{channel}", channel, at * MINUTE) for channel, at in ways)
    return Person(name, name.title(), made, made)


def level(position: int, minutes: int, *user_ids: str, round_robin: bool = False) -> Level:
    targets = tuple(Target("schedule" if each == "NIGHTS" else "user", each) for each in user_ids)
    strategy = "round_robin" if round_robin else "assign_to_everyone"
    return Level(f"L{position}", position, minutes * MINUTE, strategy, targets)  # type: ignore[arg-type]  # one of both literals


def policy(*levels: Level, repeats: int = 0) -> Policy:
    return Policy("PNIGHT", "Night", repeats, levels)


def nights(*overrides: Override, members: tuple[str | None, ...] = ("CY",), hours: int | None = None) -> Timeline:
    restriction = () if hours is None else (Restriction(kind="daily", start_time=time(0), length_s=hours * 3600),)
    turns = TurnLayer(
        start_at=AT - timedelta(days=1),
        end_at=None,
        virtual_start_at=AT - timedelta(days=1),
        turn_s=7 * 86400,
        members=members,
        restrictions=restriction,
    )
    layers = (Layer(id="PWEEKLY", name="Weekly", turn_layer=turns),)
    return Timeline(
        Schedule(id="NIGHTS", name="Nights", time_zone="Etc/UTC", stacked=True, layers=layers, overrides=overrides)
    )


def world(*people: Person, timeline: Timeline | None = None, carried: frozenset[str] | None = None) -> World:
    timelines = {"NIGHTS": timeline} if timeline is not None else {}
    return World(people={each.id: each for each in people}, timelines=timelines, carried=carried)


def run(
    there: World,
    plan: Policy,
    *answers: tuple[str, int],
    terms: Terms | None = None,
    horizon: timedelta = timedelta(days=7),
) -> Course:
    simulation = Simulation(there)
    opening = Opening(By(SOMEBODY, Via("api")), "Disk", "high", "")
    simulation.open(opening, plan=plan, terms_at=(terms or Terms("PS", "Checkout"), AT))
    orders = [
        (AT + minutes * MINUTE, Acknowledge(By(Agent("user", name, name.title()), Via("api"), strict=False)))
        for name, minutes in answers
    ]
    return simulation.run(orders, since=AT, until=AT + horizon)


def told(course: Course) -> list[tuple[int, str, str]]:
    return [((ring.at - AT) // MINUTE, ring.page.user_id, ring.page.channel) for ring in course.rings]


def calls(course: Course, there: World) -> list[Called | None]:
    return calls_of(moments_of(course.steps), course.plan, lambda _at: Watched(timelines=there.timelines))


def warned(course: Course, there: World) -> tuple[str, ...]:
    return warnings(course, moments_of(course.steps), calls(course, there), world=there, cast=CAST)


def said(course: Course, there: World) -> list[str]:
    return [line.text for line in lines(moments_of(course.steps), calls(course, there), CAST)]


ANN, BO = person("ANN", ("push", 0), ("sms", 3)), person("BO", ("email", 0))
PLAN = policy(level(1, 5, "ANN"), level(2, 10, "BO"))


def test_level_after_level_is_called_until_the_plan_is_spent() -> None:
    course = run(world(ANN, BO), PLAN)
    assert told(course) == [(0, "ANN", "push"), (3, "ANN", "sms"), (5, "BO", "email")]
    assert (course.end.kind, course.end.at, course.end.assignees) == ("exhausted", AT + 15 * MINUTE, ("BO",))
    assert ending(course.end, CAST, timedelta()) == "Here it ends: triggered, with Bo, and nothing more is due."


def test_an_answer_calls_off_what_has_not_left() -> None:
    course = run(world(ANN, BO), PLAN, ("ANN", 2))
    assert told(course) == [(0, "ANN", "push")]
    assert [(each.page.channel, each.why) for each in course.called_off] == [("sms", "acknowledged")]
    assert course.end.kind == "acknowledged"


def test_a_round_robin_goes_on_where_it_stood() -> None:
    there = world(ANN, BO)
    there.turns = {"L1": 1}
    course = run(there, policy(level(1, 5, "ANN", "BO", round_robin=True), repeats=1))
    assert [user_id for _, user_id, channel in told(course) if channel != "sms"] == ["BO", "ANN"]
    assert there.turns == {"L1": 3}
    assert "The policy begins again: repeat 1." in said(course, there)


def test_a_channel_that_nobody_carries_hurries_the_next_rule_and_then_the_next_level() -> None:
    there = world(ANN, BO, carried=frozenset({"email"}))
    course = run(there, PLAN)
    assert told(course) == [(0, "ANN", "push"), (0, "ANN", "sms"), (0, "BO", "email")]
    assert [ring.sent for ring in course.rings] == [False, False, True]
    assert warned(course, there)[0] == "No provider carries push here, so Ann is not told by it."
    assert [call.cause for call in calls(course, there) if call] == ["opened", "unreached"]


def test_when_nobody_can_be_reached_it_says_that_it_begins_anew() -> None:
    there = world(ANN, BO, carried=frozenset())
    course = run(there, PLAN)
    assert course.end.kind == "begins_anew"
    assert warned(course, there)[-1] == "Nobody at all would be told."


def test_a_plan_that_outlives_the_horizon_ends_there() -> None:
    course = run(world(ANN, BO), PLAN, horizon=4 * MINUTE)
    assert (course.end.kind, course.end.at) == ("horizon", AT + 4 * MINUTE)
    assert ending(course.end, CAST, 4 * MINUTE) == (
        "The simulation looks no further than 4 minutes; something is still due then."
    )


def test_a_timeout_calls_again_and_auto_resolve_ends_it() -> None:
    there = world(ANN, BO)
    terms = Terms("PS", "Checkout", acknowledgement_timeout=30 * MINUTE, auto_resolve_timeout=60 * MINUTE)
    course = run(there, PLAN, ("BO", 6), terms=terms)
    assert told(course)[3:] == [(36, "BO", "email")]
    assert (course.end.kind, course.end.at) == ("resolved", AT + 60 * MINUTE)
    assert "The acknowledgement has timed out: Bo is called again." in said(course, there)
    assert said(course, there)[-1] == "Checkout resolves it."


def test_the_schedule_is_asked_at_the_instant_at_which_its_level_is_called() -> None:
    over = Override(id="POVER", start=AT + 5 * MINUTE, end=AT + 6 * MINUTE, user_id="BO")
    there = world(ANN, BO, person("CY", ("email", 0)), timeline=nights(over))
    plan = policy(level(1, 5, "ANN"), level(2, 1, "NIGHTS"), level(3, 1, "NIGHTS"))
    course = run(there, plan)
    assert [user_id for _, user_id, channel in told(course) if channel == "email"] == ["BO", "CY"]
    second, third = calls(course, there)[1:3]
    assert second is not None
    assert third is not None
    (overridden,), (turned,) = second.because["BO"], third.because["CY"]
    assert (overridden.source, overridden.override_id, overridden.instead_of) == ("override", "POVER", ("CY",))
    assert (overridden.since, overridden.until) == (over.start, over.end)
    assert (turned.source, turned.layer, turned.level) == ("layer", "Weekly", 3)
    assert said(course, there)[1] == (
        "Level 2 calls Bo: schedule Nights → override in place of Cy, "
        "from Tue 2 Mar 2027, 03:05 UTC until Tue 2 Mar 2027, 03:06 UTC."
    )


def test_an_empty_level_is_passed_over_and_says_why() -> None:
    there = world(BO, timeline=nights(hours=2))
    course = run(there, policy(level(1, 5, "NIGHTS", "ANN"), level(2, 5, "BO")))
    assert told(course) == [(0, "BO", "email")]
    assert warned(course, there) == (
        "Level 1 has nobody at +0:00: nobody is on call on schedule Nights.",
        "Level 1 has nobody at +0:00: Ann is not a user any more.",
    )


def test_a_level_that_reaches_only_some_of_its_people_is_a_warning() -> None:
    there = world(Person("ANN", "Ann"), BO)
    course = run(there, policy(level(1, 5, "ANN", "BO")))
    assert warned(course, there) == ("Level 1 does not reach everybody: Ann has no contact method that works.",)


@pytest.mark.parametrize(("minutes", "how"), [(4, "is called before."), (5, "may or may not leave.")])
def test_a_rule_that_never_rings_is_a_warning(minutes: int, how: str) -> None:
    there = world(person("ANN", ("push", 0), ("sms", 5)), BO)
    course = run(there, policy(level(1, minutes, "ANN"), level(2, 5, "BO")))
    (warning,) = warned(course, there)
    assert warning.startswith("The rule of Ann that waits 5 minutes (sms) does not ring: the next level is called ")
    assert warning.endswith(how)


def test_repeats_are_counted_where_the_first_level_has_nobody() -> None:
    there = world(BO)
    course = run(there, policy(level(1, 5, "ANN"), level(2, 5, "BO"), repeats=2))
    assert [(call.level, call.repeat) for call in calls(course, there) if call] == [(2, 0), (2, 1), (2, 2)]


def test_fallbacks_are_called_when_nobody_is_left() -> None:
    there = world(BO)
    there.fallbacks = (("service fallback", ("ANN",)), ("team managers", ("BO",)))
    course = run(there, policy(level(1, 5, "ANN")))
    assert told(course) == [(0, "BO", "email")]
    assert said(course, there)[1] == (
        "The policy has nobody left to call, so a last resort is called: team managers (Bo)."
    )


def test_nobody_at_all_ends_with_nobody() -> None:
    there = world()
    course = run(there, PLAN)
    assert course.end.kind == "nobody"
    assert "The policy is spent and there is nobody to call: the incident is nobody's." in said(course, there)


@given(
    st.lists(st.tuples(st.integers(1, 60), st.sampled_from(("ANN", "BO", "NIGHTS", "GONE"))), min_size=1, max_size=6),
    st.integers(0, 3),
    st.lists(st.tuples(st.sampled_from(("ANN", "BO")), st.integers(0, 300)), max_size=3),
    st.sampled_from((None, 1, 45)),
)
def test_every_course_ends_and_nobody_is_told_out_of_turn(
    rungs: list[tuple[int, str]], repeats: int, answers: list[tuple[str, int]], timeout: int | None
) -> None:
    there = world(ANN, BO, person("CY", ("email", 0)), timeline=nights())
    plan = policy(*(level(at, minutes, who) for at, (minutes, who) in enumerate(rungs, start=1)), repeats=repeats)
    patience = None if timeout is None else timeout * MINUTE
    course = run(there, plan, *answers, terms=Terms("PS", "Checkout", acknowledgement_timeout=patience))
    assert course.end.kind in ("exhausted", "acknowledged", "nobody")
    instants = [ring.at for ring in course.rings]
    assert instants == sorted(instants)
    for ring in course.rings:
        assert ring.at == ring.page.due_at
    again = run(world(ANN, BO, person("CY", ("email", 0)), timeline=nights()), plan, *answers, terms=Terms(
        "PS", "Checkout", acknowledgement_timeout=patience
    ))  # fmt: skip
    assert told(again) == told(course), "the same question has the same answer"


@pytest.mark.parametrize(
    ("channel", "address", "shown"),
    [
        ("email", "ann@example.org", "a•••@example.org"),
        ("sms", "15551234567", "•••67"),
        ("webhook", "https://user.example.org:8443/secret?token=1", "https://user.example.org/•••"),
        ("webhook", "https://[", "•••"),
        ("push", "c0ffee", "•••"),
    ],
)
def test_addresses_are_recognised_and_not_given_away(channel: str, address: str, shown: str) -> None:
    assert masked(channel, address) == shown


def test_durations_in_words() -> None:
    assert [offset(timedelta(seconds=each)) for each in (0, 65, 3600)] == ["+0:00", "+1:05", "+60:00"]
    assert [length(timedelta(seconds=each)) for each in (0, 60, 5400, 90000, 59)] == [
        "0 seconds", "1 minute", "1 hour 30 minutes", "1 day 1 hour", "59 seconds",
    ]  # fmt: skip


def test_the_rule_behind_an_urgency_is_told() -> None:
    hours = SupportHours("Europe/Berlin", (1, 2, 3, 4, 5), time(9), time(17))
    rule = ByHours(hours, "high", "severity_based")
    assert urgency_reason(Always("low"), "critical", AT) == "the service says low"
    assert urgency_reason(rule, "critical", AT + timedelta(hours=6)) == (
        "inside support hours (Europe/Berlin), the service says high"
    )
    assert urgency_reason(rule, "info", AT) == "outside support hours (Europe/Berlin), severity info can wait"
