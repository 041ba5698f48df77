"""Alarm: a broken promise of the pager itself becomes an incident like any other, for those who run it."""

from collections.abc import Sequence
from datetime import timedelta

from tocsin.domain.incidents.agent import BY_ITSELF, TOCSIN
from tocsin.domain.incidents.order import By, Opening, Resolve
from tocsin.domain.oncall.policy import Level, Policy, Target
from tocsin.domain.services.service import Service
from tocsin.domain.services.urgency_rule import Always
from tocsin.engine.respond import open_by_hand
from tocsin.engine.turn import act
from tocsin.ground.ids import new_id
from tocsin.ground.limits import MOST_TARGETS
from tocsin.store import policies, services
from tocsin.store.config import bump_config
from tocsin.store.directory import Directory
from tocsin.store.invariants import KEEPERS, OWN_POLICY, OWN_SERVICE, RAISED, Raised
from tocsin.store.turn import Turn

NAME = "Tocsin itself"
_BY = By(TOCSIN, BY_ITSELF, strict=False)
_KEY = "tocsin: "  # before the name of the invariant: one open incident for each


async def raise_alarm(turn: Turn, directory: Directory, broken: dict[str, list[str]]) -> int:
    """Open an incident for each promise that is broken and has none, and resolve those that are kept again.

    Returns how many were opened. Without an owner there is nobody to tell, and nothing is opened.
    """
    service = await turn.maybe(OWN_SERVICE, {"name": NAME})
    failing = {f"{_KEY}{invariant}": subjects for invariant, subjects in broken.items() if subjects}
    raised = {} if service is None else {row.incident_key: row.id for row in await _raised(turn, service.id)}
    kept_again = [incident_id for key, incident_id in raised.items() if key.startswith(_KEY) and key not in failing]
    if kept_again:
        await act(turn, directory, {incident_id: [Resolve(_BY)] for incident_id in kept_again})
    fresh = sorted(set(failing) - set(raised))
    if not fresh:
        return 0
    service_id = service.id if service is not None else await _found(turn)
    if service_id is None:
        return 0
    await directory.refresh(turn)
    policy_id = (await directory.services(turn, [service_id]))[service_id].escalation_policy_id
    plan_id, _ = (await directory.frozen(turn, [policy_id]))[policy_id]
    for key in fresh:
        await open_by_hand(turn, directory, _opening(key, failing[key], plan_id), service_id=service_id)
    return len(fresh)


def _opening(key: str, subjects: Sequence[str], plan_id: str) -> Opening:
    invariant = key.removeprefix(_KEY)
    body = f"{len(subjects)} found, among them {', '.join(subjects[:5])}. `tocsin doctor` shows the present state."
    return Opening(_BY, f"A promise of the pager is broken: {invariant}", "high", plan_id, body=body, incident_key=key)


async def _raised(turn: Turn, service_id: str) -> list[Raised]:
    return await turn.rows(RAISED, {"service_id": service_id})


async def _found(turn: Turn) -> str | None:
    """Make our own service and policy, which call the owners and administrators; None without any."""
    keepers = [row.id for row in await turn.rows(KEEPERS, {"most": MOST_TARGETS})]
    if not keepers:
        return None
    policy = await turn.maybe(OWN_POLICY, {"name": NAME})
    policy_id = policy.id if policy is not None else new_id()
    if policy is None:
        targets = tuple(Target("user", user_id) for user_id in keepers)
        level = Level(new_id(), 1, timedelta(minutes=5), "assign_to_everyone", targets)
        made = Policy(policy_id, NAME, 2, (level,))
        says = "Whom the pager calls about itself."
        draft = policies.Draft(policy=made, description=says, handoff_notices="if_has_services", team_id=None)
        await policies.create(turn, draft)
    service = Service(
        id=new_id(),
        name=NAME,
        escalation_policy_id=policy_id,
        team_id=None,
        acknowledgement_timeout=None,
        auto_resolve_timeout=None,
        urgency_rule=Always("high"),
        support_hours=None,
        raises=(),
        fallback_user_id=None,
        disabled=False,
    )
    says = "Promises of the pager that its own auditor found broken."
    await services.create(turn, services.Draft(service=service, description=says, alert_grouping=None, auto_pause=None))
    await bump_config(turn)
    return service.id
