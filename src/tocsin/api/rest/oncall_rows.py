"""Rows of on-calls: who is called by which level, one row for each contiguous stretch of a person on a schedule."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from msgspec import Struct, structs

from tocsin.domain.oncall.stretches import Stretch, joined
from tocsin.domain.oncall.timeline import HORIZON, Timeline
from tocsin.store.oncalls import LevelTarget

FIRST_LOOK = timedelta(days=15)  # each way: most people hand over within two weeks
_SECOND = timedelta(seconds=1)


class OnCall(Struct, frozen=True, kw_only=True):
    """A user whom a level calls: always where `start` is None, else in this stretch by the schedule of the target.

    `end` is None where no end is in sight.
    """

    target: LevelTarget
    user_id: str
    start: datetime | None = None
    end: datetime | None = None


Group = Sequence[LevelTarget]


def groups_of(targets: Iterable[LevelTarget]) -> list[Group]:
    """Return the targets level by level, in their order."""
    return [list(group) for _, group in groupby(targets, key=lambda target: (target.policy_id, target.level))]


def rows_of(
    group: Group, timelines: Mapping[str, Timeline], since: datetime, until: datetime, *, user_ids: Collection[str]
) -> list[OnCall]:
    """Return the rows of one level in [`since`, `until`), or at `since` where they are the same instant.

    Stretches are cut to that window. With `user_ids` only these users are told; users who were deleted are passed over
    where a level names them itself.
    """
    rows = []
    for target in group:
        if target.kind == "user":
            rows += [] if target.target_deleted_at or target.target_name is None else _direct(target)
        elif (timeline := timelines.get(target.target_id)) is not None:
            rows += [
                OnCall(target=target, user_id=user_id, start=start, end=end)
                for user_id, (start, end) in _stretches(timeline, since, until)
            ]
    return [row for row in rows if row.user_id in user_ids] if user_ids else rows


def earliest_of(rows: Sequence[OnCall]) -> list[OnCall]:
    """Return the first row of each user on one level; one without a beginning is the first."""
    first: dict[str, OnCall] = {}
    for row in rows:
        kept = first.get(row.user_id)
        if kept is None or (kept.start is not None and (row.start is None or row.start < kept.start)):
            first[row.user_id] = row
    chosen = {id(row) for row in first.values()}
    return [row for row in rows if id(row) in chosen]


def with_edges(row: OnCall, timelines: Mapping[str, Timeline]) -> OnCall:
    """Return the row with the instants at which its user really comes on call and goes off call.

    They are looked for up to `HORIZON` on both sides. Who is still on call then has no end; the beginning is the one of
    the earliest shift that was seen.
    """
    timeline = timelines.get(row.target.target_id)
    if timeline is None or row.start is None or row.end is None:
        return row
    inside = (row.start, row.end)
    near = (row.start - FIRST_LOOK, row.end + FIRST_LOOK)
    start, end = _around(timeline, row.user_id, inside, near, whole=False)
    if near[0] < start and end < near[1]:
        return structs.replace(row, start=start, end=end)
    far = (row.start - HORIZON, row.end + HORIZON)
    start, end = _around(timeline, row.user_id, inside, far, whole=True)
    return structs.replace(row, start=start, end=end if end < far[1] else None)


def _direct(target: LevelTarget) -> list[OnCall]:
    return [OnCall(target=target, user_id=target.target_id)]


def _stretches(timeline: Timeline, since: datetime, until: datetime) -> list[tuple[str, Stretch]]:
    if since >= until:
        return [(user_id, (since, since + _SECOND)) for user_id in timeline.who(since)]
    found: dict[str, list[Stretch]] = {}
    for shift in timeline.final(since, until):
        if shift.user_id is not None:
            found.setdefault(shift.user_id, []).append((shift.start, shift.end))
    pieces = [(user_id, piece) for user_id, pieces in found.items() for piece in joined(pieces)]
    return sorted(pieces, key=lambda one: (one[1], one[0]))


def _around(timeline: Timeline, user_id: str, inside: Stretch, window: Stretch, *, whole: bool) -> Stretch:
    shifts = timeline.final(*window, whole=whole)
    found = joined((shift.start, shift.end) for shift in shifts if shift.user_id == user_id)
    return next((piece for piece in found if piece[0] <= inside[0] < piece[1]), inside)
