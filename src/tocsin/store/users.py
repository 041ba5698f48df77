"""Users as kept: who they are, which teams they are in, and what stands in the way of their going."""

from datetime import datetime

from msgspec import Struct, structs
from psycopg.errors import UniqueViolation

from tocsin.domain.people.permission import Subject
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed, Stretch
from tocsin.store import sessions
from tocsin.store.pages import Count, page
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class UserRow(Struct, frozen=True):
    """A user with everything an answer shows."""

    id: str
    name: str
    email: str
    role: str
    time_zone: str
    locale: str
    color: str
    job_title: str | None
    description: str | None
    created_at: datetime

    def subject(self) -> Subject:
        """Say what this is to the permission table."""
        return Subject("user", owner_id=self.id)


class NamedUser(Struct, frozen=True):
    """A user as a reference needs it, deleted or not."""

    id: str
    name: str
    email: str
    deleted_at: datetime | None


class MemberTeam(Struct, frozen=True):
    """A team that a user is in."""

    user_id: str
    team_id: str
    name: str
    description: str | None


class Name(Struct, frozen=True):
    """Something by its name."""

    name: str


class Exists(Struct, frozen=True):
    """An id that is there."""

    id: str


_USERS = """
    SELECT u.id, u.name, u.email, u.role, u.time_zone, u.locale, u.color, u.job_title, u.description, u.created_at
    FROM app_user u
"""
_COUNTED = "SELECT count(*) AS n FROM app_user u"
_WANTED = """
    WHERE u.deleted_at IS NULL
      AND (%(query)s::text IS NULL
           OR strpos(lower(u.name), lower(%(query)s::text)) > 0
           OR strpos(lower(u.email), lower(%(query)s::text)) > 0)
      AND (%(team_ids)s::text[] IS NULL
           OR EXISTS (SELECT 1 FROM team_member m WHERE m.user_id = u.id AND m.team_id = ANY(%(team_ids)s::text[])))
"""

