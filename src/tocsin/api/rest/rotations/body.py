"""Schedules and events as clients of version 3 write them: what a request says, made into what is kept."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tocsin.api.kit.instants import parse_instant
from tocsin.api.kit.zones import zone_named
from tocsin.api.rest.policy_shape import Name, Reference
from tocsin.api.rest.schedules.layer_body import bounded
from tocsin.domain.oncall.bounds import MOST_PATTERN_MEMBERS
from tocsin.domain.oncall.faults import faults_of_pattern
from tocsin.domain.oncall.recurrence import parse
from tocsin.domain.oncall.schedule import ByShift, Everyone, Member, Pattern, Schedule
from tocsin.domain.oncall.wall import day_of, seconds_of, time_of, wall_of, wall_time
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id, new_long_id
from tocsin.ground.text import squash
from tocsin.store.schedules.write import Draft

LONGEST_DESCRIPTION = 1024  # characters, version 3's documented bound
MOST_LINES = 50  # of one recurrence: a rule and its dates, of which one line can hold many
NO_ZONE = "Etc/UTC"  # where instants are read that carry no offset and have no zone beside them

_PARTS = ("rotations", "escalation_policies")
_NEEDED = ("name", "start_time", "end_time", "effective_since", "recurrence", "assignment_strategy")
_FIELDS = {  # where what is kept of an event stands in a request
    "name": "name",
    "time_zone": "start_time",
    "begin_on": "start_time",
    "begin_time": "start_time",
    "length_s": "end_time",
    "effective_since": "effective_since",
    "recurrence": "recurrence",
    "members": "assignment_strategy",
    "turns": "assignment_strategy",
}


class ScheduleBody(Struct):
    """A schedule as clients write it; absent fields keep what is there.

    Rotations are made by requests of their own. The official Go client sends an empty list of them all the same.
    """

    name: Name | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=LONGEST_DESCRIPTION)] | UnsetType | None = UNSET
    teams: list[Reference] | UnsetType | None = UNSET
    rotations: list[object] | None = None
    escalation_policies: list[object] | None = None


class ZonedBody(Struct):
    """A time on the wall of a zone as clients write it."""

    date_time: str
    time_zone: str


class MemberBody(Struct):
    """Somebody who has a place, or a place that is left empty on purpose, as clients write it."""

    type: Literal["user_member", "empty_member"]
    user_id: str | None = None


class StrategyBody(Struct):
    """Who takes an event, as clients write it."""

    type: Literal["rotating_member_assignment_strategy", "every_member_assignment_strategy"]
    members: Annotated[list[MemberBody], Meta(min_length=1, max_length=MOST_PATTERN_MEMBERS)]
    shifts_per_member: int | None = None


class EventBody(Struct):
    """An event as clients write it; absent fields keep what is there."""

    name: Name | UnsetType = UNSET
    start_time: ZonedBody | UnsetType = UNSET
    end_time: ZonedBody | UnsetType = UNSET
    effective_since: str | UnsetType = UNSET
    effective_until: str | UnsetType | None = UNSET
    recurrence: Annotated[list[str], Meta(max_length=MOST_LINES)] | UnsetType = UNSET
    assignment_strategy: StrategyBody | UnsetType = UNSET


def fresh() -> Draft:
    """Return an empty schedule to be filled by a body; its rotations are on call in parallel."""
    schedule = Schedule(id=new_id(), name="", time_zone="", stacked=False)
    return Draft(schedule=schedule, description=None, kind="rotations", team_ids=())


def drafted(body: ScheduleBody, before: Draft) -> Draft:
    """Return what is to be written: what was there, changed by what the body says.

    Raises `Refused` (missing, invalid).
    """
    parts = tuple(f"schedule.{name}: {_not_here(name)}" for name in _PARTS if getattr(body, name))
    if parts:
        raise Refused(Why.INVALID, parts[0], parts)
    old = before.schedule
    name = squash(old.name if body.name is UNSET else body.name)
    zone = old.time_zone if body.time_zone is UNSET else zone_at(body.time_zone, "schedule.time_zone")
    missing = tuple(f"schedule.{part}: {part} can't be blank" for part, text in _named(name, zone) if not text)
    if missing:
        raise Refused(Why.MISSING, missing[0], missing)
    return Draft(
        schedule=structs.replace(old, name=name, time_zone=zone),
        description=before.description if body.description is UNSET else body.description,
        kind=before.kind,
        team_ids=before.team_ids
        if body.teams is UNSET
        else tuple(dict.fromkeys(reference.id for reference in body.teams or ())),
    )


def new_event(body: EventBody, now: datetime) -> Pattern:
    """Return the event that a request tells; it begins to be effective now at the earliest.

    Raises `Refused` (missing, invalid, bad date) with the place of what is wrong.
    """
    missing = tuple(f"event.{name} is missing." for name in _NEEDED if getattr(body, name) is UNSET)
    if missing:
        raise Refused(Why.MISSING, missing[0], missing)
    empty = Pattern(
        id=new_long_id(),
        name="",
        time_zone="",
        begin_on=now.date(),
        begin_time=now.time(),
        length_s=0,
        recurrence=(),
        effective_since=now,
        effective_until=None,
        members=(),
        turns=Everyone(),
    )
    return coming_event(body, empty, now)


def coming_event(body: EventBody, base: Pattern, now: datetime) -> Pattern:
    """Return an event that is still to come as a request changes it; raise `Refused` (invalid, bad date)."""
    told = _told(body, base)
    told = structs.replace(told, effective_since=max(told.effective_since, now))
    _check(told)
    return told


def active_event(body: EventBody, base: Pattern, now: datetime) -> Pattern:
    """Return an active event with the end that a request gives it, now at the earliest.

    Raises `Refused` (invalid) when the request changes anything else: what has been stays as it was.
    """
    told = _told(body, base)
    changed = dict.fromkeys(place for name, place in _FIELDS.items() if getattr(told, name) != getattr(base, name))
    faults = tuple(
        f"event.{place}: An event that is active can change its effective_until only; end it and create another one."
        for place in changed
    )
    if faults:
        raise Refused(Why.INVALID, faults[0], faults)
    if told.effective_until is not None:
        told = structs.replace(told, effective_until=max(told.effective_until, now))
    return told


def member_told(body: MemberBody, where: str) -> Member:
    """Return the member that a request tells; raise `Refused` (missing) for a user without an id."""
    if body.type == "empty_member":
        return None
    if not body.user_id:
        raise Refused(Why.MISSING, f"{where}.user_id is missing.")
    return body.user_id


def zone_at(name: str, where: str) -> str:
    """Return the IANA name of a zone; raise `Refused` (invalid) with the place where it was written."""
    try:
        return zone_named(name).key
    except Refused as refused:
        raise Refused(refused.why, f"{where} is not the name of a time zone, such as Europe/Berlin.") from refused


def _told(body: EventBody, base: Pattern) -> Pattern:
    zone, start, length_s = _times(body, base)
    since, until, strategy = body.effective_since, body.effective_until, body.assignment_strategy
    pattern = structs.replace(
        base,
        name=base.name if body.name is UNSET else squash(body.name),
        time_zone=zone,
        begin_on=day_of(start),
        begin_time=time_of(start),
        length_s=length_s,
        recurrence=base.recurrence if body.recurrence is UNSET else tuple(body.recurrence),
    )
    if since is not UNSET:
        pattern = structs.replace(pattern, effective_since=bounded(since, NO_ZONE, "event.effective_since"))
    if until is not UNSET:
        end = bounded(until, NO_ZONE, "event.effective_until") if until else None
        pattern = structs.replace(pattern, effective_until=end)
    return pattern if strategy is UNSET else _assigned(pattern, strategy)


def _assigned(pattern: Pattern, strategy: StrategyBody) -> Pattern:
    where = "event.assignment_strategy"
    members = tuple(member_told(member, f"{where}.members[{number}]") for number, member in enumerate(strategy.members))
    if strategy.type == "every_member_assignment_strategy":
        return structs.replace(pattern, members=members, turns=Everyone())
    each = 1 if strategy.shifts_per_member is None else strategy.shifts_per_member
    return structs.replace(pattern, members=members, turns=ByShift(shifts_per_member=each))


def _times(body: EventBody, base: Pattern) -> tuple[str, int, int]:
    """Return the zone, the wall time at which the first occurrence begins, and how long it lasts."""
    zone, start = base.time_zone, wall_time(base.begin_on, base.begin_time)
    end = start + base.length_s
    if body.start_time is not UNSET:
        zone, start = _wall(body.start_time, "event.start_time")
    if body.end_time is not UNSET:
        end_zone, end = _wall(body.end_time, "event.end_time")
        if end_zone != zone:
            raise Refused(Why.INVALID, "event.end_time.time_zone: Use the time zone of start_time.")
    return zone, start, end - start


def _wall(body: ZonedBody, where: str) -> tuple[str, int]:
    """Return a zone and a wall time in it: with an offset an instant was meant, without one the wall itself."""
    zone = zone_at(body.time_zone, f"{where}.time_zone")
    at = bounded(body.date_time, NO_ZONE, f"{where}.date_time")
    elsewhere = timezone(timedelta(hours=1))
    has_offset = parse_instant(body.date_time, UTC) == parse_instant(body.date_time, elsewhere)
    return zone, wall_of(zone).shown(seconds_of(at)) if has_offset else seconds_of(at)


def _check(pattern: Pattern) -> None:
    if not pattern.name:
        raise Refused(Why.MISSING, "event.name: Name can't be blank")
    try:
        parse(pattern.recurrence)
    except Refused as refused:
        raise Refused(Why.INVALID, f"event.recurrence: {refused.message}") from refused
    if faults := tuple(f"event: {fault}" for fault in faults_of_pattern(pattern)):
        raise Refused(Why.INVALID, faults[0], faults)


def _named(name: str, zone: str) -> tuple[tuple[str, str], ...]:
    return ("name", name), ("time_zone", zone)


def _not_here(name: str) -> str:
    if name == "rotations":
        return "Rotations are made by POST /v3/schedules/{id}/rotations, not with the schedule."
    return "A policy names its schedules: change the escalation policy."
