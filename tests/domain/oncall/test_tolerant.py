"""A schedule that cannot be read is nobody, whatever is asked of it, and what was laid over it still counts."""

import inspect
from datetime import UTC, date, datetime, time, timedelta

import pytest

from tocsin.domain.oncall.coverage import examine
from tocsin.domain.oncall.finding import Facts, PolicyFacts
from tocsin.domain.oncall.policy import Level, Policy, Target
from tocsin.domain.oncall.schedule import ByShift, Layer, Override, Pattern, Schedule, TurnLayer
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.oncall.tolerant import TolerantTimeline, fault_in
from tocsin.ground.errors import Refused

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = NOW + 14 * DAY
TURNS = TurnLayer(start_at=NOW - DAY, end_at=None, virtual_start_at=NOW - DAY, turn_s=86_400, members=("ada",))
COVER = Override(id="O", start=NOW + DAY, end=NOW + 2 * DAY, user_id="bo")


def pattern(*recurrence: str) -> Pattern:
    return Pattern(
        id="E",
        name="night",
        time_zone="Europe/Berlin",
        begin_on=date(2026, 11, 1),
        begin_time=time(8),
        length_s=3600,
        recurrence=recurrence,
        effective_since=NOW - DAY,
        effective_until=None,
        members=("ada",),
        turns=ByShift(shifts_per_member=1),
    )


def schedule(zone: str, layer: Layer) -> Schedule:
    return Schedule(id="S", name="Web", time_zone=zone, stacked=True, layers=(layer,), overrides=(COVER,))


BROKEN = {
    "unknown zone": schedule("Mars/Olympus", Layer(id="L", turn_layer=TURNS)),
    "zone that is a folder": schedule("Europe", Layer(id="L", turn_layer=TURNS)),
    "rule that means nothing": schedule("Europe/Berlin", Layer(id="L", patterns=(pattern("RRULE:FREQ=SOMETIMES"),))),
    "rule that is no rule": schedule("Europe/Berlin", Layer(id="L", patterns=(pattern("RRULE:FREQ=DAILY;COUNT=x"),))),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_schedule_that_cannot_be_read_has_nobody_and_says_why(broken: Schedule) -> None:
    with pytest.raises(Exception, match=r".+"):
        Timeline(broken).who(NOW)
    timeline = TolerantTimeline(broken)
    assert timeline.who(NOW) == ()
    assert timeline.on_call(NOW) == timeline.final(NOW, NOW + DAY) == timeline.layer("L", NOW, LATER) == ()
    assert fault_in(timeline)
    assert (timeline.next_shift("ada", NOW), timeline.custom_shifts(NOW, LATER)) == (None, ())
    assert [(gap.start, gap.end) for gap in timeline.gaps(NOW, LATER)] == [(NOW, COVER.start), (COVER.end, LATER)]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_an_override_puts_somebody_on_call_until_the_schedule_is_mended(broken: Schedule) -> None:
    timeline = TolerantTimeline(broken)
    assert timeline.who(COVER.start) == ("bo",)
    assert [shift.user_id for shift in timeline.final(NOW, LATER)] == ["bo"]
    assert [shift.user_id for shift in timeline.overrides(NOW, LATER)] == ["bo"]
    assert [each.after for each in timeline.handoffs(NOW, LATER)] == [("bo",), ()]
    assert timeline.coverage(COVER.start, COVER.end) == 100
    assert timeline.members() == ("ada", "bo")


def test_a_question_that_cannot_be_answered_is_no_fault_of_the_schedule() -> None:
    timeline = TolerantTimeline(schedule("Etc/UTC", Layer(id="L", turn_layer=TURNS)))
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    with pytest.raises(OverflowError):
        timeline.on_call(far)
    assert fault_in(timeline) is None
    assert timeline.who(NOW) == ("ada",)


def test_an_unknown_layer_is_still_refused() -> None:
    for each in (*BROKEN.values(), schedule("Etc/UTC", Layer(id="L", turn_layer=TURNS))):
        with pytest.raises(Refused):
            TolerantTimeline(each).layer("none", NOW, LATER)


def test_every_question_of_a_timeline_is_asked_with_care() -> None:
    questions = {name for name, _ in inspect.getmembers(Timeline, inspect.isfunction) if not name.startswith("_")}
    assert questions <= TolerantTimeline.__dict__.keys()


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_the_guard_reports_a_schedule_that_cannot_be_read_and_looks_at_the_others(broken: Schedule) -> None:
    sound = Schedule(id="T", name="Shop", time_zone="Etc/UTC", stacked=True, overrides=(COVER,))
    level = Level(
        "V", 1, timedelta(minutes=5), "assign_to_everyone", (Target("schedule", "S"), Target("schedule", "T"))
    )
    facts = Facts(
        policies=[PolicyFacts(policy=Policy("P", "Night", 0, (level,)))],
        timelines={each.id: TolerantTimeline(each) for each in (broken, sound)},
        people={},
    )
    found = examine(facts, NOW, LATER)
    assert [(each.schedule_id, each.verdict) for each in found if each.kind == "unreadable_schedule"] == [("S", "fail")]
    assert [each.schedule_id for each in found if each.kind == "gap"] == ["T"]
