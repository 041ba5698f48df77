"""The directory: the configuration that decisions need, read once and kept until somebody changes it."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import structlog
from msgspec import Struct

from tocsin.domain.incidents.incident import Terms
from tocsin.domain.oncall.crew import Crew, Person, Way
from tocsin.domain.oncall.policy import Policy, Target
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.oncall.tolerant import fault_in
from tocsin.domain.services.maintenance import Window, in_maintenance
from tocsin.domain.services.service import Service
from tocsin.store.config import config_stamp
from tocsin.store.hints import Topic
from tocsin.store.integrations import INTEGRATIONS_BY_ID, IntegrationFacts
from tocsin.store.policies import POLICIES_BY_ID, policy_of
from tocsin.store.query import Command, Query
from tocsin.store.schedules import rows as schedules
from tocsin.store.services import SERVICES_BY_ID, service_of
from tocsin.store.turn import Turn

log = structlog.get_logger("directory")

_STAMP = "config stamp"  # where a turn notes the directory that compared the stamp in it
_SHELF = "directory"  # where a turn keeps a shelf of its own
_DEFAULT_RULE = "default"  # the rule of a person who has none for an urgency: every contact method at once
_RECENT_FOR = timedelta(seconds=10)  # how long a person's last pages count for the order of the queue


class PersonRow(Struct):
    """An active user, with contact methods that work and the rules that use them, as JSON."""

    id: str
    name: str
    methods: list[dict[str, Any]]
    rules: list[dict[str, Any]]


class MemberRow(Struct):
    """Somebody who is called when a policy has nobody; `team_id` is None on the last-resort list."""

    team_id: str | None
    user_id: str


class WindowRow(Struct):
    """A maintenance window of a service that has not ended."""

    service_id: str
    start_at: datetime
    end_at: datetime


class PlanRow(Struct):
    """A plan as frozen."""

    id: str
    document: dict[str, Any]


class TurnRow(Struct):
    """How often a round-robin level was called."""

    level_id: str
    turn: int


PEOPLE_BY_ID = Query(
    "people who can be called",
    """
    SELECT u.id, u.name,
           coalesce((SELECT json_agg(json_build_object('id', c.id, 'channel', c.channel) ORDER BY c.created_at, c.id)
                       FROM contact_method c WHERE c.user_id = u.id AND c.enabled AND NOT c.blacklisted),
                    '[]'::json) AS methods,
           coalesce((SELECT json_agg(json_build_object('id', r.id, 'method', r.contact_method_id,
                                     'urgency', r.urgency, 'delay_s', r.start_delay_s)
                                     ORDER BY r.start_delay_s, r.id)
                       FROM notification_rule r WHERE r.user_id = u.id), '[]'::json) AS rules
      FROM app_user u WHERE u.id = ANY(%(ids)s::text[]) AND u.deleted_at IS NULL
    """,
    row=PersonRow,
)
STAND_INS = Query(
    "people who are called when a policy has nobody: team managers, then owners and administrators",
    """
    SELECT m.team_id, m.user_id FROM team_member m WHERE m.role = 'manager'
     UNION ALL
    SELECT NULL, u.id FROM app_user u WHERE u.role IN ('owner', 'admin') AND u.deleted_at IS NULL
     ORDER BY 1 NULLS LAST, 2
    """,
    row=MemberRow,
)
WINDOWS = Query(
    "maintenance windows that have not ended",
    """
    SELECT ws.service_id, w.start_at, w.end_at
      FROM maintenance_window w JOIN maintenance_window_service ws ON ws.window_id = w.id
     WHERE w.end_at > %(now)s
    """,
    row=WindowRow,
)
PLANS = Query("plans", "SELECT id, document FROM plan WHERE id = ANY(%(ids)s::text[])", row=PlanRow)
KEEP_PLAN = Command(
    "a frozen plan",
    """
    INSERT INTO plan (id, policy_id, document) VALUES (%(id)s, %(policy_id)s, %(document)s::jsonb)
        ON CONFLICT (id) DO NOTHING
    """,
)
BEGIN_TURNS = Command(
    "turns of round-robin levels that were never called: a row that is not there cannot be locked",
    """
    INSERT INTO round_robin (level_id) SELECT unnest(%(ids)s::text[]) ORDER BY 1 ON CONFLICT (level_id) DO NOTHING
    """,
)
TURNS = Query(
    "turns of round-robin levels, held until the end of the transaction",
    "SELECT level_id, turn FROM round_robin WHERE level_id = ANY(%(ids)s::text[]) ORDER BY level_id FOR UPDATE",
    row=TurnRow,
)


class _Shelf:
    """What was read under one stamp of the configuration. A stale reader fills an old shelf, which nobody looks at."""

    def __init__(self, stamp: int) -> None:
        self.stamp = stamp
        self.integrations: dict[str, IntegrationFacts | None] = {}
        self.services: dict[str, Service | None] = {}
        self.policies: dict[str, tuple[str, Policy]] = {}
        self.people: dict[str, Person | None] = {}
        self.timelines: dict[str, Timeline | None] = {}
        self.unreadable: set[str] = set()
        self.stand_ins: dict[str | None, tuple[str, ...]] | None = None
        self.windows: dict[str, list[Window]] | None = None


class Directory:
    """Caches configuration by id; `refresh` begins anew when the stamp in the database has moved.

    The stamp is read in the transaction that decides, so a decision never uses configuration that was already
    changed when it began. What is frozen (plans, by the hash of their content) is kept for good, within a bound.
    """

    _MOST_PLANS = 10_000  # frozen plans kept in memory, about 1 kB each

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._shelf = _Shelf(-1)
        self._plans: dict[str, Policy] = {}
        self._stored_plans: set[str] = set()
        self._written_plans: dict[str, str] = {}
        self._recent: Counter[str] = Counter()
        self._recent_since: datetime | None = None

    async def refresh(self, turn: Turn) -> None:
        """Forget what may have changed; call it first in every transaction that decides."""
        changing = Topic.CONFIG in turn.hints
        if turn.private.get(_STAMP) is self and not changing:
            return  # several steps of one transaction ask; what it began with holds until it ends
        stamp = await config_stamp(turn)
        turn.private[_STAMP] = self
        if changing:
            turn.private[_SHELF] = _Shelf(stamp)
        elif stamp != self._shelf.stamp:
            self._shelf = _Shelf(stamp)

    def _shelf_of(self, turn: Turn) -> _Shelf:
        """Return the shelf to read from: its own for a transaction that changes configuration and may yet be undone."""
        private = turn.private.get(_SHELF)
        return private if isinstance(private, _Shelf) else self._shelf

    async def integrations(self, turn: Turn, ids: Iterable[str]) -> dict[str, IntegrationFacts]:
        """Return the integrations that exist, by id."""
        known = self._shelf_of(turn).integrations
        wanted = set(ids)
        missing = [each for each in wanted if each not in known]
        if missing:
            found = {row.id: row for row in await turn.rows(INTEGRATIONS_BY_ID, {"ids": missing})}
            known.update({each: found.get(each) for each in missing})
        return {each: facts for each in wanted if (facts := known[each]) is not None}

    async def services(self, turn: Turn, ids: Iterable[str]) -> dict[str, Service]:
        """Return the services that exist, by id."""
        known = self._shelf_of(turn).services
        wanted = set(ids)
        missing = [each for each in wanted if each not in known]
        if missing:
            found = {row.id: service_of(row) for row in await turn.rows(SERVICES_BY_ID, {"ids": missing})}
            known.update({each: found.get(each) for each in missing})
        return {each: service for each in wanted if (service := known[each]) is not None}

    async def frozen(self, turn: Turn, policy_ids: Iterable[str]) -> dict[str, tuple[str, Policy]]:
        """Return policies as plans, each stored under the hash of its content so that incidents can refer to it."""
        known = self._shelf_of(turn).policies
        wanted = set(policy_ids)
        missing = [each for each in wanted if each not in known]
        if missing:
            for row in await turn.rows(POLICIES_BY_ID, {"ids": missing}):
                policy = policy_of(row)
                known[policy.id] = (hashlib.sha256(msgspec.json.encode(policy)).hexdigest()[:32], policy)
        frozen = {each: known[each] for each in wanted if each in known}
        await self._store_plans(turn, [each for each in frozen.values() if each[0] not in self._stored_plans])
        return frozen

    async def _store_plans(self, turn: Turn, plans: Sequence[tuple[str, Policy]]) -> None:
        """Store plans until another transaction has seen them: the one that wrote them may be undone."""
        if not plans:
            return
        present = {row.id for row in await turn.rows(PLANS, {"ids": [plan_id for plan_id, _ in plans]})}
        for plan_id, policy in plans:
            if plan_id not in present:
                document = msgspec.json.encode(policy).decode()
                await turn.run(KEEP_PLAN, {"id": plan_id, "policy_id": policy.id, "document": document})
                self._written_plans[plan_id] = turn.transaction_id
            elif self._written_plans.get(plan_id) != turn.transaction_id:
                self._stored_plans.add(plan_id)
                self._written_plans.pop(plan_id, None)

    async def plans(self, turn: Turn, plan_ids: Iterable[str]) -> dict[str, Policy]:
        """Return frozen plans by id."""
        known = self._plans
        wanted = set(plan_ids)
        missing = [each for each in wanted if each not in known]
        if missing:
            if len(known) > self._MOST_PLANS:
                known = self._plans = {}
                missing = list(wanted)
            for row in await turn.rows(PLANS, {"ids": missing}):
                known[row.id] = msgspec.convert(row.document, Policy)
        return {each: known[each] for each in wanted}

    async def timelines(self, turn: Turn, ids: Iterable[str]) -> dict[str, Timeline]:
        """Return who is on call when, by those of these schedules that exist; one that is damaged calls nobody.

        What ended two days before the schedule was read is not in it: ask `store/schedules` for the past.
        """
        known = self._shelf_of(turn).timelines
        wanted = set(ids)
        missing = [each for each in wanted if each not in known]
        if missing:
            found = await schedules.timelines(turn, missing)
            known.update({each: found.get(each) for each in missing})
        return {each: timeline for each in wanted if (timeline := known[each]) is not None}

    async def quiet(self, turn: Turn, service_id: str) -> Literal["maintenance"] | None:
        """Say why this service opens no incidents now, or None when it does."""
        shelf = self._shelf_of(turn)
        if shelf.windows is None:
            windows: dict[str, list[Window]] = {}
            for row in await turn.rows(WINDOWS, {"now": turn.now}):
                windows.setdefault(row.service_id, []).append(Window(row.start_at, row.end_at))
            shelf.windows = windows
        planned = shelf.windows.get(service_id)
        return "maintenance" if planned and in_maintenance(planned, turn.now) else None

    async def crews(
        self, turn: Turn, plans: Mapping[str, Collection[Policy]], *, also: Iterable[str] = ()
    ) -> dict[str, Crew]:
        """Return, by service id, who can be called now by these plans of its incidents.

        `also` names users who may be called directly. The crews of one transaction share what they count, so
        that two incidents of it do not take the same turn of a round robin.
        """
        everything = [plan for each in plans.values() for plan in each]
        targets = {target for plan in everything for level in plan.levels for target in level.targets}
        timelines = await self.timelines(turn, [target.id for target in targets if target.kind == "schedule"])
        on_call = {target: _behind(target, timelines, turn.now) for target in targets}
        self._report(turn, timelines)
        services = await self.services(turn, plans)
        fallbacks = {each: await self._fallbacks(turn, services.get(each)) for each in plans}
        ids = {user_id for user_ids in on_call.values() for user_id in user_ids} | set(also)
        ids |= {user_id for lists in fallbacks.values() for _, user_ids in lists for user_id in user_ids}
        people = await self._people_by_id(turn, ids)
        turns = await _turns(turn, everything)
        moved: set[str] = set()
        recent = self._recent_pages(turn.now)
        return {each: Crew(people, on_call, fallbacks[each], turns, moved, recent) for each in plans}

    def _report(self, turn: Turn, timelines: Mapping[str, Timeline]) -> None:
        """Log the schedules that could not be asked, each once until the configuration changes."""
        told = self._shelf_of(turn).unreadable
        for schedule_id, timeline in timelines.items():
            if (fault := fault_in(timeline)) is not None and schedule_id not in told:
                told.add(schedule_id)
                log.error("directory.schedule_unreadable", schedule_id=schedule_id, fault=fault)

    async def _fallbacks(self, turn: Turn, service: Service | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
        shelf = self._shelf_of(turn)
        if shelf.stand_ins is None:
            found: dict[str | None, list[str]] = {}
            for row in await turn.rows(STAND_INS):
                found.setdefault(row.team_id, []).append(row.user_id)
            shelf.stand_ins = {team_id: tuple(ids) for team_id, ids in found.items()}
        stand_ins = shelf.stand_ins
        lists: list[tuple[str, tuple[str, ...]]] = []
        if service is not None and service.fallback_user_id is not None:
            lists.append(("service fallback", (service.fallback_user_id,)))
        if service is not None and service.team_id in stand_ins and service.team_id is not None:
            lists.append(("team managers", stand_ins[service.team_id]))
        if None in stand_ins:
            lists.append(("owners and administrators", stand_ins[None]))
        return tuple(lists)

    async def _people_by_id(self, turn: Turn, ids: set[str]) -> dict[str, Person]:
        known = self._shelf_of(turn).people
        missing = [each for each in ids if each not in known]
        if missing:
            found = {row.id: _person_of(row) for row in await turn.rows(PEOPLE_BY_ID, {"ids": missing})}
            known.update({each: found.get(each) for each in missing})
        return {each: person for each in ids if (person := known[each]) is not None}

    def _recent_pages(self, now: datetime) -> dict[str, int]:
        if self._recent_since is None or now - self._recent_since > _RECENT_FOR:
            self._recent = Counter()
            self._recent_since = now
        return self._recent


def _behind(target: Target, timelines: Mapping[str, Timeline], now: datetime) -> tuple[str, ...]:
    """Return who answers for this target now; nobody does for a schedule that was deleted or is damaged."""
    if target.kind == "user":
        return (target.id,)
    timeline = timelines.get(target.id)
    return () if timeline is None else timeline.who(now)


async def _turns(turn: Turn, plans: Iterable[Policy]) -> dict[str, int]:
    ids = sorted({level.id for plan in plans for level in plan.levels if level.strategy == "round_robin"})
    if not ids:
        return {}
    await turn.run(BEGIN_TURNS, {"ids": ids})
    return {row.level_id: row.turn for row in await turn.rows(TURNS, {"ids": ids})}


def terms_of(service: Service) -> Terms:
    """Return what the service says about its incidents."""
    return Terms(service.id, service.name, service.acknowledgement_timeout, service.auto_resolve_timeout)


def _person_of(row: PersonRow) -> Person:
    channels = {method["id"]: method["channel"] for method in row.methods}
    ways: dict[str, list[Way]] = {"high": [], "low": []}
    for rule in row.rules:
        if rule["method"] in channels and rule["urgency"] in ways:
            delay = timedelta(seconds=rule["delay_s"])
            ways[rule["urgency"]].append(Way(rule["id"], rule["method"], channels[rule["method"]], delay))
    everything = tuple(Way(_DEFAULT_RULE, method, channel, timedelta()) for method, channel in channels.items())
    return Person(row.id, row.name, tuple(ways["high"]) or everything, tuple(ways["low"]) or everything)
