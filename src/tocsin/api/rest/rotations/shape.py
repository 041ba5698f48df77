"""Schedules as version 3 of the wire shows them: rotations, events, custom shifts, overrides and the final schedule."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TypeVar

from msgspec import Struct

from tocsin.api.kit import Answer, Call, Links, Shown, show_instant
from tocsin.api.kit.answer import OK
from tocsin.api.kit.zones import zone_stored
from tocsin.api.rest.rotations.course import present, rotations_of
from tocsin.api.rest.schedules.shape import members_in_order, user_reference
from tocsin.api.rest.schedules.window import Window, zone_of
from tocsin.domain.oncall.schedule import CustomShift, Everyone, Layer, Member, Override, Pattern, Schedule, Shift
from tocsin.domain.oncall.timeline import Timeline
from tocsin.domain.oncall.wall import instant_at, wall_of, wall_time
from tocsin.ground.page import Listed, Stretch
from tocsin.store.schedules.rows import Kept

Row = TypeVar("Row")

FINAL, USERS = "final_schedule", "users"
PARTS = frozenset({FINAL, USERS})


class Look(Struct, frozen=True, kw_only=True):
    """How a schedule is looked at: whose links, on whose clocks, when, and in which window."""

    links: Links
    zone: tzinfo
    now: datetime
    window: Window | None = None

    def at(self, instant: datetime) -> str:
        """Return an instant on the clocks of this look."""
        return show_instant(instant, self.zone)


def look_of(call: Call, schedule: Schedule, now: datetime, window: Window | None = None) -> Look:
    """Return how a request looks at a schedule: in the zone that it asks for, else in that of the schedule."""
    return Look(links=call.links, zone=zone_of(call, schedule.time_zone), now=now, window=window)


def page_of(rows: Sequence[Row], stretch: Stretch) -> Listed[Row]:
    """Return a stretch of rows that are all there."""
    end = stretch.offset + stretch.limit
    return Listed(tuple(rows[stretch.offset : end]), len(rows) > end, len(rows) if stretch.total else None)


def listed_bare(key: str, shapes: Sequence[Shown], page: Listed[Row], stretch: Stretch) -> Answer:
    """Answer a stretch of a list; version 3 says how many there are in all only where it was asked."""
    paging: Shown = {"limit": stretch.limit, "offset": stretch.offset, "more": page.more}
    if page.total is not None:
        paging["total"] = page.total
    return Answer(OK, {key: shapes, **paging})


def show_schedule(kept: Kept, look: Look, *, with_users: bool = False, final: Window | None = None) -> Shown:
    """Return a schedule as it is answered; its users, and who is on call in `final`, only where they were asked for."""
    schedule, links = kept.schedule, look.links
    shown: Shown = {
        **links.head("schedule", schedule.id, schedule.name, as_type="schedule_v3"),
        "self": f"{links.public_url}/v3/schedules/{schedule.id}",
        "name": schedule.name,
        "time_zone": schedule.time_zone,
        "description": kept.description,
        "teams": [links.reference("team", team.id, team.name) for team in kept.teams],
        "escalation_policies": [links.reference("escalation_policy", one.id, one.name) for one in kept.policies],
        "rotations": [show_rotation(schedule.id, layer, look) for layer in rotations_of(schedule)],
    }
    if with_users:
        people = {user.id: user for user in kept.users}
        shown[USERS] = [user_reference(links, one, people.get(one)) for one in members_in_order(schedule)]
    if final is not None:
        shown[FINAL] = _show_final(kept.timeline(), final, look)
    return shown


def show_rotation(schedule_id: str, layer: Layer, look: Look) -> Shown:
    """Return a rotation with the events of the window; without a window with those that are not over."""
    if look.window is None:
        patterns = present(layer, look.now)
    else:
        patterns = tuple(pattern for pattern in layer.patterns if _touches(pattern, look.window))
    return {
        "id": layer.id,
        "type": "schedule_rotation",
        **_links(look.links, schedule_id, f"rotations/{layer.id}"),
        "events": [show_event(schedule_id, layer.id, pattern, look.links) for pattern in in_order(patterns)],
    }


def in_order(patterns: Sequence[Pattern]) -> list[Pattern]:
    """Return events by the start of their first occurrence."""
    return sorted(patterns, key=lambda pattern: _instant(pattern, 0))


def show_event(schedule_id: str, rotation_id: str, pattern: Pattern, links: Links) -> Shown:
    """Return an event as it is answered: every instant in UTC, as version 3 does."""
    until = pattern.effective_until
    strategy: Shown = {"type": "every_member_assignment_strategy"}
    if not isinstance(pattern.turns, Everyone):
        each = getattr(pattern.turns, "shifts_per_member", 1)
        strategy = {"type": "rotating_member_assignment_strategy", "shifts_per_member": each}
    return {
        "id": pattern.id,
        "type": "schedule_event",
        **_links(links, schedule_id, f"rotations/{rotation_id}/events/{pattern.id}"),
        "name": pattern.name,
        "start_time": {"date_time": show_instant(_instant(pattern, 0)), "time_zone": pattern.time_zone},
        "end_time": {"date_time": show_instant(_instant(pattern, pattern.length_s)), "time_zone": pattern.time_zone},
        "effective_since": show_instant(pattern.effective_since),
        "effective_until": None if until is None else show_instant(until),
        "recurrence": list(pattern.recurrence),
        "assignment_strategy": {**strategy, "members": [show_member(member) for member in pattern.members]},
    }


def show_member(member: Member) -> Shown:
    """Return somebody who has a place in a schedule, or a place that is left empty on purpose."""
    return {"type": "empty_member"} if member is None else {"type": "user_member", "user_id": member}


def show_custom_shift(schedule_id: str, shift: CustomShift, look: Look) -> Shown:
    """Return a custom shift as it is answered, cut at the edges of the window."""
    return {
        "id": shift.id,
        "type": "custom_shift",
        **_links(look.links, schedule_id, f"custom_shifts/{shift.id}"),
        **_stretch(shift, look),
        "assignments": [{"id": shift.id, "type": "shift_assignment", "member": show_member(shift.user_id)}],
    }


def show_override(schedule_id: str, override: Override, look: Look) -> Shown:
    """Return an override as it is answered, cut at the edges of the window."""
    places = {"rotation_id": override.layer_id, "custom_shift_id": override.custom_shift_id}
    return {
        "id": override.id,
        "type": "override_shift",
        **_links(look.links, schedule_id, f"overrides/{override.id}"),
        **{name: place for name, place in places.items() if place is not None},
        **_stretch(override, look),
        "overridden_member": show_member(override.replaced_user_id),
        "overriding_member": show_member(override.user_id),
    }


def _show_final(timeline: Timeline, window: Window, look: Look) -> Shown:
    shifts = timeline.final(window.since, window.until, whole=window.whole)
    return {
        "type": "final_schedule",
        "rendered_coverage_percentage": round(timeline.coverage(window.since, window.until), 2),
        "computed_shift_assignments": [_show_shift(shift, look) for shift in shifts],
    }


def _show_shift(shift: Shift, look: Look) -> Shown:
    source = shift.source
    beside = source.custom_shift_id is not None
    kind = "custom_shift" if beside else "schedule_rotation"
    places = {
        "rotation_id": source.layer_id,
        "shift_id": source.custom_shift_id,
        "override_id": source.override_id,
    }
    return {
        "type": "computed_shift_assignment",
        "start_time": look.at(shift.start),
        "end_time": look.at(shift.end),
        "member": show_member(shift.user_id),
        "source": {
            "type": f"{kind}_override" if source.kind == "override" else kind,
            **{name: place for name, place in places.items() if place is not None},
        },
    }


def _stretch(stretch: CustomShift | Override, look: Look) -> Shown:
    start, end = stretch.start, stretch.end
    if look.window is not None and not look.window.whole:
        start, end = max(start, look.window.since), min(end, look.window.until)
    return {"start_time": look.at(start), "end_time": look.at(end)}


def _touches(pattern: Pattern, window: Window) -> bool:
    until = pattern.effective_until
    return pattern.effective_since < window.until and (until is None or until > window.since)


def _instant(pattern: Pattern, after_s: int) -> datetime:
    """Return the instant so many wall-clock seconds after the first occurrence of an event begins."""
    begin = wall_time(pattern.begin_on, pattern.begin_time)
    return instant_at(wall_of(zone_stored(pattern.time_zone).key).instant(begin + after_s))


def _links(links: Links, schedule_id: str, path: str) -> Shown:
    return {
        "self": f"{links.public_url}/v3/schedules/{schedule_id}/{path}",
        "html_url": f"{links.public_url}/app/schedules/{schedule_id}",
    }
