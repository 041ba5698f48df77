"""Spread: what many measurements say together."""

from collections.abc import Sequence
from statistics import median as _median

MILLISECONDS = 1000.0  # in a second


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share (0 to 1) of the values lies; 0 for no values.

    It is always one of the values (the nearest rank), so that a rare long wait is not averaged away.
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def p99_ms(seconds: Sequence[float]) -> float:
    """Return the 99th percentile of durations in seconds, in milliseconds."""
    return percentile(seconds, 0.99) * MILLISECONDS


def median(values: Sequence[float]) -> float:
    """Return the median; 0 for no values."""
    return float(_median(values)) if values else 0.0
