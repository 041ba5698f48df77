"""Failures: why something was refused, and whether trying again can help."""

from enum import Enum


class Why(Enum):
    """The reasons for which the product refuses an order; doors turn them into their own status codes and texts."""

    INVALID = "invalid"
    MISSING = "missing"
    NOT_FOUND = "not found"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    IN_USE = "in use"
    TOO_MANY = "too many"
    TOO_LARGE = "too large"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    NOT_BUILT = "not built"
    REQUESTER_UNKNOWN = "requester unknown"
    ALREADY_RESOLVED = "already resolved"
    ALREADY_ACKNOWLEDGED = "already acknowledged"
    NOT_ACKNOWLEDGED = "not acknowledged"
    BAD_STATUS = "bad status"
    STALE = "stale"
    CANNOT_ESCALATE = "cannot escalate"
    NOBODY_ON_CALL = "nobody on call"
    ALREADY_MERGED = "already merged"
    BAD_PRIORITY = "bad priority"
    SNOOZE_DURATION = "snooze duration"
    BAD_DATE = "bad date"
    PAST_WINDOW = "past maintenance window"
    TEAM_NOT_EMPTY = "team not empty"


class Refused(Exception):
    """An order that the rules of the product do not allow.

    `message` says in one sentence what to do instead; `errors` lists each fault when there are several.
    """

    def __init__(self, why: Why, message: str, errors: tuple[str, ...] = ()) -> None:
        """Keep the reason, the sentence and the single faults."""
        super().__init__(message)
        self.why = why
        self.message = message
        self.errors = errors or (message,)


class StoreUnavailable(Exception):
    """PostgreSQL cannot be written to now; trying again later can help."""
