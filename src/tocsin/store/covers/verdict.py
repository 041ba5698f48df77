"""Verdict: whether a cover still fits the schedules that it was made for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.cover import Drift, Given, conflicts, left_of, unheld, without_cover
from tocsin.domain.oncall.schedule import Schedule
from tocsin.domain.oncall.tolerant import TolerantTimeline
from tocsin.store.covers.requests import CoverRow

Standing = Literal["open", "accepted", "withdrawn", "conflict"]


class Verdict(Struct, frozen=True, kw_only=True):
    """What a request is now: its state, and what no longer fits; nothing new where a schedule could not be read."""

    state: Standing
    unread: bool = False
    drifts: tuple[Drift, ...] = ()
    unheld: tuple[Given, ...] = ()

    @property
    def marks(self) -> frozenset[str]:
        """Name what does not fit, in a way that stays the same while time passes."""
        lost = {f"{each.piece.turn}: not given" for each in self.unheld}
        return frozenset(lost).union(*(drift.marks for drift in self.drifts))


def judged(row: CoverRow, schedules: Mapping[str, Schedule], now: datetime) -> Verdict:
    """Return whether a request of which something is still to come fits the schedules as they are.

    A cover all of whose overrides somebody removed counts as withdrawn, and so does one whose schedule is gone. What
    somebody decided to keep is no conflict again.
    """
    if any(schedule_id not in schedules for schedule_id in row.schedule_ids()):
        return Verdict(state="withdrawn")
    timelines = {key: TolerantTimeline(without_cover(schedule, row.id)) for key, schedule in schedules.items()}
    pieces = left_of(row.everything(), now)
    drifts = conflicts(pieces, timelines, now)
    if any(timeline.fault is not None for timeline in timelines.values()):
        return Verdict(state=msgspec.convert(row.state, Standing), unread=True)
    if row.taker_id is None:
        return Verdict(state="conflict" if drifts else "open", drifts=drifts)
    given = tuple(
        Given(piece=piece, user_id=each.user_id)
        for each in row.given(row.taker_id)
        for piece in left_of((each.piece,), now)
    )
    lost = unheld(given, schedules, row.id)
    if given and len(lost) == len(given):
        return Verdict(state="withdrawn", unheld=lost)
    verdict = Verdict(state="conflict", drifts=drifts, unheld=lost)
    return verdict if verdict.marks - set(row.kept_marks) else Verdict(state="accepted")
