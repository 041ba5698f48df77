"""Timeline: layers, custom shifts and overrides together, the same whichever window or instant is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.domain.oncall.samples import DAY, at, cases, minutes
from tocsin.domain.oncall.schedule import (
    CustomShift,
    Layer,
    Override,
    Restriction,
    Schedule,
    Shift,
    ToldShift,
    TurnLayer,
)
from tocsin.domain.oncall.timeline import HORIZON, Handoff, Timeline
from tocsin.ground.errors import Refused

MONDAY = at("2026-06-01T00:00Z")
EXAMPLES = 50  # of each property; the oracle sees many more
Case = tuple[Schedule, datetime, datetime]


def turns(id_: str, *members: str | None, **hours: time) -> Layer:
    """Return a layer of daily turns from Monday on; `start` gives it eight hours of each day."""
    restrictions = tuple(Restriction(kind="daily", start_time=start, length_s=8 * 3_600) for start in hours.values())
    layer = TurnLayer(
        start_at=MONDAY, end_at=None, virtual_start_at=MONDAY, turn_s=86_400, members=members, restrictions=restrictions
    )
    return Layer(id=id_, turn_layer=layer)


def schedule(*layers: Layer, stacked: bool = True, overrides: tuple[Override, ...] = ()) -> Schedule:
    return Schedule(id="S", name="Platform", time_zone="Etc/UTC", stacked=stacked, layers=layers, overrides=overrides)


def override(id_: str, start: int, end: int, user_id: str | None) -> Override:
    """Return an override between two hours after Monday's midnight."""
    return Override(id=id_, start=hour(start), end=hour(end), user_id=user_id)


def hour(number: float) -> datetime:
    return MONDAY + timedelta(hours=number)


def told(shifts: tuple[Shift, ...]) -> list[tuple[float, float, str | None]]:
    """Return shifts as hours after Monday's midnight."""
    return [(_hours(each.start), _hours(each.end), each.user_id) for each in shifts]


def _hours(instant: datetime) -> float:
    return (instant - MONDAY) / timedelta(hours=1)


def edges(shifts: Iterable[Shift]) -> Counter[tuple[object, ...]]:
    """Return how many shifts of a turn begin at each instant, those that end there taken off."""
    found: Counter[tuple[object, ...]] = Counter()
    for shift in shifts:
        found[(shift.start, *_identity(shift))] += 1
        found[(shift.end, *_identity(shift))] -= 1
    return Counter({edge: count for edge, count in found.items() if count})


def _identity(shift: Shift) -> tuple[object, ...]:
    return shift.user_id, shift.turn, shift.source


@settings(max_examples=EXAMPLES, deadline=None)
@given(case=cases(), share=some.floats(0.01, 0.99))
def test_a_window_shows_what_its_parts_show(case: Case, share: float) -> None:
    kept, since, until = case
    edge = (since + (until - since) * share).replace(microsecond=0)
    timeline = Timeline(kept)

    def drawn(first: datetime, last: datetime) -> list[tuple[Shift, ...]]:
        alone = [timeline.layer(layer.id, first, last) for layer in kept.layers]
        return [
            timeline.final(first, last), timeline.overrides(first, last), timeline.custom_shifts(first, last), *alone
        ]  # fmt: skip # all kinds of pictures

    for whole, one, other in zip(drawn(since, until), drawn(since, edge), drawn(edge, until), strict=True):
        assert edges(whole) == edges(one + other)


