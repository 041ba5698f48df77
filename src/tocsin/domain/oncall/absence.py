"""Absences: when people are away, and which of their shifts fall into that time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from tocsin.domain.oncall.schedule import Shift

AbsenceKind = Literal["holiday", "sick", "training", "other"]

LONGEST_ABSENCE = timedelta(days=731)  # two years: a parent's leave; whoever is away for longer leaves the schedules
MOST_ABSENCES = 500  # of one person that are not over


class Absence(Struct, frozen=True, kw_only=True):
    """A stretch in which somebody is away; it holds its start and not its end."""

    id: str
    user_id: str
    start: datetime
    end: datetime
    kind: AbsenceKind = "other"
    note: str | None = None


class Clash(Struct, frozen=True, kw_only=True):
    """A person who is on call while away: the absence, the shift, and the time that they have in common."""

    absence: Absence
    shift: Shift
    start: datetime
    end: datetime


def conflicts(absences: Iterable[Absence], shifts: Iterable[Shift]) -> tuple[Clash, ...]:
    """Return every shift, or part of one, that somebody has while away; in order of time."""
    away: dict[str, list[Absence]] = {}
    for absence in absences:
        away.setdefault(absence.user_id, []).append(absence)
    found = [
        Clash(absence=absence, shift=shift, start=max(absence.start, shift.start), end=min(absence.end, shift.end))
        for shift in shifts
        for absence in away.get(shift.user_id or "", ())
        if absence.start < shift.end and shift.start < absence.end
    ]
    return tuple(sorted(found, key=lambda clash: (clash.start, clash.shift.user_id or "", clash.absence.id)))


def faults_of(absence: Absence) -> tuple[str, ...]:
    """Return one sentence for each thing that is wrong with an absence."""
    faults = []
    if absence.start >= absence.end:
        faults.append("end is not after start.")
    if absence.end - absence.start > LONGEST_ABSENCE:
        faults.append(f"An absence is at most {LONGEST_ABSENCE.days} days long.")
    return tuple(faults)
