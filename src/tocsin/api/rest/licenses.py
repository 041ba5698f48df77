"""Licenses: what clients read as a plan; here everybody has one, and there is no end of them."""

from tocsin.api.kit import Answer, Call, Shown, operation, reach, shown
from tocsin.domain.people.permission import Verb
from tocsin.domain.people.role import STAKEHOLDERS, Role
from tocsin.store import users
from tocsin.store.turn import Turn

# Configuration as code may name these ids, so they never change.
_FULL = ("PTFULL1", "Tocsin (Full User)", "FullUser", tuple(role for role in Role if role not in STAKEHOLDERS))
_FOLLOWS = ("PTSTAK1", "Tocsin (Stakeholder)", "Stakeholder", tuple(role for role in Role if role in STAKEHOLDERS))


@operation("GET", "/licenses")
async def list_licenses(call: Call) -> Answer:
    """List the two licenses with how many people have each."""

    async def job(turn: Turn) -> Answer:
        shelf = []
        for plan in (_FULL, _FOLLOWS):
            count = await turn.one(users.ROLE_COUNT, {"roles": [role.value for role in plan[3]]})
            shelf.append(_face(plan) | {"current_value": count.n, "allocations_available": None})
        return shown("licenses", shelf)

    return await call.store.read(job)


@operation("GET", "/users/{id}/license")
async def show_license(call: Call) -> Answer:
    """Show which license a user has: Terraform's provider asks after every write of a user."""

    async def job(turn: Turn) -> Answer:
        user = await reach(turn, call.actor, query=users.BY_ID, key=call.path["id"], to=Verb.READ)
        return shown("license", _face(_FOLLOWS if user.role in set(STAKEHOLDERS) else _FULL))

    return await call.store.read(job)


def _face(plan: tuple[str, str, str, tuple[Role, ...]]) -> Shown:
    key, name, group, roles = plan
    return {
        "id": key,
        "type": "license",
        "summary": name,
        "self": None,
        "html_url": None,
        "name": name,
        "description": "Every function, for any number of people",
        "valid_roles": [role.value for role in roles],
        "role_group": group,
    }
