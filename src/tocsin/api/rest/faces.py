"""Faces: how users, their contact methods and rules, and teams look to clients."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tocsin.api.kit import Call, Shown
from tocsin.domain.people.permission import Subject, Verb, may
from tocsin.store import contact_methods, notification_rules, users
from tocsin.store.contact_methods import ContactMethodRow
from tocsin.store.notification_rules import NotificationRuleRow
from tocsin.store.teams import TeamRow
from tocsin.store.turn import Turn
from tocsin.store.users import MemberTeam, UserRow

# What clients call the channels; `webhook` and what comes after it are our own additions.
WIRE_OF_CHANNEL = {"push": "push_notification_contact_method", "voice": "phone_contact_method"}
CHANNEL_OF_WIRE = {wire: channel for channel, wire in WIRE_OF_CHANNEL.items()}
RULE_KIND = "assignment_notification_rule"
USER_INCLUDES = frozenset({"calendar_urls", "contact_methods", "notification_rules", "subdomains", "teams"})

_PHONES = frozenset({"sms", "voice", "whatsapp"})
_SECONDS = 60  # in a minute


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around some users: teams, contact methods and rules, as far as the caller may see them."""

    teams: dict[str, list[MemberTeam]]
    methods: dict[str, list[ContactMethodRow]]
    rules: dict[str, list[NotificationRuleRow]]


async def around(turn: Turn, call: Call, rows: Sequence[UserRow]) -> Around:
    """Read what stands around these users, in one query each."""
    ids = [user.id for user in rows]
    seen = [key for key in ids if may(call.actor, Verb.READ, Subject("contact_method", owner_id=key))]
    found = Around({key: [] for key in ids}, {key: [] for key in ids}, {key: [] for key in ids})
    for team in await turn.rows(users.TEAMS_OF, {"ids": ids, "horizon": call.actor.horizon}):
        found.teams[team.user_id].append(team)
    if seen:
        for method in await turn.rows(contact_methods.OF_USERS, {"ids": seen}):
            found.methods[method.user_id].append(method)
        for rule in await turn.rows(notification_rules.OF_USERS, {"ids": seen, "urgency": None}):
            found.rules[rule.user_id].append(rule)
    return found


def show_user(call: Call, user: UserRow, near: Around, includes: Collection[str] = ()) -> Shown:
    """Return the user as a client reads it, with what it asked to include in full."""
    shown = call.links.head("user", user.id, user.name)
    shown |= {
        "name": user.name,
        "email": user.email,
        "time_zone": user.time_zone,
        "color": user.color,
        "role": user.role,
        "avatar_url": None,
        "description": user.description,
        "invitation_sent": False,
        "job_title": user.job_title,
        "created_via_sso": False,
        "locale": user.locale,
        "teams": [_team_of(call, team, full="teams" in includes) for team in near.teams[user.id]],
        "contact_methods": [
            show_method(call, method) if "contact_methods" in includes else method_reference(call, method)
            for method in near.methods[user.id]
        ],
        "notification_rules": [
            show_rule(call, rule) if "notification_rules" in includes else _rule_reference(call, rule)
            for rule in near.rules[user.id]
        ],
    }
    if "subdomains" in includes:
        host = urlsplit(call.links.public_url).hostname or ""
        shown["subdomains"] = [host.split(".")[0]]
    return shown


def wire_of(channel: str) -> str:
    """Return what clients call a contact method of this channel."""
    return WIRE_OF_CHANNEL.get(channel, f"{channel}_contact_method")


def show_method(call: Call, method: ContactMethodRow) -> Shown:
    """Return a contact method in full; a country code only where it is a telephone number."""
    shown = _nowhere(call.links.head(wire_of(method.channel), method.id, method.label, under=_user(method.user_id)))
    shown |= {"label": method.label, "address": method.address, "created_at": call.at(method.created_at)}
    if method.channel == "email":
        shown["send_short_email"] = method.short_email
    else:
        shown |= {"blacklisted": method.blacklisted, "enabled": method.enabled}
    if method.channel in _PHONES:
        shown["country_code"] = method.country_code
    if method.channel == "push":
        shown |= {"device_type": "android", "sounds": []}
    return shown


def method_reference(call: Call, method: ContactMethodRow) -> Shown:
    """Return a reference to a contact method."""
    return _reference_to_method(call, method.user_id, method.id, label=method.label, channel=method.channel)


def show_rule(call: Call, rule: NotificationRuleRow, method: ContactMethodRow | None = None) -> Shown:
    """Return a notification rule in full, its contact method as a reference unless it is given."""
    minutes = rule.start_delay_s // _SECONDS
    shown = _nowhere(call.links.head(RULE_KIND, rule.id, _sentence(rule), under=_user(rule.user_id)))
    reached = (
        _reference_to_method(call, rule.user_id, rule.contact_method_id, label=rule.label, channel=rule.channel)
        if method is None
        else show_method(call, method)
    )
    return shown | {
        "start_delay_in_minutes": minutes,
        "urgency": rule.urgency,
        "created_at": call.at(rule.created_at),
        "contact_method": reached,
    }


def show_team(call: Call, team: TeamRow) -> Shown:
    """Return a team as a client reads it."""
    parent = None
    if team.parent_id is not None:
        parent = call.links.reference("team", team.parent_id, team.parent_name)
    return call.links.head("team", team.id, team.name) | {
        "name": team.name,
        "description": team.description,
        "default_role": "manager",
        "parent": parent,
    }


def _team_of(call: Call, team: MemberTeam, *, full: bool) -> Shown:
    if full:
        return call.links.head("team", team.team_id, team.name) | {
            "name": team.name,
            "description": team.description,
            "default_role": "manager",
        }
    return call.links.reference("team", team.team_id, team.name)


def _rule_reference(call: Call, rule: NotificationRuleRow) -> Shown:
    return _nowhere(call.links.reference(RULE_KIND, rule.id, _sentence(rule), under=_user(rule.user_id)))


def _reference_to_method(call: Call, user_id: str, method_id: str, *, label: str, channel: str) -> Shown:
    return _nowhere(call.links.reference(wire_of(channel), method_id, label, under=_user(user_id)))


def _sentence(rule: NotificationRuleRow) -> str:
    minutes = rule.start_delay_s // _SECONDS
    return f"{minutes} minutes: {rule.label}" if minutes else f"immediately: {rule.label}"


def _user(user_id: str) -> str:
    return f"/users/{user_id}"


def _nowhere(shown: Shown) -> Shown:
    """What has no page of its own leads nowhere in the browser."""
    shown["html_url"] = None
    return shown
