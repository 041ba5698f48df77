"""Rotations: rows of a schedule whose events say who is on call when; added empty, shown, ended."""

from msgspec import MsgspecError, json

from tocsin.api.kit import Answer, Call, Shown, gone, shown
from tocsin.api.rest.rotations.change import answered, changeable, rewrite
from tocsin.api.rest.rotations.course import fresh_name, rotation_in, rotations_of, with_layer, without_layer
from tocsin.api.rest.rotations.errors import told_by_field
from tocsin.api.rest.rotations.overrides import end_overrides
from tocsin.api.rest.rotations.shape import listed_bare, look_of, page_of, show_rotation
from tocsin.api.rest.schedules.reach import reached
from tocsin.api.rest.schedules.window import window_of, zone_of
from tocsin.domain.oncall.bounds import MOST_PATTERN_LAYERS
from tocsin.domain.oncall.schedule import Layer
from tocsin.domain.people.permission import Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_long_id
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

KIND = "rotation"


@told_by_field("GET", "/v3/schedules/{id}/rotations")
async def list_rotations(call: Call) -> Answer:
    """List the rotations of a schedule, oldest first."""
    stretch = call.stretch()

    async def job(turn: Turn) -> Answer:
        kept = await reached(turn, call, Verb.READ, kind="rotations")
        look = look_of(call, kept.schedule, turn.now)
        page = page_of(rotations_of(kept.schedule), stretch)
        shapes = [show_rotation(kept.schedule.id, layer, look) for layer in page.rows]
        return listed_bare("rotations", shapes, page, stretch)

    return await call.store.read(job)


@told_by_field("POST", "/v3/schedules/{id}/rotations")
async def create_rotation(call: Call) -> Answer:
    """Add a rotation without events to a schedule; what it does is said by its events."""
    _refuse_content(call.raw)

    async def job(turn: Turn) -> tuple[Kept, Shown]:
        kept = await changeable(turn, call)
        if len(rotations_of(kept.schedule)) >= MOST_PATTERN_LAYERS:
            raise Refused(Why.INVALID, f"schedule.rotations: A schedule has at most {MOST_PATTERN_LAYERS} rotations.")
        layer = Layer(id=new_long_id(), name=fresh_name(kept.schedule))
        after = await rewrite(turn, call, kept, with_layer(kept.schedule, layer))
        return after, show_rotation(kept.schedule.id, layer, look_of(call, kept.schedule, turn.now))

    after, shape = await call.store.work(job)
    return await answered(call, after, KIND, shape, status=201)


@told_by_field("GET", "/v3/schedules/{id}/rotations/{rotation_id}")
async def show_one_rotation(call: Call) -> Answer:
    """Show a rotation with its events: those that are not over, or those of the window from `since` to `until`."""

    async def job(turn: Turn) -> Answer:
        kept = await reached(turn, call, Verb.READ, kind="rotations")
        layer = rotation_in(kept.schedule, call.path["rotation_id"])
        window = window_of(call, zone_of(call, kept.schedule.time_zone))
        return shown(KIND, show_rotation(kept.schedule.id, layer, look_of(call, kept.schedule, turn.now, window)))

    return await call.store.read(job)


@told_by_field("DELETE", "/v3/schedules/{id}/rotations/{rotation_id}")
async def delete_rotation(call: Call) -> Answer:
    """End a rotation now: what has been stays in the past of the schedule, what was to come never was."""

    async def job(turn: Turn) -> Answer:
        kept = await changeable(turn, call)
        layer = rotation_in(kept.schedule, call.path["rotation_id"])
        now = turn.now.replace(microsecond=0)
        await rewrite(turn, call, kept, without_layer(kept.schedule, layer, now))
        await end_overrides(turn, call, kept.schedule.id, layer.id)
        return gone()

    return await call.store.work(job)


def _refuse_content(raw: bytes) -> None:
    try:
        content = json.decode(raw) if raw.strip() else None
    except (MsgspecError, RecursionError, ValueError):
        content = raw
    if content:
        raise Refused(Why.INVALID, "rotation: A rotation is made empty: send no body or {}, then add its events.")
