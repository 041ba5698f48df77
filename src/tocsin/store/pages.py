"""Pages of lists: reading one stretch, seeing whether more follows, and counting only when asked."""

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct

from tocsin.ground.page import Listed, Stretch
from tocsin.store.query import Query
from tocsin.store.turn import Turn

Row = TypeVar("Row", bound=Struct)


class Count(Struct, frozen=True):
    """How many rows there are in all."""

    n: int


async def page(
    turn: Turn, query: Query[Row], values: Mapping[str, object], *, stretch: Stretch, count: Query[Count]
) -> Listed[Row]:
    """Return a stretch of the query, which takes `limit` and `offset`; one row more is read to know if more follow."""
    rows = await turn.rows(query, {**values, "limit": stretch.limit + 1, "offset": stretch.offset})
    total = (await turn.one(count, values)).n if stretch.total else None
    return Listed(tuple(rows[: stretch.limit]), len(rows) > stretch.limit, total)
