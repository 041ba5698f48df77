"""Hand-offs: whoever stays on call passes nothing, each rule tells its own way once, and keys say what was told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.oncall.handoff import (
    HANDOFF_TYPES,
    Handed,
    HandoffRule,
    HandoffType,
    Passing,
    announcements,
    checked_advance,
    checked_type,
    correction_of,
    headline_of,
    passings,
    told_by,
    words_of,
)
from tocsin.ground.errors import Refused

AT = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
GROUP = some.frozensets(some.sampled_from(["PANN", "PBO", "PCY", "PDI"]))
HANDED = Handed(
    schedule="Platform",
    zone="Europe/Berlin",
    before=("Bo",),
    after=("Ann",),
    until=AT + timedelta(days=7),
    places=("level 1 of Night", "level 2 of Day"),
)


def rule(
    handoff_type: HandoffType = "both", *, minutes: int = 0, since: datetime = datetime(2020, 1, 1, tzinfo=UTC)
) -> HandoffRule:
    return HandoffRule("PRULE", "PANN", "PMAIL", handoff_type, timedelta(minutes=minutes), since)


def passing(direction: str = "on", user_id: str = "PANN") -> Passing:
    return Passing("PS", user_id, "on" if direction == "on" else "off", AT)


@given(GROUP, GROUP)
def test_only_who_comes_and_who_leaves_passes(before: frozenset[str], after: frozenset[str]) -> None:
    found = passings("PS", AT, before=before, after=after)
    assert {each.user_id for each in found if each.direction == "on"} == after - before
    assert {each.user_id for each in found if each.direction == "off"} == before - after
    assert len(found) == len(before ^ after)


@given(
    some.text("PABC0123456789", min_size=1),
    some.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC)),  # noqa: DTZ001 - hypothesis wants naive bounds
    some.sampled_from(["on", "off"]),
)
def test_a_key_says_what_was_told(schedule_id: str, at: datetime, direction: str) -> None:
    passed = Passing(schedule_id, "PANN", "on" if direction == "on" else "off", at)
    (announced,) = announcements([passed], {"PANN": [rule(since=datetime(1800, 1, 1, tzinfo=UTC))]})
    told = told_by("PANN", announced.key)
    assert told is not None
    assert (told.passing, told.rule_id) == (passed, "PRULE")


@pytest.mark.parametrize("key", ["", "correction 7", "handoff PS now on PRULE", "handoff PS 1", "cover PS 1 on PRULE"])
def test_another_notices_key_is_not_read(key: str) -> None:
    assert told_by("PANN", key) is None


@pytest.mark.parametrize(
    ("handoff_type", "directions"), [("both", {"on", "off"}), ("oncall", {"on"}), ("offcall", {"off"})]
)
def test_a_rule_tells_its_own_way(handoff_type: HandoffType, directions: set[str]) -> None:
    found = announcements([passing("on"), passing("off")], {"PANN": [rule(handoff_type, minutes=30)]})
    assert {each.passing.direction for each in found} == directions
    assert {each.due_at for each in found} == {AT - timedelta(minutes=30)}


def test_a_rule_is_silent_about_other_people_and_about_what_was_due_before_it() -> None:
    assert announcements([passing(user_id="PBO")], {"PANN": [rule()]}) == ()
    assert announcements([passing()], {"PANN": [rule(minutes=5, since=AT - timedelta(minutes=4))]}) == ()
    assert len(announcements([passing()], {"PANN": [rule(minutes=5, since=AT - timedelta(minutes=5))]})) == 1


def test_the_words_name_times_with_their_zone() -> None:
    assert headline_of(passing(), HANDED) == "You go on call for Platform at Mon 1 Mar 2027, 09:00 CET (Europe/Berlin)"
    assert words_of(passing(), HANDED, reader_zone="Europe/Berlin") == (
        "Until Mon 8 Mar 2027, 09:00 CET (Europe/Berlin). "
        "You are called by level 1 of Night, level 2 of Day. You take over from Bo."
    )
    abroad = words_of(passing(), HANDED, reader_zone="Asia/Kathmandu")
    assert abroad.startswith("That is Mon 1 Mar 2027, 13:45 +0545 on your clock. ")


def test_the_words_say_when_nobody_follows_and_when_there_is_no_end() -> None:
    alone = Handed(schedule="Edge", zone="Etc/UTC", before=("Ann",), after=(), until=None, places=())
    assert "Nobody is on call in this schedule after you." in words_of(passing("off"), alone, reader_zone="Etc/UTC")
    assert words_of(passing("on"), alone, reader_zone="Etc/UTC").startswith("There is no end in sight.")


def test_long_lists_are_counted() -> None:
    many = Handed(schedule="Edge", zone="Etc/UTC", before=(), after=("A", "B", "C", "D", "E"), until=None, places=())
    assert words_of(passing("off"), many, reader_zone="Etc/UTC") == "On call then: A, B, C and 2 more."


def test_a_correction_repeats_what_it_takes_back() -> None:
    title, text = correction_of("You go on call for Platform at noon")
    assert title == "No longer so: you go on call for Platform at noon"
    assert text


@pytest.mark.parametrize("minutes", [-1, 43_201])
def test_advances_have_bounds(minutes: int) -> None:
    with pytest.raises(Refused):
        checked_advance(minutes)


def test_types_are_three() -> None:
    assert [checked_type(each) for each in HANDOFF_TYPES] == list(HANDOFF_TYPES)
    with pytest.raises(Refused):
        checked_type("never")
