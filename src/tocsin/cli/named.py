"""Named: finding the one thing that a person means by a name, an address or an id, and never guessing."""

from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.node import Json, Node
from tocsin.cli.screen import listed

_MOST_FOUND = 100  # things with a name like the one that was typed
_MOST_NAMED = 5  # of a "did you mean"
_SHORTEST_ID = 7  # characters
_SCHEDULES_OF_ROTATIONS = "/v3/schedules"


class Kind(Struct, frozen=True):
    """A kind of thing: what people call it, the paths that list it, and the names of one and of many on the wire."""

    word: str
    paths: tuple[str, ...]
    one: str
    many: str


USER = Kind("user", ("/users",), "user", "users")
TEAM = Kind("team", ("/teams",), "team", "teams")
SERVICE = Kind("service", ("/services",), "service", "services")
POLICY = Kind("escalation policy", ("/escalation_policies",), "escalation_policy", "escalation_policies")
SCHEDULE = Kind("schedule", ("/schedules", _SCHEDULES_OF_ROTATIONS), "schedule", "schedules")


class Found(Struct, frozen=True):
    """A thing that was found, and what kind it is."""

    kind: Kind
    row: Json

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.row["id"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.row.get("name") or self.row["summary"])

    @property
    def made_of_rotations(self) -> bool:
        """Whether it is a schedule of version 3 of the wire."""
        return str(self.row.get("type", "")).startswith("schedule_v3")


def find(node: Node, name: str, *kinds: Kind) -> Found:
    """Return the one thing of these kinds with this id, name or e-mail address.

    Raises `Ended`: usage where several have the name, with their ids; not found where none has, with what comes close.
    """
    near = [Found(kind, row) for kind in kinds for row in like(node, name, kind)]
    exact = [each for each in near if name.casefold() in _names(each.row)]
    if len(exact) == 1:
        return exact[0]
    if exact:
        told = listed(f"{each.kind.word} {each.id} ({_shown(each.row)})" for each in exact[:_MOST_NAMED])
        raise Ended(Exit.USAGE, f"Several are called {name!r}: name one by its id: {told}.")
    by_id = _by_id(node, name, kinds)
    if by_id is not None:
        return by_id
    words = " or ".join(kind.word for kind in kinds)
    close = listed(_shown(each.row) for each in near[:_MOST_NAMED])
    hint = f" Did you mean: {close}?" if close else ""
    raise Ended(Exit.NOT_FOUND, f"There is no {words} called {name!r}, or you cannot see it.{hint}")


def find_schedule(node: Node, name: str) -> Found:
    """Return the one schedule with this id or name, with its zone; raise `Ended`."""
    found = find(node, name, SCHEDULE)
    if "time_zone" in found.row:
        return found
    return Found(SCHEDULE, node.get(f"{_SCHEDULES_OF_ROTATIONS}/{found.id}")["schedule"])


def like(node: Node, name: str, kind: Kind) -> list[Json]:
    """Return the things of a kind that have a text in their names, or all when the text is empty."""
    query = {"query": name} if name else {}
    return [row for path in kind.paths for row in node.rows(path, kind.many, query, most=_MOST_FOUND)]


def _by_id(node: Node, name: str, kinds: Sequence[Kind]) -> Found | None:
    if not (len(name) >= _SHORTEST_ID and name.isascii() and name.isalnum() and name.upper() == name):
        return None
    for kind in kinds:
        for path in kind.paths:
            try:
                return Found(kind, node.get(f"{path}/{quote(name)}")[kind.one])
            except Ended as ending:
                # A schedule that is asked for in the other version of the wire is refused, not unknown.
                if ending.code not in {Exit.NOT_FOUND, Exit.FAILED}:
                    raise
    return None


def _names(row: Json) -> set[str]:
    return {str(row[field]).casefold() for field in ("id", "name", "summary", "email") if row.get(field)}


def _shown(row: Json) -> str:
    return str(row.get("email") or row.get("name") or row["summary"])
