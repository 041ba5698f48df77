"""Permissions: one table that says who may do what to which kind of thing.

Every question is answered by comparing two grades: the one an actor holds where the thing is (the higher of the
account role and the role in the thing's team) and the one the table asks for. What belongs to the actor has a
column of its own.

Where the rules come from. Documented by PagerDuty: owners and admins govern the account; a manager (`user`)
shapes every service, policy and schedule; a responder (`limited_user`) answers incidents, makes overrides and
maintenance windows; an observer sees all and changes nothing; restricted access sees only what belongs to its teams;
stakeholders only follow; team roles give manager, responder or observer rights over the objects of one
team; a read-only token never writes. Decided here, where the documents are silent: team roles only raise; a
stakeholder is never lifted above seeing; whoever has an incident assigned may answer it, whatever their role,
because a page that its receiver cannot answer is a lost page; a thing of an unknown kind counts as account
configuration; addresses of other people are shown to those who answer incidents and to nobody below them.
"""

from enum import StrEnum

from msgspec import Struct

from tocsin.domain.people.actor import Actor
from tocsin.domain.people.role import GRADE_OF_ROLE, GRADE_OF_TEAM_ROLE, STAKEHOLDERS, Grade, Role


class Verb(StrEnum):
    """What somebody wants to do; RESPOND is acknowledge, resolve, note, snooze, reassign, escalate and merge."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESPOND = "respond"
    MANAGE_TOKENS = "manage_tokens"


class Subject(Struct, frozen=True):
    """The thing that something is to be done to.

    `team_id` is the team it belongs to (for a team: itself). `owner_id` is the person it belongs to: the user
    of a contact method, the author of a note, and for an incident the actor when it is among the assignees.
    """

    kind: str
    team_id: str | None = None
    owner_id: str | None = None


class Family(StrEnum):
    """Kinds of things that follow the same rule."""

    PERSON = "person"
    ADDRESS = "address"
    TEAM = "team"
    CONFIGURATION = "configuration"
    STOPGAP = "stopgap"
    INCIDENT = "incident"
    NOTE = "note"
    RECORD = "record"
    CATALOGUE = "catalogue"
    ACCOUNT = "account"
    TOKEN = "token"  # noqa: S105 - the name of a kind of thing, no secret
    AUDIT = "audit"


FAMILY_OF_KIND: dict[str, Family] = {
    "user": Family.PERSON,
    "contact_method": Family.ADDRESS,
    "notification_rule": Family.ADDRESS,
    "session": Family.ADDRESS,
    "team": Family.TEAM,
    "service": Family.CONFIGURATION,
    "integration": Family.CONFIGURATION,
    "escalation_policy": Family.CONFIGURATION,
    "schedule": Family.CONFIGURATION,
    "orchestration": Family.CONFIGURATION,
    "workflow": Family.CONFIGURATION,
    "override": Family.STOPGAP,
    "maintenance_window": Family.STOPGAP,
    "incident": Family.INCIDENT,
    "alert": Family.INCIDENT,
    "note": Family.NOTE,
    "log_entry": Family.RECORD,
    "notification": Family.RECORD,
    "change": Family.RECORD,
    "on_call": Family.RECORD,
    "holiday_calendar": Family.CATALOGUE,
    "priority": Family.CATALOGUE,
    "vendor": Family.CATALOGUE,
    "ability": Family.CATALOGUE,
    "license": Family.CATALOGUE,
    "setting": Family.ACCOUNT,
    "webhook": Family.ACCOUNT,
    "account": Family.ACCOUNT,
    "token": Family.TOKEN,
    "audit": Family.AUDIT,
}

_ANY, _SEES, _ANSWERS, _SHAPES, _GOVERNS = Grade

NEEDED: dict[Family, dict[Verb, Grade]] = {
    Family.PERSON: {Verb.READ: _ANY, Verb.CREATE: _GOVERNS, Verb.UPDATE: _GOVERNS, Verb.DELETE: _GOVERNS},
    Family.ADDRESS: {Verb.READ: _ANSWERS, Verb.CREATE: _GOVERNS, Verb.UPDATE: _GOVERNS, Verb.DELETE: _GOVERNS},
    Family.TEAM: {Verb.READ: _SEES, Verb.CREATE: _SHAPES, Verb.UPDATE: _SHAPES, Verb.DELETE: _SHAPES},
    Family.CONFIGURATION: {Verb.READ: _SEES, Verb.CREATE: _SHAPES, Verb.UPDATE: _SHAPES, Verb.DELETE: _SHAPES},
    Family.STOPGAP: {Verb.READ: _SEES, Verb.CREATE: _ANSWERS, Verb.UPDATE: _ANSWERS, Verb.DELETE: _ANSWERS},
    Family.INCIDENT: {Verb.READ: _SEES, Verb.CREATE: _ANSWERS, Verb.UPDATE: _ANSWERS, Verb.RESPOND: _ANSWERS},
    Family.NOTE: {Verb.READ: _SEES, Verb.CREATE: _ANSWERS, Verb.UPDATE: _GOVERNS, Verb.DELETE: _GOVERNS},
    Family.RECORD: {Verb.READ: _SEES},
    Family.CATALOGUE: {Verb.READ: _ANY, Verb.CREATE: _GOVERNS, Verb.UPDATE: _GOVERNS, Verb.DELETE: _GOVERNS},
    Family.ACCOUNT: {Verb.READ: _SHAPES, Verb.CREATE: _GOVERNS, Verb.UPDATE: _GOVERNS, Verb.DELETE: _GOVERNS},
    Family.TOKEN: {Verb.READ: _GOVERNS, Verb.CREATE: _GOVERNS, Verb.DELETE: _GOVERNS, Verb.MANAGE_TOKENS: _GOVERNS},
    Family.AUDIT: {Verb.READ: _GOVERNS},
}
"""The grade that each verb asks for; a verb that is not listed is done by nobody but the product itself."""

OWN: dict[Family, frozenset[Verb]] = {
    Family.PERSON: frozenset({Verb.READ, Verb.UPDATE}),
    Family.ADDRESS: frozenset({Verb.READ, Verb.CREATE, Verb.UPDATE, Verb.DELETE}),
    Family.INCIDENT: frozenset({Verb.READ, Verb.UPDATE, Verb.RESPOND}),
    Family.NOTE: frozenset({Verb.READ, Verb.UPDATE, Verb.DELETE}),
    Family.TOKEN: frozenset({Verb.READ, Verb.CREATE, Verb.DELETE, Verb.MANAGE_TOKENS}),
}
"""What anybody may do to what belongs to them."""

BY_ACCOUNT_ROLE = frozenset({(Family.TEAM, Verb.DELETE)})
"""Decided by the account role alone: a team's manager shapes the team but does not abolish it."""

