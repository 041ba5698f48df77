"""The clock: the only place of the program that asks what time it is."""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return this machine's wall clock in UTC.

    Only for what never decides about a page (certificates, file names, log lines): decisions use the
    database's instant, which a transaction hands out as `turn.now`.
    """
    return datetime.now(UTC)


def seconds() -> float:
    """Return a monotonic instant in seconds, for measuring how long something took."""
    return time.monotonic()


def milliseconds() -> int:
    """Return this machine's wall clock in milliseconds since 1970, for time-sorted ids."""
    return time.time_ns() // 1_000_000
