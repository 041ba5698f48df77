"""Schedules as clients read them: layers, overrides and the final schedule, in one zone and one window."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from msgspec import Struct

from tocsin.api.kit import Call, Links, Shown, show_instant
from tocsin.api.kit.zones import zone_stored
from tocsin.api.rest.schedules.window import Window
from tocsin.domain.oncall.schedule import Layer, Override, Restriction, Schedule, Shift, TurnLayer
from tocsin.domain.oncall.stretches import joined, total
from tocsin.domain.oncall.timeline import Timeline
from tocsin.store.schedules import rows
from tocsin.store.schedules.rows import Kept
from tocsin.store.users import NamedUser

LAYERS, OVERRIDES, FINAL = "schedule_layers", "overrides_subschedule", "final_schedule"
PARTS = frozenset({LAYERS, OVERRIDES, FINAL})
TYPE_OF_RESTRICTION = {"daily": "daily_restriction", "weekly": "weekly_restriction"}


class Render(Protocol):
    """Tells the shifts of one row of a schedule."""

    def __call__(self, since: datetime, until: datetime, *, whole: bool) -> tuple[Shift, ...]:
        """Return the shifts in [`since`, `until`), uncut where `whole`."""


class View(Struct, frozen=True, kw_only=True):
    """How a schedule is looked at: whose links, on whose clocks, in which window, which of its parts."""

    links: Links
    zone: tzinfo
    people: Mapping[str, NamedUser]
    window: Window | None = None
    parts: Collection[str] = PARTS

    def at(self, instant: datetime) -> str:
        """Return an instant on the clocks of this view."""
        return show_instant(instant, self.zone)

    def user(self, user_id: str) -> Shown:
        """Return a reference to a user; one who was deleted leads nowhere."""
        return user_reference(self.links, user_id, self.people.get(user_id))


def user_reference(links: Links, user_id: str, user: NamedUser | None) -> Shown:
    """Return a reference to a user as somebody is named in a schedule, with the instant of the deletion if there is."""
    if user is None:
        return links.reference("user", user_id, None, deleted=True)
    shown = links.reference("user", user_id, user.name, deleted=user.deleted_at is not None)
    if user.deleted_at is not None:
        shown["deleted_at"] = show_instant(user.deleted_at, UTC)
    return shown


def show_schedule(kept: Kept, view: View) -> Shown:
    """Return a schedule as it is answered."""
    schedule, links = kept.schedule, view.links
    shown: Shown = {
        **links.head("schedule", schedule.id, schedule.name),
        "name": schedule.name,
        "time_zone": schedule.time_zone,
        "description": kept.description,
        "escalation_policies": [links.reference("escalation_policy", one.id, one.name) for one in kept.policies],
        "users": [view.user(user_id) for user_id in members_in_order(schedule)],
        "teams": [links.reference("team", team.id, team.name) for team in kept.teams],
        "off_hours": [_show_restriction(one) for one in schedule.off_hours],
    }
    return shown | (show_parts(kept.timeline(), view) if view.parts else {})


def show_parts(timeline: Timeline, view: View) -> Shown:
    """Return those parts of a schedule that are computed, or that hold what is computed."""
    shown: Shown = {}
    if LAYERS in view.parts:
        layers = [(layer, turns) for layer in timeline.schedule.layers if (turns := layer.turn_layer) is not None]
        shown[LAYERS] = [_show_layer(timeline, layer, turns, view) for layer, turns in reversed(layers)]
    if OVERRIDES in view.parts:
        shown[OVERRIDES] = {"name": "Overrides", **_rendered(timeline.overrides, view)}
    if FINAL in view.parts:
        shown[FINAL] = {"name": "Final Schedule", **_rendered(timeline.final, view)}
    return shown


def show_next(timeline: Timeline, user_id: str, view: View, now: datetime) -> Shown | None:
    """Return when a user is on call next, None where it is not within ninety days."""
    shift = timeline.next_shift(user_id, now)
    if shift is None:
        return None
    return {"start": view.at(shift.start), "end": view.at(shift.end), "user": view.user(user_id)}


def show_override(override: Override, view: View) -> Shown:
    """Return an override as it is answered, cut at the edges of the view's window."""
    start, end = override.start, override.end
    if view.window is not None and not view.window.whole:
        start, end = max(start, view.window.since), min(end, view.window.until)
    user = None if override.user_id is None else view.user(override.user_id)
    return {"id": override.id, "start": view.at(start), "end": view.at(end), "user": user}


