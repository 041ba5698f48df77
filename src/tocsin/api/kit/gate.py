"""The gate: the only way in which an operation gets hold of an object."""

from typing import Protocol, TypeVar

from msgspec import Struct

from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Subject, Verb, may
from tocsin.ground.errors import Refused, Why
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class Guarded(Protocol):
    """A row that knows what it is to the permission table."""

    def subject(self) -> Subject:
        """Return its kind, its team and its owner."""


Row = TypeVar("Row", bound=Struct)


async def reach(turn: Turn, actor: Actor, *, query: Query[Row], key: str, to: Verb) -> Row:
    """Return the row with this id if the actor may do that to it.

    The query takes `id` and `horizon` (the team ids that the actor can see, or null for all). What the actor
    cannot see is not found, as if it did not exist; what it can see but not touch is forbidden.
    """
    row = await turn.maybe(query, {"id": key, "horizon": actor.horizon})
    if row is None:
        raise Refused(Why.NOT_FOUND, f"There is no {query.says}, or you cannot see it.")
    allow(actor, to, _subject(row))
    return row


def allow(actor: Actor, verb: Verb, subject: Subject) -> None:
    """Raise `Refused` (forbidden) unless the actor may do this to such a subject."""
    if not may(actor, verb, subject):
        what = subject.kind.replace("_", " ")
        raise Refused(Why.FORBIDDEN, f"The role of {actor.name} does not allow this ({verb.value} {what}).")


def _subject(row: Struct) -> Subject:
    guarded: Guarded = row  # type: ignore[assignment]  # a Struct of the store that has the method, see Guarded
    return guarded.subject()
