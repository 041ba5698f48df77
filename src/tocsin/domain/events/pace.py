"""Pace: how fast one sender may report, and how fast it does."""

from msgspec import Struct

_SECOND = 1.0
_MINUTE = 60.0


class Allowance(Struct, frozen=True):
    """How much one routing key may send: a steady rate, and as much again at once after a quiet minute."""

    per_minute: int = 10_000  # events; generous: a data centre losing power reports a few thousand
    busy_above: int = 100  # events in one second; beyond it a sender counts as flooding


class Bucket:
    """What is left of one sender's allowance. `at` is the same monotonic clock in every call, in seconds.

    `busy` says whether the sender flooded in the running or the last second.
    """

    __slots__ = ("_busy_above", "_count", "_full", "_left", "_rate", "_seen_at", "_window_at", "busy")

    def __init__(self, allowance: Allowance, at: float) -> None:
        """Start full."""
        self._full = float(allowance.per_minute)
        self._rate = allowance.per_minute / _MINUTE
        self._busy_above = allowance.busy_above
        self._left = self._full
        self._seen_at = at
        self._window_at = at
        self._count = 0
        self.busy = False

    def take(self, at: float) -> bool:
        """Take one event out of the allowance; return False when nothing is left of it."""
        left = self._left + (at - self._seen_at) * self._rate
        self._seen_at = at
        self._count += 1
        if at - self._window_at >= _SECOND:
            self._begin_second(at)
        elif self._count > self._busy_above:
            self.busy = True
        if left < 1.0:
            self._left = left
            return False
        self._left = min(self._full, left) - 1.0
        return True

    def _begin_second(self, at: float) -> None:
        lately = at - self._window_at < 2 * _SECOND
        self.busy = lately and self._count > self._busy_above
        self._count = 1
        self._window_at = at
