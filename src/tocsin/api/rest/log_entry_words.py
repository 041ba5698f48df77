"""Words of log entries: what happened to an incident, as one sentence that people read on a timeline."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

Body = Mapping[str, object]


class Told(NamedTuple):
    """What a sentence is made of: who did it, what the entry holds, and names by user id."""

    who: str
    body: Body
    names: Mapping[str, str]

    @property
    def people(self) -> str:
        """Return the people whom the entry names."""
        ids = self.body.get("user_ids")
        return joined([self.names.get(str(each), "a deleted user") for each in ids] if isinstance(ids, list) else [])

    @property
    def person(self) -> str:
        """Return the one person whom the entry names."""
        return self.names.get(str(self.body.get("user_id")), "a deleted user")


def summary_of(kind: str, told: Told) -> str:
    """Return the sentence for an entry of this kind."""
    make = _SENTENCES.get(kind)
    return make(told) if make is not None else f"{kind.replace('_', ' ').capitalize()} by {told.who}"


def user_ids_of(body: Body) -> list[str]:
    """Return the users whom an entry names."""
    ids = body.get("user_ids")
    found = [str(each) for each in ids] if isinstance(ids, list) else []
    return [*found, str(body["user_id"])] if body.get("user_id") else found


def joined(names: list[str]) -> str:
    """Return names as a sentence lists them: a, b and c."""
    if not names:
        return "nobody"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _trigger(told: Told) -> str:
    return f"Reopened by {told.who}" if told.body.get("reopened") else f"Triggered by {told.who}"


def _unacknowledge(told: Told) -> str:
    return "Triggered again: the snooze ended" if told.body.get("snooze_ended") else "The acknowledgement timed out"


def _resolve(told: Told) -> str:
    return f"Merged and resolved by {told.who}" if told.body.get("merged_into") else f"Resolved by {told.who}"


def _escalate(told: Told) -> str:
    level = told.body.get("level")
    if told.body.get("nobody_on_call"):
        return f"Level {level} was passed over: nobody is on call"
    if told.body.get("fallback"):
        return f"Escalated to {told.people} ({told.body['fallback']})"
    return f"Escalated to {told.people} (level {level})"


def _assign(told: Told) -> str:
    level = told.body.get("level")
    return f"Assigned to {told.people} (level {level})" if level else f"Assigned to {told.people} by {told.who}"


def _notify(told: Told) -> str:
    if told.body.get("failed"):
        return f"Nobody could be paged: {told.body.get('why')}"
    channel, receipt = told.body.get("channel"), told.body.get("receipt")
    if receipt == "accepted":
        return f"Paged {told.person} by {channel}"
    return f"Paging {told.person} by {channel}: {receipt}"


def _annotate(told: Told) -> str:
    merged = told.body.get("merged_incident_ids")
    if isinstance(merged, list):
        return f"{told.who} merged {len(merged)} incident{'' if len(merged) == 1 else 's'} into this one"
    return f"Note by {told.who}"


def _urgency(told: Told) -> str:
    return f"Urgency changed from {told.body.get('before')} to {told.body.get('after')} by {told.who}"


def _field(told: Told) -> str:
    field = str(told.body.get("field", "field")).capitalize()
    after = told.body.get("after")
    return f"{field} removed by {told.who}" if after is None else f"{field} changed to {after} by {told.who}"


_SENTENCES: dict[str, Callable[[Told], str]] = {
    "trigger": _trigger,
    "acknowledge": lambda told: f"Acknowledged by {told.who}",
    "unacknowledge": _unacknowledge,
    "resolve": _resolve,
    "escalate": _escalate,
    "assign": _assign,
    "notify": _notify,
    "snooze": lambda told: f"Snoozed by {told.who} until {told.body.get('until')}",
    "annotate": _annotate,
    "urgency_change": _urgency,
    "field_value_change": _field,
    "reach_trigger_limit": lambda _told: "Further events of this alert are counted and no longer listed",
    "exhaust_escalation_path": lambda told: f"Nobody is left to call; {told.people} keep it",
    "repeat_escalation_path": lambda told: f"The escalation policy begins again (repeat {told.body.get('repeat')})",
}
