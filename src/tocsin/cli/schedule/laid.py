"""Laid: the overrides of a schedule, listed and added in the version of the wire that the schedule is made for."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.named import Found
from tocsin.cli.node import Json, Node
from tocsin.cli.schedule.gather import Asked, shifts_of
from tocsin.domain.oncall.stretches import Stretch

_FAR = timedelta(days=365)  # how far ahead overrides are listed: about what the node shows at once
_MOST = 1_000  # overrides of one list
_PIECES = "Nobody has a shift of {name} then, so there is nothing to give away: add a custom shift for it."


class Laid(Struct, frozen=True):
    """One override: its id, its stretch, and who has it."""

    id: str
    start: datetime
    end: datetime
    person: str


def path_of(found: Found) -> str:
    """Return the path of the overrides of a schedule."""
    return f"{'/v3' if found.made_of_rotations else ''}/schedules/{found.id}/overrides"


def coming(node: Node, found: Found, now: datetime) -> tuple[list[Json], list[Laid]]:
    """Return the overrides of a schedule that are not over, as they were answered and as they are read."""
    query = {"since": now.isoformat(), "until": (now + _FAR).isoformat(), "overflow": "true"}
    if found.made_of_rotations:
        rows = list(node.rows(path_of(found), "overrides", query, most=_MOST))
        ids = dict.fromkeys(row["overriding_member"].get("user_id") for row in rows)
        names = {each: str(node.get(f"/users/{each}")["user"]["name"]) for each in ids if each}
        return rows, [_laid_on_rotation(row, names) for row in rows]
    rows = list(node.get(path_of(found), {**query, "editable": "true"})["overrides"])
    return rows, [
        Laid(row["id"], *_ends(row["start"], row["end"]), str((row["user"] or {}).get("summary") or "nobody"))
        for row in rows
    ]


def lay(node: Node, found: Found, user_id: str, asked: Asked) -> list[Json]:
    """Give a stretch of a schedule to somebody else; return the overrides that were made, as answered.

    Where a schedule is made of rotations each shift in the stretch is given by itself. Raises `Ended` when there is
    none that is not theirs already.
    """
    if not found.made_of_rotations:
        body: Json = {"start": asked.since.isoformat(), "end": asked.until.isoformat()}
        body["user"] = {"id": user_id, "type": "user_reference"}
        return [node.post(path_of(found), {"override": body})["override"]]
    pieces = list(_pieces(shifts_of(node, found, asked), user_id, (asked.since, asked.until)))
    if not pieces:
        raise Ended(Exit.FAILED, _PIECES.format(name=found.name))
    rows: list[Json] = node.post(path_of(found), {"overrides": pieces})["overrides"]
    return rows


def _pieces(shifts: Iterable[Json], user_id: str, window: Stretch) -> Iterator[Json]:
    for shift in shifts:
        source = shift["source"]
        start, end = _ends(shift["start"], shift["end"])
        start, end = max(start, window[0]), min(end, window[1])
        if shift["user"]["id"] == user_id or start >= end:
            continue
        place = {"rotation_id": (source["layer"] or {}).get("id"), "custom_shift_id": source["custom_shift_id"]}
        yield {
            "type": "override_shift",
            **{name: value for name, value in place.items() if value},
            "start_time": start.isoformat(),
            "end_time": end.isoformat(),
            "overridden_member": {"type": "user_member", "user_id": shift["user"]["id"]},
            "overriding_member": {"type": "user_member", "user_id": user_id},
        }


def _laid_on_rotation(row: Json, names: dict[str, str]) -> Laid:
    user_id = row["overriding_member"].get("user_id")
    return Laid(row["id"], *_ends(row["start_time"], row["end_time"]), names.get(user_id, "nobody"))


def _ends(start: str, end: str) -> Stretch:
    return datetime.fromisoformat(start), datetime.fromisoformat(end)
