"""Hand-off notification rules: how long before, and by which contact method, a user hears of going on or off call."""

from datetime import timedelta

from msgspec import UNSET, Struct, UnsetType, structs

from tocsin.api.kit import Answer, Call, Shown, allow, gone, operation, reach, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.difference import differences
from tocsin.api.rest.faces import wire_of
from tocsin.api.rest.notification_rules import MethodBody, method_named
from tocsin.domain.oncall.handoff import checked_advance, checked_type
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import audit, users
from tocsin.store.config import bump_config
from tocsin.store.notices import handoff_rules
from tocsin.store.notices.handoff_rules import HandoffRuleRow
from tocsin.store.turn import Turn

_WRAP = "oncall_handoff_notification_rule"
_KIND = "handoff_rule"  # what the audit trail calls it
_PATH = "/users/{id}/oncall_handoff_notification_rules"
_ONE = f"{_PATH}/{{oncall_handoff_notification_rule_id}}"
_SECONDS = 60  # in a minute


class HandoffRuleBody(Struct, frozen=True):
    """What a client may write about a hand-off rule."""

    notify_advance_in_minutes: int | UnsetType | None = UNSET
    handoff_type: str | UnsetType | None = UNSET
    contact_method: MethodBody | UnsetType = UNSET


@operation("GET", _PATH)
async def list_handoff_rules(call: Call) -> Answer:
    """List a user's hand-off notification rules; the list is never cut."""

    async def job(turn: Turn) -> Answer:
        user_id = await _owner(turn, call, Verb.READ)
        rows = await turn.rows(handoff_rules.OF_USER, {"user_id": user_id})
        return shown(f"{_WRAP}s", [_face(call, row) for row in rows])

    return await call.store.read(job)


@operation("POST", _PATH)
async def create_handoff_rule(call: Call) -> Answer:
    """Give a user a hand-off notification rule."""
    wanted = call.body(HandoffRuleBody, wrap=_WRAP)

    async def job(turn: Turn) -> Answer:
        rule = await _written(turn, _blank(turn, await _owner(turn, call, Verb.CREATE)), wanted)
        await handoff_rules.add(turn, rule)
        await audit.record(turn, call.actor, "create", (_KIND, rule.id), differences({}, structs.asdict(rule)))
        await bump_config(turn)
        return shown(_WRAP, _face(call, rule), status=CREATED)

    return await call.store.work(job)


@operation("GET", _ONE)
async def show_handoff_rule(call: Call) -> Answer:
    """Show a hand-off notification rule of a user."""

    async def job(turn: Turn) -> Answer:
        return shown(_WRAP, _face(call, await _reached(turn, call, Verb.READ)))

    return await call.store.read(job)


@operation("PUT", _ONE)
async def update_handoff_rule(call: Call) -> Answer:
    """Change a hand-off notification rule; it then speaks of what lies ahead of the change."""
    wanted = call.body(HandoffRuleBody, wrap=_WRAP)

    async def job(turn: Turn) -> Answer:
        before = await _reached(turn, call, Verb.UPDATE)
        rule = await _written(turn, before, wanted)
        if change := differences(structs.asdict(before), structs.asdict(rule)):
            rule = structs.replace(rule, active_since=turn.now)
            await handoff_rules.change(turn, rule)
            await audit.record(turn, call.actor, "update", (_KIND, rule.id), change)
            await bump_config(turn)
        return shown(_WRAP, _face(call, rule))

    return await call.store.work(job)


@operation("DELETE", _ONE)
async def delete_handoff_rule(call: Call) -> Answer:
    """Delete a hand-off notification rule; what waits to be told by it is called off."""

    async def job(turn: Turn) -> Answer:
        rule = await _reached(turn, call, Verb.DELETE)
        await turn.run(handoff_rules.DELETE, {"id": rule.id})
        await audit.record(turn, call.actor, "delete", (_KIND, rule.id), differences(structs.asdict(rule), {}))
        await bump_config(turn)
        return gone()

    return await call.store.work(job)


async def _owner(turn: Turn, call: Call, verb: Verb) -> str:
    """Return the user's id; a hand-off rule is to the permission table what a notification rule is."""
    user = await reach(turn, call.actor, query=users.BY_ID, key=call.path["id"], to=Verb.READ)
    allow(call.actor, verb, Subject("notification_rule", owner_id=user.id))
    return user.id


async def _reached(turn: Turn, call: Call, verb: Verb) -> HandoffRuleRow:
    values = {"id": call.path[f"{_WRAP}_id"], "user_id": await _owner(turn, call, verb)}
    return await turn.one(handoff_rules.BY_ID, values)


def _face(call: Call, rule: HandoffRuleRow) -> Shown:
    method = call.links.reference(
        wire_of(rule.channel), rule.contact_method_id, rule.label, under=f"/users/{rule.user_id}"
    )
    return {
        "id": rule.id,
        "handoff_type": rule.handoff_type,
        "notify_advance_in_minutes": rule.advance_s // _SECONDS,
        "contact_method": {**method, "html_url": None},
    }


def _blank(turn: Turn, user_id: str) -> HandoffRuleRow:
    return HandoffRuleRow(
        id=new_id(),
        user_id=user_id,
        contact_method_id="",
        handoff_type="both",
        advance_s=0,
        active_since=turn.now,
        channel="",
        label="",
    )


async def _written(turn: Turn, before: HandoffRuleRow, wanted: HandoffRuleBody) -> HandoffRuleRow:
    """Return the rule as it will be; a new one needs a contact method, and tells both ways at the hand-off itself."""
    rule = before
    if isinstance(wanted.contact_method, MethodBody):
        method = await method_named(turn, before.user_id, wanted.contact_method)
        rule = structs.replace(rule, contact_method_id=method.id, channel=method.channel, label=method.label)
    if isinstance(wanted.handoff_type, str):
        rule = structs.replace(rule, handoff_type=checked_type(wanted.handoff_type))
    if isinstance(wanted.notify_advance_in_minutes, int):
        advance = checked_advance(wanted.notify_advance_in_minutes)
        rule = structs.replace(rule, advance_s=advance // timedelta(seconds=1))
    if not rule.contact_method_id:
        raise Refused(Why.MISSING, "A hand-off notification rule needs a contact_method.")
    return rule