_OF_INTEGRATIONS = frozenset({Verb.CREATE, Verb.UPDATE, Verb.RESPOND})


def family(kind: str) -> Family:
    """Return the family whose rule a kind of thing follows; an unknown kind counts as account configuration."""
    return FAMILY_OF_KIND.get(kind, Family.ACCOUNT)


def grade(actor: Actor, team_id: str | None) -> Grade:
    """Return how much the actor may do to things of this team, or of no team when it is None."""
    base = GRADE_OF_ROLE[actor.role]
    team_role = None if team_id is None else actor.team_roles.get(team_id)
    if team_role is None:
        return base
    raised = max(base, GRADE_OF_TEAM_ROLE[team_role])
    return min(raised, Grade.SEES) if actor.role in STAKEHOLDERS else raised


def may(actor: Actor, verb: Verb, subject: Subject) -> bool:
    """Return whether the actor may do this to that; the only place where the question is answered."""
    if actor.kind == "system":
        return True
    if actor.read_only and verb is not Verb.READ:
        return False
    group = family(subject.kind)
    if actor.kind == "integration":
        return group is Family.INCIDENT and verb in _OF_INTEGRATIONS
    if _owns(actor, subject) and verb in OWN.get(group, frozenset()):
        return True
    needed = NEEDED[group].get(verb)
    if needed is None:
        return False
    alone = (group, verb) in BY_ACCOUNT_ROLE
    return grade(actor, None if alone else subject.team_id) >= needed


def may_grant(actor: Actor, before: Role | None, after: Role) -> bool:
    """Return whether the actor may change an account role from `before` (None: a new person) to `after`.

    Owners give any role; admins give any but owner, and take it from nobody. An owner who would be the last
    one to go is a matter for the caller, who can count them.
    """
    if actor.kind == "system":
        return True
    if actor.read_only or actor.role not in (Role.OWNER, Role.ADMIN):
        return False
    return actor.role is Role.OWNER or Role.OWNER not in (before, after)


def _owns(actor: Actor, subject: Subject) -> bool:
    return actor.kind == "user" and subject.owner_id is not None and subject.owner_id == actor.id
