"""Escalation policies on the wire: how they are read from a request and how they are shown."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tocsin.api.kit import Call, Links, Shown
from tocsin.api.rest.schedule_reference import schedule_reference
from tocsin.domain.oncall.policy import (
    LONGEST_DELAY,
    SHORTEST_DELAY,
    Level,
    Policy,
    Strategy,
    Target,
    TargetKind,
    faults_of,
)
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.ground.text import squash
from tocsin.store.policies import Draft, HandoffNotices, LevelShown, PolicyRow, TargetShown, levels_of, policy_of

LONGEST_NAME = 255  # characters of a name; what fits on a line of a list
LONGEST_DESCRIPTION = 10_000  # characters; a page of text
SORTS = {"name": False, "name:asc": False, "name:desc": True}  # whether an order begins at the end
_MINUTE = timedelta(minutes=1)

KIND_OF_TYPE: dict[str, TargetKind] = {
    "user": "user",
    "user_reference": "user",
    "schedule": "schedule",
    "schedule_reference": "schedule",
    "schedule_v3_reference": "schedule",
}

Name = Annotated[str, Meta(max_length=LONGEST_NAME)]
Description = Annotated[str, Meta(max_length=LONGEST_DESCRIPTION)]
Minutes = Annotated[int, Meta(ge=SHORTEST_DELAY // _MINUTE, le=LONGEST_DELAY // _MINUTE)]


class Reference(Struct):
    """A reference as clients write it: only the id counts."""

    id: str


class TargetBody(Struct):
    """A target as clients write it."""

    id: str
    type: Literal["user", "user_reference", "schedule", "schedule_reference", "schedule_v3_reference"]


class StrategyBody(Struct):
    """The strategy as the Terraform provider writes it; the specification has a bare word."""

    type: Strategy


class RuleBody(Struct):
    """A level as clients write it; its id keeps its place in the round-robin."""

    escalation_delay_in_minutes: Minutes
    targets: list[TargetBody]
    id: str | None = None
    escalation_rule_assignment_strategy: StrategyBody | Strategy | None = None


class PolicyBody(Struct):
    """An escalation policy as clients write it; absent fields keep what is there."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    num_loops: int | UnsetType | None = UNSET
    on_call_handoff_notifications: HandoffNotices | UnsetType | None = UNSET
    escalation_rules: list[RuleBody] | UnsetType = UNSET
    teams: list[Reference] | UnsetType | None = UNSET


def descending(call: Call) -> bool:
    """Return whether a list by name was asked for from its end; raise `Refused` (invalid) for another order."""
    order = call.text("sort_by") or "name"
    if order not in SORTS:
        raise Refused(Why.INVALID, f"sort_by is one of {', '.join(SORTS)}.")
    return SORTS[order]


def draft_of(row: PolicyRow) -> Draft:
    """Return what is kept, as something that could be written."""
    notices: HandoffNotices = "always" if row.handoff_notices == "always" else "if_has_services"
    return Draft(policy=policy_of(row), description=row.description, handoff_notices=notices, team_id=row.team_id)


def drafted(body: PolicyBody, before: Draft) -> Draft:
    """Return what is to be written: what was there, changed by what the body says.

    Raises `Refused` (missing, invalid).
    """
    old = before.policy
    name = squash(old.name if body.name is UNSET else body.name)
    if not name:
        raise Refused(Why.MISSING, "Name can't be blank")
    levels = old.levels if body.escalation_rules is UNSET else _levels(body.escalation_rules, old)
    repeats = old.repeats if body.num_loops is UNSET else body.num_loops or 0
    if faults := faults_of(levels, repeats):
        raise Refused(Why.INVALID, faults[0], faults)
    notices = body.on_call_handoff_notifications
    return Draft(
        policy=Policy(id=old.id, name=name, repeats=repeats, levels=levels),
        description=before.description if body.description is UNSET else body.description,
        handoff_notices=before.handoff_notices if notices is UNSET else notices or "if_has_services",
        team_id=before.team_id if body.teams is UNSET else _only_team(body.teams or []),
    )


def fresh(policy_id: str) -> Draft:
    """Return an empty policy to be filled by a body."""
    policy = Policy(id=policy_id, name="", repeats=0, levels=())
    return Draft(policy=policy, description=None, handoff_notices="if_has_services", team_id=None)


def show_policy(links: Links, row: PolicyRow, *, strategies: bool = False) -> Shown:
    """Return the policy as it is answered; the strategies of its levels only where they were asked for."""
    team = [links.reference("team", row.team_id, row.team_name)] if row.team_id else []
    return {
        **links.head("escalation_policy", row.id, row.name),
        "name": row.name,
        "description": row.description,
        "num_loops": row.repeats,
        "on_call_handoff_notifications": row.handoff_notices,
        "escalation_rules": [_show_level(links, level, strategies=strategies) for level in levels_of(row.levels)],
        "services": [links.reference("service", service.id, service.name) for service in row.users_of_it()],
        "teams": team,
    }


def _show_level(links: Links, level: LevelShown, *, strategies: bool) -> Shown:
    shown: Shown = {
        "id": level.id,
        "escalation_delay_in_minutes": level.delay_s // 60,
        "targets": [_show_target(links, target) for target in level.targets],
    }
    if strategies:
        # The specification says a bare word; the Terraform provider's Go client can only read an object.
        shown["escalation_rule_assignment_strategy"] = {"type": level.strategy}
    return shown


def _show_target(links: Links, target: TargetShown) -> Shown:
    if target.kind == "schedule":
        return schedule_reference(links, target.id, target.name, target.shape)
    gone = target.deleted_at is not None
    shown = links.reference("user", target.id, target.name, deleted=gone)
    if target.deleted_at is not None:
        shown["deleted_at"] = target.deleted_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return shown


def _levels(rules: Sequence[RuleBody], old: Policy) -> tuple[Level, ...]:
    strategies = {level.id: level.strategy for level in old.levels}
    levels = []
    for position, rule in enumerate(rules, start=1):
        kept = rule.id if rule.id in strategies else None
        levels.append(
            Level(
                id=kept or new_id(),
                position=position,
                delay=rule.escalation_delay_in_minutes * _MINUTE,
                strategy=_strategy(rule, strategies.get(kept or "", "assign_to_everyone")),
                targets=tuple(Target(KIND_OF_TYPE[target.type], target.id) for target in rule.targets),
            )
        )
    return tuple(levels)


def _strategy(rule: RuleBody, kept: Strategy) -> Strategy:
    """Return the strategy that a rule says; one that says none keeps what it had.

    Clients that never asked for the strategies send rules back without them, and must not reset them.
    """
    said = rule.escalation_rule_assignment_strategy
    if said is None:
        return kept
    return said.type if isinstance(said, StrategyBody) else said


def _only_team(teams: Sequence[Reference]) -> str | None:
    if len(teams) > 1:
        raise Refused(Why.INVALID, "An escalation policy belongs to at most one team.")
    return teams[0].id if teams else None
