"""Roles: how far a person's word reaches, in the whole account and inside a team."""

from enum import IntEnum, StrEnum


class Role(StrEnum):
    """A person's role in the account; the spellings are those that PagerDuty's clients send."""

    OWNER = "owner"
    ADMIN = "admin"
    USER = "user"
    LIMITED_USER = "limited_user"
    OBSERVER = "observer"
    RESTRICTED_ACCESS = "restricted_access"
    READ_ONLY_USER = "read_only_user"
    READ_ONLY_LIMITED_USER = "read_only_limited_user"


class TeamRole(StrEnum):
    """A person's role inside one team; it can raise what the account role allows, never lower it."""

    OBSERVER = "observer"
    RESPONDER = "responder"
    MANAGER = "manager"


class Grade(IntEnum):
    """How much someone may do in a place: each grade includes the ones below it."""

    STRANGER = 0
    SEES = 1
    ANSWERS = 2
    SHAPES = 3
    GOVERNS = 4


GRADE_OF_ROLE: dict[Role, Grade] = {
    Role.OWNER: Grade.GOVERNS,
    Role.ADMIN: Grade.GOVERNS,
    Role.USER: Grade.SHAPES,
    Role.LIMITED_USER: Grade.ANSWERS,
    Role.OBSERVER: Grade.SEES,
    Role.READ_ONLY_USER: Grade.SEES,
    Role.RESTRICTED_ACCESS: Grade.STRANGER,
    Role.READ_ONLY_LIMITED_USER: Grade.STRANGER,
}

GRADE_OF_TEAM_ROLE: dict[TeamRole, Grade] = {
    TeamRole.MANAGER: Grade.SHAPES,
    TeamRole.RESPONDER: Grade.ANSWERS,
    TeamRole.OBSERVER: Grade.SEES,
}

STAKEHOLDERS = frozenset({Role.READ_ONLY_USER, Role.READ_ONLY_LIMITED_USER})
"""People who only follow what happens: no team role lifts them above seeing."""

TEAM_BOUND = frozenset({Role.RESTRICTED_ACCESS, Role.READ_ONLY_LIMITED_USER})
"""People who see nothing outside their own teams."""
