"""Findings: what the doctor saw at each place, how bad it is, and what to do about it."""

from typing import Literal

from msgspec import Struct

Verdict = Literal["ok", "warn", "fail"]


class Finding(Struct, frozen=True):
    """One look: at what, how it stands, what was seen, and the advice when it is not well."""

    check: str
    verdict: Verdict
    saw: str
    advice: str = ""


def graded(check: str, saw: str, *, bad: bool, worse: bool = False, advice: str = "") -> Finding:
    """Return a finding that is well unless it is bad (a warning) or worse (a failure); advice only when needed."""
    if worse:
        return Finding(check, "fail", saw, advice)
    return Finding(check, "warn", saw, advice) if bad else Finding(check, "ok", saw)
