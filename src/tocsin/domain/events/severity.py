"""Severity: how bad the reporting tool says it is."""

from enum import StrEnum


class Severity(StrEnum):
    """The four severities of the Events API, worst first."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


DEFAULT_SEVERITY = Severity.CRITICAL  # of senders that have no severity, such as Events API v1


def severity_of(word: str) -> Severity | None:
    """Return the severity that this word spells, whatever its case and outer spaces, or None for any other word."""
    try:
        return Severity(word.strip().lower())
    except ValueError:
        return None
