"""Leases: tasks that one node of the installation does at a time."""

from datetime import timedelta

from msgspec import Struct

from tocsin.store.query import Query
from tocsin.store.turn import Turn


class LeaseRow(Struct):
    """A lease that is held now, and the fence that its holder names in its writes."""

    fence: int


TAKE = Query(
    "a lease, taken or prolonged unless another holder has it",
    """
    INSERT INTO lease AS l (name, holder, fence, held_until)
    VALUES (%(name)s, %(holder)s, 1, tocsin_now() + %(duration)s::interval)
        ON CONFLICT (name) DO UPDATE
           SET holder = excluded.holder, held_until = excluded.held_until,
               fence = CASE WHEN l.holder = excluded.holder THEN l.fence ELSE l.fence + 1 END
         WHERE l.holder = excluded.holder OR l.held_until < tocsin_now()
    RETURNING fence
    """,
    row=LeaseRow,
)


async def take(turn: Turn, name: str, *, holder: str, duration: timedelta) -> bool:
    """Take a lease, or prolong it; return False when another holder has it."""
    return await turn.maybe(TAKE, {"name": name, "holder": holder, "duration": duration}) is not None
