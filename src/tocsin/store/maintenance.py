"""Maintenance windows as kept: when, for which services, and who planned them."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from tocsin.domain.services.maintenance import Window
from tocsin.ground.page import Listed, Stretch
from tocsin.store import pages
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

Filter = Literal["past", "future", "ongoing", "open", "all"]


class WindowRow(Struct, frozen=True):
    """A maintenance window with everything an answer shows."""

    id: str
    number: int
    start_at: datetime
    end_at: datetime
    description: str | None
    created_by: str | None
    created_by_name: str | None
    services: list[object]
    teams: list[object]

    def services_in_it(self) -> tuple["ServicePresent", ...]:
        """Return the services of the window."""
        return msgspec.convert(self.services, tuple[ServicePresent, ...])

    def teams_of_it(self) -> tuple["TeamNamed", ...]:
        """Return the teams that the services of the window belong to."""
        return msgspec.convert(self.teams, tuple[TeamNamed, ...])


class Wanted(Struct, frozen=True, kw_only=True):
    """Which windows a list asks for; None means all. `horizon` holds the teams its reader may see."""

    horizon: list[str] | None = None
    query: str | None = None
    team_ids: list[str] | None = None
    service_ids: list[str] | None = None
    stage: Filter = "all"


class Draft(Struct, frozen=True, kw_only=True):
    """A maintenance window to be written."""

    id: str
    window: Window
    description: str | None
    created_by: str | None
    service_ids: tuple[str, ...]


class ServicePresent(Struct, frozen=True):
    """A service that exists and that its reader may see, with the team it belongs to."""

    id: str
    name: str
    team_id: str | None


class TeamNamed(Struct, frozen=True):
    """A team by its id and name."""

    id: str
    name: str


class Id(Struct, frozen=True):
    """An id."""

    id: str


_REACH = """EXISTS (
    SELECT FROM maintenance_window_service ws JOIN service s ON s.id = ws.service_id
        JOIN escalation_policy p ON p.id = s.escalation_policy_id
    WHERE ws.window_id = w.id
      AND (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))"""

_SHOWN = """SELECT w.id, w.number, w.start_at, w.end_at, w.description, w.created_by, u.name AS created_by_name,
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name, 'team_id', p.team_id)
                               ORDER BY lower(s.name), s.id)
              FROM maintenance_window_service ws JOIN service s ON s.id = ws.service_id
                  JOIN escalation_policy p ON p.id = s.escalation_policy_id
              WHERE ws.window_id = w.id), '[]') AS services,
    coalesce((SELECT jsonb_agg(DISTINCT jsonb_build_object('id', team.id, 'name', team.name))
              FROM maintenance_window_service ws JOIN service s ON s.id = ws.service_id
                  JOIN escalation_policy p ON p.id = s.escalation_policy_id JOIN team ON team.id = p.team_id
              WHERE ws.window_id = w.id), '[]') AS teams
FROM maintenance_window w LEFT JOIN app_user u ON u.id = w.created_by
WHERE """

_FILTER = f"""{_REACH}
      AND (%(team_ids)s::text[] IS NULL OR p.team_id = ANY(%(team_ids)s::text[]))
      AND (%(service_ids)s::text[] IS NULL OR s.id = ANY(%(service_ids)s::text[])))
  AND (%(query)s::text IS NULL OR strpos(lower(coalesce(w.description, '')), lower(%(query)s::text)) > 0)
  AND CASE %(stage)s::text
        WHEN 'past' THEN w.end_at <= tocsin_now()
        WHEN 'future' THEN w.start_at > tocsin_now()
        WHEN 'ongoing' THEN w.start_at <= tocsin_now() AND w.end_at > tocsin_now()
        WHEN 'open' THEN w.end_at > tocsin_now()
        ELSE true END"""

WINDOW = Query(
    "maintenance window with this id",
    f"{_SHOWN} w.id = %(id)s::text AND (%(horizon)s::text[] IS NULL OR {_REACH}))",
    WindowRow,
)

WINDOWS = Query(
    "a page of maintenance windows, the latest first",
    f"{_SHOWN} {_FILTER} ORDER BY w.start_at DESC, w.id DESC LIMIT %(limit)s::int OFFSET %(offset)s::int",
    WindowRow,
)

COUNT = Query(
    "how many maintenance windows a list has",
    f"SELECT count(*) AS n FROM maintenance_window w WHERE {_FILTER}",  # noqa: S608 - joined from constants of this file only
    Count,
)

LOCK = Query(
    "maintenance window with this id, held against other writers",
    "SELECT id FROM maintenance_window WHERE id = %(id)s::text FOR UPDATE",
    Id,
)

SERVICES_PRESENT = Query(
    "those of these services that exist and that the reader may see",
    """SELECT s.id, s.name, p.team_id FROM service s JOIN escalation_policy p ON p.id = s.escalation_policy_id
WHERE s.id = ANY(%(ids)s::text[])
  AND (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))""",
    ServicePresent,
)

INSERT = Command(
    "add a maintenance window",
    """INSERT INTO maintenance_window (id, start_at, end_at, description, created_by)
VALUES (%(id)s, %(start_at)s, %(end_at)s, %(description)s, %(created_by)s)""",
)

UPDATE = Command(
    "change a maintenance window",
    """UPDATE maintenance_window SET start_at = %(start_at)s, end_at = %(end_at)s, description = %(description)s
WHERE id = %(id)s""",
)

END = Command("end a maintenance window", "UPDATE maintenance_window SET end_at = %(end_at)s WHERE id = %(id)s")

DELETE = Command("remove a maintenance window", "DELETE FROM maintenance_window WHERE id = %(id)s")

DELETE_SERVICES = Command(
    "take the services out of a maintenance window",
    "DELETE FROM maintenance_window_service WHERE window_id = %(id)s",
)

INSERT_SERVICES = Command(
    "put services into a maintenance window",
    """INSERT INTO maintenance_window_service (window_id, service_id)
SELECT %(id)s::text, service_id FROM unnest(%(service_ids)s::text[]) AS service_id""",
)


async def page(turn: Turn, wanted: Wanted, stretch: Stretch) -> Listed[WindowRow]:
    """Return a stretch of the windows wanted, the latest first."""
    return await pages.page(turn, WINDOWS, msgspec.structs.asdict(wanted), stretch=stretch, count=COUNT)


async def create(turn: Turn, draft: Draft) -> None:
    """Write a new maintenance window."""
    await turn.run(INSERT, _columns(draft))
    await turn.run(INSERT_SERVICES, {"id": draft.id, "service_ids": list(draft.service_ids)})


async def update(turn: Turn, draft: Draft) -> None:
    """Write a maintenance window anew, its services included."""
    await turn.run(UPDATE, _columns(draft))
    await turn.run(DELETE_SERVICES, {"id": draft.id})
    await turn.run(INSERT_SERVICES, {"id": draft.id, "service_ids": list(draft.service_ids)})


def _columns(draft: Draft) -> dict[str, object]:
    return {
        "id": draft.id,
        "start_at": draft.window.start_at,
        "end_at": draft.window.end_at,
        "description": draft.description,
        "created_by": draft.created_by,
    }
