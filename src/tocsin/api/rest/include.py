"""Include: putting whole resources in the place of references where a client asked for them by `include[]`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from tocsin.api.kit import Call, Shown
from tocsin.api.rest.faces import around, show_team, show_user
from tocsin.api.rest.policy_shape import show_policy
from tocsin.api.rest.service_shape import show_service
from tocsin.store import policies, services, users
from tocsin.store.turn import Turn

Load = Callable[[Call, list[str]], Awaitable[dict[str, Shown]]]


async def include(
    call: Call, shapes: Sequence[Shown], wanted: frozenset[str], loads: Mapping[str, tuple[str, Load]]
) -> None:
    """Replace references in these resources where `wanted` asks for it.

    `loads` says for each name of `include[]` which field it fills and what reads the whole resources. What is
    not found (deleted, or beyond the reader's horizon) stays a reference.
    """
    for name, (field, load) in loads.items():
        if name in wanted and shapes:
            whole = await load(call, _ids_in(shapes, field))
            for shape in shapes:
                shape[field] = _expanded(shape[field], whole)


async def whole_services(call: Call, ids: list[str]) -> dict[str, Shown]:
    """Return these services as answered, by id."""
    values = {"ids": ids, "horizon": call.actor.horizon}
    rows = await call.store.read(lambda turn: turn.rows(services.SERVICES_SHOWN, values))
    return {row.id: show_service(call, row) for row in rows}


async def whole_policies(call: Call, ids: list[str]) -> dict[str, Shown]:
    """Return these escalation policies as answered, by id."""
    values = {"ids": ids, "horizon": call.actor.horizon}
    rows = await call.store.read(lambda turn: turn.rows(policies.POLICIES_SHOWN, values))
    return {row.id: show_policy(call.links, row) for row in rows}


async def whole_teams(call: Call, ids: list[str]) -> dict[str, Shown]:
    """Return these teams as answered, by id."""
    values = {"ids": ids, "horizon": call.actor.horizon}
    rows = await call.store.read(lambda turn: turn.rows(policies.TEAMS_SHOWN, values))
    return {row.id: show_team(call, row) for row in rows}


async def whole_users(call: Call, ids: list[str]) -> dict[str, Shown]:
    """Return these users as answered, by id."""

    async def job(turn: Turn) -> dict[str, Shown]:
        rows = await turn.rows(users.BY_IDS, {"ids": ids})
        near = await around(turn, call, rows)
        return {row.id: show_user(call, row, near) for row in rows}

    return await call.store.read(job)


def _expanded(references: object, whole: Mapping[str, Shown]) -> object:
    if isinstance(references, list):
        return [_expanded(reference, whole) for reference in references]
    if isinstance(references, dict):
        return whole.get(str(references.get("id")), references)
    return references


def _ids_in(shapes: Iterable[Shown], field: str) -> list[str]:
    found: dict[str, None] = {}
    for shape in shapes:
        value = shape.get(field)
        for reference in value if isinstance(value, list) else [value]:
            if isinstance(reference, dict):
                found[str(reference["id"])] = None
    return list(found)
