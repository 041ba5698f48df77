"""History: each past instant is told by the version of the schedule that was valid at it."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as some

from tests.domain.oncall.samples import DAY, around_the_clock, at, cases
from tocsin.domain.oncall.history import Version, final
from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.oncall.timeline import Timeline

SINCE = at("2026-06-01T00:00Z")


def test_a_shift_is_cut_where_its_version_ends() -> None:
    edge = at("2026-06-02T12:00Z")
    versions = [
        Version(number=1, valid_since=SINCE, valid_until=edge, schedule=around_the_clock("Etc/UTC")),
        Version(number=2, valid_since=edge, valid_until=None, schedule=around_the_clock("Etc/UTC", turn_s=7 * 86_400)),
    ]
    found = final(versions, SINCE - DAY, SINCE + 3 * DAY)
    assert found[0][1].start == SINCE
    assert [number for number, _ in found] == [1, 1, 1, 2]
    assert found[-2][1].end == found[-1][1].start == edge
    assert found[-1][1].end == SINCE + 3 * DAY


@settings(max_examples=40, deadline=None)
@given(case=cases(), other=cases(), share=some.floats(0.1, 0.9))
def test_every_instant_is_told_by_the_version_of_its_time(
    case: tuple[Schedule, datetime, datetime], other: tuple[Schedule, datetime, datetime], share: float
) -> None:
    schedule, since, until = case
    edge = (since + (until - since) * share).replace(microsecond=0)
    versions = [
        Version(number=1, valid_since=since - DAY, valid_until=edge, schedule=schedule),
        Version(number=2, valid_since=edge, valid_until=None, schedule=other[0]),
    ]
    found = final(versions, since, until)
    for part in range(20):
        instant = since + (until - since) * part / 20
        version = versions[0] if instant < edge else versions[1]
        second = instant.replace(microsecond=0)
        told = {(number, shift.user_id) for number, shift in found if shift.start <= second < shift.end}
        if abs(instant - edge).total_seconds() >= 1:
            assert told == {(version.number, user_id) for user_id in Timeline(version.schedule).who(instant)}


def test_before_the_first_version_there_was_nobody() -> None:
    versions = [Version(number=1, valid_since=SINCE, valid_until=None, schedule=around_the_clock("Etc/UTC"))]
    assert final(versions, SINCE - 2 * DAY, SINCE) == ()