def members_in_order(schedule: Schedule) -> tuple[str, ...]:
    """Return the ids of everybody whom layers name, each once, in the order in which they are named."""
    named: dict[str, None] = {}
    for layer in schedule.layers:
        groups = [layer.turn_layer.members] if layer.turn_layer else [pattern.members for pattern in layer.patterns]
        groups.append(tuple(shift.user_id for shift in layer.told))
        named.update((user_id, None) for group in groups for user_id in group if user_id is not None)
    return tuple(named)


async def whole_schedules(call: Call, ids: list[str]) -> dict[str, Shown]:
    """Return these schedules as answered, by id; those of version 3 stay references, as their shape is another one."""
    kept = await call.store.read(lambda turn: rows.load(turn, ids, horizon=call.actor.horizon))
    return {
        key: show_schedule(one, view_of(call, one, zone_stored(one.schedule.time_zone)))
        for key, one in kept.items()
        if one.kind == "layers"
    }


def view_of(
    call: Call, kept: Kept, zone: tzinfo, *, window: Window | None = None, parts: Collection[str] = PARTS
) -> View:
    """Return how a request looks at a schedule."""
    people = {user.id: user for user in kept.users}
    return View(links=call.links, zone=zone, people=people, window=window, parts=parts)


def _show_layer(timeline: Timeline, layer: Layer, turns: TurnLayer, view: View) -> Shown:
    def rendered(since: datetime, until: datetime, *, whole: bool) -> tuple[Shift, ...]:
        return timeline.layer(layer.id, since, until, whole=whole)

    return {
        "id": layer.id,
        "name": layer.name,
        "start": view.at(turns.start_at),
        "end": None if turns.end_at is None else view.at(turns.end_at),
        "rotation_virtual_start": view.at(turns.virtual_start_at),
        "rotation_turn_length_seconds": turns.turn_s,
        "users": [{"user": None if one is None else view.user(one)} for one in turns.members],
        "restrictions": [_show_restriction(one) for one in turns.restrictions],
        **_rendered(rendered, view),
    }


def _show_restriction(restriction: Restriction) -> Shown:
    shown: Shown = {
        "type": TYPE_OF_RESTRICTION[restriction.kind],
        "start_time_of_day": restriction.start_time.isoformat(timespec="seconds"),
        "duration_seconds": restriction.length_s,
    }
    if restriction.start_day is not None:
        shown["start_day_of_week"] = restriction.start_day
    return shown


def _rendered(render: Render, view: View) -> Shown:
    """Return the entries of a row in the window, and the share of the window that they cover, in percent."""
    window = view.window
    if window is None:
        return {"rendered_schedule_entries": [], "rendered_coverage_percentage": None}
    shifts = [shift for shift in render(window.since, window.until, whole=window.whole) if shift.user_id is not None]
    return {
        "rendered_schedule_entries": _entries(shifts, view),
        "rendered_coverage_percentage": _percentage(shifts, window),
    }


def _entries(shifts: Sequence[Shift], view: View) -> list[Shown]:
    return [
        {"start": view.at(shift.start), "end": view.at(shift.end), "user": view.user(shift.user_id)}
        for shift in shifts
        if shift.user_id is not None
    ]


def _percentage(shifts: Iterable[Shift], window: Window) -> float:
    cut = joined((max(shift.start, window.since), min(shift.end, window.until)) for shift in shifts)
    return round(100 * (total(cut) / (window.until - window.since)), 2)