@settings(max_examples=EXAMPLES, deadline=None)
@given(case=cases(), share=some.floats(0, 0.999))
def test_an_instant_shows_what_a_window_shows(case: Case, share: float) -> None:
    kept, since, until = case
    instant = since + (until - since) * share
    timeline = Timeline(kept)
    second = instant.replace(microsecond=0)
    holding = timeline.on_call(instant)
    assert set(timeline.who(instant)) == {each.user_id for each in holding}
    assert len(timeline.who(instant)) == len(set(timeline.who(instant)))
    assert all(each.start <= second < each.end for each in holding)
    clipped = timeline.final(since, until)
    shown = [(max(each.start, since), min(each.end, until), *_identity(each)) for each in holding]
    assert sorted(shown, key=repr) == sorted(
        ((each.start, each.end, *_identity(each)) for each in clipped if each.start <= second < each.end), key=repr
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(case=cases())
def test_whole_shifts_have_the_edges_that_a_wide_window_shows(case: Case) -> None:
    kept, since, until = case
    timeline = Timeline(kept)
    wide = timeline.final(since - HORIZON, until + HORIZON)
    assert timeline.final(since, until, whole=True) == tuple(
        each for each in wide if each.start < until and each.end > since
    )
    for layer in kept.layers:
        wide = timeline.layer(layer.id, since - HORIZON, until + HORIZON)
        assert timeline.layer(layer.id, since, until, whole=True) == tuple(
            each for each in wide if each.start < until and each.end > since
        )


@settings(max_examples=EXAMPLES, deadline=None)
@given(case=cases())
def test_gaps_and_coverage_are_what_shifts_leave(case: Case) -> None:
    kept, since, until = case
    timeline = Timeline(kept)
    gaps = timeline.gaps(since, until)
    free = sum((each.end - each.start for each in gaps), timedelta())
    assert timeline.coverage(since, until) == pytest.approx(100 * (1 - free / (until - since)))
    for gap in gaps:
        assert timeline.final(gap.start, gap.end) == ()
    for one, other in pairwise(gaps):
        assert one.end < other.start or (one.end == other.start and one.intended is not other.intended)


@settings(max_examples=EXAMPLES, deadline=None)
@given(case=cases())
def test_handoffs_are_the_instants_at_which_other_people_are_on_call(case: Case) -> None:
    kept, since, until = case
    timeline = Timeline(kept)
    handoffs = timeline.handoffs(since, until)
    second = timedelta(seconds=1)
    for handoff in handoffs:
        assert since <= handoff.at < until
        assert set(handoff.before) == set(timeline.who(handoff.at - second))
        assert set(handoff.after) == set(timeline.who(handoff.at))
        assert handoff.before != handoff.after
    instants = [since, *(handoff.at for handoff in handoffs), until]
    for one, other in pairwise(instants):
        if one < other:
            assert set(timeline.who(one)) == set(timeline.who(other - second))


@settings(max_examples=EXAMPLES, deadline=None)
@given(case=cases(), user_id=some.sampled_from(["ada", "bo"]))
def test_the_next_shift_is_the_first_that_starts_later(case: Case, user_id: str) -> None:
    kept, since, _ = case
    timeline = Timeline(kept)
    found = timeline.next_shift(user_id, since)
    later = [
        each
        for each in timeline.final(since - timedelta(minutes=1), since + HORIZON)
        if each.user_id == user_id and each.start >= since
    ]
    if found is None:
        assert later == []
    else:
        assert found.start == later[0].start
        assert found.user_id == user_id


@settings(max_examples=EXAMPLES, deadline=None)
@given(case=cases(), length=minutes(10 * DAY))
def test_a_timeline_has_no_memory(case: Case, length: timedelta) -> None:
    kept, since, until = case
    used = Timeline(kept)
    used.final(since - length, until + 400 * DAY)
    used.who(since)
    assert used.final(since, until) == Timeline(kept).final(since, until)
    assert used.schedule is kept


def test_the_highest_layer_with_somebody_is_on_call() -> None:
    timeline = Timeline(schedule(turns("low", "ada"), turns("high", "bo", start=time(9))))
    assert told(timeline.final(hour(0), hour(24))) == [(0, 9, "ada"), (9, 17, "bo"), (17, 24, "ada")]


def test_layers_of_parallel_schedules_are_all_on_call() -> None:
    timeline = Timeline(schedule(turns("one", "ada"), turns("other", "bo", start=time(9)), stacked=False))
    assert told(timeline.final(hour(0), hour(24))) == [(0, 24, "ada"), (9, 17, "bo")]
    assert set(timeline.who(hour(12))) == {"ada", "bo"}


def test_an_empty_place_hides_nothing_and_is_a_gap_that_is_meant() -> None:
    timeline = Timeline(schedule(turns("low", "ada", start=time(9)), turns("high", None, "bo", start=time(12))))
    assert told(timeline.final(hour(0), hour(24))) == [(9, 17, "ada")]
    assert told(timeline.layer("high", hour(0), hour(24))) == [(12, 20, None)]
    gaps = [(_hours(each.start), _hours(each.end), each.intended) for each in timeline.gaps(hour(0), hour(24))]
    assert gaps == [(0, 9, False), (17, 20, True), (20, 24, False)]


def test_off_hours_are_gaps_that_are_meant() -> None:
    weekend = Restriction(kind="weekly", start_time=time(17), length_s=64 * 3_600, start_day=5)
    office = turns("office", "ada", start=time(9)).turn_layer
    kept = Schedule(
        id="S", name="", time_zone="Europe/Berlin", stacked=True, layers=(Layer(id="L", turn_layer=office),),
        off_hours=(weekend,),
    )  # fmt: skip # the schedule in two lines
    gaps = Timeline(kept).gaps(at("2026-06-05T12:00Z"), at("2026-06-08T12:00Z"))
    assert {each.intended for each in gaps} == {True}
    assert Timeline(kept).gaps(at("2026-06-04T12:00Z"), at("2026-06-04T20:00Z"))[0].intended is False


def test_the_youngest_override_hides_older_ones_and_all_layers() -> None:
    overrides = (override("old", 4, 20, "cy"), override("young", 8, 12, "di"))
    timeline = Timeline(schedule(turns("low", "ada"), overrides=overrides))
    expected = [(0, 4, "ada"), (4, 8, "cy"), (8, 12, "di"), (12, 20, "cy"), (20, 24, "ada")]
    assert told(timeline.final(hour(0), hour(24))) == expected
    assert told(timeline.overrides(hour(0), hour(24))) == expected[1:-1]
    assert told(timeline.overrides(hour(10), hour(11), whole=True)) == [(8, 12, "di")]


def test_an_override_with_nobody_is_a_gap_that_is_meant() -> None:
    timeline = Timeline(schedule(turns("low", "ada"), overrides=(override("off", 4, 20, None),)))
    assert timeline.who(hour(5)) == ()
    assert [each.intended for each in timeline.gaps(hour(0), hour(24))] == [True]


def test_an_override_of_a_layer_replaces_whom_it_names_and_nobody_else() -> None:
    swap = Override(id="O", start=hour(20), end=hour(52), user_id="cy", layer_id="one", replaced_user_id="ada")
    kept = schedule(turns("one", "ada", "bo"), turns("other", "ada"), stacked=False, overrides=(swap,))
    timeline = Timeline(kept)
    found = [each for each in timeline.final(hour(0), hour(72)) if each.source.layer_id == "one"]
    assert told(tuple(found)) == [(0, 20, "ada"), (20, 24, "cy"), (24, 48, "bo"), (48, 52, "cy"), (52, 72, "ada")]
    assert "ada" in timeline.who(hour(21))
    assert found[1].turn == found[0].turn
    assert (found[1].source.kind, found[1].source.override_id, found[1].source.replaced_user_id) == (
        "override", "O", "ada",
    )  # fmt: skip # three values in one line


def test_an_override_of_an_override_is_found_by_either_name() -> None:
    def swap(id_: str, replaced: str, user_id: str) -> Override:
        return Override(id=id_, start=hour(0), end=hour(24), user_id=user_id, layer_id="one", replaced_user_id=replaced)

    first = swap("1", "ada", "bo")
    for second in (swap("2", "ada", "cy"), swap("2", "bo", "cy")):
        timeline = Timeline(schedule(turns("one", "ada"), stacked=False, overrides=(first, second)))
        assert timeline.who(hour(3)) == ("cy",)


def test_a_custom_shift_is_beside_whoever_is_there() -> None:
    layer = turns("low", "ada")
    kept = Schedule(
        id="S", name="", time_zone="Etc/UTC", stacked=True, layers=(layer,),
        custom_shifts=(CustomShift(id="C", start=hour(3), end=hour(6), user_id="bo"),),
        overrides=(
            override("all", 4, 7, "cy"),
            Override(id="its", start=hour(5), end=hour(9), user_id="di", custom_shift_id="C", replaced_user_id="bo"),
        ),
    )  # fmt: skip # the schedule in a few lines
    timeline = Timeline(kept)
    assert told(timeline.final(hour(0), hour(8))) == [
        (0, 4, "ada"), (3, 5, "bo"), (4, 7, "cy"), (5, 6, "di"), (7, 8, "ada"),
    ]  # fmt: skip # the picture in one line
    assert told(timeline.custom_shifts(hour(0), hour(24))) == [(3, 6, "bo")]


def test_a_told_layer_has_the_shifts_that_it_is_told() -> None:
    shifts = (
        ToldShift(key="2", start=hour(6), end=hour(9), user_id=None),
        ToldShift(key="1", start=hour(1), end=hour(6), user_id="ada"),
    )
    timeline = Timeline(schedule(Layer(id="L", calendar_id="K", told=shifts)))
    assert told(timeline.final(hour(0), hour(24))) == [(1, 6, "ada")]
    assert timeline.final(hour(2), hour(3), whole=True)[0].turn == "L/1"


def test_turns_of_one_person_are_shifts_of_their_own() -> None:
    timeline = Timeline(schedule(turns("L", "ada")))
    found = timeline.on_call(hour(25))
    assert told(found) == [(24, 48, "ada")]
    assert found[0].turn == "L/2026-06-02T00:00:00"


def test_restrictions_that_overlap_are_a_union() -> None:
    timeline = Timeline(schedule(turns("L", "ada", "bo", first=time(8), second=time(12), third=time(20))))
    assert told(timeline.final(hour(0), hour(30))) == [
        (0, 4, "ada"), (8, 16, "ada"), (16, 20, "ada"), (20, 24, "ada"), (24, 28, "bo"),
    ]  # fmt: skip # the picture in one line


def test_a_layer_is_not_on_call_before_it_starts_nor_once_it_ended() -> None:
    layer = TurnLayer(
        start_at=hour(30), end_at=hour(60), virtual_start_at=hour(100), turn_s=86_400, members=("ada", "bo", "cy")
    )
    found = Timeline(schedule(Layer(id="L", turn_layer=layer))).final(hour(0), hour(200))
    # Turns are counted back from the virtual start: ada's would begin at hour 100, so cy's begins at 76, bo's at 52.
    assert told(found) == [(30, 52, "ada"), (52, 60, "bo")]


def test_handoffs_tell_who_leaves_and_who_comes() -> None:
    timeline = Timeline(schedule(turns("L", "ada", "bo"), overrides=(override("O", 24, 26, "ada"),)))
    assert timeline.handoffs(hour(1), hour(48)) == (Handoff(at=hour(26), before=("ada",), after=("bo",)),)
    assert timeline.handoffs(hour(26), hour(27))[0].at == hour(26)
    assert timeline.handoffs(MONDAY, hour(1)) == (Handoff(at=MONDAY, before=(), after=("ada",)),)


def test_everybody_who_is_named_is_a_member() -> None:
    overrides = (override("O", 0, 1, "cy"), override("P", 0, 1, None))
    assert Timeline(schedule(turns("L", "bo", None, "ada"), overrides=overrides)).members() == ("ada", "bo", "cy")


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused):
        Timeline(schedule()).layer("L", hour(0), hour(1))


def test_a_schedule_without_layers_covers_nothing() -> None:
    timeline = Timeline(schedule())
    assert timeline.coverage(hour(0), hour(1)) == 0
    assert timeline.coverage(hour(1), hour(1)) == 0
    assert timeline.final(hour(1), hour(0)) == ()
    assert timeline.next_shift("ada", hour(0)) is None
