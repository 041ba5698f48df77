"""History: who was on call at any past instant, by which version of a schedule, and what each version changed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.api.kit import Answer, Call, Shown, allow, listed, operation
from tocsin.api.rest.schedule_reference import schedule_reference
from tocsin.api.rest.schedules.bulk import aside, fit_versions
from tocsin.api.rest.schedules.reach import seen
from tocsin.domain.oncall.alteration import alterations
from tocsin.domain.oncall.history import Version, final
from tocsin.domain.oncall.schedule import Schedule, Shift
from tocsin.domain.oncall.timeline import HORIZON
from tocsin.domain.oncall.tolerant import TolerantTimeline
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed, Stretch
from tocsin.store import users
from tocsin.store.schedules import history, lists
from tocsin.store.schedules.document import members_of
from tocsin.store.schedules.history import Author, Change
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn
from tocsin.store.users import NamedUser

DEFAULT_LOOK = timedelta(days=14)  # as far back as a schedule is shown when no stretch is asked for
LONGEST_LOOK = timedelta(days=366)  # a year at once; some thousand shifts

People = Mapping[str, NamedUser]


class _Past(Struct):
    """Schedules as they were at an instant; one that did not exist then has no version."""

    page: Listed[Kept]
    at: datetime
    versions: dict[str, Version]
    on_call: Mapping[str, tuple[Shift, ...]]
    people: People


@operation("GET", "/api/schedules/{id}/history")
async def show_history(call: Call) -> Answer:
    """List who was on call from `since` to `until`, by default in the last 14 days, each by the version of that time.

    Configuration and overrides count as they were known at each instant, whatever was changed later.
    """
    stretch = call.stretch()

    async def job(turn: Turn) -> tuple[list[Version], datetime, datetime]:
        await _reached(turn, call)
        since, until = _window(call, turn.now)
        return await history.versions(turn, call.path["id"], since, until), since, until

    versions, since, until = await call.store.read(job)
    fit_versions(versions, since, until)
    told = await aside(lambda: final(versions, since, until))
    page = _cut(told, stretch)
    people = await call.store.read(lambda turn: _people(turn, (shift.user_id for _, shift in page.rows)))
    names = {version.number: _layer_names(version.schedule) for version in versions}
    shown = [{"version": number, **_shift(call, shift, names[number], people)} for number, shift in page.rows]
    return listed("shifts", shown, page=page, stretch=stretch)


@operation("GET", "/api/schedules/{id}/versions")
async def list_versions(call: Call) -> Answer:
    """List the versions of a schedule, newest first: from when to when each held, who made it, and what it changed."""
    stretch = call.stretch()

    async def job(turn: Turn) -> tuple[Listed[Change], People]:
        await _reached(turn, call)
        page = await history.changes(turn, call.path["id"], stretch)
        schedules = [each for change in page.rows for each in (change.schedule, change.before) if each is not None]
        return page, await _people(turn, (user for each in schedules for user in members_of(each.layers)))

    page, people = await call.store.read(job)
    names = {user.id: user.name for user in people.values()}
    return listed("versions", [_version(call, change, names) for change in page.rows], page=page, stretch=stretch)


@operation("GET", "/api/oncalls")
async def show_past_oncalls(call: Call) -> Answer:
    """Show who was on call by each schedule at the instant `at`, by default now, and by which version of it."""
    allow(call.actor, Verb.READ, Subject("on_call"))
    stretch = call.stretch()
    wanted = lists.Wanted(
        horizon=call.actor.horizon,
        team_ids=call.many("team_ids") or None,
        ids=call.many("schedule_ids") or None,
    )

    async def job(turn: Turn) -> tuple[Listed[Kept], datetime, dict[str, Version]]:
        page = await lists.page(turn, wanted, stretch)
        at = call.instant("at") or turn.now
        ids = [kept.schedule.id for kept in page.rows]
        return page, at, await history.as_of(turn, ids, at, since=at - HORIZON)

    page, at, versions = await call.store.read(job)
    # A hundred schedules are searched for the edges of shifts: on the side, so that pages go on meanwhile.
    on_call = await aside(
        lambda: {each: TolerantTimeline(version.schedule).on_call(at) for each, version in versions.items()}
    )
    ids = [shift.user_id for shifts in on_call.values() for shift in shifts]
    past = _Past(page, at, versions, on_call, await call.store.read(lambda turn: _people(turn, ids)))
    shown = [_past_of(call, past, kept.schedule) for kept in past.page.rows]
    return listed("oncalls", shown, page=past.page, stretch=stretch)


async def _reached(turn: Turn, call: Call) -> None:
    kept = await seen(turn, call.actor, call.path["id"])
    allow(call.actor, Verb.READ, kept.subject(call.actor))


def _window(call: Call, now: datetime) -> tuple[datetime, datetime]:
    until = call.instant("until") or now
    since = call.instant("since") or until - DEFAULT_LOOK
    if not timedelta() < until - since <= LONGEST_LOOK:
        raise Refused(Why.BAD_DATE, f"until must be after since, by {LONGEST_LOOK.days} days at most.")
    return since, until


def _cut(rows: Sequence[tuple[int, Shift]], stretch: Stretch) -> Listed[tuple[int, Shift]]:
    end = stretch.offset + stretch.limit
    return Listed(tuple(rows[stretch.offset : end]), len(rows) > end, len(rows) if stretch.total else None)


async def _people(turn: Turn, ids: Iterable[str | None]) -> People:
    known = sorted({each for each in ids if each is not None})
    return {user.id: user for user in await turn.rows(users.NAMES, {"ids": known})} if known else {}


def _layer_names(schedule: Schedule) -> dict[str, str]:
    return {layer.id: layer.name for layer in schedule.layers}


def _past_of(call: Call, past: _Past, schedule: Schedule) -> Shown:
    version = past.versions.get(schedule.id)
    names = {} if version is None else _layer_names(version.schedule)
    return {
        "schedule": schedule_reference(
            call.links, schedule.id, schedule.name, "layers" if schedule.stacked else "rotations"
        ),
        "at": call.at(past.at),
        "version": None if version is None else version.number,
        "name_then": None if version is None else version.schedule.name,
        "shifts": [_shift(call, shift, names, past.people) for shift in past.on_call.get(schedule.id, ())],
    }


def _shift(call: Call, shift: Shift, layers: Mapping[str, str], people: People) -> Shown:
    source = shift.source
    return {
        "start": call.at(shift.start),
        "end": call.at(shift.end),
        "user": _user(call, shift.user_id, people),
        "source": {
            "kind": source.kind,
            "layer": source.layer_id and {"id": source.layer_id, "name": layers.get(source.layer_id)},
            "pattern_id": source.pattern_id,
            "custom_shift_id": source.custom_shift_id,
            "override_id": source.override_id,
            "replaced_user_id": source.replaced_user_id,
        },
        "turn": shift.turn,
    }


def _user(call: Call, user_id: str | None, people: People) -> Shown | None:
    if user_id is None:
        return None
    user = people.get(user_id)
    if user is None:
        return call.links.reference("user", user_id, None, deleted=True)
    return call.links.reference("user", user_id, user.name, deleted=user.deleted_at is not None)


def _version(call: Call, change: Change, names: Mapping[str, str]) -> Shown:
    return {
        "number": change.number,
        "valid_since": call.at(change.valid_since),
        "valid_until": None if change.valid_until is None else call.at(change.valid_until),
        "name": change.schedule.name,
        "time_zone": change.schedule.time_zone,
        "changed_by": _author(call, change.author),
        "changes": list(alterations(change.before, change.schedule, names)),
    }


def _author(call: Call, author: Author) -> Shown:
    if author.kind == "user":
        return call.links.reference("user", author.id, author.name)
    return {"id": author.id, "type": author.kind, "summary": author.name}
