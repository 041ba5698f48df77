"""Oncall: who is on call, by which policy, level and schedule, until when, and who is next."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import click
from msgspec import Struct

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Word, filled
from tocsin.cli.instant import instant_of
from tocsin.cli.named import POLICY, SCHEDULE, TEAM, USER, Found, Kind, find
from tocsin.cli.node import Json, Node
from tocsin.cli.schedule.present import on_call_at
from tocsin.cli.screen import listed, when
from tocsin.ground import clock

_MOST_POLICIES = 1_000  # on one screen; programs page through the API
_MOST_ROWS = 5_000  # on-calls of those
_MOST_COMING = 50  # on-calls of one person
_MOST_HANDOFFS = 20  # different instants at which the next person is looked up
_AHEAD = timedelta(days=90)  # the longest stretch that the node answers at once
_AT_ONCE = 50  # policies in one question: ids in an address that every proxy lets through
_NOBODY = "nobody"

_Rung = tuple[str, int, str, str]  # policy, level, target and user, by id


class Form(Struct):
    """What the command line says."""

    names: tuple[str, ...]
    at: str
    user: str | None


class Line(Struct, kw_only=True):
    """What is known of one person whom a level calls, or of a schedule with nobody on call."""

    policy: str
    level: int
    who: str
    schedule: Json | None = None
    start: str | None = None
    end: str | None = None
    source: str = "named there"
    next: str = ""


@click.command("oncall", cls=filled(Form))
@click.argument("names", metavar="[POLICY|SCHEDULE|TEAM]...", nargs=-1)
@click.option(
    "--at",
    default="now",
    show_default=True,
    metavar="WHEN",
    help='"now", "tonight 03:00", "tomorrow 03:00" or a date of ISO 8601; the past is told as it was.',
)
@click.option("--user", metavar="EMAIL|ID", help="Only this person, with what comes in the 90 days after.")
def oncall(frame: Frame, form: Form) -> None:
    """Say who is on call: by all policies, or by those that are named, that use a schedule, or that belong to a team.

    `tocsin oncall me` says when it is you.
    """
    now = clock.utc_now()
    at = None if form.at.strip().lower() == "now" else instant_of(form.at, now)
    with Node(frame) as node:
        if form.user is not None or form.names == ("me",):
            if form.names not in {(), ("me",)}:
                raise Ended(Exit.USAGE, "Ask for a person, or for policies, schedules and teams, not for both.")
            _show_person(frame, _of_person(node, form.user, at or now))
            return
        found = [find(node, name, POLICY, SCHEDULE, TEAM) for name in form.names]
        if at is not None and at < now:
            _show_past(frame, _past(node, found, at))
        else:
            _show(frame, _lines(node, found, at))


COMMAND: Word = oncall


def _lines(node: Node, found: Sequence[Found], at: datetime | None) -> list[Line]:
    """Return who is called by policies in their order, level by level, target by target."""
    policies = list(_policies(node, found))
    only = set() if _has_policies(found) else set(_ids(found, SCHEDULE))
    targets = [
        (policy, level, target)
        for policy in policies
        for level, rule in enumerate(policy["escalation_rules"], 1)
        for target in rule["targets"]
        if not only or target["id"] in only
    ]
    schedules = {target["id"] for _, _, target in targets if _is_schedule(target)} | set(_ids(found, SCHEDULE))
    present = on_call_at(node, sorted(schedules), at)
    rungs = {_rung(row): row for row in _rows(node, [str(policy["id"]) for policy in policies], at)}
    lines = [line for each in targets for line in _lines_of(*each, present=present, rungs=rungs)]
    used = {line.schedule["id"] for line in lines if line.schedule}
    unused = [each for each in found if each.kind is SCHEDULE and each.id not in used]
    lines += [line for each in unused for line in _lines_beside(each, present.get(each.id))]
    _look_ahead(node, lines)
    return lines


def _policies(node: Node, found: Sequence[Found]) -> Iterator[Json]:
    """Yield the policies that are meant, each once, by name."""
    teams, schedules = _ids(found, TEAM), set(_ids(found, SCHEDULE))
    wanted = {each.id: each.row for each in found if each.kind is POLICY}
    if teams or schedules or not found:
        query: Json = {"team_ids[]": teams} if teams and not schedules else {}
        for policy in node.rows("/escalation_policies", "escalation_policies", query, most=_MOST_POLICIES):
            of_team = bool({team["id"] for team in policy["teams"]} & set(teams))
            uses = {target["id"] for rule in policy["escalation_rules"] for target in rule["targets"]}
            if not found or of_team or uses & schedules:
                wanted[str(policy["id"])] = policy
    yield from sorted(wanted.values(), key=lambda policy: str(policy["name"]).casefold())


def _rows(node: Node, policy_ids: Sequence[str], at: datetime | None) -> Iterator[Json]:
    """Yield the rows of `GET /oncalls` for these policies at an instant."""
    moment = {} if at is None else {"since": at.isoformat(), "until": at.isoformat()}
    for begin in range(0, len(policy_ids), _AT_ONCE):
        query: Json = {"escalation_policy_ids[]": list(policy_ids[begin : begin + _AT_ONCE]), **moment}
        yield from node.rows("/oncalls", "oncalls", query, most=_MOST_ROWS)


def _lines_of(
    policy: Json, level: int, target: Json, *, present: dict[str, Json], rungs: dict[_Rung, Json]
) -> Iterator[Line]:
    """Yield a line for each person whom a target of a level calls, or one for nobody."""
    name = str(policy["name"])
    if not _is_schedule(target):
        gone = "deleted_at" in target
        yield Line(policy=name, level=level, who=_NOBODY if gone else str(target["summary"]))
        return
    shifts = present.get(target["id"], {}).get("shifts", [])
    for user_id, shift in {shift["user"]["id"]: shift for shift in reversed(shifts)}.items():
        row = rungs.get((policy["id"], level, target["id"], user_id), shift)
        yield Line(
            policy=name,
            level=level,
            who=str(shift["user"]["summary"]),
            schedule=target,
            start=row["start"],
            end=row["end"],
            source=_source(target, shift),
        )
    if not shifts:
        yield Line(policy=name, level=level, who=_NOBODY, schedule=target, source=str(target["summary"]))


def _lines_beside(found: Found, present: Json | None) -> Iterator[Line]:
    """Yield lines for a schedule that no policy calls by."""
    reference = {"id": found.id, "summary": found.name}
    yield from _lines_of(
        {"id": "", "name": "(no policy)"},
        0,
        {**reference, "type": "schedule_reference"},
        present={found.id: present or {}},
        rungs={},
    )


def _look_ahead(node: Node, lines: Iterable[Line]) -> None:
    """Write on each line who is on call by its schedule when its stretch ends."""
    ends: dict[str, list[Line]] = {}
    for line in lines:
        if line.schedule is not None and line.end is not None:
            ends.setdefault(line.end, []).append(line)
    for end in sorted(ends)[:_MOST_HANDOFFS]:
        following = on_call_at(node, [line.schedule["id"] for line in ends[end] if line.schedule], _instant(end))
        for line in ends[end]:
            shifts = following.get(line.schedule["id"], {}).get("shifts", []) if line.schedule else []
            line.next = listed(dict.fromkeys(str(shift["user"]["summary"]) for shift in shifts)) or _NOBODY


def _of_person(node: Node, name: str | None, since: datetime) -> list[Json]:
    """Return the on-calls of somebody, or of whoever asks, from an instant on; those without a beginning first."""
    user_id = find(node, name, USER).id if name is not None else str(node.get("/users/me")["user"]["id"])
    query = {"user_ids[]": [user_id], "since": since.isoformat(), "until": (since + _AHEAD).isoformat()}
    rows = node.rows("/oncalls", "oncalls", query, most=_MOST_ROWS)
    return sorted(rows, key=lambda row: (row["start"] is not None, row["start"] and _instant(row["start"])))


def _past(node: Node, found: Sequence[Found], at: datetime) -> list[Json]:
    """Return who was on call by schedules, as they were then; policies are taken as they are now."""
    if not found:
        return list(node.rows("/api/oncalls", "oncalls", {"at": at.isoformat()}, most=_MOST_ROWS))
    policies = _policies(node, [each for each in found if each.kind is not SCHEDULE]) if _has_policies(found) else ()
    targets = [target for policy in policies for rule in policy["escalation_rules"] for target in rule["targets"]]
    ids = [*_ids(found, SCHEDULE), *(str(target["id"]) for target in targets if _is_schedule(target))]
    return list(on_call_at(node, ids, at).values())


def _show(frame: Frame, lines: Sequence[Line]) -> None:
    if frame.screen.for_programs:
        frame.screen.data({"oncalls": lines})
        return
    columns = ("policy", "level", "who", "since", "until", "by", "next")
    rows = [
        (line.policy, line.level or "", line.who, when(line.start), when(line.end), line.source, line.next)
        for line in lines
    ]
    frame.screen.table(columns, rows, empty="There is no escalation policy.")


def _show_person(frame: Frame, rows: list[Json]) -> None:
    if frame.screen.for_programs:
        frame.screen.data({"oncalls": rows})
        return
    lines = [
        (
            when(row["start"]) or "always",
            when(row["end"]),
            row["escalation_policy"]["summary"],
            row["escalation_level"],
            (row["schedule"] or {}).get("summary", "named there"),
        )
        for row in rows[:_MOST_COMING]
    ]
    columns = ("from", "until", "policy", "level", "by")
    frame.screen.table(columns, lines, empty=f"Not on call in these {_AHEAD.days} days.")


def _show_past(frame: Frame, rows: list[Json]) -> None:
    if frame.screen.for_programs:
        frame.screen.data({"oncalls": rows})
        return
    lines = []
    for row in rows:
        name, version = row["name_then"] or row["schedule"]["summary"], row["version"] or "none yet"
        lines += [
            (
                name,
                shift["user"]["summary"],
                when(shift["start"]),
                when(shift["end"]),
                _source(row["schedule"], shift),
                version,
            )
            for shift in row["shifts"]
        ] or [(name, _NOBODY, "", "", "", version)]
    columns = ("schedule", "who", "since", "until", "by", "version")
    frame.screen.table(columns, lines, empty="There is no such schedule.")


def _source(schedule: Json, shift: Json) -> str:
    """Return by what somebody is on call: a layer, a custom shift or an override of a schedule."""
    source = shift["source"]
    layer = source["layer"] or {}
    what = {"layer": layer.get("name") or "layer", "custom_shift": "custom shift", "override": "override"}
    return f"{schedule['summary']}: {what[source['kind']]}"


def _rung(row: Json) -> _Rung:
    user_id = row["user"]["id"]
    target_id = row["schedule"]["id"] if row["schedule"] else user_id
    return row["escalation_policy"]["id"], row["escalation_level"], target_id, user_id


def _ids(found: Iterable[Found], kind: Kind) -> list[str]:
    return [each.id for each in found if each.kind is kind]


def _has_policies(found: Iterable[Found]) -> bool:
    """Say whether policies or teams were named, so that more than some schedules is meant."""
    return any(each.kind is not SCHEDULE for each in found)


def _is_schedule(target: Json) -> bool:
    return str(target["type"]).startswith("schedule")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
