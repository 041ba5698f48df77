"""Maintenance windows: what is inside one, and what may still be done to it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.services.maintenance import Window, changed, ending_of, in_maintenance, planned, stage_of
from tocsin.ground.errors import Refused, Why

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
offsets = some.integers(-300, 300).map(lambda minutes: timedelta(minutes=minutes))


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(NOW, NOW + HOUR)
    assert stage_of(window, NOW - timedelta(microseconds=1)) == "future"
    assert stage_of(window, NOW) == "ongoing"
    assert stage_of(window, NOW + HOUR) == "past"


@given(some.lists(some.tuples(offsets, some.integers(1, 300)), max_size=5), offsets)
def test_maintenance_is_any_window_that_holds_the_instant(spans: list[tuple[timedelta, int]], at: timedelta) -> None:
    windows = [Window(NOW + start, NOW + start + timedelta(minutes=length)) for start, length in spans]
    assert in_maintenance(windows, NOW + at) is any(w.start_at <= NOW + at < w.end_at for w in windows)


@given(offsets, offsets)
def test_a_planned_window_starts_now_or_later_and_has_a_length(start: timedelta, end: timedelta) -> None:
    if end <= max(start, timedelta()):
        with pytest.raises(Refused) as caught:
            planned(NOW + start, NOW + end, NOW)
        assert caught.value.why is Why.BAD_DATE
        return
    window = planned(NOW + start, NOW + end, NOW)
    assert window == Window(max(NOW, NOW + start), NOW + end)
    assert NOW <= window.start_at < window.end_at


@pytest.mark.parametrize(
    ("start", "end", "ending"), [(1, 2, "forget"), (0, 1, "forget"), (-1, 1, "end_now"), (-2, -1, None), (-1, 0, None)]
)
def test_what_becomes_of_a_window_that_is_called_off(start: int, end: int, ending: str | None) -> None:
    window = Window(NOW + start * HOUR, NOW + end * HOUR)
    if ending is None:
        with pytest.raises(Refused) as caught:
            ending_of(window, NOW)
        assert caught.value.why is Why.PAST_WINDOW
    else:
        assert ending_of(window, NOW) == ending


def test_the_start_of_a_window_under_way_stays() -> None:
    under_way = Window(NOW - HOUR, NOW + HOUR)
    wanted = Window(NOW + HOUR, NOW + 3 * HOUR)
    assert changed(under_way, wanted, NOW) == Window(NOW - HOUR, NOW + 3 * HOUR)


def test_a_window_to_come_can_be_moved_up_to_now() -> None:
    to_come = Window(NOW + HOUR, NOW + 2 * HOUR)
    assert changed(to_come, Window(NOW - HOUR, NOW + HOUR), NOW) == Window(NOW, NOW + HOUR)


@pytest.mark.parametrize(
    ("window", "wanted", "why"),
    [
        (Window(NOW - 2 * HOUR, NOW - HOUR), Window(NOW, NOW + HOUR), Why.PAST_WINDOW),
        (Window(NOW - HOUR, NOW + HOUR), Window(NOW - HOUR, NOW), Why.BAD_DATE),
        (Window(NOW + HOUR, NOW + 2 * HOUR), Window(NOW + HOUR, NOW + HOUR), Why.BAD_DATE),
    ],
)
def test_what_cannot_be_changed_is_refused(window: Window, wanted: Window, why: Why) -> None:
    with pytest.raises(Refused) as caught:
        changed(window, wanted, NOW)
    assert caught.value.why is why
