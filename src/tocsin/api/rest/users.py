"""Users: the people of the account, who they are and how they come and go."""

from typing import Annotated, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tocsin.api.kit import Answer, Call, gone, listed, operation, reach, shown
from tocsin.api.kit.answer import CREATED
from tocsin.api.kit.gate import allow
from tocsin.api.kit.zones import zone_named
from tocsin.api.rest.difference import differences
from tocsin.api.rest.faces import USER_INCLUDES, Around, around, show_user
from tocsin.domain.people import user as rules
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.permission import Subject, Verb, may_grant
from tocsin.domain.people.role import Role
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_id
from tocsin.store import audit, contact_methods, notification_rules, users
from tocsin.store.config import bump_config
from tocsin.store.contact_methods import ContactMethodRow
from tocsin.store.notification_rules import NotificationRuleRow
from tocsin.store.turn import Turn
from tocsin.store.users import UserRow

Value = TypeVar("Value")

_Locale = Annotated[str, Meta(min_length=2, max_length=16)]
_Color = Annotated[str, Meta(max_length=32)]


class UserBody(Struct, frozen=True):
    """What a client may write about a user; everything else it sends is ignored."""

    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    role: str | UnsetType | None = UNSET
    time_zone: str | UnsetType | None = UNSET
    locale: _Locale | UnsetType | None = UNSET
    color: _Color | UnsetType | None = UNSET
    job_title: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET


@operation("GET", "/users")
async def list_users(call: Call) -> Answer:
    """List users by name; `query` looks into names and e-mail addresses."""
    stretch, includes = call.stretch(), call.includes(USER_INCLUDES)

    async def job(turn: Turn) -> Answer:
        page = await users.listed(turn, stretch, query=call.text("query"), team_ids=call.many("team_ids"))
        near = await around(turn, call, page.rows)
        return listed(
            "users", [show_user(call, user, near, includes) for user in page.rows], page=page, stretch=stretch
        )

    return await call.store.read(job)


@operation("POST", "/users")
async def create_user(call: Call) -> Answer:
    """Create a user, reachable at once by e-mail for both urgencies."""
    wanted = call.body(UserBody, wrap="user")
    allow(call.actor, Verb.CREATE, Subject("user"))

    async def job(turn: Turn) -> Answer:
        user = _written(_blank(turn), wanted)
        _check_role(call.actor, None, Role(user.role))
        await users.add(turn, user)
        await _make_reachable(turn, user)
        await audit.record(turn, call.actor, "create", ("user", user.id), differences({}, structs.asdict(user)))
        await bump_config(turn)
        return shown("user", show_user(call, user, await around(turn, call, [user])), status=CREATED)

    return await call.store.work(job)


@operation("GET", "/users/me")
async def show_me(call: Call) -> Answer:
    """Show the user whose token this is; an account's token belongs to nobody."""
    includes = call.includes(USER_INCLUDES)
    key = call.actor.user_id
    if key is None:
        raise Refused(Why.INVALID, "This token belongs to the account and not to a user: use a user's token.")
    return await _show(call, key, includes)


@operation("GET", "/users/{id}")
async def show_one(call: Call) -> Answer:
    """Show a user."""
    return await _show(call, call.path["id"], call.includes(USER_INCLUDES))


@operation("PUT", "/users/{id}")
async def update_user(call: Call) -> Answer:
    """Change what is given of a user and leave the rest."""
    wanted = call.body(UserBody, wrap="user")

    async def job(turn: Turn) -> Answer:
        before = await reach(turn, call.actor, query=users.LOCKED, key=call.path["id"], to=Verb.UPDATE)
        user = _written(before, wanted)
        if user.role != before.role:
            _check_role(call.actor, Role(before.role), Role(user.role))
            await _keep_an_owner(turn, before)
        if change := differences(structs.asdict(before), structs.asdict(user)):
            await users.change(turn, user)
            await audit.record(turn, call.actor, "update", ("user", user.id), change)
            await bump_config(turn)
        return shown("user", show_user(call, user, await around(turn, call, [user])))

    return await call.store.work(job)