BY_ID = Query("user with this id", f"{_USERS} WHERE u.id = %(id)s AND u.deleted_at IS NULL", UserRow)
BY_EMAIL = Query(
    "user with this e-mail address",
    f"{_USERS} WHERE lower(u.email) = lower(%(email)s) AND u.deleted_at IS NULL",
    UserRow,
)
BY_IDS = Query("users with these ids", f"{_USERS} WHERE u.id = ANY(%(ids)s) AND u.deleted_at IS NULL", UserRow)
LOCKED = Query(
    "user with this id, until the transaction ends",
    f"{_USERS} WHERE u.id = %(id)s AND u.deleted_at IS NULL FOR UPDATE",
    UserRow,
)
NAMES = Query(
    "names of these users, of deleted ones too",
    "SELECT id, name, email, deleted_at FROM app_user WHERE id = ANY(%(ids)s)",
    NamedUser,
)
LIST = Query(
    "users by name",
    f"{_USERS} {_WANTED} ORDER BY lower(u.name), u.id LIMIT %(limit)s OFFSET %(offset)s",
    UserRow,
)
COUNT = Query("count of users", f"{_COUNTED} {_WANTED}", Count)
TEAMS_OF = Query(
    "teams of these users",
    """
    SELECT m.user_id, t.id AS team_id, t.name, t.description FROM team_member m JOIN team t ON t.id = m.team_id
    WHERE m.user_id = ANY(%(ids)s) AND (%(horizon)s::text[] IS NULL OR t.id = ANY(%(horizon)s::text[]))
    ORDER BY lower(t.name), t.id
    """,
    MemberTeam,
)
ROLE_COUNT = Query(
    "count of users with this role",
    "SELECT count(*) AS n FROM app_user WHERE role = ANY(%(roles)s) AND deleted_at IS NULL",
    Count,
)
OPEN_ASSIGNMENT = Query(
    "open incident assigned to this user",
    """
    SELECT i.id FROM assignment a JOIN incident i ON i.id = a.incident_id
    WHERE a.user_id = %(id)s AND i.status <> 'resolved' LIMIT 1
    """,
    Exists,
)
# A policy that would be left with nobody to call. A schedule is somebody while it names a person who stays.
ONLY_TARGET = Query(
    "escalation policy that calls nobody but this user",
    """
    SELECT p.name FROM escalation_policy p
    WHERE p.id IN (SELECT l.policy_id FROM escalation_level l JOIN escalation_target t ON t.level_id = l.id
                   WHERE t.target_id = %(id)s
                      OR t.target_id IN (SELECT schedule_id FROM schedule_user WHERE user_id = %(id)s))
      AND NOT EXISTS (
            SELECT FROM escalation_level l JOIN escalation_target t ON t.level_id = l.id
              JOIN LATERAL (
                    SELECT t.target_id AS user_id WHERE t.kind = 'user'
                     UNION ALL
                    SELECT m.user_id FROM schedule_user m WHERE t.kind = 'schedule' AND m.schedule_id = t.target_id
                     UNION ALL
                    SELECT c.user_id FROM custom_shift c
                     WHERE t.kind = 'schedule' AND c.schedule_id = t.target_id AND c.removed_at IS NULL
              ) AS called ON true
              JOIN app_user u ON u.id = called.user_id AND u.deleted_at IS NULL AND u.id <> %(id)s
             WHERE l.policy_id = p.id)
    ORDER BY p.name LIMIT 1
    """,
    Name,
)
ADD = Command(
    "add a user",
    """
    INSERT INTO app_user (id, name, email, role, time_zone, locale, color, job_title, description, created_at)
    VALUES (%(id)s, %(name)s, %(email)s, %(role)s, %(time_zone)s, %(locale)s, %(color)s, %(job_title)s,
            %(description)s, %(created_at)s)
    """,
)
CHANGE = Command(
    "change a user",
    """
    UPDATE app_user SET name = %(name)s, email = %(email)s, role = %(role)s, time_zone = %(time_zone)s,
        locale = %(locale)s, color = %(color)s, job_title = %(job_title)s, description = %(description)s
    WHERE id = %(id)s
    """,
)
MARK_DELETED = Command(
    "mark a user as deleted; the row stays for the history",
    "UPDATE app_user SET deleted_at = tocsin_now(), password_hash = NULL WHERE id = %(id)s",
)
# In the same order as whoever changes an override: the schedule first.
HOLD_OVERRIDDEN = Command(
    "keep other writers from the schedules with overrides of a user that are not over",
    """
    SELECT FROM schedule WHERE id IN (SELECT schedule_id FROM schedule_override
                                       WHERE user_id = %(id)s AND removed_at IS NULL AND end_at > tocsin_now())
     ORDER BY id FOR UPDATE
    """,
)
# An override given to nobody would hide the people below it. What ran stays as an override that ends at this second.
END_OVERRIDES = Command(
    "end the overrides that give a user something",
    """
    WITH ended AS (
        UPDATE schedule_override SET removed_at = greatest(tocsin_now(), created_at)
         WHERE user_id = %(id)s AND removed_at IS NULL AND end_at > tocsin_now()
        RETURNING *)
    INSERT INTO schedule_override (id, schedule_id, place, start_at, end_at, user_id, layer_id, custom_shift_id,
                                   replaced_user_id, cover_id, created_by, created_at)
    SELECT id, schedule_id, coalesce(place, row_id), start_at, date_trunc('second', tocsin_now()), user_id, layer_id,
           custom_shift_id, replaced_user_id, cover_id, created_by, removed_at
      FROM ended WHERE start_at < date_trunc('second', tocsin_now())
    """,
)
FORGET = (
    HOLD_OVERRIDDEN,
    END_OVERRIDES,
    Command("forget a user's teams", "DELETE FROM team_member WHERE user_id = %(id)s"),
    Command("forget a user's contact methods and their rules", "DELETE FROM contact_method WHERE user_id = %(id)s"),
    Command(
        "revoke a user's tokens",
        "UPDATE api_token SET revoked_at = tocsin_now() WHERE user_id = %(id)s AND revoked_at IS NULL",
    ),
)


async def listed(
    turn: Turn, stretch: Stretch, *, query: str | None = None, team_ids: list[str] | None = None
) -> Listed[UserRow]:
    """Return a stretch of the users by name; `query` looks into names and e-mail addresses alike."""
    values = {"query": query, "team_ids": team_ids or None}
    return await page(turn, LIST, values, stretch=stretch, count=COUNT)


async def add(turn: Turn, user: UserRow) -> None:
    """Write a new user; raise `Refused` (conflict) when the e-mail address is taken."""
    await _write(turn, ADD, user)


async def change(turn: Turn, user: UserRow) -> None:
    """Write what became of a user; raise `Refused` (conflict) when the e-mail address is taken."""
    await _write(turn, CHANGE, user)


async def delete(turn: Turn, user_id: str) -> None:
    """Delete a user: the row stays for the history, everything that reaches or admits the person goes.

    Schedules keep their members, and whoever is deleted counts as nobody there; overrides given to the user end.
    Raises `Refused` (in use) while the user has open incidents or is the only one whom a policy can call.
    """
    if await turn.maybe(OPEN_ASSIGNMENT, {"id": user_id}):
        raise Refused(Why.IN_USE, "User has open incidents assigned: reassign or resolve them first.")
    if policy := await turn.maybe(ONLY_TARGET, {"id": user_id}):
        raise Refused(
            Why.IN_USE,
            f"The escalation policy {policy.name} would be left with nobody to call.",
            ("Cannot Delete Only Rule For Escalation Policy",),
        )
    for command in (MARK_DELETED, *FORGET):
        await turn.run(command, {"id": user_id})
    await sessions.end_all(turn, user_id)


async def _write(turn: Turn, command: Command, user: UserRow) -> None:
    try:
        await turn.run(command, structs.asdict(user))
    except UniqueViolation as failure:
        raise Refused(Why.CONFLICT, "Email has already been taken") from failure
