"""Urgency: which severity wakes people at which hour, and when what can wait stops waiting."""

from datetime import UTC, datetime, time, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.services.service import Service, next_urgency_change, status_of
from tocsin.domain.services.support_hours import Edge, SupportHours
from tocsin.domain.services.urgency_rule import Always, ByHours, Measure, Raise, next_raise, urgency_of

HOURS = SupportHours("America/New_York", (1, 2, 3, 4, 5), time(9), time(17))
IN_HOURS = datetime(2026, 11, 23, 15, tzinfo=UTC)
AT_NIGHT = datetime(2026, 11, 23, 3, tzinfo=UTC)
SEVERITIES = ("critical", "error", "warning", "info")

measures = some.sampled_from(get_args(Measure))
instants = some.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=some.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds


@pytest.mark.parametrize(
    ("severity", "urgency"), [("critical", "high"), ("error", "high"), ("warning", "low"), ("info", "low")]
)
def test_urgency_by_severity(severity: str, urgency: str) -> None:
    assert urgency_of(Always("severity_based"), severity, AT_NIGHT) == urgency


def test_a_rule_by_hours_has_two_measures() -> None:
    rule = ByHours(HOURS, during="high", outside="severity_based")
    assert urgency_of(rule, "info", IN_HOURS) == "high"
    assert urgency_of(rule, "info", AT_NIGHT) == "low"
    assert urgency_of(rule, "critical", AT_NIGHT) == "high"


@given(measures, measures, some.sampled_from(SEVERITIES), instants)
def test_a_rule_by_hours_is_one_of_its_measures_always(
    during: Measure, outside: Measure, severity: str, at: datetime
) -> None:
    rule = ByHours(HOURS, during, outside)
    measure = during if HOURS.hold(at) else outside
    assert urgency_of(rule, severity, at) == urgency_of(Always(measure), severity, at)


def test_open_incidents_become_urgent_when_hours_start() -> None:
    friday_night = datetime(2026, 11, 27, 23, tzinfo=UTC)
    assert next_raise(HOURS, (Raise("start"),), friday_night) == datetime(2026, 11, 30, 14, tzinfo=UTC)
    assert next_raise(HOURS, (Raise("end"),), friday_night) == datetime(2026, 11, 30, 22, tzinfo=UTC)


def test_nothing_becomes_urgent_where_nothing_is_planned() -> None:
    assert next_raise(HOURS, (), IN_HOURS) is None
    assert next_raise(None, (Raise("start"),), IN_HOURS) is None


@given(some.lists(some.sampled_from(get_args(Edge)).map(Raise), min_size=1, max_size=2), instants)
def test_the_next_raise_lies_ahead_within_a_week(raises: list[Raise], at: datetime) -> None:
    instant = next_raise(HOURS, raises, at)
    assert instant is not None
    assert at < instant <= at + timedelta(days=7, hours=1)


def test_a_service_knows_its_next_raise() -> None:
    service = Service(
        id="PSERVICE",
        name="Checkout",
        escalation_policy_id="PPOLICY",
        team_id=None,
        acknowledgement_timeout=None,
        auto_resolve_timeout=None,
        urgency_rule=Always("high"),
        support_hours=HOURS,
        raises=(Raise("start"),),
        fallback_user_id=None,
        disabled=False,
    )
    assert next_urgency_change(service, IN_HOURS) == datetime(2026, 11, 24, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ("", "active"),
        ("a", "warning"),
        ("t", "critical"),
        ("ta", "critical"),
        ("mta", "maintenance"),
        ("dmta", "disabled"),
        ("d", "disabled"),
    ],
)
def test_the_status_of_a_service_follows_from_what_is_open(flags: str, status: str) -> None:
    found = status_of(
        disabled="d" in flags, in_maintenance="m" in flags, triggered="t" in flags, acknowledged="a" in flags
    )
    assert found == status
