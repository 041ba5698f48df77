"""Urgency: whether a problem wakes people or waits, by its severity and by the hour."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from tocsin.domain.services.support_hours import Edge, SupportHours

Urgency = Literal["high", "low"]
Measure = Literal["high", "low", "severity_based"]

URGENT_SEVERITIES = frozenset({"critical", "error"})  # the rest, warning and info, can wait


class Always(Struct, frozen=True, tag_field="kind", tag="always"):
    """The same measure at every hour."""

    urgency: Measure

    def measure_at(self, at: datetime) -> Measure:
        """Return the measure, which is the same at every instant."""
        del at
        return self.urgency


class ByHours(Struct, frozen=True, tag_field="kind", tag="by_hours"):
    """One measure during support hours and another outside them."""

    hours: SupportHours
    during: Measure
    outside: Measure

    def measure_at(self, at: datetime) -> Measure:
        """Return the measure that holds at this instant."""
        return self.during if self.hours.hold(at) else self.outside


UrgencyRule = Always | ByHours


class Raise(Struct, frozen=True):
    """Raise what is open with low urgency to high when support hours start, or end."""

    at: Edge


def urgency_of(rule: UrgencyRule, severity: str, at: datetime) -> Urgency:
    """Return the urgency of a problem of this severity that begins at this instant."""
    measure = rule.measure_at(at)
    if measure == "severity_based":
        return "high" if severity in URGENT_SEVERITIES else "low"
    return measure


def next_raise(hours: SupportHours | None, raises: Sequence[Raise], at: datetime) -> datetime | None:
    """Return the next instant after `at` at which open incidents of low urgency become urgent, or None if never."""
    if hours is None:
        return None
    instants = [hours.next_edge(at, planned.at) for planned in raises]
    return min((instant for instant in instants if instant is not None), default=None)
