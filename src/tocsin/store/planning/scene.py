"""Scene: everything beside the incident that a simulation needs, read in one transaction and never written."""

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.policy import Policy
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.planning.simulation import World
from tocsin.domain.services.service import Service
from tocsin.store.directory import STAND_INS, Directory, TurnRow
from tocsin.store.query import Query
from tocsin.store.schedules.rows import RECENT, timelines
from tocsin.store.turn import Turn

_NO_SERVICE = ""


class Method(Struct, frozen=True):
    """A contact method, as a person who recognises it would name it."""

    id: str
    channel: str
    label: str
    address: str


class PersonRow(Struct, frozen=True):
    """Somebody who plays a part, deleted or not, with all contact methods as JSON."""

    id: str
    name: str
    time_zone: str
    methods: list[object]


class PersonShown(Struct, frozen=True, kw_only=True):
    """Somebody who plays a part: name, the zone of their clock, and their contact methods by id."""

    id: str
    name: str
    time_zone: str
    methods: dict[str, Method]


class Asked(Struct, frozen=True, kw_only=True):
    """What a scene is asked for: from which instant on, and who plays a part beside those whom the plan names.

    `team_id` is the policy's team, whose managers stand in when there is no service to say so. `carried` are the
    channels that have a provider; None means all.
    """

    at: datetime
    team_id: str | None = None
    also: Collection[str] = ()
    carried: frozenset[str] | None = None


class Scene(Struct, kw_only=True):
    """The world of a simulation, and everybody who plays a part in it."""

    world: World
    people: dict[str, PersonShown]


PEOPLE = Query(
    "people by their ids, deleted ones too, with their contact methods",
    """
    SELECT u.id, u.name, u.time_zone,
           coalesce((SELECT jsonb_agg(jsonb_build_object('id', c.id, 'channel', c.channel, 'label', c.label,
                                                         'address', c.address))
                       FROM contact_method c WHERE c.user_id = u.id), '[]') AS methods
      FROM app_user u WHERE u.id = ANY(%(ids)s::text[])
    """,
    PersonRow,
)
TURNS = Query(
    "turns of round-robin levels, only looked at",
    "SELECT level_id, turn FROM round_robin WHERE level_id = ANY(%(ids)s::text[])",
    TurnRow,
)


async def scene(turn: Turn, directory: Directory, plan: Policy, *, service: Service | None, asked: Asked) -> Scene:
    """Return the world in which a plan would run."""
    targets = {target for level in plan.levels for target in level.targets}
    schedules = [target.id for target in targets if target.kind == "schedule"]
    known = await timelines(turn, schedules, since=min(asked.at, turn.now) - RECENT)
    ids = {target.id for target in targets if target.kind == "user"} | set(asked.also)
    ids |= {user_id for timeline in known.values() for user_id in timeline.members()}
    world = await _world(turn, directory, service, ids=ids, team_id=asked.team_id)
    world.carried = asked.carried
    world.timelines = known
    world.turns = {row.level_id: row.turn for row in await turn.rows(TURNS, {"ids": _level_ids(plan)})}
    ids |= {user_id for _, user_ids in world.fallbacks for user_id in user_ids}
    return Scene(world=world, people=await people_by_id(turn, ids))


async def people_by_id(turn: Turn, ids: Iterable[str]) -> dict[str, PersonShown]:
    """Return people by id, deleted ones too."""
    rows = await turn.rows(PEOPLE, {"ids": sorted(set(ids))})
    return {
        row.id: PersonShown(
            id=row.id,
            name=row.name,
            time_zone=row.time_zone,
            methods={method.id: method for method in msgspec.convert(row.methods, list[Method])},
        )
        for row in rows
    }


async def _world(
    turn: Turn, directory: Directory, service: Service | None, *, ids: set[str], team_id: str | None
) -> World:
    """Return people and fallbacks as the engine's directory finds them; a round robin is not touched by asking so."""
    managers: tuple[str, ...] = ()
    if service is None and team_id is not None:
        managers = tuple(row.user_id for row in await turn.rows(STAND_INS) if row.team_id == team_id)
    service_id = service.id if service is not None else _NO_SERVICE
    crews = await directory.crews(turn, {service_id: ()}, also=ids | set(managers))
    crew = crews[service_id]
    fallbacks = (("team managers", managers), *crew.fallbacks) if managers else crew.fallbacks
    no_timelines: dict[str, Timeline] = {}
    return World(people=crew.people, timelines=no_timelines, fallbacks=fallbacks)


def _level_ids(plan: Policy) -> list[str]:
    return [level.id for level in plan.levels if level.strategy == "round_robin"]
