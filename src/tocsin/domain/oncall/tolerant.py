"""Tolerant: a schedule that cannot be read has nobody on call by its layers, and never stops those who ask it."""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from msgspec.structs import replace

from tocsin.domain.oncall.schedule import Gap, Schedule, Shift
from tocsin.domain.oncall.timeline import Handoff, Timeline
from tocsin.ground.errors import Refused

UNREADABLE = (
    Refused,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What goes wrong with a document, a zone or a recurrence that was stored and is no longer understood."""

_KNOWN_ZONE = "Etc/UTC"
_LONGEST_FAULT = 200  # characters: a sentence

Said = TypeVar("Said")


class TolerantTimeline(Timeline):
    """A timeline for schedules as they were stored, which nobody can mend while an incident waits.

    Where layers or off-hours cannot be asked, only overrides of whole instants and custom shifts count, and `fault`
    says why. A question that fails takes nothing from the next one. Methods raise `Refused` for an unknown layer alone,
    and `OverflowError` where a window reaches past the last year.
    """

    def __init__(self, schedule: Schedule, fault: str | None = None) -> None:
        """Keep the schedule; `fault` says why its document could not be read, when that is known already."""
        self.schedule = schedule  # the base stays unmade: every question goes to one of the two timelines below
        self.fault = fault

    @cached_property
    def _strict(self) -> Timeline:
        return Timeline(self.schedule)

    @cached_property
    def _laid(self) -> Timeline:
        """What is left when the layers cannot be read."""
        return Timeline(replace(self.schedule, time_zone=_KNOWN_ZONE, layers=(), off_hours=()))

    def final(self, since: datetime, until: datetime, *, whole: bool = False) -> tuple[Shift, ...]:
        """Return who is on call."""
        return self._asked(lambda timeline: timeline.final(since, until, whole=whole))

    def layer(self, layer_id: str, since: datetime, until: datetime, *, whole: bool = False) -> tuple[Shift, ...]:
        """Return one layer alone; one that cannot be read has no shifts. Raises `Refused` (not found)."""
        if all(layer.id != layer_id for layer in self.schedule.layers):
            return self._laid.layer(layer_id, since, until)
        nothing: tuple[Shift, ...] = ()
        return self._asked(
            lambda timeline: timeline.layer(layer_id, since, until, whole=whole),
            lambda _: nothing,
        )

    def overrides(self, since: datetime, until: datetime, *, whole: bool = False) -> tuple[Shift, ...]:
        """Return the stretches in which an override holds."""
        return self._asked(lambda timeline: timeline.overrides(since, until, whole=whole))

    def custom_shifts(self, since: datetime, until: datetime, *, whole: bool = False) -> tuple[Shift, ...]:
        """Return the custom shifts alone."""
        return self._asked(lambda timeline: timeline.custom_shifts(since, until, whole=whole))

    def on_call(self, at: datetime) -> tuple[Shift, ...]:
        """Return the shifts that hold an instant, with the edges that they really have."""
        return self._asked(lambda timeline: timeline.on_call(at))

    def who(self, at: datetime) -> tuple[str, ...]:
        """Return the ids of the users on call at an instant."""
        return self._asked(lambda timeline: timeline.who(at))

    def gaps(self, since: datetime, until: datetime) -> tuple[Gap, ...]:
        """Return the stretches with nobody on call; without readable off-hours none is intended."""
        return self._asked(lambda timeline: timeline.gaps(since, until))

    def coverage(self, since: datetime, until: datetime) -> float:
        """Return the share of a window with somebody on call."""
        return self._asked(lambda timeline: timeline.coverage(since, until))

    def next_shift(self, user_id: str, after: datetime) -> Shift | None:
        """Return the first shift of a user that starts at or after an instant."""
        return self._asked(lambda timeline: timeline.next_shift(user_id, after))

    def handoffs(self, since: datetime, until: datetime) -> tuple[Handoff, ...]:
        """Return the instants of a window at which other people are on call than before."""
        return self._asked(lambda timeline: timeline.handoffs(since, until))

    def members(self) -> tuple[str, ...]:
        """Return the id of everybody who is named anywhere in the schedule."""
        return self._strict.members()

    def _asked(self, question: Callable[[Timeline], Said], instead: Callable[[Timeline], Said] | None = None) -> Said:
        try:
            return question(self._strict)
        except UNREADABLE as failure:
            said = (instead or question)(self._laid)  # raises where the question itself is wrong: no fault of ours
            self.fault = fault_of(failure)
            return said


def fault_in(timeline: Timeline) -> str | None:
    """Return why a timeline could not be asked, None where it could, or where nobody asked it yet."""
    return timeline.fault if isinstance(timeline, TolerantTimeline) else None


def fault_of(failure: BaseException) -> str:
    """Return in words what is wrong with a schedule."""
    words = failure.message if isinstance(failure, Refused) else f"{type(failure).__name__}: {failure}"
    return " ".join(words.split())[:_LONGEST_FAULT].rstrip(".")
