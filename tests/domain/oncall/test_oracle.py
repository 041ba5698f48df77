"""Oracle: a slow, independent reckoning names the same people at every minute of random schedules."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from tests.domain.oncall import oracle
from tests.domain.oncall.samples import cases
from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.oncall.timeline import Timeline

MINUTE = timedelta(minutes=1)
EXAMPLES = int(os.environ.get("TOCSIN_ORACLE_EXAMPLES", "300"))  # 10,000 take some minutes: run them before a release


@pytest.mark.timeout(3600)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_the_timeline_names_whom_the_oracle_names(case: tuple[Schedule, datetime, datetime]) -> None:
    schedule, since, until = case
    expected = oracle.people(schedule, since, until)
    timeline = Timeline(schedule)
    found: dict[datetime, set[str]] = {at: set() for at in expected}
    for shift in timeline.final(since, until):
        assert shift.user_id is not None
        at = shift.start
        while at < shift.end:
            found[at].add(shift.user_id)
            at += MINUTE
    assert found == expected
    for at in list(expected)[::37]:
        assert set(timeline.who(at)) == expected[at]
