"""Incident: seeing what is wrong and answering it from a shell."""

import re
from collections.abc import Sequence

import click
from msgspec import Struct

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Words, filled
from tocsin.cli.node import Json, Node
from tocsin.cli.screen import listed, when
from tocsin.ground.limits import DEEPEST_PAGE

_STATUSES = ("triggered", "acknowledged", "resolved")
_LENGTH = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_COLUMNS = ("#", "status", "urgency", "title", "service", "assigned to", "since", "id")


class Listing(Struct):
    """The options of `incident list`."""

    status: tuple[str, ...]
    urgency: str | None
    service: tuple[str, ...]
    everything: bool
    most: int


class Ordered(Struct):
    """The options of a command that answers incidents."""

    incidents: tuple[str, ...]
    on_behalf_of: str | None


class Noted(Struct):
    """The options of `incident note`."""

    incident: str
    text: str
    on_behalf_of: str | None


class Snoozed(Struct):
    """The options of `incident snooze`."""

    incident: str
    length: str
    on_behalf_of: str | None


class Given(Struct):
    """The options of `incident reassign`."""

    incident: str
    users: tuple[str, ...]
    on_behalf_of: str | None


class Raised(Struct):
    """The options of `incident escalate`."""

    incident: str
    level: int | None
    on_behalf_of: str | None


_person = click.option(
    "--as",
    "on_behalf_of",
    envvar="TOCSIN_FROM",
    metavar="EMAIL",
    help="Who answers; needed with a token of the account. Else TOCSIN_FROM.",
)
_one = click.argument("incident", metavar="NUMBER|ID")
_several = click.argument("incidents", metavar="NUMBER|ID...", nargs=-1, required=True)


@click.group("incident", cls=Words)
def incident() -> None:
    """See incidents and answer them. They are named by number (12) or by id."""


COMMAND = incident


@incident.command("list", cls=filled(Listing))
@click.option("--status", multiple=True, type=click.Choice(_STATUSES), help="Only these; open ones by default.")
@click.option("--urgency", type=click.Choice(("high", "low")))
@click.option("--service", multiple=True, metavar="ID", help="Only of these services.")
@click.option("--all", "everything", is_flag=True, help="Resolved ones too, however old.")
@click.option("--limit", "most", default=25, show_default=True, type=click.IntRange(1, DEEPEST_PAGE))
def list_incidents(frame: Frame, form: Listing) -> None:
    """List open incidents, the newest first."""
    query: Json = {"statuses[]": list(form.status) or list(_STATUSES[:2])}
    if form.everything:
        query = {"statuses[]": list(form.status or _STATUSES), "date_range": "all"}
    if form.urgency:
        query["urgencies[]"] = [form.urgency]
    if form.service:
        query["service_ids[]"] = list(form.service)
    with Node(frame) as node:
        rows = list(node.rows("/incidents", "incidents", query, most=form.most))
    if frame.screen.for_programs:
        frame.screen.data({"incidents": rows})
    else:
        frame.screen.table(_COLUMNS, map(_line, rows), empty="There is no such incident.")


@incident.command("show")
@_one
def show(frame: Frame, incident: str) -> None:
    """Show an incident and what happened to it."""
    with Node(frame) as node:
        found = _found(node, incident)
        key = found["id"]
        entries = list(node.rows(f"/incidents/{key}/log_entries", "log_entries", {}, most=100))
    entries.reverse()
    if frame.screen.for_programs:
        frame.screen.data({"incident": found, "log_entries": entries})
        return
    frame.screen.facts({
        "incident": f"#{found['incident_number']} {found['title']}",
        "status": found["status"],
        "urgency": found["urgency"],
        "service": found["service"]["summary"],
        "policy": (found.get("escalation_policy") or {}).get("summary"),
        "assigned to": _assignees(found),
        "since": when(found["created_at"]),
        "id": key,
    })  # fmt: skip # one fact a line
    frame.screen.say("")
    rows = [(when(entry["created_at"]), entry["summary"]) for entry in entries]
    frame.screen.table(("at", "what happened"), rows)


@incident.command("ack", cls=filled(Ordered))
@_several
@_person
def acknowledge(frame: Frame, form: Ordered) -> None:
    """Acknowledge incidents: they become yours and paging stops."""
    _update(frame, form.incidents, {"status": "acknowledged"}, on_behalf_of=form.on_behalf_of)


@incident.command("resolve", cls=filled(Ordered))
@_several
@_person
def resolve(frame: Frame, form: Ordered) -> None:
    """Resolve incidents."""
    _update(frame, form.incidents, {"status": "resolved"}, on_behalf_of=form.on_behalf_of)


