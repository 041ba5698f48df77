"""Lists of schedules: those that a reader may see, by name."""

import msgspec
from msgspec import Struct

from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.pages import Count
from tocsin.store.query import Query
from tocsin.store.schedules.rows import WANTED_TEAMS, Kept, Kind, load
from tocsin.store.turn import Turn


class Wanted(Struct, frozen=True, kw_only=True):
    """Which schedules a list asks for; None means all. `horizon` holds the teams its reader may see."""

    horizon: list[str] | None = None
    query: str | None = None
    team_ids: list[str] | None = None
    kind: Kind | None = None
    ids: list[str] | None = None


class Id(Struct, frozen=True):
    """An id."""

    id: str


_WANTED = f"""FROM schedule s WHERE {WANTED_TEAMS}
   AND (%(query)s::text IS NULL OR strpos(lower(s.name), lower(%(query)s::text)) > 0)
   AND (%(team_ids)s::text[] IS NULL OR EXISTS (
        SELECT FROM schedule_team w WHERE w.schedule_id = s.id AND w.team_id = ANY(%(team_ids)s::text[])))
   AND (%(kind)s::text IS NULL OR s.kind = %(kind)s::text)
   AND (%(ids)s::text[] IS NULL OR s.id = ANY(%(ids)s::text[]))"""

PAGE = Query(
    "a page of schedules by name",
    f"SELECT s.id {_WANTED} ORDER BY lower(s.name), s.id LIMIT %(limit)s::int OFFSET %(offset)s::int",
    Id,
)
COUNT = Query("how many schedules a list has", f"SELECT count(*) AS n {_WANTED}", Count)


async def page(turn: Turn, wanted: Wanted, stretch: Stretch) -> Listed[Kept]:
    """Return a stretch of the schedules wanted, ordered by name."""
    listed = await pages.page(turn, PAGE, msgspec.structs.asdict(wanted), stretch=stretch, count=COUNT)
    kept = await load(turn, [row.id for row in listed.rows], horizon=wanted.horizon)
    return Listed(tuple(kept[row.id] for row in listed.rows), listed.more, listed.total)
