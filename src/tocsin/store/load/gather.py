"""Gathering: reads who was and will be on call by which schedules, whom pages reached, and what their hours weigh."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from tocsin.domain.oncall.bounds import MOST_RECKONED
from tocsin.domain.oncall.bulk import most_of_versions
from tocsin.domain.oncall.history import Version, final
from tocsin.domain.oncall.load import Paged, Watched, Weights, Worker
from tocsin.ground.errors import Refused, Why
from tocsin.store.load import holidays, weights
from tocsin.store.query import Query
from tocsin.store.schedules import history
from tocsin.store.schedules.document import members_of
from tocsin.store.schedules.rows import WANTED_TEAMS
from tocsin.store.turn import Turn

MOST_SCHEDULES = 1000  # of one report: more is asked for by team
_LONGEST_WAIT = timedelta(days=7)  # between the making of a page and its handing: rules delay by hours at most


class Wanted(Struct, frozen=True, kw_only=True):
    """Of which schedules and people a report is; None means all. `horizon` holds the teams its reader may see."""

    since: datetime
    until: datetime
    horizon: list[str] | None = None
    schedule_ids: list[str] | None = None
    team_ids: list[str] | None = None


class ScheduleTeams(Struct, frozen=True):
    """A schedule, its name and its teams."""

    id: str
    name: str
    team_ids: list[str]


class PersonRow(Struct, frozen=True):
    """A person, deleted or not, and the zone of their wall."""

    id: str
    name: str
    time_zone: str
    deleted_at: datetime | None


class PageRow(Struct, frozen=True):
    """The first time an incident reached a person, and the policy by which it did."""

    user_id: str
    at: datetime
    policy_id: str | None


class PolicySchedules(Struct, frozen=True):
    """An escalation policy, its team, and the schedules that it calls."""

    id: str
    team_id: str | None
    schedule_ids: list[str]


class TeamName(Struct, frozen=True):
    """A team by its name."""

    id: str
    name: str


class Interruption(Struct, frozen=True):
    """A page, and the team whose escalation policy sent it."""

    page: Paged
    team_id: str | None


class Gathered(Struct, frozen=True, kw_only=True):
    """Everything that a report is reckoned from."""

    schedules: tuple[ScheduleTeams, ...]
    versions: Mapping[str, list[Version]]
    weights: Mapping[str, Weights]
    people: Mapping[str, PersonRow]
    workers: Mapping[str, Worker]
    pages: tuple[Interruption, ...]
    teams: Mapping[str, str]

    def watched(self, since: datetime, until: datetime) -> list[Watched]:
        """Return each schedule with its shifts: of the past as they were, of the future as they are planned now.

        Raises `Refused` (invalid) when they might be too many for one report.
        """
        if (most := sum(most_of_versions(each, since, until) for each in self.versions.values())) > MOST_RECKONED:
            raise Refused(
                Why.INVALID,
                f"A report is of at most {MOST_RECKONED} shifts, and these might be {most}; "
                "ask for a shorter stretch, or by schedule_ids[] or team_ids[].",
            )
        return [
            Watched(
                id=schedule.id,
                shifts=tuple(shift for _, shift in final(self.versions[schedule.id], since, until)),
                members=tuple(sorted(_members(self.versions[schedule.id]))),
                weights=self.weights[schedule.id],
            )
            for schedule in self.schedules
        ]


SCHEDULES = Query(
    "the schedules of a report, by name",
    f"""
    SELECT s.id, s.name, ARRAY(SELECT st.team_id FROM schedule_team st WHERE st.schedule_id = s.id
        AND (%(horizon)s::text[] IS NULL OR st.team_id = ANY(%(horizon)s::text[])) ORDER BY 1)::text[] AS team_ids
      FROM schedule s WHERE {WANTED_TEAMS}
       AND (%(schedule_ids)s::text[] IS NULL OR s.id = ANY(%(schedule_ids)s::text[]))
       AND (%(team_ids)s::text[] IS NULL OR EXISTS (
            SELECT FROM schedule_team w WHERE w.schedule_id = s.id AND w.team_id = ANY(%(team_ids)s::text[])))
     ORDER BY lower(s.name), s.id LIMIT %(most)s::int
    """,  # noqa: S608 - joined from constants only
    ScheduleTeams,
)
PEOPLE = Query(
    "people by their ids, deleted ones too",
    "SELECT id, name, time_zone, deleted_at FROM app_user WHERE id = ANY(%(ids)s::text[])",
    PersonRow,
)
# One interruption for each incident and person: what was handed again later does not count again.
PAGES = Query(
    "when incidents first reached people in a stretch of time",
    """
    SELECT n.user_id, n.at, p.policy_id FROM (
        SELECT f.incident_id, f.user_id, min(f.handed_at) AS at FROM notification f
         WHERE f.created_at >= %(from)s::timestamptz AND f.created_at < %(until)s::timestamptz
           AND f.handed_at >= %(since)s::timestamptz AND f.handed_at < %(until)s::timestamptz
           AND NOT EXISTS (SELECT FROM notification e WHERE e.incident_id = f.incident_id AND e.user_id = f.user_id
                              AND e.handed_at < %(since)s::timestamptz)
         GROUP BY f.incident_id, f.user_id) AS n
      JOIN incident i ON i.id = n.incident_id LEFT JOIN plan p ON p.id = i.plan_id
     ORDER BY n.at
    """,
    PageRow,
)
POLICIES = Query(
    "escalation policies, their teams and the schedules that they call",
    """
    SELECT p.id, p.team_id, ARRAY(
            SELECT t.target_id FROM escalation_level l JOIN escalation_target t ON t.level_id = l.id
             WHERE l.policy_id = p.id AND t.kind = 'schedule')::text[] AS schedule_ids
      FROM escalation_policy p
    """,
    PolicySchedules,
)
TEAMS = Query(
    "names of these teams",
    "SELECT id, name FROM team WHERE id = ANY(%(ids)s::text[]) ORDER BY lower(name), id",
    TeamName,
)


async def gather(turn: Turn, wanted: Wanted) -> Gathered:
    """Read what a report needs; raise `Refused` (too many) when it is of too many schedules."""
    values = {"horizon": wanted.horizon, "schedule_ids": wanted.schedule_ids, "team_ids": wanted.team_ids}
    schedules = await turn.rows(SCHEDULES, {**values, "most": MOST_SCHEDULES + 1})
    if len(schedules) > MOST_SCHEDULES:
        raise Refused(Why.INVALID, f"A report is of at most {MOST_SCHEDULES} schedules: ask by team_ids[].")
    versions = {each.id: await history.versions(turn, each.id, wanted.since, wanted.until) for each in schedules}
    pages = await interruptions(turn, wanted.since, wanted.until)
    team_ids = {team_id for each in schedules for team_id in each.team_ids}
    account, of_team = await weights.of_account(turn), await weights.of_teams(turn, team_ids)
    named = {user_id for each in versions.values() for user_id in _everybody(each)}
    named |= {each.page.user_id for each in pages}
    known = await people(turn, named)
    return Gathered(
        schedules=tuple(schedules),
        versions=versions,
        weights={each.id: _weights_of(each, of_team, account) for each in schedules},
        people=known,
        workers=await workers(turn, known, wanted.since, wanted.until),
        pages=tuple(pages),
        teams={row.id: row.name for row in await turn.rows(TEAMS, {"ids": sorted(team_ids)})},
    )


async def people(turn: Turn, user_ids: Iterable[str]) -> dict[str, PersonRow]:
    """Return these people by id, deleted ones too."""
    return {row.id: row for row in await turn.rows(PEOPLE, {"ids": sorted(set(user_ids))})}


async def workers(turn: Turn, known: Mapping[str, PersonRow], since: datetime, until: datetime) -> dict[str, Worker]:
    """Return these people with their zones and holidays."""
    free = await holidays.free_days(turn, known, since, until)
    return {row.id: Worker(row.id, _zone(row.time_zone), free.get(row.id, frozenset())) for row in known.values()}


async def interruptions(turn: Turn, since: datetime, until: datetime) -> list[Interruption]:
    """Return each first page of an incident to a person in the window, in order of time."""
    rows = await turn.rows(PAGES, {"since": since, "until": until, "from": since - _LONGEST_WAIT})
    policies = {row.id: row for row in await turn.rows(POLICIES)} if rows else {}
    found = []
    for row in rows:
        policy = policies.get(row.policy_id or "")
        through = tuple(policy.schedule_ids) if policy else ()
        page = Paged(user_id=row.user_id, at=row.at.astimezone(UTC), schedule_ids=through)
        found.append(Interruption(page, policy.team_id if policy else None))
    return found


def _members(versions: list[Version]) -> set[str]:
    """Return who takes part now, which is by the newest version."""
    return members_of(versions[-1].schedule.layers) if versions else set()


def _everybody(versions: Iterable[Version]) -> set[str]:
    found: set[str | None] = set()
    for version in versions:
        schedule = version.schedule
        found |= members_of(schedule.layers)
        found |= {each.user_id for each in schedule.overrides} | {each.user_id for each in schedule.custom_shifts}
    return {user_id for user_id in found if user_id is not None}


def _weights_of(schedule: ScheduleTeams, of_team: Mapping[str, Weights], account: Weights) -> Weights:
    return next((of_team[team_id] for team_id in schedule.team_ids if team_id in of_team), account)


def _zone(name: str) -> ZoneInfo:
    """Return a person's zone; one that is no zone any more does not cost the report."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):
        return ZoneInfo("Etc/UTC")
