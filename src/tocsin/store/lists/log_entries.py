"""Log entries as kept: the timelines of incidents, the newest fact first."""

from datetime import datetime

from msgspec import Struct

from tocsin.domain.people.permission import Subject
from tocsin.ground.page import Listed, Stretch
from tocsin.store.lists.incidents import PLAN_EACH_TIME, Named
from tocsin.store.pages import Count
from tocsin.store.query import Query
from tocsin.store.turn import Turn

OVERVIEW = (
    "trigger", "acknowledge", "unacknowledge", "resolve", "escalate", "snooze", "annotate", "urgency_change",
    "exhaust_escalation_path",
)  # fmt: skip
"""The kinds that tell the story of an incident; pages and assignments are left out of an overview."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which log entries a list asks for; None means all. `mine` are incidents that the reader sees besides."""

    since: datetime | None = None
    until: datetime | None = None
    kinds: list[str] | None = None
    service_ids: list[str] | None = None
    mine: list[str] | None = None


class EntryRow(Struct, frozen=True):
    """A log entry with the names around it; `note` is a note as it reads today, `event` the raw event behind it."""

    id: str
    incident_id: str
    service_id: str
    at: datetime
    kind: str
    agent: dict[str, object]
    channel: dict[str, object]
    body: dict[str, object]
    incident_number: int
    incident_title: str
    service_name: str
    service_deleted: bool
    team_id: str | None
    team_name: str | None
    note: str | None
    event: str | None

    def subject(self) -> Subject:
        """Return what this is to the permission table."""
        return Subject("log_entry", team_id=self.team_id)


_WANTED = """
       (%(since)s::timestamptz IS NULL OR l.at >= %(since)s::timestamptz)
   AND (%(until)s::timestamptz IS NULL OR l.at < %(until)s::timestamptz)
   AND (%(kinds)s::text[] IS NULL OR l.kind = ANY(%(kinds)s::text[]))"""
_SEEN = """
   AND (%(service_ids)s::text[] IS NULL OR l.service_id = ANY(%(service_ids)s::text[])
        OR (%(mine)s::text[] IS NOT NULL AND l.incident_id = ANY(%(mine)s::text[])))"""
_OF_INCIDENT = "AND l.incident_id = %(incident_id)s"
_STRETCH = "ORDER BY l.at DESC, l.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::int"

NEWEST = Query(
    "ids of log entries, the newest first",
    f"SELECT l.id FROM log_entry l WHERE {_WANTED} {_SEEN} {_STRETCH}",  # noqa: S608 - joined from constants of this file only
    Named,
)
COUNT = Query(
    "how many log entries a list has",
    f"SELECT count(*) AS n FROM log_entry l WHERE {_WANTED} {_SEEN}",  # noqa: S608 - joined from constants of this file only
    Count,
)
NEWEST_OF_INCIDENT = Query(
    "ids of log entries of this incident, the newest first",
    f"SELECT l.id FROM log_entry l WHERE {_WANTED} {_OF_INCIDENT} {_STRETCH}",  # noqa: S608 - joined from constants of this file only
    Named,
)
COUNT_OF_INCIDENT = Query(
    "how many log entries this incident has",
    f"SELECT count(*) AS n FROM log_entry l WHERE {_WANTED} {_OF_INCIDENT}",  # noqa: S608 - joined from constants of this file only
    Count,
)

# The raw event is found by its alert, whose index every partition of the archive has.
_SHOWN = """
SELECT l.id, l.incident_id, l.service_id, l.at, l.kind, l.agent, l.channel, l.body, i.number AS incident_number,
       i.title AS incident_title, coalesce(s.name, 'a deleted service') AS service_name,
       s.id IS NULL AS service_deleted, team.id AS team_id, team.name AS team_name, n.content AS note,
       CASE WHEN l.kind = 'trigger' AND l.body ->> 'alert_id' IS NOT NULL THEN
           (SELECT e.body FROM event e
             WHERE e.alert_id = l.body ->> 'alert_id' AND e.id = (l.body -> 'event' ->> 'event_id')::bigint LIMIT 1)
       END AS event
  FROM log_entry l
  JOIN incident i ON i.id = l.incident_id
  LEFT JOIN service s ON s.id = l.service_id
  LEFT JOIN escalation_policy p ON p.id = s.escalation_policy_id
  LEFT JOIN team ON team.id = p.team_id
  LEFT JOIN note n ON l.kind = 'annotate' AND n.id = l.body ->> 'note_id'"""

SHOWN = Query(
    "log entries with these ids, as answers show them",
    f"{_SHOWN} WHERE l.id = ANY(%(ids)s::text[])",
    EntryRow,
)
SEEN = Query(
    "log entry with this id that the reader may see",
    f"""{_SHOWN}
 WHERE l.id = %(id)s
   AND (%(horizon)s::text[] IS NULL OR team.id = ANY(%(horizon)s::text[])
        OR EXISTS (SELECT FROM assignment a WHERE a.incident_id = i.id AND a.user_id = %(reader)s::text))""",
    EntryRow,
)


async def page(turn: Turn, wanted: Wanted, stretch: Stretch) -> Listed[EntryRow]:
    """Return a stretch of all timelines together."""
    return await _page(turn, (NEWEST, COUNT), _values(wanted), stretch)


async def timeline(turn: Turn, incident_id: str, wanted: Wanted, stretch: Stretch) -> Listed[EntryRow]:
    """Return a stretch of the timeline of one incident that the reader may see."""
    values = _values(wanted) | {"incident_id": incident_id}
    return await _page(turn, (NEWEST_OF_INCIDENT, COUNT_OF_INCIDENT), values, stretch)


async def shown(turn: Turn, ids: list[str]) -> tuple[EntryRow, ...]:
    """Return these log entries with everything that an answer shows, in this order."""
    rows = {row.id: row for row in await turn.rows(SHOWN, {"ids": ids})} if ids else {}
    return tuple(rows[each] for each in ids if each in rows)


async def _page(
    turn: Turn, queries: tuple[Query[Named], Query[Count]], values: dict[str, object], stretch: Stretch
) -> Listed[EntryRow]:
    listing, counting = queries
    await turn.run(PLAN_EACH_TIME)
    found = await turn.rows(listing, {**values, "limit": stretch.limit + 1, "offset": stretch.offset})
    total = (await turn.one(counting, values)).n if stretch.total else None
    rows = await shown(turn, [row.id for row in found[: stretch.limit]])
    return Listed(rows, len(found) > stretch.limit, total)


def _values(wanted: Wanted) -> dict[str, object]:
    return {name: getattr(wanted, name) for name in Wanted.__struct_fields__}
