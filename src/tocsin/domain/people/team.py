"""Teams: a named group of people whose services and policies belong together."""

from typing import Final

from tocsin.domain.people.role import TeamRole
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import squash

LONGEST_NAME: Final = 100  # characters; PagerDuty's bound for a team's name
LONGEST_DESCRIPTION: Final = 1_024  # characters; PagerDuty's bound for a team's description
DEFAULT_ROLE: Final = TeamRole.MANAGER  # of a member who is added without saying as what


def checked_name(text: str) -> str:
    """Return the name with its spaces tidied; raise `Refused` (invalid) when it is empty or too long."""
    name = squash(text)
    if not name:
        raise Refused(Why.INVALID, "Name can't be blank")
    if len(name) > LONGEST_NAME:
        raise Refused(Why.INVALID, f"Name is at most {LONGEST_NAME} characters long.")
    return name


def checked_description(text: str | None) -> str | None:
    """Return the description as it is; raise `Refused` (invalid) when it is too long."""
    if text is not None and len(text) > LONGEST_DESCRIPTION:
        raise Refused(Why.INVALID, f"Description is at most {LONGEST_DESCRIPTION} characters long.")
    return text


def is_above(parents: dict[str, str | None], upper: str, lower: str) -> bool:
    """Return whether `upper` is `lower` or one of the teams above it; `parents` maps a team to the one above."""
    seen: set[str] = set()
    team: str | None = lower
    while team is not None and team not in seen:
        if team == upper:
            return True
        seen.add(team)
        team = parents.get(team)
    return False
