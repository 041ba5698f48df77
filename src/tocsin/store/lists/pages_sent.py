"""Pages that left: who was told, by which channel and when."""

from datetime import datetime

from msgspec import Struct, structs

from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.lists.incidents import PLAN_EACH_TIME
from tocsin.store.pages import Count
from tocsin.store.query import Query
from tocsin.store.turn import Turn


class SentRow(Struct, frozen=True):
    """A page that was handed to a provider, or tried to be."""

    id: int
    channel: str
    state: str
    started_at: datetime
    user_id: str
    user_name: str | None
    address: str | None
    incident_id: str


class Wanted(Struct, frozen=True, kw_only=True):
    """Which pages a list asks for; None means all. A reader with a horizon sees those of its services and their own."""

    since: datetime
    until: datetime
    channels: list[str] | None = None
    horizon: list[str] | None = None
    reader: str | None = None


_FROM = """
  FROM notification n
  LEFT JOIN app_user u ON u.id = n.user_id
  LEFT JOIN contact_method c ON c.id = n.contact_method_id
 WHERE n.state NOT IN ('pending', 'leased', 'cancelled')
   AND n.created_at < %(until)s AND coalesce(n.handed_at, n.due_at) < %(until)s
   AND n.created_at >= %(since)s::timestamptz - interval '1 day' AND coalesce(n.handed_at, n.due_at) >= %(since)s
   AND (%(channels)s::text[] IS NULL OR n.channel = ANY(%(channels)s::text[]))
   AND (%(horizon)s::text[] IS NULL OR n.user_id = %(reader)s::text
        OR EXISTS (SELECT FROM incident i JOIN service s ON s.id = i.service_id
                     JOIN escalation_policy p ON p.id = s.escalation_policy_id
                    WHERE i.id = n.incident_id AND p.team_id = ANY(%(horizon)s::text[])))"""

NEWEST = Query(
    "pages that left, the newest first",
    f"""SELECT n.id, n.channel, n.state, coalesce(n.handed_at, n.due_at) AS started_at, n.user_id,
       u.name AS user_name, c.address, n.incident_id {_FROM}
 ORDER BY n.created_at DESC, n.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::int""",
    SentRow,
)
COUNT = Query("how many pages left", f"SELECT count(*) AS n {_FROM}", Count)


async def page(turn: Turn, wanted: Wanted, stretch: Stretch) -> Listed[SentRow]:
    """Return a stretch of the pages that left. A rule waits at most a day, so older pages are not looked at."""
    await turn.run(PLAN_EACH_TIME)
    return await pages.page(turn, NEWEST, structs.asdict(wanted), stretch=stretch, count=COUNT)
