"""Custom shifts and overrides as clients of version 3 write them, checked and made into what is kept."""

from datetime import datetime
from typing import Annotated, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tocsin.api.rest.rotations.body import MemberBody, member_told
from tocsin.api.rest.schedules.layer_body import bounded
from tocsin.domain.oncall.schedule import CustomShift, Member, Override, Schedule
from tocsin.domain.oncall.tolerant import TolerantTimeline
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_long_id

MOST_AT_ONCE = 250  # custom shifts or overrides of one request, as many as incidents in a bulk update

Stretch = TypeVar("Stretch", CustomShift, Override)


class AssignmentBody(Struct):
    """Who has a custom shift, as clients write it."""

    member: MemberBody


Assignments = Annotated[list[AssignmentBody], Meta(min_length=1, max_length=1)]


class CustomShiftBody(Struct):
    """A custom shift as clients write it; absent fields keep what is there."""

    start_time: str | UnsetType = UNSET
    end_time: str | UnsetType = UNSET
    assignments: Assignments | UnsetType = UNSET


class CustomShiftsBody(Struct):
    """Several custom shifts as clients write them."""

    custom_shifts: Annotated[list[CustomShiftBody], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class OverrideBody(Struct):
    """An override as clients write it; absent fields keep what is there."""

    rotation_id: str | None = None
    custom_shift_id: str | None = None
    start_time: str | UnsetType = UNSET
    end_time: str | UnsetType = UNSET
    overridden_member: MemberBody | UnsetType = UNSET
    overriding_member: MemberBody | UnsetType = UNSET


class OverridesBody(Struct):
    """Several overrides as clients write them."""

    overrides: Annotated[list[OverrideBody], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class Place(Struct, frozen=True, kw_only=True):
    """Where a stretch is read: under which path, in which zone where it has no offset, and when."""

    path: str
    zone: str
    now: datetime


def new_custom_shift(body: CustomShiftBody, place: Place) -> CustomShift:
    """Return the custom shift that a request tells; one that should have begun already begins now.

    Raises `Refused` (missing, invalid, bad date) with the place of what is wrong.
    """
    _need(body, ("start_time", "end_time", "assignments"), place)
    base = CustomShift(id=new_long_id(), start=place.now, end=place.now, user_id=None)
    told = _assigned(_stretched(base, body, place), body, place)
    return structs.replace(_in_time(told, place), start=max(told.start, place.now))


def changed_custom_shift(body: CustomShiftBody, base: CustomShift, place: Place) -> CustomShift:
    """Return a custom shift as a request changes it: once it has begun, in its end only, now at the earliest.

    Raises `Refused` (invalid, bad date).
    """
    _refuse_over(base, place)
    told = _assigned(_stretched(base, body, place), body, place)
    if base.start > place.now:
        return structs.replace(_in_time(told, place), start=max(told.start, place.now))
    faults = [f"{place.path}.start_time" for _ in range(told.start != base.start)]
    faults += [f"{place.path}.assignments" for _ in range(told.user_id != base.user_id)]
    _refuse_begun(faults, "custom shift")
    return _ordered(structs.replace(told, end=max(told.end, place.now)), place)


def new_override(body: OverrideBody, place: Place) -> Override:
    """Return the override that a request tells; one that should have begun already begins now.

    Raises `Refused` (missing, invalid, bad date) with the place of what is wrong.
    """
    _need(body, ("start_time", "end_time", "overridden_member", "overriding_member"), place)
    if bool(body.rotation_id) == bool(body.custom_shift_id):
        raise Refused(Why.INVALID, f"{place.path}: Name either a rotation_id or a custom_shift_id.")
    base = Override(
        id=new_long_id(),
        start=place.now,
        end=place.now,
        user_id=None,
        layer_id=body.rotation_id or None,
        custom_shift_id=body.custom_shift_id or None,
    )
    told = _in_time(_given(_stretched(base, body, place), body, place), place)
    return structs.replace(told, start=max(told.start, place.now))


def changed_override(body: OverrideBody, base: Override, place: Place) -> Override:
    """Return an override as a request changes it: its start stays once it has begun, its end is now at the earliest.

    Raises `Refused` (invalid, bad date).
    """
    _refuse_over(base, place)
    told = _given(_stretched(base, body, place), body, place)
    if base.start > place.now:
        return structs.replace(_in_time(told, place), start=max(told.start, place.now))
    _refuse_begun([f"{place.path}.start_time" for _ in range(told.start != base.start)], "override")
    return _ordered(structs.replace(told, end=max(told.end, place.now)), place)


def require_shift(schedule: Schedule, override: Override, path: str) -> None:
    """Raise `Refused` (invalid) unless the member to be overridden has that shift in a part of the stretch.

    Whoever got it by an earlier override has it too: that one can be overridden in turn.
    """
    timeline = TolerantTimeline(schedule)
    if override.layer_id is not None:
        layers = {layer.id for layer in schedule.layers}
        bare = timeline.layer(override.layer_id, override.start, override.end) if override.layer_id in layers else ()
    else:
        bare = timeline.custom_shifts(override.start, override.end)
    place = override.layer_id, override.custom_shift_id
    shifts = [*bare, *timeline.overrides(override.start, override.end)]
    had = (shift for shift in shifts if (shift.source.layer_id, shift.source.custom_shift_id) == place)
    if all(shift.user_id != override.replaced_user_id for shift in had):
        who = "nobody" if override.replaced_user_id is None else f"User {override.replaced_user_id}"
        raise Refused(
            Why.INVALID, f"{path}.overridden_member: {who} has no part of that shift between the start and the end."
        )


def _need(body: Struct, names: tuple[str, ...], place: Place) -> None:
    missing = tuple(f"{place.path}.{name} is missing." for name in names if getattr(body, name) is UNSET)
    if missing:
        raise Refused(Why.MISSING, missing[0], missing)


def _stretched(base: Stretch, body: CustomShiftBody | OverrideBody, place: Place) -> Stretch:
    start, end = body.start_time, body.end_time
    return structs.replace(
        base,
        start=base.start if start is UNSET else bounded(start, place.zone, f"{place.path}.start_time"),
        end=base.end if end is UNSET else bounded(end, place.zone, f"{place.path}.end_time"),
    )


def _assigned(shift: CustomShift, body: CustomShiftBody, place: Place) -> CustomShift:
    if body.assignments is UNSET:
        return shift
    where = f"{place.path}.assignments[0].member"
    return structs.replace(shift, user_id=member_told(body.assignments[0].member, where))


def _given(override: Override, body: OverrideBody, place: Place) -> Override:
    def member(told: MemberBody | UnsetType, kept: Member, name: str) -> Member:
        return kept if told is UNSET else member_told(told, f"{place.path}.{name}")

    return structs.replace(
        override,
        user_id=member(body.overriding_member, override.user_id, "overriding_member"),
        replaced_user_id=member(body.overridden_member, override.replaced_user_id, "overridden_member"),
    )


def _in_time(stretch: Stretch, place: Place) -> Stretch:
    if stretch.end <= place.now:
        raise Refused(Why.INVALID, f"{place.path}.end_time: It must end in the future.")
    return _ordered(stretch, place)


def _ordered(stretch: Stretch, place: Place) -> Stretch:
    if stretch.end <= stretch.start:
        raise Refused(Why.INVALID, f"{place.path}.end_time: It must end after it starts.")
    return stretch


def _refuse_over(stretch: CustomShift | Override, place: Place) -> None:
    if stretch.end <= place.now:
        raise Refused(Why.INVALID, f"{place.path}: It is over; what has been stays as it was.")


def _refuse_begun(fields: list[str], what: str) -> None:
    faults = tuple(f"{field}: This {what} has begun; only what is still to come of it can change." for field in fields)
    if faults:
        raise Refused(Why.INVALID, faults[0], faults)
