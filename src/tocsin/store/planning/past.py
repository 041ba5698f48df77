"""Past: what a real incident left behind, with the schedules as they were when each call was made."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.policy import Policy
from tocsin.domain.oncall.timeline import HORIZON
from tocsin.domain.oncall.tolerant import TolerantTimeline
from tocsin.domain.planning.explanation import Handing, Origin, Paged
from tocsin.domain.planning.reason import Watched
from tocsin.domain.planning.story import Called, Moment, Said, calls_of
from tocsin.domain.planning.urgency import urgency_reason
from tocsin.store.directory import Directory
from tocsin.store.incidents import IncidentRow
from tocsin.store.planning.live import LOOKED_AT
from tocsin.store.planning.scene import PersonShown, people_by_id
from tocsin.store.query import Query
from tocsin.store.schedules.history import as_of
from tocsin.store.turn import Turn

MOST_ENTRIES = 2000  # of one explanation, the oldest ones
MOST_PAGES = 1000  # of one explanation, the oldest ones
MOST_LOOKS = 200  # instants at which schedules are looked at; a policy makes at most so many calls


class EntryRow(Struct, frozen=True):
    """A log entry."""

    at: datetime
    kind: str
    agent: dict[str, Any]
    body: dict[str, Any]


class PageRow(Struct, frozen=True):
    """A page with what became of it."""

    id: int
    user_id: str
    contact_method_id: str
    channel: str
    rule_id: str
    waits_for_s: int | None
    round: int
    urgency: str
    created_at: datetime
    due_at: datetime
    state: str
    handed_at: datetime | None
    ended_why: str | None
    handings: list[object]


class AlertRow(Struct, frozen=True):
    """The first alert of an incident."""

    integration: str | None
    dedup_key: str
    severity: str


class Past(Struct, kw_only=True):
    """A real incident as a story: moments with the call that each of them made, pages, and everybody in it."""

    origin: Origin
    plan: Policy
    moments: list[Moment]
    calls: list[Called | None]
    pages: list[Paged]
    people: dict[str, PersonShown]


ENTRIES = Query(
    "the timeline of an incident, oldest first",
    """
    SELECT at, kind, agent, body FROM log_entry WHERE incident_id = %(id)s
     ORDER BY at, log_entry.id LIMIT %(most)s::int
    """,
    EntryRow,
)
# The handing of a bundle belongs to the page that leads it.
PAGES = Query(
    "the pages of an incident with their rules and handings, oldest first",
    """
    SELECT n.id, n.user_id, n.contact_method_id, n.channel, n.rule_id, r.start_delay_s AS waits_for_s, n.round,
           n.urgency, n.created_at, n.due_at, n.state, n.handed_at, n.ended_why,
           coalesce((SELECT jsonb_agg(jsonb_build_array(d.provider, d.started_at, d.ended_at, d.receipt, d.detail)
                                      ORDER BY d.id)
                       FROM delivery d WHERE d.notification_id = coalesce(n.bundle_id, n.id)), '[]') AS handings
      FROM notification n LEFT JOIN notification_rule r ON r.id = n.rule_id
     WHERE n.incident_id = %(id)s ORDER BY n.created_at, n.id LIMIT %(most)s::int
    """,
    PageRow,
)
FIRST_ALERT = Query(
    "the first alert of an incident",
    """
    SELECT g.name AS integration, a.dedup_key, a.severity
      FROM alert a LEFT JOIN integration g ON g.id = a.integration_id
     WHERE a.incident_id = %(id)s ORDER BY a.created_at, a.id LIMIT 1
    """,
    AlertRow,
)


async def past(turn: Turn, directory: Directory, incident_id: str) -> Past:
    """Return what an incident left behind; raises `Refused` (not found)."""
    await directory.refresh(turn)
    incident = await turn.one(LOOKED_AT, {"id": incident_id})
    plan = (await directory.plans(turn, [incident.plan_id]))[incident.plan_id]
    entries = await turn.rows(ENTRIES, {"id": incident_id, "most": MOST_ENTRIES})
    pages = [_paged(row) for row in await turn.rows(PAGES, {"id": incident_id, "most": MOST_PAGES})]
    moments = _moments(entries, pages)
    watched = await _watched(turn, plan, moments)
    calls = calls_of(moments, plan, lambda at: watched.get(at, _UNWATCHED))
    origin = await _origin(turn, directory, incident, entries)
    return Past(
        origin=origin,
        plan=plan,
        moments=moments,
        calls=calls,
        pages=pages,
        people=await people_by_id(turn, _named(plan, calls, pages)),
    )


_UNWATCHED = Watched(timelines={})


def _moments(entries: Sequence[EntryRow], pages: Sequence[Paged]) -> list[Moment]:
    """Return the entries grouped by their instants, which are those of the transactions that wrote them."""
    begun: dict[datetime, tuple[int, dict[str, None]]] = {}
    for page in pages:
        begun.setdefault(page.created_at, (page.round, {}))[1][page.user_id] = None
    grouped: dict[datetime, list[Said]] = {}
    for entry in entries:
        name, agent_id = str(entry.agent.get("name", "")), str(entry.agent.get("id", ""))
        said = Said(kind=entry.kind, body=entry.body, agent=name, agent_id=agent_id)
        grouped.setdefault(entry.at, []).append(said)
    made = []
    for at, told in grouped.items():
        round_, user_ids = begun.get(at, (None, {}))
        made.append(Moment(at=at, said=tuple(told), round=round_, assignees=tuple(user_ids)))
    return made


async def _watched(turn: Turn, plan: Policy, moments: Sequence[Moment]) -> dict[datetime, Watched]:
    """Return the schedules of a plan as they were at each instant at which people were called, overrides included."""
    ids = {target.id for level in plan.levels for target in level.targets if target.kind == "schedule"}
    found: dict[datetime, Watched] = {}
    if not ids:
        return found
    instants = [each.at for each in moments if any(said.body.get("level") for said in each.said)]
    for at in instants[:MOST_LOOKS]:
        versions = await as_of(turn, ids, at, since=at - HORIZON)
        found[at] = Watched(
            timelines={each: TolerantTimeline(version.schedule) for each, version in versions.items()},
            versions={each: version.number for each, version in versions.items()},
        )
    return found


async def _origin(turn: Turn, directory: Directory, incident: IncidentRow, entries: Sequence[EntryRow]) -> Origin:
    """Return where the incident came from; its first urgency is known from the first change of it."""
    alert = await turn.maybe(FIRST_ALERT, {"id": incident.id})
    service = (await directory.services(turn, [incident.service_id])).get(incident.service_id)
    changed = next((str(each.body.get("before")) for each in entries if each.kind == "urgency_change"), None)
    opened = next((each for each in entries if each.kind == "trigger"), None)
    why = None
    if service is not None and alert is not None:
        why = f"{urgency_reason(service.urgency_rule, alert.severity, incident.created_at)}, by the rule as it is today"
    return Origin(
        number=incident.number,
        title=incident.title,
        service=service.name if service is not None else "a deleted service",
        created_at=incident.created_at,
        urgency=changed or incident.urgency,
        urgency_why=why,
        integration=None if alert is None else alert.integration or "a deleted integration",
        dedup_key=None if alert is None else alert.dedup_key,
        severity=None if alert is None else alert.severity,
        reporter=None if opened is None else str(opened.agent.get("name", "")),
    )


def _paged(row: PageRow) -> Paged:
    return Paged(
        id=row.id,
        user_id=row.user_id,
        contact_method_id=row.contact_method_id,
        channel=row.channel,
        rule_id=row.rule_id,
        waits_for=None if row.waits_for_s is None else timedelta(seconds=row.waits_for_s),
        round=row.round,
        urgency=row.urgency,
        created_at=row.created_at,
        due_at=row.due_at,
        state=row.state,
        handed_at=row.handed_at,
        ended_why=row.ended_why,
        handings=tuple(_handing(each) for each in row.handings),
    )


def _handing(told: object) -> Handing:
    provider, started_at, ended_at, receipt, detail = msgspec.convert(told, tuple[str, datetime, datetime, str, str])
    return Handing(provider, started_at, ended_at, receipt, detail)


def _named(plan: Policy, calls: Sequence[Called | None], pages: Sequence[Paged]) -> set[str]:
    """Return everybody who is named in a story."""
    ids = {page.user_id for page in pages}
    ids |= {target.id for level in plan.levels for target in level.targets if target.kind == "user"}
    for call in calls:
        if call is not None:
            ids |= set(call.user_ids)
            ids |= {each for reasons in call.because.values() for because in reasons for each in because.instead_of}
    return ids
