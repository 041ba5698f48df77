"""Present: who is on call by schedules at one instant, and where each shift comes from."""

from collections.abc import Iterable
from datetime import datetime

from tocsin.cli.node import Json, Node

_AT_ONCE = 50  # schedules in one question: ids in an address that every proxy lets through


def on_call_at(node: Node, ids: Iterable[str], at: datetime | None = None) -> dict[str, Json]:
    """Return what `GET /api/oncalls` answers for these schedules at an instant, or now, by the schedule's id."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, Json] = {}
    for begin in range(0, len(wanted), _AT_ONCE):
        query: Json = {"schedule_ids[]": wanted[begin : begin + _AT_ONCE]}
        if at is not None:
            query["at"] = at.isoformat()
        for row in node.rows("/api/oncalls", "oncalls", query, most=_AT_ONCE):
            found[str(row["schedule"]["id"])] = row
    return found
