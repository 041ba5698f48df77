"""Priorities as kept: the scale of the account, from the most to the least severe."""

from msgspec import Struct

from tocsin.domain.services.priority import SEED
from tocsin.ground.ids import new_id
from tocsin.ground.page import Listed, Stretch
from tocsin.store.pages import Count, page
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class PriorityRow(Struct, frozen=True):
    """A priority; `position` counts from 1, the most severe."""

    id: str
    name: str
    description: str
    color: str
    position: int


_PRIORITIES = "SELECT id, name, description, color, position FROM priority"

ALL = Query("priorities by severity", f"{_PRIORITIES} ORDER BY position, id", PriorityRow)
LIST = Query(
    "stretch of the priorities by severity",
    f"{_PRIORITIES} ORDER BY position, id LIMIT %(limit)s OFFSET %(offset)s",
    PriorityRow,
)
COUNT = Query("count of priorities", "SELECT count(*) AS n FROM priority", Count)
# What a client may write: the id, or the name (Terraform and others write "P1").
BY_ID_OR_NAME = Query(
    "priority with this id or name",
    f"{_PRIORITIES} WHERE id = %(id)s OR lower(name) = lower(%(id)s) ORDER BY (id = %(id)s) DESC LIMIT 1",
    PriorityRow,
)
ADD = Command(
    "add a priority",
    """
    INSERT INTO priority (id, name, description, color, position)
    VALUES (%(id)s, %(name)s, %(description)s, %(color)s, %(position)s) ON CONFLICT (name) DO NOTHING
    """,
)


async def listed(turn: Turn, stretch: Stretch) -> Listed[PriorityRow]:
    """Return a stretch of the priorities, the most severe first."""
    return await page(turn, LIST, {}, stretch=stretch, count=COUNT)


async def seed(turn: Turn) -> int:
    """Give a fresh installation its scale and return how many were added; with any priority there, do nothing."""
    if (await turn.one(COUNT)).n:
        return 0
    return sum([await turn.run(ADD, {"id": new_id(), **priority._asdict()}) for priority in SEED])
