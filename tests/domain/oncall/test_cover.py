"""Cover: what of a turn can be asked for, whom the override replaces, and when the cover no longer fits."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec import structs

from tocsin.domain.oncall.cover import (
    A_DAY,
    LONGEST_AHEAD,
    MOST_ON_CALL,
    Ask,
    Given,
    Piece,
    conflicts,
    hull,
    left_of,
    on_call_in,
    override_of,
    pieces_asked,
    tiring,
    unheld,
    without_cover,
)
from tocsin.domain.oncall.schedule import (
    ByShift,
    CustomShift,
    Layer,
    Member,
    Override,
    Pattern,
    Schedule,
    TurnLayer,
)
from tocsin.domain.oncall.stretches import Stretch, joined, total, without
from tocsin.domain.oncall.timeline import Timeline
from tocsin.ground.errors import Refused

START = datetime(2027, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def weekly(*members: Member, start: datetime = START, layer_id: str = "L1") -> Layer:
    turn_layer = TurnLayer(start_at=start, end_at=None, virtual_start_at=start, turn_s=7 * 86_400, members=members)
    return Layer(id=layer_id, turn_layer=turn_layer)


def schedule(*layers: Layer, stacked: bool = True, overrides: tuple[Override, ...] = ()) -> Schedule:
    return Schedule(
        id="S", name="Platform", time_zone="Europe/Berlin", stacked=stacked, layers=layers, overrides=overrides
    )


def asked(
    of: Schedule, user_id: str, *, start: datetime | None = None, end: datetime | None = None
) -> tuple[Piece, ...]:
    turn = None if start is not None and end is not None else Timeline(of).final(START, START + DAY)[0].turn
    ask = Ask(schedule_id="S", user_id=user_id, turn=turn, start=start, end=end)
    return pieces_asked(Timeline(of), ask, START - DAY)


def covered(of: Schedule, pieces: tuple[Piece, ...], taker: str, *, cover_id: str = "C") -> Schedule:
    made = tuple(
        override_of(Given(piece=piece, user_id=taker), f"{cover_id}{number}", stacked=of.stacked, cover_id=cover_id)
        for number, piece in enumerate(pieces)
    )
    return structs.replace(of, overrides=of.overrides + made)


def test_a_whole_turn_is_found_by_its_name() -> None:
    (piece,) = asked(schedule(weekly("ada", "bo")), "ada")
    assert (piece.start, piece.end) == (START, START + 7 * DAY)
    assert (piece.user_id, piece.layer_id, piece.replaced_user_id) == ("ada", "L1", "ada")


def test_part_of_a_turn_keeps_the_name_of_the_turn() -> None:
    whole = schedule(weekly("ada", "bo"))
    (piece,) = asked(whole, "ada", start=START + DAY, end=START + 2 * DAY)
    assert (piece.start, piece.end) == (START + DAY, START + 2 * DAY)
    assert piece.turn == asked(whole, "ada")[0].turn


def test_a_stretch_over_several_turns_gives_only_those_of_the_asker() -> None:
    pieces = asked(schedule(weekly("ada", "bo")), "ada", start=START, end=START + 21 * DAY)
    assert [(piece.start - START).days for piece in pieces] == [0, 14]
    assert hull(pieces) == (START, START + 21 * DAY)


def test_what_was_asked_for_begins_now_at_the_earliest() -> None:
    ask = Ask(schedule_id="S", user_id="ada", start=START, end=START + DAY)
    now = START + HOUR + timedelta(microseconds=7)
    (piece,) = pieces_asked(Timeline(schedule(weekly("ada", "bo"))), ask, now)
    assert (piece.start, piece.end) == (START + HOUR, START + DAY)


@pytest.mark.parametrize(
    ("user_id", "start", "end"),
    [
        ("bo", START, START + DAY),
        ("ada", START, None),
        ("ada", START + DAY, START),
        ("ada", START - 3 * DAY, START - 2 * DAY),
        ("ada", START, START + LONGEST_AHEAD + DAY),
    ],
)
def test_what_somebody_does_not_have_cannot_be_asked_for(user_id: str, start: datetime, end: datetime | None) -> None:
    ask = Ask(schedule_id="S", user_id=user_id, start=start, end=end)
    with pytest.raises(Refused):
        pieces_asked(Timeline(schedule(weekly("ada", "bo"))), ask, START - DAY)


def test_in_layers_the_cover_hides_everything_and_in_parallel_it_replaces_one_person() -> None:
    stacked = schedule(weekly("ada", "bo"))
    after = Timeline(covered(stacked, asked(stacked, "ada"), "cy"))
    assert after.who(START) == ("cy",)
    assert after.who(START + 7 * DAY) == ("bo",)
    beside = schedule(weekly("ada", "bo"), weekly("dee", layer_id="L2"), stacked=False)
    pieces = asked(beside, "ada", start=START, end=START + DAY)
    given_away = Timeline(covered(beside, pieces, "cy"))
    assert sorted(given_away.who(START)) == ["cy", "dee"]
    assert sorted(given_away.who(START + DAY)) == ["ada", "dee"]


def test_a_cover_can_be_covered_in_turn() -> None:
    for stacked in (True, False):
        once = covered(schedule(weekly("ada", "bo"), stacked=stacked), asked(schedule(weekly("ada")), "ada"), "cy")
        ask = Ask(schedule_id="S", user_id="cy", start=START + DAY, end=START + 2 * DAY)
        pieces = pieces_asked(Timeline(once), ask, START)
        twice = covered(once, pieces, "dee", cover_id="D")
        who = [Timeline(twice).who(START + day * DAY) for day in range(3)]
        assert who == [("cy",), ("dee",), ("cy",)]
        for cover_id, asker in (("C", asked(schedule(weekly("ada")), "ada")), ("D", pieces)):
            basis = Timeline(without_cover(twice, cover_id))
            assert conflicts(asker, {"S": basis}, START) == ()


def test_custom_shifts_are_given_away_by_name() -> None:
    shift = CustomShift(id="X", start=START, end=START + DAY, user_id="ada")
    for stacked in (True, False):
        whole = structs.replace(schedule(weekly("bo"), stacked=stacked), custom_shifts=(shift,))
        pieces = asked(whole, "ada", start=START, end=START + DAY)
        assert sorted(Timeline(covered(whole, pieces, "cy")).who(START)) == ["bo", "cy"]


def test_a_cover_that_fits_stays_quiet_whatever_the_rest_of_the_schedule_does() -> None:
    whole = schedule(weekly("ada", "bo"))
    pieces = asked(whole, "ada")
    longer = covered(schedule(weekly("ada", "bo", "cy")), pieces, "bo")
    assert conflicts(pieces, {"S": Timeline(without_cover(longer, "C"))}, START) == ()
    younger = Override(id="O", start=START, end=START + DAY, user_id="dee")
    over = structs.replace(longer, overrides=(*longer.overrides, younger))
    assert conflicts(pieces, {"S": Timeline(without_cover(over, "C"))}, START) == ()


def test_moving_the_rotation_shows_as_a_conflict_with_who_has_the_time_instead() -> None:
    whole = schedule(weekly("ada", "bo"))
    pieces = asked(whole, "ada")
    turned = Timeline(without_cover(covered(schedule(weekly("bo", "ada")), pieces, "cy"), "C"))
    (drift,) = conflicts(pieces, {"S": turned}, START)
    assert (drift.start, drift.end) == (START, START + 7 * DAY)
    assert [shift.user_id for shift in drift.instead] == ["bo"]
    moved = Timeline(schedule(weekly("ada", "bo", start=START + DAY)))
    (drift,) = conflicts(pieces, {"S": moved}, START)
    assert (drift.start, drift.end) == (START, START + 7 * DAY), "on call by another turn is not on call by this one"


def test_a_turn_that_ends_earlier_is_a_conflict_in_its_rest_only() -> None:
    whole = schedule(weekly("ada", "bo"))
    pieces = asked(whole, "ada")
    layer = weekly("ada", "bo")
    assert layer.turn_layer is not None
    ended = structs.replace(layer, turn_layer=structs.replace(layer.turn_layer, end_at=START + 2 * DAY))
    timelines = {"S": Timeline(schedule(ended))}
    (drift,) = conflicts(pieces, timelines, START)
    assert (drift.start, drift.end) == (START + 2 * DAY, START + 7 * DAY)
    assert drift.instead == ()
    assert drift.marks == frozenset({f"{pieces[0].turn}: nobody"})
    assert conflicts(pieces, timelines, START + 3 * DAY)[0].marks == drift.marks, "a mark does not change with time"
    assert conflicts(pieces, timelines, START + 8 * DAY) == ()
    assert conflicts(pieces, {}, START)[0].start == START, "a schedule that is gone has no turns"


def test_what_no_override_gives_any_more_is_found() -> None:
    whole = schedule(weekly("ada", "bo"))
    pieces = asked(whole, "ada")
    done = covered(whole, pieces, "cy")
    to_cy = tuple(Given(piece=piece, user_id="cy") for piece in pieces)
    assert unheld(to_cy, {"S": done}, "C") == ()
    assert unheld(to_cy, {"S": whole}, "C") == to_cy
    assert unheld(to_cy, {}, "C") == to_cy
    (override,) = done.overrides
    shorter = structs.replace(done, overrides=(structs.replace(override, end=START + DAY),))
    assert unheld(to_cy, {"S": shorter}, "C") == to_cy


def test_only_what_is_to_come_is_left() -> None:
    pieces = asked(schedule(weekly("ada", "bo")), "ada", start=START, end=START + 21 * DAY)
    left = left_of(pieces, START + 15 * DAY)
    assert [(piece.start, piece.end) for piece in left] == [(START + 15 * DAY, START + 21 * DAY)]


def test_whoever_is_on_call_then_is_seen() -> None:
    whole = schedule(weekly("ada", "bo"))
    pieces = asked(whole, "ada")
    assert on_call_in(pieces, Timeline(whole), "ada")
    assert not on_call_in(pieces, Timeline(whole), "bo")


def test_every_pattern_of_a_rotation_gives_turns_of_its_own() -> None:
    pattern = Pattern(
        id="E1",
        name="Nights",
        time_zone="Europe/Berlin",
        begin_on=START.date(),
        begin_time=time(10),
        length_s=8 * 3600,
        recurrence=("RRULE:FREQ=DAILY",),
        effective_since=START,
        effective_until=None,
        members=("ada", "bo"),
        turns=ByShift(),
    )
    whole = schedule(Layer(id="R1", patterns=(pattern,)), stacked=False)
    pieces = asked(whole, "ada", start=START - DAY, end=START + 4 * DAY)
    assert len({piece.turn for piece in pieces}) == len(pieces) == 2
    assert all(piece.end - piece.start == 8 * HOUR for piece in pieces)


HOURS = some.integers(0, 96)


def stretches() -> some.SearchStrategy[tuple[Stretch, ...]]:
    pairs = some.tuples(HOURS, some.integers(1, 60))
    return some.lists(pairs, max_size=5).map(
        lambda chosen: joined((START + first * HOUR, START + (first + length) * HOUR) for first, length in chosen)
    )


def _held(whole: tuple[Stretch, ...], start: datetime) -> timedelta:
    day = start + A_DAY
    return total((max(a, start), min(b, day)) for a, b in whole if a < day and start < b)


@given(stretches(), stretches())
def test_a_tiring_day_is_found_exactly_when_some_hour_begins_one(
    own: tuple[Stretch, ...], more: tuple[Stretch, ...]
) -> None:
    whole = joined([*own, *more])
    found = tiring(own, more)
    starts = [START + hour * HOUR for hour in range(-48, 200)]
    slow = [
        start
        for start in starts
        if _held(whole, start) > MOST_ON_CALL and _held(without(own, more), start) and _held(more, start)
    ]
    if found is not None:
        assert found[0] in slow
    else:
        assert not slow