@operation("DELETE", "/users/{id}")
async def delete_user(call: Call) -> Answer:
    """Delete a user who has no open incident; references in the history stay."""

    async def job(turn: Turn) -> Answer:
        user = await reach(turn, call.actor, query=users.LOCKED, key=call.path["id"], to=Verb.DELETE)
        _check_role(call.actor, Role(user.role), Role.USER)
        await _keep_an_owner(turn, user)
        await users.delete(turn, user.id)
        await audit.record(turn, call.actor, "delete", ("user", user.id), {"name": user.name, "email": user.email})
        await bump_config(turn)
        return gone()

    return await call.store.work(job)


async def _show(call: Call, key: str, includes: frozenset[str]) -> Answer:
    async def job(turn: Turn) -> tuple[UserRow, Around]:
        user = await reach(turn, call.actor, query=users.BY_ID, key=key, to=Verb.READ)
        return user, await around(turn, call, [user])

    user, near = await call.store.read(job)
    return shown("user", show_user(call, user, near, includes))


def _blank(turn: Turn) -> UserRow:
    return UserRow(
        id=new_id(),
        name="",
        email="",
        role=Role.USER.value,
        time_zone=rules.DEFAULT_ZONE,
        locale="en",
        color=rules.DEFAULT_COLOR,
        job_title=None,
        description=None,
        created_at=turn.now,
    )


def _written(before: UserRow, wanted: UserBody) -> UserRow:
    """Return the user as it will be; null means the default where there must be a value."""
    return structs.replace(
        before,
        name=rules.checked_name(_kept(wanted.name, before.name)),
        email=rules.checked_email(_kept(wanted.email, before.email)),
        role=_role(_kept(wanted.role, before.role) or Role.USER.value),
        time_zone=_zone(_kept(wanted.time_zone, before.time_zone) or rules.DEFAULT_ZONE, before.time_zone),
        locale=_kept(wanted.locale, before.locale) or "en",
        color=_kept(wanted.color, before.color) or rules.DEFAULT_COLOR,
        job_title=rules.checked_text(_kept(wanted.job_title, before.job_title), "Job title"),
        description=rules.checked_text(_kept(wanted.description, before.description), "Description"),
    )


def _kept(wanted: Value | UnsetType, before: Value) -> Value:
    return before if isinstance(wanted, UnsetType) else wanted


def _role(text: str) -> str:
    if text not in set(Role):
        raise Refused(Why.INVALID, f"Role is one of {', '.join(Role)}.")
    return text


def _zone(text: str, before: str) -> str:
    return text if text == before else zone_named(text).key


def _check_role(actor: Actor, before: Role | None, after: Role) -> None:
    if not may_grant(actor, before, after):
        raise Refused(Why.FORBIDDEN, f"The role of {actor.name} does not allow giving or taking this role.")


async def _keep_an_owner(turn: Turn, leaving: UserRow) -> None:
    """Refuse to take the last owner away: nobody could give the role back."""
    if leaving.role == Role.OWNER and (await turn.one(users.ROLE_COUNT, {"roles": [Role.OWNER.value]})).n == 1:
        raise Refused(Why.INVALID, "This is the only owner: make somebody else an owner first.")


async def _make_reachable(turn: Turn, user: UserRow) -> None:
    method = ContactMethodRow(
        id=new_id(),
        user_id=user.id,
        channel="email",
        label="Default",
        address=user.email,
        country_code=None,
        short_email=False,
        enabled=True,
        blacklisted=False,
        created_at=turn.now,
    )
    await contact_methods.add(turn, method)
    for urgency in ("high", "low"):
        rule = NotificationRuleRow(
            id=new_id(),
            user_id=user.id,
            contact_method_id=method.id,
            urgency=urgency,
            start_delay_s=0,
            created_at=turn.now,
            channel=method.channel,
            label=method.label,
        )
        await notification_rules.add(turn, rule)
