"""Finding words: each finding as one sentence, and what to do about it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from tocsin.domain.oncall.finding import Finding, FindingKind

_SENTENCES: dict[FindingKind, str] = {
    "nobody": "{policy} calls nobody {when}: only the safety net would ring.",
    "unreadable_schedule": "{schedule} cannot be read, so that its layers call nobody: {subject}.",
    "empty_level": "Level {level} of {policy} calls nobody {when}: the next level is called at once.",
    "gap": "{schedule} has nobody on call {when}.",
    "off_hours": "{policy} calls nobody {when}, as intended.",
    "unreachable_person": "{user} is called and has no contact method that can be used.",
    "no_notification_rule": (
        "{user} is called and has no notification rule for one of the urgencies: "
        "every contact method is tried at once then."
    ),
    "unproven_method": "No message has ever arrived at {subject} of {user}.",
    "failing_method": "The last messages to {subject} of {user} did not arrive.",
    "removed_person": "{schedule} puts {user} on call, who is no longer there, {when}.",
    "two_levels": "{user} is on level {level} and on level {other} of {policy} {when}.",
    "one_person": "{policy} knows one person only: {user}.",
    "clock_change": "{schedule}: the clocks of {subject} change {when}; shifts over it are shorter or longer.",
    "lost_window": "{schedule}: {subject} does not happen on the night when the clocks change, {when}.",
    "absent_on_call": "{user} is on call by {schedule} and absent {when}.",
    "cover_conflict": "The cover of {user} in {schedule} {when} no longer fits. {subject}",
    "calendar_stale": "{schedule}: {subject}.",
    "calendar_unmatched": "{schedule}: {subject}.",
}
_ADVICE: dict[FindingKind, str] = {
    "nobody": "Put somebody on a level for that time, or declare it off-hours.",
    "unreadable_schedule": (
        "Write its time zone and layers again; until then an override puts somebody on call for a whole stretch."
    ),
    "empty_level": "Put somebody there, or take the level away.",
    "gap": "Add a layer or an override, or declare the time off-hours.",
    "off_hours": "",
    "unreachable_person": "Add a contact method, or take the person off call.",
    "no_notification_rule": "Add a rule for each urgency.",
    "unproven_method": "Send a test message.",
    "failing_method": "Mend or replace the contact method.",
    "removed_person": "Replace the person in the schedule.",
    "two_levels": "Put somebody else on the higher level, so that a page unanswered reaches a second person.",
    "one_person": "Add a second person.",
    "clock_change": "",
    "lost_window": "Give that time to somebody by an override.",
    "absent_on_call": "Ask for cover.",
    "cover_conflict": "Keep or withdraw the cover.",
    "calendar_stale": "Look at the calendar's address.",
    "calendar_unmatched": "Map the words to people, or write e-mail addresses into the calendar.",
}
_FEW = 3


class Names(Struct, frozen=True):
    """How to name what findings tell by id."""

    policy: Callable[[str], str]
    schedule: Callable[[str], str]
    user: Callable[[str], str]
    time_zone: str = "Etc/UTC"


def sentence(finding: Finding, names: Names) -> str:
    """Return the finding as one sentence; instants are shown in the reader's zone, and name it."""
    told = _SENTENCES[finding.kind].format(
        policy=names.policy(finding.policy_id) if finding.policy_id else "",
        schedule=names.schedule(finding.schedule_id) if finding.schedule_id else "",
        user=names.user(finding.user_id) if finding.user_id else "",
        level=finding.level,
        other=finding.other_level,
        subject=finding.subject,
        when=when(finding, names.time_zone),
    )
    return told[0].upper() + told[1:]


def advice(finding: Finding) -> str:
    """Return what to do about it; empty when there is nothing to do."""
    return _ADVICE[finding.kind]


def when(finding: Finding, time_zone: str) -> str:
    """Return in words when it holds: the first stretch, and how many there are."""
    if not finding.stretches:
        return "at any time"
    zone = ZoneInfo(time_zone)
    start, end = finding.stretches[0]
    first = f"from {_moment(start, zone)} to {_moment(end, zone)} ({time_zone})"
    if finding.times == 1:
        return first
    return f"{finding.times} times, {_length(timedelta(seconds=finding.total_s))} in all, first {first}"


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    if minutes < 60 * _FEW:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
