"""Audit records of a schedule: who changed it, when and how, for those who govern the account."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from tocsin.api.kit import Answer, Call, Shown, allow, operation
from tocsin.api.kit.answer import OK
from tocsin.api.rest.schedule_reference import schedule_reference
from tocsin.api.rest.schedules.reach import reached
from tocsin.domain.people.permission import Subject, Verb
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import DEFAULT_PAGE, MOST_PAGE
from tocsin.store.lists import audit_records
from tocsin.store.lists.audit_records import AuditRow
from tocsin.store.schedules.rows import Kept, Kind
from tocsin.store.turn import Turn

KIND = "schedule"
DEFAULT_LOOK = timedelta(hours=24)  # this and the next are PagerDuty's documented bounds
LONGEST_LOOK = timedelta(days=31)
_LONGEST_CURSOR = 18  # digits; the largest id of a table has one more

# Our ways in, in the words of the specification; what has none there is "other".
_METHODS = {"api_token": "api_token", "browser": "browser"}


@operation("GET", "/schedules/{id}/audit/records")
async def list_records(call: Call) -> Answer:
    """List who changed a schedule, the newest first: of the last day, or from `since` to `until`."""
    return await _listed(call, "layers")


@operation("GET", "/v3/schedules/{id}/audit/records")
async def list_records_of_rotations(call: Call) -> Answer:
    """List who changed a schedule of rotations, the newest first: of the last day, or from `since` to `until`."""
    return await _listed(call, "rotations")


async def _listed(call: Call, kind: Kind) -> Answer:
    limit = min(max(call.number("limit", DEFAULT_PAGE), 1), MOST_PAGE)
    below = _place(call.text("cursor"))

    async def job(turn: Turn) -> tuple[Kept, list[AuditRow]]:
        kept = await reached(turn, call, Verb.READ, kind=kind)
        allow(call.actor, Verb.READ, Subject("audit"))
        since, until = _window(call, turn.now)
        wanted = audit_records.Wanted(kind=KIND, key=kept.schedule.id, since=since, until=until, below=below)
        return kept, await audit_records.records(turn, wanted, most=limit + 1)

    kept, rows = await call.store.read(job)
    shown = rows[:limit]
    following = str(shown[-1].id) if len(rows) > limit else None
    return Answer(
        OK,
        {
            "records": [_face(call, kept, row) for row in shown],
            "next_cursor": following,
            "limit": limit,
            "response_metadata": None,
        },
    )


def _place(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _LONGEST_CURSOR):
        raise Refused(Why.INVALID, "cursor is not one: pass on next_cursor of an earlier answer.")
    return int(cursor)


def _window(call: Call, now: datetime) -> tuple[datetime, datetime]:
    until = call.instant("until") or now
    since = call.instant("since") or until - DEFAULT_LOOK
    if not timedelta() < until - since <= LONGEST_LOOK:
        raise Refused(Why.BAD_DATE, f"until must be after since, by {LONGEST_LOOK.days} days at most.")
    return since, until


def _face(call: Call, kept: Kept, row: AuditRow) -> Shown:
    resource = schedule_reference(call.links, kept.schedule.id, kept.schedule.name, kept.kind)
    actor = row.actor
    who = str(actor.get("kind", "system"))
    actors = [call.links.reference("user", str(actor["id"]), str(actor.get("name", "")))] if who == "user" else []
    return {
        "id": str(row.id),
        "self": None,
        "execution_time": call.at(row.at),
        "execution_context": None,
        "actors": actors,
        "method": {
            "type": _METHODS.get(row.method, "other"),
            "description": None if who == "user" else str(actor.get("name", "")),
            "truncated_token": actor.get("credential"),
        },
        "root_resource": resource,
        "action": row.action,
        "details": {"resource": resource, "fields": [_field(name, what) for name, what in row.change.items()]},
    }


def _field(name: str, what: object) -> Shown:
    """Return what became of a field; texts stay as they are, everything else is written as JSON."""
    pair: Mapping[str, object] = what if isinstance(what, dict) else {"after": what}
    return {"name": name, "value": _text(pair.get("after")), "before_value": _text(pair.get("before"))}


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
