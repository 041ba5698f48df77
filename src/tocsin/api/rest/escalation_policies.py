"""Escalation policies: whom to call in which order, kept and shown in PagerDuty's shape."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from tocsin.api.kit import Answer, Call, Shown, allow, gone, listed, operation, reach, shown
from tocsin.api.rest.coverage import policy_warnings
from tocsin.api.rest.difference import differences
from tocsin.api.rest.include import include, whole_services, whole_teams, whole_users
from tocsin.api.rest.policy_shape import PolicyBody, descending, draft_of, drafted, fresh, show_policy
from tocsin.api.rest.schedules.shape import whole_schedules
from tocsin.api.rest.schedules.warn import warned
from tocsin.domain.oncall.policy import Target
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import policies
from tocsin.store.audit import record
from tocsin.store.config import bump_config
from tocsin.store.policies import Draft, PolicyRow
from tocsin.store.turn import Turn

KIND = "escalation_policy"
STRATEGIES = "escalation_rule_assignment_strategies"
INCLUDES = frozenset({"services", "teams", "targets", STRATEGIES})


@operation("GET", "/escalation_policies")
async def list_policies(call: Call) -> Answer:
    """List the escalation policies that the caller may see, by name."""
    stretch = call.stretch()
    includes = call.includes(INCLUDES)
    wanted = policies.Wanted(
        horizon=call.actor.horizon,
        query=call.text("query"),
        team_ids=call.many("team_ids") or None,
        user_ids=call.many("user_ids") or None,
        descending=descending(call),
    )
    page = await call.store.read(lambda turn: policies.page(turn, wanted, stretch))
    return listed("escalation_policies", await _shown(call, page.rows, includes), page=page, stretch=stretch)


@operation("GET", "/escalation_policies/{id}")
async def show_one_policy(call: Call) -> Answer:
    """Show an escalation policy."""
    includes = call.includes(INCLUDES)
    row = await call.store.read(lambda turn: _reached(turn, call, Verb.READ))
    return shown(KIND, (await _shown(call, [row], includes))[0])


@operation("POST", "/escalation_policies")
async def create_policy(call: Call) -> Answer:
    """Create an escalation policy."""
    includes = call.includes(INCLUDES)
    body = call.body(PolicyBody, wrap=KIND)
    empty = fresh(new_id())
    draft = drafted(body, empty)

    async def job(turn: Turn) -> PolicyRow:
        allow(call.actor, Verb.CREATE, Subject(KIND, team_id=draft.team_id))
        await _check(turn, call.actor, empty, draft)
        await policies.create(turn, draft)
        return await _written(turn, call.actor, None, draft)

    row = await call.store.work(job)
    answer = shown(KIND, (await _shown(call, [row], includes))[0], status=201)
    return replace(answer, headers=warned(answer.headers, await policy_warnings(call.store, row.id)))


@operation("PUT", "/escalation_policies/{id}")
async def update_policy(call: Call) -> Answer:
    """Change an escalation policy; incidents that are already open keep calling by the policy they began with."""
    includes = call.includes(INCLUDES)
    body = call.body(PolicyBody, wrap=KIND)

    async def job(turn: Turn) -> PolicyRow:
        await turn.maybe(policies.LOCK, {"id": call.path["id"]})
        before = draft_of(await _reached(turn, call, Verb.UPDATE))
        draft = drafted(body, before)
        allow(call.actor, Verb.UPDATE, Subject(KIND, team_id=draft.team_id))
        await _check(turn, call.actor, before, draft)
        await policies.update(turn, draft)
        return await _written(turn, call.actor, before, draft)

    row = await call.store.work(job)
    answer = shown(KIND, (await _shown(call, [row], includes))[0])
    return replace(answer, headers=warned(answer.headers, await policy_warnings(call.store, row.id)))


@operation("DELETE", "/escalation_policies/{id}")
async def delete_policy(call: Call) -> Answer:
    """Remove an escalation policy that no service uses."""

    async def job(turn: Turn) -> None:
        before = draft_of(await _reached(turn, call, Verb.DELETE))
        await policies.delete(turn, before.policy.id)
        await record(turn, call.actor, "delete", (KIND, before.policy.id), differences(_facts(before), {}))
        await bump_config(turn)

    await call.store.work(job)
    return gone()


async def _reached(turn: Turn, call: Call, verb: Verb) -> PolicyRow:
    return await reach(turn, call.actor, query=policies.POLICY, key=call.path["id"], to=verb)


async def _written(turn: Turn, actor: Actor, before: Draft | None, draft: Draft) -> PolicyRow:
    """Record what was written, wake whoever keeps a copy, and return the policy as it is now."""
    old = {} if before is None else _facts(before)
    resource = (KIND, draft.policy.id)
    await record(turn, actor, "create" if before is None else "update", resource, differences(old, _facts(draft)))
    await bump_config(turn)
    return await turn.one(policies.POLICY, {"id": draft.policy.id, "horizon": None})


async def _check(turn: Turn, actor: Actor, before: Draft, draft: Draft) -> None:
    """Raise `Refused` (invalid) when the policy names a team or a target that is not there.

    Targets that are already in the policy may stay when their user was deleted since, or when the actor cannot see
    their schedule.
    """
    if draft.team_id is not None and draft.team_id != before.team_id:
        teams = await turn.rows(policies.TEAMS_SHOWN, {"ids": [draft.team_id], "horizon": actor.horizon})
        if not teams:
            raise Refused(Why.INVALID, f"Team {draft.team_id} not found")
    known = {target for level in before.policy.levels for target in level.targets}
    new = [target for level in draft.policy.levels for target in level.targets if target not in known]
    present = await _present(turn, actor, new)
    faults = tuple(
        f"{target.kind.capitalize()} {target.id} not found" for target in new if (target.kind, target.id) not in present
    )
    if faults:
        raise Refused(Why.INVALID, faults[0], faults)


async def _present(turn: Turn, actor: Actor, targets: Sequence[Target]) -> set[tuple[str, str]]:
    """Return the kinds and ids of those targets that are there, held until this is written."""
    ids = [target.id for target in targets if target.kind == "user"]
    found = {("user", user.id) for user in await turn.rows(policies.USERS_PRESENT, {"ids": ids})}
    values = {"ids": [target.id for target in targets if target.kind == "schedule"], "horizon": actor.horizon}
    return found | {("schedule", one.id) for one in await turn.rows(policies.SCHEDULES_PRESENT, values)}


def _facts(draft: Draft) -> dict[str, object]:
    facts = msgspec.to_builtins(draft)
    policy = facts.pop("policy")
    return {**facts, **policy}


async def _shown(call: Call, rows: Sequence[PolicyRow], includes: frozenset[str]) -> list[Shown]:
    shapes = [show_policy(call.links, row, strategies=STRATEGIES in includes) for row in rows]
    await include(call, shapes, includes, {"services": ("services", whole_services), "teams": ("teams", whole_teams)})
    levels = [level for shape in shapes for level in _levels_in(shape)]
    await include(call, levels, includes, {"targets": ("targets", _whole_targets)})
    return shapes


async def _whole_targets(call: Call, ids: list[str]) -> dict[str, Shown]:
    """Return those of these targets that are users, and schedules made of layers, in full."""
    return {**await whole_users(call, ids), **await whole_schedules(call, ids)}


def _levels_in(shape: Shown) -> list[Shown]:
    levels = shape["escalation_rules"]
    return levels if isinstance(levels, list) else []
