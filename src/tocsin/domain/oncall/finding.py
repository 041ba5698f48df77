"""Findings: what can be wrong with the nights to come, and the facts that show it."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from tocsin.domain.oncall.absence import Absence
from tocsin.domain.oncall.policy import Policy
from tocsin.domain.oncall.stretches import Stretch
from tocsin.domain.oncall.timeline import Timeline

FindingKind = Literal[
    "nobody",
    "unreadable_schedule",
    "empty_level",
    "gap",
    "off_hours",
    "unreachable_person",
    "no_notification_rule",
    "unproven_method",
    "failing_method",
    "removed_person",
    "two_levels",
    "one_person",
    "clock_change",
    "lost_window",
    "absent_on_call",
    "cover_conflict",
    "calendar_stale",
    "calendar_unmatched",
]
Verdict = Literal["fail", "warn", "note"]

VERDICT_OF_KIND: dict[FindingKind, Verdict] = {
    "nobody": "fail",
    "unreadable_schedule": "fail",
    "empty_level": "warn",
    "gap": "warn",
    "off_hours": "note",
    "unreachable_person": "fail",
    "no_notification_rule": "warn",
    "unproven_method": "note",
    "failing_method": "warn",
    "removed_person": "warn",
    "two_levels": "warn",
    "one_person": "note",
    "clock_change": "note",
    "lost_window": "warn",
    "absent_on_call": "warn",
    "cover_conflict": "warn",
    "calendar_stale": "warn",
    "calendar_unmatched": "warn",
}
"""How bad each finding is: `fail` rings nobody or nothing, `warn` rings fewer or later than planned, `note` is good to
know."""


class MethodFacts(Struct, frozen=True, kw_only=True):
    """What is known of one way to reach a person: whether a message ever arrived there, and whether the last failed."""

    id: str
    channel: str
    label: str
    usable: bool
    proven: bool
    failing: bool


class PersonFacts(Struct, frozen=True, kw_only=True):
    """A person as the guard sees them; `rules` counts the notification rules per urgency that use a usable method."""

    id: str
    name: str
    removed: bool = False
    methods: tuple[MethodFacts, ...] = ()
    rules: tuple[int, int] = (0, 0)  # high, low

    @property
    def reachable(self) -> bool:
        """Say whether there is any way to reach this person."""
        return not self.removed and any(method.usable for method in self.methods)


class PolicyFacts(Struct, frozen=True, kw_only=True):
    """A policy, the team it belongs to, and the services that call by it."""

    policy: Policy
    team_id: str | None = None
    services: tuple[str, ...] = ()


class Facts(Struct, kw_only=True):
    """Everything that the guard looks at; `remarks` are findings that others made, shown among its own."""

    policies: Sequence[PolicyFacts]
    timelines: Mapping[str, Timeline]
    people: Mapping[str, PersonFacts]
    away: Sequence[Absence] = ()
    remarks: Sequence["Finding"] = ()


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that will be wrong: about what, when, and for how long in all.

    `stretches` holds the first ones; `times` counts them all and `total_s` is their length together, in seconds.
    `subject` is what the ids do not tell: a contact method, a zone whose clocks change, a calendar's words, a fault.
    """

    kind: FindingKind
    policy_id: str | None = None
    level: int | None = None
    other_level: int | None = None
    schedule_id: str | None = None
    user_id: str | None = None
    subject: str = ""
    stretches: tuple[Stretch, ...] = ()
    times: int = 0
    total_s: int = 0

    @property
    def verdict(self) -> Verdict:
        """Return how bad it is."""
        return VERDICT_OF_KIND[self.kind]
