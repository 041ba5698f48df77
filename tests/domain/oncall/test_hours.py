"""Kinds of hours: every second of a shift has one kind, read off the person's own wall clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.oncall.hours import KINDS, HourBook, Hours, kind_of, longest_run, nights_of

ZONES = sorted(name for name in available_timezones() if "/" in name)
BERLIN = ZoneInfo("Europe/Berlin")
CHRISTMAS = frozenset({date(2026, 12, 25), date(2026, 12, 26)})


def _s(at: datetime) -> int:
    return int(at.timestamp())


def _by_kind(zone: ZoneInfo, start: datetime, end: datetime, holidays: frozenset[date] = frozenset()) -> dict[str, int]:
    hours = Hours(zone, holidays, since=_s(start), until=_s(end))
    found: dict[str, int] = {}
    for piece in hours.pieces(_s(start), _s(end)):
        found[piece.kind] = found.get(piece.kind, 0) + piece.end - piece.start
    return found


@given(
    zone=some.sampled_from(ZONES),
    start=some.integers(_s(datetime(2020, 1, 1, tzinfo=UTC)), _s(datetime(2040, 1, 1, tzinfo=UTC))),
    length=some.integers(1, 10 * 86_400),
    holidays=some.frozensets(some.integers(-2, 12), max_size=3),
)
def test_pieces_add_up_to_the_true_length_and_each_is_what_the_wall_shows(
    zone: str, start: int, length: int, holidays: frozenset[int]
) -> None:
    there = ZoneInfo(zone)
    first = datetime.fromtimestamp(start, there).date()
    days = frozenset(first + timedelta(days=offset) for offset in holidays)
    _check(there, days, start, start + length)


@pytest.mark.parametrize(
    "zone",
    [
        "Africa/Cairo", "Africa/Casablanca", "America/Havana", "America/Santiago", "America/St_Johns",
        "Antarctica/Troll", "Asia/Beirut", "Atlantic/Azores", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Chatham",
    ],
)  # fmt: skip
def test_a_year_with_its_clock_changes(zone: str) -> None:
    start = _s(datetime(2026, 1, 1, tzinfo=UTC))
    _check(ZoneInfo(zone), CHRISTMAS, start, start + 366 * 86_400)


def _check(zone: ZoneInfo, holidays: frozenset[date], start: int, end: int) -> None:
    hours = Hours(zone, holidays, since=start - 86_400, until=end + 86_400)
    pieces = list(hours.pieces(start, end))
    assert [piece.start for piece in pieces[1:]] == [piece.end for piece in pieces[:-1]]
    assert (pieces[0].start, pieces[-1].end) == (start, end)
    for piece in pieces:
        for at in (piece.start, (piece.start + piece.end) // 2, piece.end - 1):
            assert kind_of(datetime.fromtimestamp(at, zone), holidays) == piece.kind == hours.kind_at(at)


@pytest.mark.parametrize(
    ("wall", "kind"),
    [
        ("2026-03-02T08:00", "business"),
        ("2026-03-02T07:59", "night"),
        ("2026-03-02T17:59", "business"),
        ("2026-03-02T18:00", "evening"),
        ("2026-03-02T22:00", "night"),
        ("2026-03-07T08:00", "weekend"),
        ("2026-03-07T21:59", "weekend"),
        ("2026-03-07T22:00", "night"),
        ("2026-03-08T03:00", "night"),
        ("2026-12-25T03:00", "holiday"),
        ("2026-12-26T12:00", "holiday"),
    ],
)
def test_the_edges_of_kinds(wall: str, kind: str) -> None:
    assert kind_of(datetime.fromisoformat(wall).replace(tzinfo=BERLIN), CHRISTMAS) == kind


def test_a_week_holds_fifty_business_hours() -> None:
    start = datetime(2026, 3, 2, tzinfo=BERLIN)
    week = _by_kind(BERLIN, start, datetime(2026, 3, 9, tzinfo=BERLIN))
    assert {kind: seconds / 3600 for kind, seconds in week.items()} == {
        "business": 50,
        "evening": 20,
        "night": 70,
        "weekend": 28,
    }
    assert set(week) < set(KINDS)


def test_the_night_of_the_spring_gap_is_an_hour_short_and_the_autumn_one_an_hour_long() -> None:
    spring = _by_kind(BERLIN, datetime(2026, 3, 28, 8, tzinfo=BERLIN), datetime(2026, 3, 29, 22, tzinfo=BERLIN))
    autumn = _by_kind(BERLIN, datetime(2026, 10, 24, 8, tzinfo=BERLIN), datetime(2026, 10, 25, 22, tzinfo=BERLIN))
    days = {"weekend": 28 * 3600}
    assert (spring, autumn) == ({"night": 9 * 3600, **days}, {"night": 11 * 3600, **days})


def test_nights_are_named_by_their_evening_and_need_half_of_it() -> None:
    start, end = datetime(2026, 3, 2, 21, 30, tzinfo=BERLIN), datetime(2026, 3, 5, 2, 59, tzinfo=BERLIN)
    hours = Hours(BERLIN, CHRISTMAS, since=_s(start), until=_s(end))
    assert nights_of(list(hours.pieces(_s(start), _s(end)))) == {date(2026, 3, 2), date(2026, 3, 3)}


def test_a_holiday_night_is_still_a_night() -> None:
    start, end = datetime(2026, 12, 25, 22, tzinfo=BERLIN), datetime(2026, 12, 26, 8, tzinfo=BERLIN)
    pieces = list(Hours(BERLIN, CHRISTMAS, since=_s(start), until=_s(end)).pieces(_s(start), _s(end)))
    assert {piece.kind for piece in pieces} == {"holiday"}
    assert nights_of(pieces) == {date(2026, 12, 25)}


def test_runs_of_nights() -> None:
    assert longest_run([]) == 0
    assert longest_run([date(2026, 3, 2)]) == 1
    assert longest_run([date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 3)]) == 2


def test_people_in_one_zone_share_their_hours() -> None:
    book = HourBook(0, 86_400)
    assert book.of(BERLIN, CHRISTMAS) is book.of(BERLIN, CHRISTMAS)
    assert book.of(BERLIN, frozenset()) is not book.of(BERLIN, CHRISTMAS)
