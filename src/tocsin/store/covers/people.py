"""People and their shifts: what they are called, when they are on call by any schedule, and when they are away."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from tocsin.domain.oncall.schedule import Shift
from tocsin.store.query import Query
from tocsin.store.schedules import rows as schedules
from tocsin.store.turn import Turn


class PersonRow(Struct, frozen=True):
    """Somebody as words about cover need them; `reachable` with a contact method that works."""

    id: str
    name: str
    email: str
    time_zone: str
    deleted_at: datetime | None
    reachable: bool


class NamedIn(Struct, frozen=True):
    """A schedule that names somebody in its layers, or gives them something that is not over yet."""

    user_id: str
    schedule_id: str


class Held(Struct, frozen=True, kw_only=True):
    """A shift, and the schedule by which somebody has it."""

    schedule_id: str
    schedule_name: str
    shift: Shift


class SeenRow(Struct, frozen=True):
    """A schedule that a reader may see."""

    id: str


class Sight(Struct, frozen=True, kw_only=True):
    """How far a reader sees: the schedules of the teams in `horizon`, all of them for None, and their own shifts."""

    horizon: list[str] | None
    reader: str | None

    async def of(self, turn: Turn, ids: set[str]) -> set[str]:
        """Return those of these schedules that the reader may see."""
        if self.horizon is None or not ids:
            return ids
        return {row.id for row in await turn.rows(SEEN, {"ids": sorted(ids), "horizon": self.horizon})}


SEEN = Query(
    "those of these schedules that belong to one of these teams",
    """
    SELECT DISTINCT schedule_id AS id FROM schedule_team
     WHERE schedule_id = ANY(%(ids)s::text[]) AND team_id = ANY(%(horizon)s::text[])
    """,
    SeenRow,
)
PEOPLE = Query(
    "these people, deleted ones too",
    """
    SELECT u.id, u.name, u.email, u.time_zone, u.deleted_at, EXISTS (
           SELECT FROM contact_method c WHERE c.user_id = u.id AND c.enabled AND NOT c.blacklisted) AS reachable
      FROM app_user u WHERE u.id = ANY(%(ids)s::text[])
    """,
    PersonRow,
)
SCHEDULES_OF = Query(
    "the schedules that name these people, and those that give them a stretch which ends after an instant",
    """
    SELECT u.user_id, u.schedule_id FROM schedule_user u WHERE u.user_id = ANY(%(ids)s::text[])
     UNION
    SELECT o.user_id, o.schedule_id FROM schedule_override o
     WHERE o.user_id = ANY(%(ids)s::text[]) AND o.removed_at IS NULL AND o.end_at > %(since)s::timestamptz
     UNION
    SELECT c.user_id, c.schedule_id FROM custom_shift c
     WHERE c.user_id = ANY(%(ids)s::text[]) AND c.removed_at IS NULL AND c.end_at > %(since)s::timestamptz
    """,
    NamedIn,
)


async def people(turn: Turn, ids: Iterable[str]) -> dict[str, PersonRow]:
    """Return these people by id, deleted ones too."""
    wanted = sorted(set(ids))
    return {row.id: row for row in await turn.rows(PEOPLE, {"ids": wanted})} if wanted else {}


def name_of(known: Mapping[str, PersonRow], user_id: str | None) -> str:
    """Return what somebody is called; nobody is called nobody."""
    if user_id is None:
        return "nobody"
    person = known.get(user_id)
    return person.name if person is not None else user_id


async def shifts_of(turn: Turn, user_ids: Collection[str], since: datetime, until: datetime) -> list[Held]:
    """Return the shifts of these people by all schedules, cut to this stretch, in the order of time.

    Overrides that ended more than two days ago are not known here: ask the history about the past.
    """
    if not user_ids:
        return []
    named = await turn.rows(SCHEDULES_OF, {"ids": sorted(user_ids), "since": since})
    timelines = await schedules.timelines(turn, {row.schedule_id for row in named})
    held = [
        Held(schedule_id=each, schedule_name=timeline.schedule.name, shift=shift)
        for each, timeline in timelines.items()
        for shift in timeline.final(since, until)
        if shift.user_id in user_ids
    ]
    return sorted(held, key=lambda one: (one.shift.start, one.schedule_name, one.shift.turn))
