"""Actors: who gives an order, how they came in, and how far they can see."""

from typing import Literal

from msgspec import Struct

from tocsin.domain.people.role import TEAM_BOUND, Role, TeamRole

ActorKind = Literal["user", "token", "integration", "system"]
Method = Literal["api_token", "browser", "link", "cli", "system"]


class Actor(Struct, frozen=True):
    """Whoever gives an order: a person, an account's token, an integration, or the product itself.

    An account token has the role admin and belongs to no person. `method` says how the actor came in;
    `token_hint` holds the last characters of the API token that was used, for the audit record.
    """

    kind: ActorKind
    id: str
    name: str
    role: Role
    team_roles: dict[str, TeamRole] = {}
    read_only: bool = False
    method: Method = "system"
    token_hint: str = ""

    @property
    def horizon(self) -> list[str] | None:
        """Return the ids of the teams whose objects this actor sees, or None when it sees all.

        Reads in `store` compare against it, so that what lies beyond the horizon is never fetched. People
        bound to their teams (`restricted_access`, as PagerDuty has it; `read_only_limited_user` by our own
        decision, since a follower with the smallest rights should not see more) have one; the rest have none.
        """
        if self.kind in ("system", "integration") or self.role not in TEAM_BOUND:
            return None
        return sorted(self.team_roles)

    @property
    def user_id(self) -> str | None:
        """Return the id of the person who acts, or None when no person does."""
        return self.id if self.kind == "user" else None


SYSTEM = Actor(kind="system", id="tocsin", name="Tocsin", role=Role.OWNER, method="system")
"""The product itself: timers, the keeper, the auditor."""


def integration_actor(integration_id: str, name: str) -> Actor:
    """Return the actor that stands for an integration which sent an event."""
    return Actor(kind="integration", id=integration_id, name=name, role=Role.LIMITED_USER)
