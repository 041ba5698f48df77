"""Absences: which shifts fall into them, to the second, and what no absence can be."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.oncall.absence import LONGEST_ABSENCE, Absence, conflicts, faults_of
from tocsin.domain.oncall.schedule import Shift, Source

START = datetime(2027, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def away(user_id: str, first: int, last: int, *, key: str = "A") -> Absence:
    return Absence(id=key, user_id=user_id, start=START + first * HOUR, end=START + last * HOUR)


def shift(user_id: str | None, first: int, last: int) -> Shift:
    source = Source(kind="layer", layer_id="L")
    return Shift(start=START + first * HOUR, end=START + last * HOUR, user_id=user_id, source=source, turn=f"L/{first}")


def test_the_common_part_is_told() -> None:
    (clash,) = conflicts([away("ada", 5, 20)], [shift("ada", 0, 10), shift("bo", 0, 30), shift("ada", 20, 30)])
    assert (clash.start, clash.end) == (START + 5 * HOUR, START + 10 * HOUR)
    assert clash.shift.turn == "L/0"


def test_an_absence_that_only_touches_a_shift_is_none_of_its_business() -> None:
    assert conflicts([away("ada", 10, 20)], [shift("ada", 0, 10), shift("ada", 20, 21), shift(None, 12, 13)]) == ()


def test_what_cannot_be_is_said() -> None:
    assert faults_of(away("ada", 0, 1)) == ()
    assert faults_of(away("ada", 1, 1)) == ("end is not after start.",)
    days = LONGEST_ABSENCE.days * 24 + 1
    assert len(faults_of(away("ada", 0, days))) == 1


PEOPLE = some.sampled_from(["ada", "bo", "cy"])
TIMES = some.tuples(some.integers(0, 40), some.integers(1, 20))


@given(some.lists(some.tuples(PEOPLE, TIMES), max_size=6), some.lists(some.tuples(PEOPLE, TIMES), max_size=6))
def test_hour_by_hour_the_same_is_found(
    absences: list[tuple[str, tuple[int, int]]], shifts: list[tuple[str, tuple[int, int]]]
) -> None:
    out = [away(who, first, first + length, key=str(n)) for n, (who, (first, length)) in enumerate(absences)]
    on = [shift(who, first, first + length) for who, (first, length) in shifts]
    found = conflicts(out, on)
    for hour in range(70):
        at = START + hour * HOUR
        slow = sorted(
            (each.id, one.turn, one.user_id or "")
            for each in out
            for one in on
            if each.user_id == one.user_id and each.start <= at < each.end and one.start <= at < one.end
        )
        fast = sorted(
            (clash.absence.id, clash.shift.turn, clash.shift.user_id or "")
            for clash in found
            if clash.start <= at < clash.end
        )
        assert fast == slow