@incident.command("escalate", cls=filled(Raised))
@_one
@click.option("--level", type=click.IntRange(1), help="To this level; the next one when nothing is said.")
@_person
def escalate(frame: Frame, form: Raised) -> None:
    """Call the next level now."""
    level = form.level
    if level is None:
        with Node(frame, on_behalf_of=form.on_behalf_of) as node:
            level = int(_found(node, form.incident).get("escalation_level") or 1) + 1
    _update(frame, (form.incident,), {"escalation_level": level}, on_behalf_of=form.on_behalf_of)


@incident.command("reassign", cls=filled(Given))
@_one
@click.argument("users", metavar="EMAIL|ID...", nargs=-1, required=True)
@_person
def reassign(frame: Frame, form: Given) -> None:
    """Give an incident to other people."""
    with Node(frame) as node:
        ids = [node.user_id(user) for user in form.users]
    people = [{"assignee": {"id": user_id, "type": "user_reference"}} for user_id in ids]
    _update(frame, (form.incident,), {"assignments": people}, on_behalf_of=form.on_behalf_of)


@incident.command("snooze", cls=filled(Snoozed))
@_one
@click.argument("length", metavar="LENGTH")
@_person
def snooze(frame: Frame, form: Snoozed) -> None:
    """Acknowledge an incident and be called again after LENGTH, such as 30m, 4h or 1d."""
    match = _LENGTH.fullmatch(form.length)
    if match is None:
        raise Ended(Exit.USAGE, f"Write how long as 90s, 30m, 4h or 1d, not {form.length!r}.")
    seconds = int(match[1]) * _SECONDS[match[2]]
    with Node(frame, on_behalf_of=form.on_behalf_of) as node:
        key = _found(node, form.incident)["id"]
        _shown(frame, [node.post(f"/incidents/{key}/snooze", {"duration": seconds})["incident"]])


@incident.command("note", cls=filled(Noted))
@_one
@click.argument("text")
@_person
def note(frame: Frame, form: Noted) -> None:
    """Write a note on an incident."""
    with Node(frame, on_behalf_of=form.on_behalf_of) as node:
        key = _found(node, form.incident)["id"]
        made = node.post(f"/incidents/{key}/notes", {"note": {"content": form.text}})["note"]
    if frame.screen.for_programs:
        frame.screen.data({"note": made})
    else:
        frame.screen.say(f"Noted at {when(made['created_at'])}.")


def _update(frame: Frame, names: Sequence[str], change: Json, *, on_behalf_of: str | None) -> None:
    """Change incidents all together or not at all, and show what became of them."""
    with Node(frame, on_behalf_of=on_behalf_of) as node:
        found = [_found(node, name) for name in names]
        updates = [{"id": one["id"], "type": "incident_reference", **change} for one in found]
        rows = node.put("/incidents", {"incidents": updates})["incidents"]
    _shown(frame, rows)


def _shown(frame: Frame, rows: list[Json]) -> None:
    if frame.screen.for_programs:
        frame.screen.data({"incidents": rows})
    else:
        frame.screen.table(_COLUMNS, map(_line, rows))


def _line(row: Json) -> tuple[object, ...]:
    service = row["service"]["summary"]
    since = when(row["created_at"])
    return (
        row["incident_number"],
        row["status"],
        row["urgency"],
        row["title"],
        service,
        _assignees(row),
        since,
        row["id"],
    )


def _assignees(row: Json) -> str:
    return listed(str(one["assignee"]["summary"]) for one in row.get("assignments", ()))


def _found(node: Node, name: str) -> Json:
    """Return the incident with this number or id; raise `Ended` (not found)."""
    bare = name.removeprefix("#")
    if not bare.isdigit():
        found: Json = node.get(f"/incidents/{bare}")["incident"]
        return found
    return _numbered(node, int(bare))


def _numbered(node: Node, number: int) -> Json:
    """Return the incident with this number: lists are in order of numbers, so halving finds it."""
    low, high = 0, DEEPEST_PAGE - 1
    while low <= high:
        middle = (low + high) // 2
        row = _at(node, middle)
        if row is not None and row["incident_number"] == number:
            return row
        if row is None or row["incident_number"] < number:
            high = middle - 1
        else:
            low = middle + 1
    raise Ended(Exit.NOT_FOUND, f"There is no incident #{number}, or you cannot see it; very old ones go by their id.")


def _at(node: Node, offset: int) -> Json | None:
    query = {"sort_by": "incident_number:desc", "date_range": "all", "limit": 1, "offset": offset}
    rows = node.get("/incidents", query)["incidents"]
    return rows[0] if rows else None
