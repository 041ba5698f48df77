"""Fair load: hours, nights, weekends and pages of each person, and what would have been fair."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.oncall.hours import KINDS
from tocsin.domain.oncall.load import (
    Line,
    Paged,
    Watched,
    Weights,
    Worker,
    loads_of,
    total,
    weighted_hours,
    window_of,
)
from tocsin.domain.oncall.schedule import Shift, Source

UTC_ZONE = ZoneInfo("Etc/UTC")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = (MONDAY, MONDAY + timedelta(days=14))
WORKERS = {user_id: Worker(user_id, UTC_ZONE) for user_id in ("A", "B", "C")}


def _at(day: int, hour: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour)


def _shift(user_id: str | None, start: datetime, end: datetime, turn: str = "t") -> Shift:
    return Shift(start=start, end=end, user_id=user_id, source=Source(kind="layer", layer_id="L"), turn=turn)


def test_a_night_and_a_day() -> None:
    shifts = (_shift("A", _at(0, 22), _at(1, 8), "night"), _shift("B", _at(1, 8), _at(1, 18), "day"))
    loads = loads_of([Watched(id="S", shifts=shifts, members=("A", "B", "C"))], [], WORKERS, window=WINDOW)
    a, b, c = (loads.schedules["S"][each] for each in "ABC")
    assert (a.seconds["night"], a.shifts, a.longest_nights) == (36_000, 1, 1)
    assert (b.seconds["business"], len(b.nights)) == (36_000, 0)
    assert (weighted_hours(a.load), weighted_hours(b.load), c.load) == (20.0, 10.0, 0)
    assert [weighted_hours(loads.people[each].fair) for each in "ABC"] == [10.0, 10.0, 10.0]


def test_one_turn_cut_by_an_override_is_one_shift() -> None:
    shifts = (_shift("A", _at(0), _at(0, 4)), _shift("B", _at(0, 4), _at(0, 6), "o"), _shift("A", _at(0, 6), _at(1)))
    loads = loads_of([Watched(id="S", shifts=shifts)], [], WORKERS, window=WINDOW)
    assert (loads.people["A"].shifts, loads.people["B"].shifts) == (1, 1)


def test_the_same_hours_of_two_schedules_count_once_by_the_heavier_one() -> None:
    light = Watched(id="L", shifts=(_shift("A", _at(0, 8), _at(0, 18)),))
    heavy = Watched(id="H", shifts=(_shift("A", _at(0, 12), _at(0, 18)),), weights=Weights(business=Decimal(5)))
    loads = loads_of([light, heavy], [], WORKERS, window=WINDOW)
    person = loads.people["A"]
    assert person.seconds["business"] == 36_000
    assert weighted_hours(person.load) == 6 * 5 + 4
    assert (loads.schedules["L"]["A"].seconds["business"], loads.schedules["H"]["A"].seconds["business"]) == (
        36_000,
        21_600,
    )
    assert person.shifts == 2


def test_weekends_are_counted_by_their_saturday() -> None:
    shifts = (_shift("A", _at(5, 8), _at(7, 8)), _shift("A", _at(13, 9), _at(13, 10), "u"))
    line = loads_of([Watched(id="S", shifts=shifts)], [], WORKERS, window=WINDOW).people["A"]
    assert sorted(line.weekends) == [_at(5).date(), _at(12).date()]


def test_a_page_counts_for_the_schedule_it_came_through() -> None:
    first = Watched(id="S", shifts=(_shift("A", _at(0), _at(1)),))
    second = Watched(id="T", shifts=(_shift("A", _at(0), _at(1)),))
    pages = [
        Paged(user_id="A", at=_at(0, 3), schedule_ids=("S",)),
        Paged(user_id="A", at=_at(0, 9)),
        Paged(user_id="A", at=_at(2, 9), schedule_ids=("S",)),
        Paged(user_id="gone", at=_at(0, 9)),
    ]
    loads = loads_of([first, second], pages, WORKERS, window=WINDOW)
    of_s, of_t = loads.schedules["S"]["A"].pages, loads.schedules["T"]["A"].pages
    assert (of_s["night"], of_s["business"], of_t["night"], of_t["business"]) == (1, 1, 0, 1)
    assert sum(loads.people["A"].pages.values()) == 3
    narrow = loads_of([first], pages, WORKERS, window=WINDOW, all_pages=False)
    assert sum(narrow.people["A"].pages.values()) == 2


def test_people_nobody_knows_are_left_out() -> None:
    shifts = (_shift(None, _at(0), _at(1)), _shift("gone", _at(0), _at(1)))
    loads = loads_of([Watched(id="S", shifts=shifts, members=("gone",))], [], WORKERS, window=WINDOW)
    assert (loads.people, loads.schedules) == ({}, {"S": {}})


_STARTS = some.integers(0, 13 * 24)


@given(
    some.lists(
        some.tuples(some.sampled_from("AB"), some.sampled_from("ST"), _STARTS, some.integers(1, 48)), max_size=12
    )
)
def test_no_hour_counts_twice_and_shares_add_up(drawn: list[tuple[str, str, int, int]]) -> None:
    watched = [
        Watched(
            id=schedule,
            shifts=tuple(
                _shift(user, _at(0, start), min(_at(0, start + length), WINDOW[1]), f"{schedule}{start}")
                for user, of, start, length in drawn
                if of == schedule
            ),
            members=("A", "B"),
        )
        for schedule in "ST"
    ]
    loads = loads_of(watched, [], WORKERS, window=WINDOW)
    for user in "AB":
        hours = {
            start + step
            for who, _, start, length in drawn
            if who == user
            for step in range(length)
            if start + step < 14 * 24
        }
        assert sum(loads.people[user].seconds.values()) == len(hours) * 3600
    for lines in loads.schedules.values():
        everything = total(lines.values())
        assert abs(everything.fair - everything.load) < 1
    assert sum(line.fair for line in loads.people.values()) >= sum(line.load for line in loads.people.values()) - 1


def test_totals_hold_everything() -> None:
    one, other = Line(), Line()
    one.take_page("night", Weights(page_minutes=30))
    other.take_page("business", Weights())
    everything = total([one, other])
    assert (everything.pages["night"], everything.pages["business"], weighted_hours(everything.load)) == (1, 1, 2.0)
    assert set(everything.seconds) == set(KINDS)


def test_weights_have_bounds() -> None:
    assert Weights().faults() == ()
    assert Weights(night=Decimal(-1)).faults() == ("night is 0 to 100, with at most two decimals.",)
    assert Weights(night=Decimal("1.001")).faults()
    assert Weights(night=Decimal("NaN")).faults()
    assert Weights(holiday=Decimal(101), page_minutes=1441).faults() == (
        "holiday is 0 to 100, with at most two decimals.",
        "page_minutes is 0 to 1440.",
    )


def test_windows_have_bounds() -> None:
    year = timedelta(days=366)
    assert window_of(_at(0) + timedelta(milliseconds=5), _at(1), year) == (_at(0), _at(1))
    assert window_of(_at(1), _at(1), year) is None
    assert window_of(_at(0), _at(367), year) is None
