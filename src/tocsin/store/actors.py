"""Actors: loading the person behind a session, a token or a link, with everything their permissions rest on."""

from msgspec import Struct

from tocsin.domain.people.actor import Actor, Method
from tocsin.domain.people.role import Role, TeamRole
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class PersonRow(Struct, frozen=True):
    """A person who has not left, with their teams and their roles there, in the same order."""

    id: str
    name: str
    role: str
    team_ids: list[str]
    team_roles: list[str]


PERSON = Query(
    "user with this id",
    """
    SELECT u.id, u.name, u.role,
           array(SELECT m.team_id FROM team_member m WHERE m.user_id = u.id ORDER BY m.team_id) AS team_ids,
           array(SELECT m.role FROM team_member m WHERE m.user_id = u.id ORDER BY m.team_id) AS team_roles
    FROM app_user u WHERE u.id = %(user_id)s AND u.deleted_at IS NULL
    """,
    PersonRow,
)


async def person(
    turn: Turn, user_id: str, *, method: Method, read_only: bool = False, token_hint: str = ""
) -> Actor | None:
    """Return the person as an actor who came in by this method, or None when there is no such person any more."""
    row = await turn.maybe(PERSON, {"user_id": user_id})
    if row is None:
        return None
    return Actor(
        kind="user",
        id=row.id,
        name=row.name,
        role=Role(row.role),
        team_roles={team: TeamRole(role) for team, role in zip(row.team_ids, row.team_roles, strict=True)},
        read_only=read_only,
        method=method,
        token_hint=token_hint,
    )
