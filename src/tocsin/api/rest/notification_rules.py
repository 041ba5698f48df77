"""Notification rules: after how long, and for which urgency, a user's contact methods are tried."""

from datetime import timedelta

from msgspec import UNSET, Struct, UnsetType, structs

from tocsin.api.kit import Answer, Call, Shown, allow, gone, operation, reach, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.rest.difference import differences
from tocsin.api.rest.faces import show_rule
from tocsin.domain.paging.notification_rule import checked_delay, checked_urgency
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import audit, contact_methods, notification_rules, users
from tocsin.store.config import bump_config
from tocsin.store.contact_methods import ContactMethodRow
from tocsin.store.notification_rules import NotificationRuleRow
from tocsin.store.turn import Turn

_INCLUDES = frozenset({"contact_methods"})


class MethodBody(Struct, frozen=True):
    """The contact method of a rule: its id counts, whatever else stands there."""

    id: str


class NotificationRuleBody(Struct, frozen=True):
    """What a client may write about a notification rule."""

    start_delay_in_minutes: int | UnsetType = UNSET
    urgency: str | UnsetType = UNSET
    contact_method: MethodBody | UnsetType = UNSET


@operation("GET", "/users/{id}/notification_rules")
async def list_notification_rules(call: Call) -> Answer:
    """List a user's notification rules, of one urgency if asked; the list is never cut."""
    includes, urgency = call.includes(_INCLUDES), call.text("urgency")

    async def job(turn: Turn) -> Answer:
        user_id = await _owner(turn, call, Verb.READ)
        rows = await turn.rows(notification_rules.OF_USERS, {"ids": [user_id], "urgency": urgency})
        return shown("notification_rules", [await _face(turn, call, row, includes) for row in rows])

    return await call.store.read(job)


@operation("POST", "/users/{id}/notification_rules")
async def create_notification_rule(call: Call) -> Answer:
    """Give a user another notification rule."""
    wanted = call.body(NotificationRuleBody, wrap="notification_rule")

    async def job(turn: Turn) -> Answer:
        user_id = await _owner(turn, call, Verb.CREATE)
        rule = await _written(turn, _blank(turn, user_id), wanted)
        await notification_rules.add(turn, rule)
        change = differences({}, structs.asdict(rule))
        await audit.record(turn, call.actor, "create", ("notification_rule", rule.id), change)
        await bump_config(turn)
        return shown("notification_rule", show_rule(call, rule), status=CREATED)

    return await call.store.work(job)


@operation("GET", "/users/{id}/notification_rules/{notification_rule_id}")
async def show_notification_rule(call: Call) -> Answer:
    """Show a notification rule of a user."""
    includes = call.includes(_INCLUDES)

    async def job(turn: Turn) -> Answer:
        rule = await _reached(turn, call, Verb.READ)
        return shown("notification_rule", await _face(turn, call, rule, includes))

    return await call.store.read(job)


@operation("PUT", "/users/{id}/notification_rules/{notification_rule_id}")
async def update_notification_rule(call: Call) -> Answer:
    """Change a notification rule."""
    wanted = call.body(NotificationRuleBody, wrap="notification_rule")

    async def job(turn: Turn) -> Answer:
        before = await _reached(turn, call, Verb.UPDATE)
        rule = await _written(turn, before, wanted)
        if change := differences(structs.asdict(before), structs.asdict(rule)):
            await notification_rules.change(turn, rule)
            await audit.record(turn, call.actor, "update", ("notification_rule", rule.id), change)
            await bump_config(turn)
        return shown("notification_rule", show_rule(call, rule))

    return await call.store.work(job)


@operation("DELETE", "/users/{id}/notification_rules/{notification_rule_id}")
async def delete_notification_rule(call: Call) -> Answer:
    """Delete a notification rule."""

    async def job(turn: Turn) -> Answer:
        rule = await _reached(turn, call, Verb.DELETE)
        await turn.run(notification_rules.DELETE, {"id": rule.id})
        change = differences(structs.asdict(rule), {})
        await audit.record(turn, call.actor, "delete", ("notification_rule", rule.id), change)
        await bump_config(turn)
        return gone()

    return await call.store.work(job)


async def _owner(turn: Turn, call: Call, verb: Verb) -> str:
    user = await reach(turn, call.actor, query=users.BY_ID, key=call.path["id"], to=Verb.READ)
    allow(call.actor, verb, Subject("notification_rule", owner_id=user.id))
    return user.id


async def _reached(turn: Turn, call: Call, verb: Verb) -> NotificationRuleRow:
    user_id = await _owner(turn, call, verb)
    return await turn.one(notification_rules.BY_ID, {"id": call.path["notification_rule_id"], "user_id": user_id})


async def _face(turn: Turn, call: Call, rule: NotificationRuleRow, includes: frozenset[str]) -> Shown:
    if "contact_methods" not in includes:
        return show_rule(call, rule)
    values = {"id": rule.contact_method_id, "user_id": rule.user_id}
    return show_rule(call, rule, await turn.one(contact_methods.BY_ID, values))


def _blank(turn: Turn, user_id: str) -> NotificationRuleRow:
    return NotificationRuleRow(
        id=new_id(),
        user_id=user_id,
        contact_method_id="",
        urgency="",
        start_delay_s=-1,
        created_at=turn.now,
        channel="",
        label="",
    )


async def method_named(turn: Turn, user_id: str, named: MethodBody) -> ContactMethodRow:
    """Return a contact method of this user; raise `Refused` (invalid) when it is nobody's or somebody else's."""
    method = await turn.maybe(contact_methods.BY_ID, {"id": named.id, "user_id": user_id})
    if method is None:
        raise Refused(Why.INVALID, "contact_method is not a contact method of this user.")
    return method


async def _written(turn: Turn, before: NotificationRuleRow, wanted: NotificationRuleBody) -> NotificationRuleRow:
    """Return the rule as it will be; a new one needs all three parts."""
    rule = before
    if isinstance(wanted.contact_method, MethodBody):
        method = await method_named(turn, before.user_id, wanted.contact_method)
        rule = structs.replace(rule, contact_method_id=method.id, channel=method.channel, label=method.label)
    if isinstance(wanted.urgency, str):
        rule = structs.replace(rule, urgency=checked_urgency(wanted.urgency))
    if isinstance(wanted.start_delay_in_minutes, int):
        delay = checked_delay(wanted.start_delay_in_minutes)
        rule = structs.replace(rule, start_delay_s=delay // timedelta(seconds=1))
    if not rule.contact_method_id or not rule.urgency or rule.start_delay_s < 0:
        raise Refused(Why.MISSING, "A notification rule needs contact_method, urgency and start_delay_in_minutes.")
    return rule
