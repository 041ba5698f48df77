"""Coverage: looks at the nights to come and finds what will be wrong with them while there is time to mend it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from tocsin.domain.oncall.finding import VERDICT_OF_KIND, Facts, Finding, PersonFacts, PolicyFacts
from tocsin.domain.oncall.policy import Level, Target
from tocsin.domain.oncall.seams import ClockChange, clock_changes, lost_windows, zones_of
from tocsin.domain.oncall.stretches import Stretch, common, joined, total, without
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.oncall.tolerant import fault_in

MOST_STRETCHES = 10  # shown of one finding; the others are counted
_RANK = {"fail": 0, "warn": 1, "note": 2}


def examine(facts: Facts, since: datetime, until: datetime) -> tuple[Finding, ...]:
    """Return everything that will be wrong from `since` to `until`, the worst and soonest first.

    Only what can ring is looked at: policies, the schedules that they name, and the people whom those call.
    """
    # Schedules know whole seconds only; the fraction at the end would look like a stretch with nobody.
    guard = _Guard(facts, since.replace(microsecond=0), until.replace(microsecond=0))
    findings = [finding for policy in facts.policies for finding in guard.policy(policy)]
    for schedule_id in guard.schedules:
        findings.extend(guard.schedule(schedule_id))
    for user_id in guard.called:
        findings.extend(guard.person(user_id))
    findings.extend(facts.remarks)
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[int, bool, str, tuple[str, ...]]:
    start = finding.stretches[0][0].isoformat() if finding.stretches else ""
    ids = (finding.policy_id or "", str(finding.level or 0), finding.schedule_id or "", finding.user_id or "")
    return _RANK[VERDICT_OF_KIND[finding.kind]], not start, start, (finding.kind, *ids)


class _Guard:
    """The facts, with what was worked out of them so far."""

    def __init__(self, facts: Facts, since: datetime, until: datetime) -> None:
        self._facts = facts
        self._since, self._until = since, until
        self._whole: tuple[Stretch, ...] = ((since, until),)
        self._presence: dict[str, dict[str, tuple[Stretch, ...]]] = {}
        self._intended: dict[str, tuple[Stretch, ...]] = {}
        self.schedules = _schedules_of(facts)
        self.called: list[str] = []

    def policy(self, facts: PolicyFacts) -> Iterator[Finding]:
        """Yield what is wrong with a policy: nobody at all, empty levels, the same person twice."""
        policy = facts.policy
        presences = [self._presence_of_level(level) for level in policy.levels]
        self._note_called(user_id for presence in presences for user_id in presence)
        empties = [self._empty(presence) for presence in presences]
        intended = [self._intended_of_level(level) for level in policy.levels]
        nobody, meant = self._whole, self._whole
        for empty, off in zip(empties, intended, strict=True):
            nobody, meant = common(nobody, empty), common(meant, common(empty, off))
        nobody = without(nobody, meant)
        if nobody:
            yield _dated(Finding(kind="nobody", policy_id=policy.id), nobody)
        if meant:
            yield _dated(Finding(kind="off_hours", policy_id=policy.id), meant)
        for level, empty, off in zip(policy.levels, empties, intended, strict=True):
            left = without(without(empty, off), nobody)
            if left:
                yield _dated(Finding(kind="empty_level", policy_id=policy.id, level=level.position), left)
        yield from self._twice(policy.id, policy.levels, presences)
        reachable = {user_id for presence in presences for user_id in presence if self._reaches(user_id)}
        if len(reachable) == 1:
            yield Finding(kind="one_person", policy_id=policy.id, user_id=reachable.pop())

    def schedule(self, schedule_id: str) -> Iterator[Finding]:
        """Yield what is wrong with a schedule that a policy names: gaps, people who are gone or away, clock changes."""
        timeline = self._facts.timelines.get(schedule_id)
        if timeline is None:
            return
        gaps = joined((gap.start, gap.end) for gap in timeline.gaps(self._since, self._until) if not gap.intended)
        fault = fault_in(timeline)
        if fault is not None:
            yield Finding(kind="unreadable_schedule", schedule_id=schedule_id, subject=fault)
        elif gaps:
            yield _dated(Finding(kind="gap", schedule_id=schedule_id), gaps)
        for user_id, stretches in self._presence_of(schedule_id).items():
            person = self._facts.people.get(user_id)
            if person is None or person.removed:
                yield _dated(Finding(kind="removed_person", schedule_id=schedule_id, user_id=user_id), stretches)
            away = joined((each.start, each.end) for each in self._facts.away if each.user_id == user_id)
            if met := common(stretches, away):
                yield _dated(Finding(kind="absent_on_call", schedule_id=schedule_id, user_id=user_id), met)
        if fault is None:
            yield from self._clock_changes(schedule_id, timeline)

    def person(self, user_id: str) -> Iterator[Finding]:
        """Yield what keeps a person who will be called from being reached."""
        person = self._facts.people.get(user_id)
        if person is None or person.removed:
            return
        if not person.reachable:
            yield Finding(kind="unreachable_person", user_id=user_id)
            return
        if not all(person.rules):
            yield Finding(kind="no_notification_rule", user_id=user_id)
        for method in person.methods:
            if method.usable and method.failing:
                yield Finding(kind="failing_method", user_id=user_id, subject=f"{method.channel} {method.label}")
            elif method.usable and not method.proven:
                yield Finding(kind="unproven_method", user_id=user_id, subject=f"{method.channel} {method.label}")

    def _twice(
        self, policy_id: str, levels: Sequence[Level], presences: Sequence[dict[str, tuple[Stretch, ...]]]
    ) -> Iterator[Finding]:
        for upper in range(len(levels)):
            for lower in range(upper):
                for user_id in sorted(presences[lower].keys() & presences[upper].keys()):
                    if met := common(presences[lower][user_id], presences[upper][user_id]):
                        low, high = levels[lower].position, levels[upper].position
                        twice = Finding(
                            kind="two_levels", policy_id=policy_id, level=low, other_level=high, user_id=user_id
                        )
                        yield _dated(twice, met)

    def _clock_changes(self, schedule_id: str, timeline: Timeline) -> Iterator[Finding]:
        for zone in zones_of(timeline.schedule):
            changes = list(clock_changes(zone, self._since, self._until))
            if not changes:
                continue
            told = Finding(kind="clock_change", schedule_id=schedule_id, subject=zone)
            yield _dated(told, [_around(change) for change in changes])
            for change in changes:
                for layer in lost_windows(timeline.schedule, change) if change.by_s > 0 else ():
                    lost = Finding(kind="lost_window", schedule_id=schedule_id, subject=layer)
                    yield _dated(lost, [_around(change)])

    def _presence_of_level(self, level: Level) -> dict[str, tuple[Stretch, ...]]:
        """Return who this level calls, and when."""
        found: dict[str, list[Stretch]] = {}
        for target in level.targets:
            if target.kind == "user":
                found.setdefault(target.id, []).extend(self._whole)
            else:
                for user_id, stretches in self._presence_of(target.id).items():
                    found.setdefault(user_id, []).extend(stretches)
        return {user_id: joined(stretches) for user_id, stretches in found.items()}

    def _presence_of(self, schedule_id: str) -> dict[str, tuple[Stretch, ...]]:
        """Return who is on call by this schedule, and when."""
        known = self._presence.get(schedule_id)
        if known is not None:
            return known
        found: dict[str, list[Stretch]] = {}
        timeline = self._facts.timelines.get(schedule_id)
        for shift in () if timeline is None else timeline.final(self._since, self._until):
            if shift.user_id is not None:
                found.setdefault(shift.user_id, []).append((shift.start, shift.end))
        presence = {user_id: joined(stretches) for user_id, stretches in found.items()}
        self._presence[schedule_id] = presence
        return presence

    def _empty(self, presence: dict[str, tuple[Stretch, ...]]) -> tuple[Stretch, ...]:
        served = joined(
            stretch for user_id, stretches in presence.items() if self._reaches(user_id) for stretch in stretches
        )
        return without(self._whole, served)

    def _intended_of_level(self, level: Level) -> tuple[Stretch, ...]:
        """Return when this level is empty on purpose: it names schedules alone, and all of them mean it."""
        if any(target.kind == "user" for target in level.targets):
            return ()
        meant = self._whole
        for target in level.targets:
            meant = common(meant, self._intended_of(target))
        return meant

    def _intended_of(self, target: Target) -> tuple[Stretch, ...]:
        known = self._intended.get(target.id)
        if known is None:
            timeline = self._facts.timelines.get(target.id)
            gaps = () if timeline is None else timeline.gaps(self._since, self._until)
            known = joined((gap.start, gap.end) for gap in gaps if gap.intended)
            self._intended[target.id] = known
        return known

    def _reaches(self, user_id: str) -> bool:
        person: PersonFacts | None = self._facts.people.get(user_id)
        return person is not None and person.reachable

    def _note_called(self, user_ids: Iterable[str]) -> None:
        self.called = list(dict.fromkeys([*self.called, *user_ids]))


def _schedules_of(facts: Facts) -> tuple[str, ...]:
    named = (
        target.id
        for each in facts.policies
        for level in each.policy.levels
        for target in level.targets
        if target.kind == "schedule"
    )
    return tuple(dict.fromkeys(named))


def _around(change: ClockChange) -> Stretch:
    """Return the time by which the day of a clock change is shorter or longer, from the change on."""
    return change.at, change.at + timedelta(seconds=abs(change.by_s))


def _dated(finding: Finding, stretches: Sequence[Stretch]) -> Finding:
    """Return the finding with when it holds."""
    return msgspec.structs.replace(
        finding,
        stretches=tuple(stretches[:MOST_STRETCHES]),
        times=len(stretches),
        total_s=int(total(stretches).total_seconds()),
    )
