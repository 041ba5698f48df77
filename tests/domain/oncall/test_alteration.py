"""Alterations: each thing that a new version of a schedule tells differently is said in one sentence."""

from datetime import UTC, date, datetime, time, timedelta

import msgspec
import pytest

from tocsin.domain.oncall.alteration import alterations
from tocsin.domain.oncall.schedule import ByShift, Layer, Member, Pattern, Restriction, Schedule, TurnLayer

AT = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
NAMES = {"PANN": "Ann", "PBO": "Bo", "PCY": "Cy"}
NIGHTS = Restriction(kind="daily", start_time=time(18), length_s=3600)


def layer(layer_id: str = "PL1", *members: Member, **turn: object) -> Layer:
    told = TurnLayer(start_at=AT, end_at=None, virtual_start_at=AT, turn_s=86_400, members=members or ("PANN", "PBO"))
    return Layer(id=layer_id, name="Weekly", turn_layer=msgspec.structs.replace(told, **turn))


def schedule(*layers: Layer, **fields: object) -> Schedule:
    made = Schedule(id="PS", name="Platform", time_zone="Europe/Berlin", stacked=True, layers=layers or (layer(),))
    return msgspec.structs.replace(made, **fields)


def pattern(pattern_id: str = "PP1", **fields: object) -> Pattern:
    made = Pattern(
        id=pattern_id,
        name="Days",
        time_zone="Europe/Berlin",
        begin_on=date(2027, 3, 1),
        begin_time=time(9),
        length_s=3600,
        recurrence=("RRULE:FREQ=DAILY",),
        effective_since=AT,
        effective_until=None,
        members=("PANN",),
        turns=ByShift(),
    )
    return msgspec.structs.replace(made, **fields)


OTHER = Layer(id="PL2", name="", patterns=(pattern(),))
SAID: list[tuple[Schedule, list[str]]] = [
    (schedule(), []),
    (schedule(name="Edge"), ["The schedule was renamed from Platform to Edge."]),
    (schedule(time_zone="Etc/UTC"), ["The time zone changed from Europe/Berlin to Etc/UTC."]),
    (schedule(off_hours=(NIGHTS,)), ["The off-hours changed."]),
    (schedule(layer(), OTHER), ["Layer PL2 was added: Ann."]),
    (schedule(OTHER), ["Layer PL2 was added: Ann.", "Layer Weekly was removed."]),
    (schedule(layer("PL1", "PANN", "PCY")), ["Cy joined Layer Weekly.", "Bo left Layer Weekly."]),
    (schedule(layer("PL1", "PBO", "PANN")), ["The order of the members of Layer Weekly changed."]),
    (schedule(layer("PL1", "PANN", "PBO", None)), ["nobody joined Layer Weekly."]),
    (schedule(layer(turn_s=7 * 86_400)), ["A turn of Layer Weekly lasts 1 week now, 1 day before."]),
    (schedule(layer(turn_s=5400)), ["A turn of Layer Weekly lasts 90 minutes now, 1 day before."]),
    (
        schedule(layer(end_at=AT + timedelta(days=1))),
        ["Layer Weekly ends at Tue 2 Mar 2027, 09:00 CET (Europe/Berlin)."],
    ),
    (
        schedule(layer(start_at=AT + timedelta(hours=1))),
        ["Layer Weekly starts at Mon 1 Mar 2027, 10:00 CET (Europe/Berlin), its turns are counted anew."],
    ),
    (schedule(layer(restrictions=(NIGHTS,))), ["The hours in which Layer Weekly counts changed."]),
]


@pytest.mark.parametrize(("after", "said"), SAID)
def test_a_change_is_said(after: Schedule, said: list[str]) -> None:
    assert list(alterations(schedule(), after, NAMES)) == said


def test_the_first_version_lists_its_layers() -> None:
    assert alterations(None, schedule(layer(), OTHER), NAMES) == (
        "Layer Weekly was added: Ann, Bo.",
        "Layer PL2 was added: Ann.",
    )


def test_changes_of_patterns_and_of_the_order_are_said() -> None:
    before = schedule(layer(), OTHER)
    after = schedule(Layer(id="PL2", name="Named", patterns=(pattern(length_s=7200), pattern("PP2", name=""))), layer())
    assert alterations(before, after, NAMES) == (
        "Layer PL2 was renamed to Named.",
        "Pattern Days of Layer Named was changed.",
        "Pattern without a name of Layer Named was added.",
        "The order of the layers changed.",
    )


def test_a_layer_that_follows_a_calendar_says_so() -> None:
    told = Layer(id="PL1", name="Weekly", calendar_id="PCAL")
    assert alterations(schedule(), schedule(told), NAMES) == (
        "Ann, Bo left Layer Weekly.",
        "Layer Weekly tells its shifts in another way.",
        "Layer Weekly follows another calendar.",
    )
