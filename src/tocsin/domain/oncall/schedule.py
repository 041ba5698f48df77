"""Schedules: who is on call when, told by layers, custom shifts and overrides."""

from datetime import date, datetime, time
from typing import Literal

from msgspec import Struct

Member = str | None  # a user's id; None is a place that is left empty on purpose: off by design
RestrictionKind = Literal["daily", "weekly"]


class Restriction(Struct, frozen=True, kw_only=True):
    """Hours of the day, or of the week, on the wall of the schedule's zone, in which a layer counts.

    `start_day` counts from Monday = 1 and belongs to a weekly one. `length_s` is wall-clock seconds: at most a day
    for a daily one and a week for a weekly one.
    """

    kind: RestrictionKind
    start_time: time
    length_s: int
    start_day: int | None = None


class TurnLayer(Struct, frozen=True, kw_only=True):
    """A layer as version 2 of the wire tells it: people take turns of one length, counted from a virtual start.

    Turns pass by the calendar, whether or not a restriction lets the layer count in them. `turn_s` is wall-clock
    seconds, so that a turn of a day ends at the same hour on the wall when the clocks change.
    """

    start_at: datetime
    end_at: datetime | None
    virtual_start_at: datetime
    turn_s: int
    members: tuple[Member, ...]
    restrictions: tuple[Restriction, ...] = ()


class ByShift(Struct, frozen=True, kw_only=True, tag="by_shift"):
    """Members take turns by occurrence: each has `shifts_per_member` of them, then the next one."""

    shifts_per_member: int = 1


class ByCalendar(Struct, frozen=True, kw_only=True, tag="by_calendar"):
    """Members take turns by the calendar, from this wall time on, whether or not anything occurs in a turn."""

    begin_on: date
    begin_time: time
    turn_s: int


class Everyone(Struct, frozen=True, tag="everyone"):
    """All members are on call together."""


class Pattern(Struct, frozen=True, kw_only=True):
    """A stretch that recurs, and who takes it; the wire's version 3 calls it an event.

    The first occurrence begins at `begin_on` and `begin_time` on the wall of `time_zone` and lasts `length_s`
    wall-clock seconds. `recurrence` holds RFC 5545 lines: one RRULE, then any EXDATE and RDATE. Nothing is produced
    outside [`effective_since`, `effective_until`).
    """

    id: str
    name: str
    time_zone: str
    begin_on: date
    begin_time: time
    length_s: int
    recurrence: tuple[str, ...]
    effective_since: datetime
    effective_until: datetime | None
    members: tuple[Member, ...]
    turns: ByShift | ByCalendar | Everyone


class ToldShift(Struct, frozen=True, kw_only=True):
    """A stretch that somebody else's calendar tells, already matched to a person."""

    key: str
    start: datetime
    end: datetime
    user_id: Member


class Layer(Struct, frozen=True, kw_only=True):
    """One layer of a schedule (a rotation in version 3 of the wire).

    Exactly one of three tells its shifts: `turn_layer`, `patterns`, or `told` with the id of the calendar they
    come from in `calendar_id`. One that was `removed` stays for what it has been, and nothing of it is still to come.
    """

    id: str
    name: str = ""
    turn_layer: TurnLayer | None = None
    patterns: tuple[Pattern, ...] = ()
    calendar_id: str | None = None
    told: tuple[ToldShift, ...] = ()
    removed: bool = False


class CustomShift(Struct, frozen=True, kw_only=True):
    """A stretch given to one person beside all layers."""

    id: str
    start: datetime
    end: datetime
    user_id: Member


class Override(Struct, frozen=True, kw_only=True):
    """A stretch given to somebody else.

    Without `layer_id` and `custom_shift_id` it hides everything below it. With one of them it replaces
    `replaced_user_id` in the shifts of that layer or custom shift, and nobody else. `cover_id` names the cover
    request that it fulfils.
    """

    id: str
    start: datetime
    end: datetime
    user_id: Member
    layer_id: str | None = None
    custom_shift_id: str | None = None
    replaced_user_id: Member = None
    cover_id: str | None = None


class Schedule(Struct, frozen=True, kw_only=True):
    """Who is on call when. Every instant in it is in UTC and whole seconds; every stretch holds its start, not its end.

    Layers are listed lowest first. `stacked` says that a higher layer hides the lower ones; otherwise all are on
    call in parallel. Overrides are listed oldest first, and where several hold the youngest wins. `off_hours` are
    weekly hours in which nobody is meant to be on call.
    """

    id: str
    name: str
    time_zone: str
    stacked: bool
    layers: tuple[Layer, ...] = ()
    custom_shifts: tuple[CustomShift, ...] = ()
    overrides: tuple[Override, ...] = ()
    off_hours: tuple[Restriction, ...] = ()


class Source(Struct, frozen=True, kw_only=True, gc=False):
    """Where a shift comes from; an override also tells whom it replaced, where it replaced somebody by name."""

    kind: Literal["layer", "custom_shift", "override"]
    layer_id: str | None = None
    pattern_id: str | None = None
    custom_shift_id: str | None = None
    override_id: str | None = None
    replaced_user_id: Member = None


class Shift(Struct, frozen=True, kw_only=True, gc=False):
    """A computed stretch of one person on call.

    `turn` names the turn or occurrence that it is part of, the same however it is cut by overrides or by the
    window that was asked for: layer or custom shift, pattern, and the wall time at which the occurrence begins.
    """

    start: datetime
    end: datetime
    user_id: Member
    source: Source
    turn: str


class Gap(Struct, frozen=True, kw_only=True):
    """A stretch with nobody on call; `intended` when it lies in off-hours or in places left empty on purpose."""

    start: datetime
    end: datetime
    intended: bool
