"""Story: the calls of an incident, read from its log entries, whether they happened or would happen."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from tocsin.domain.incidents.agent import TOCSIN
from tocsin.domain.oncall.policy import Policy
from tocsin.domain.planning.reason import Because, Watched, reasons
from tocsin.domain.planning.simulation import Step

CallKind = Literal["level", "fallback", "assigned", "again"]
Cause = Literal[
    "opened", "escalated", "timeout", "snooze ended", "urgency raised", "unreached", "assigned", "reopened", "other"
]


class Said(Struct, frozen=True, kw_only=True):
    """One log entry: its kind, what is particular to it, and the name of whoever did it."""

    kind: str
    body: dict[str, Any]
    agent: str = ""
    agent_id: str = ""


class Moment(Struct, frozen=True, kw_only=True):
    """What happened at one instant, and the round of pages that it began if it began one.

    `order` is its place among all that happened at the same instant.
    """

    at: datetime
    said: tuple[Said, ...]
    order: int = 0
    round: int | None = None
    assignees: tuple[str, ...] = ()


class Called(Struct, frozen=True, kw_only=True):
    """People who are called at one instant: by a level, as a last resort, directly, or once more.

    `because` holds the reasons for each of them; `cause` is what led to the call.
    """

    at: datetime
    kind: CallKind
    cause: Cause
    level: int
    repeat: int
    round: int | None
    user_ids: tuple[str, ...]
    policy: str = ""
    because: dict[str, tuple[Because, ...]] = field(default_factory=dict)
    fallback: str | None = None


def moments_of(steps: Sequence[Step]) -> list[Moment]:
    """Return what a simulation did, as moments."""
    return [
        Moment(
            at=step.at,
            order=step.order,
            said=tuple(
                Said(kind=entry.kind.value, body=dict(entry.body), agent=entry.agent.name, agent_id=entry.agent.id)
                for entry in step.entries
            ),
            round=step.round,
            assignees=step.assignees,
        )
        for step in steps
    ]


def calls_of(moments: Sequence[Moment], plan: Policy, watched_at: Callable[[datetime], Watched]) -> list[Called | None]:
    """Return for each moment the call of people in it, or None; `watched_at` gives the schedules of an instant."""
    found: list[Called | None] = []
    calls: list[Called] = []
    counted = _Counted()
    for moment in moments:
        for said in moment.said:
            counted.take(said)
        call = _call(moment, counted.repeat)
        if call is not None:
            call = _explained(call, plan, watched_at(moment.at), calls)
            calls.append(call)
        found.append(call)
    return found


class _Counted:
    """Counts the rounds through a policy: a level that comes again begins one, also where level 1 had nobody."""

    def __init__(self) -> None:
        self.repeat = 0
        self._level = 0

    def take(self, said: Said) -> None:
        if said.kind == "repeat_escalation_path":
            self.repeat = 0 if said.body.get("nobody_reached") else int(said.body.get("repeat", 0))
            self._level = 0
        elif said.kind == "trigger" and said.body.get("reopened"):
            self.repeat = self._level = 0
        elif said.kind in ("assign", "escalate") and said.body.get("level"):
            level = int(said.body["level"])
            if level <= self._level and said.agent_id == TOCSIN.id:
                self.repeat += 1
            self._level = level


def _call(moment: Moment, repeat: int) -> Called | None:
    """Return the call of a moment, or None when nobody is called in it."""
    cause = _cause(moment)
    for said in moment.said:
        user_ids = tuple(said.body.get("user_ids", ()))
        if said.kind not in ("assign", "escalate") or not user_ids:
            continue
        level, fallback = int(said.body.get("level", 0)), said.body.get("fallback")
        named = "level" in said.body
        return Called(
            at=moment.at,
            kind="fallback" if fallback else "level" if named else "assigned",
            cause=cause,
            level=level,
            repeat=repeat,
            round=moment.round,
            user_ids=user_ids,
            policy=str(said.body.get("policy", "")),
            fallback=fallback,
        )
    if moment.round is None or not moment.assignees:
        return None
    return Called(
        at=moment.at, kind="again", cause=cause, level=0, repeat=repeat, round=moment.round, user_ids=moment.assignees
    )


def _cause(moment: Moment) -> Cause:
    for said in moment.said:
        if said.kind == "trigger":
            return "reopened" if said.body.get("reopened") else "opened"
        if said.kind == "unacknowledge":
            return "snooze ended" if said.body.get("snooze_ended") else "timeout"
        if said.kind == "urgency_change":
            return "urgency raised"
        if said.kind == "notify" and said.body.get("failed"):
            return "unreached"
    if any(said.kind == "escalate" for said in moment.said):
        return "escalated"
    return "assigned" if any(said.kind == "assign" for said in moment.said) else "other"


def _explained(call: Called, plan: Policy, watched: Watched, before: Sequence[Called]) -> Called:
    """Return the call with its reasons; who is called once more is called for the reason of the first time.

    A call by a plan that was replaced since has none but its level.
    """
    if call.kind == "level" and call.policy == plan.name:
        because = reasons(plan, call.level, user_ids=call.user_ids, at=call.at, watched=watched)
    elif call.kind == "level":
        because = dict.fromkeys(call.user_ids, (Because(kind="assigned", policy=call.policy, level=call.level),))
    elif call.kind == "fallback":
        because = dict.fromkeys(
            call.user_ids, (Because(kind="fallback", policy=call.policy or plan.name, fallback=call.fallback),)
        )
    else:
        because = {user_id: _earlier(user_id, before) for user_id in call.user_ids}
    return replace(call, because=because)


def _earlier(user_id: str, before: Sequence[Called]) -> tuple[Because, ...]:
    for call in reversed(before):
        if user_id in call.because:
            return call.because[user_id]
    return (Because(kind="assigned"),)
