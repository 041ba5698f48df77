"""Throttles: how many wrong guesses are let through before everybody who guesses has to wait."""

from collections import OrderedDict

MOST_REMEMBERED = 20_000  # keys; the longest unseen are forgotten first, so that guessing cannot fill the memory


class Throttle:
    """Counts failures per key in windows of `window_s` seconds; from `most` on, the key has to wait.

    Instants are seconds of a clock that only moves forward. A success does not clear the count of a source, so
    that one right password among the guesses buys no more of them.
    """

    def __init__(self, most: int, window_s: float) -> None:
        """Let `most` failures of one key happen in each window."""
        self._most = most
        self._window_s = window_s
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, key: str, now_s: float) -> float:
        """Return for how many more seconds this key has to wait; 0 when it may try."""
        count, until_s = self._failures.get(key, (0, 0.0))
        return max(0.0, until_s - now_s) if count >= self._most else 0.0

    def failed(self, key: str, now_s: float) -> None:
        """Count one more failure."""
        count, until_s = self._failures.pop(key, (0, 0.0))
        if until_s <= now_s:
            count, until_s = 0, now_s + self._window_s
        self._failures[key] = (count + 1, until_s)
        while len(self._failures) > MOST_REMEMBERED:
            self._failures.popitem(last=False)

    def forget(self, key: str) -> None:
        """Forget the failures of this key."""
        self._failures.pop(key, None)
