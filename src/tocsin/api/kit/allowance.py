"""Allowances: how many requests a key may still make in this minute."""

from dataclasses import dataclass

_WINDOW_S = 60  # PagerDuty counts per minute, and its clients sleep for what `ratelimit-reset` says
_MOST_KEYS = 10_000  # keys remembered at once; the oldest minute is forgotten first
UNCOUNTED = 1_000_000  # what the headers say when nothing is counted: clients want a number


@dataclass(slots=True)
class _Minute:
    began_at: float
    spent: int


@dataclass(frozen=True, slots=True)
class Left:
    """What a key has left: the limit, how much of it remains, seconds until it is full again, and if it is spent."""

    limit: int
    remaining: int
    reset_s: int
    spent: bool = False

    def headers(self) -> dict[str, str]:
        """Return the headers that every answer of the API carries."""
        return {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset_s),
        }


class Allowances:
    """Counts the requests of each key, one minute at a time, in this process."""

    def __init__(self, per_minute: int) -> None:
        """Allow `per_minute` requests; 0 counts nothing."""
        self._per_minute = per_minute
        self._minutes: dict[str, _Minute] = {}

    def untouched(self) -> Left:
        """Return the allowance of somebody who is not counted."""
        limit = self._per_minute or UNCOUNTED
        return Left(limit, limit, _WINDOW_S)

    def spend(self, key: str, now_s: float) -> Left:
        """Take one request from the key's allowance at this monotonic instant and return what is left."""
        if not self._per_minute:
            return self.untouched()
        minute = self._minutes.get(key)
        if minute is None or now_s - minute.began_at >= _WINDOW_S:
            self._minutes.pop(key, None)
            self._forget()
            minute = self._minutes[key] = _Minute(now_s, 0)
        minute.spent += 1
        reset_s = max(1, round(minute.began_at + _WINDOW_S - now_s))
        remaining = self._per_minute - minute.spent
        return Left(self._per_minute, max(0, remaining), reset_s, spent=remaining < 0)

    def _forget(self) -> None:
        while len(self._minutes) >= _MOST_KEYS:
            del self._minutes[next(iter(self._minutes))]
