"""Maintenance window: a planned stretch in which a service opens no new incidents."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import Struct

from tocsin.ground.errors import Refused, Why

Stage = Literal["future", "ongoing", "past"]
Ending = Literal["forget", "end_now"]


class Window(Struct, frozen=True):
    """A planned stretch of time; it holds its start and not its end."""

    start_at: datetime
    end_at: datetime


def stage_of(window: Window, at: datetime) -> Stage:
    """Return where the instant lies: before the window, in it, or after it."""
    if at < window.start_at:
        return "future"
    return "ongoing" if at < window.end_at else "past"


def in_maintenance(windows: Iterable[Window], at: datetime) -> bool:
    """Say whether one of these windows, all of the same service, holds the instant."""
    return any(stage_of(window, at) == "ongoing" for window in windows)


def planned(start_at: datetime, end_at: datetime, at: datetime) -> Window:
    """Return a window planned at this instant: one that should have begun already begins now.

    Raises `Refused` (bad date) when it would end before it begins.
    """
    window = Window(start_at=max(start_at, at), end_at=end_at)
    if window.end_at <= window.start_at:
        raise Refused(Why.BAD_DATE, "The maintenance window must end after it starts, and in the future.")
    return window


def ending_of(window: Window, at: datetime) -> Ending:
    """Return what becomes of a window that is called off: one to come is forgotten, one under way ends now.

    Raises `Refused` (past window) when it is over, because history is not rewritten.
    """
    stage = stage_of(window, at)
    if stage == "past":
        raise Refused(Why.PAST_WINDOW, "Maintenance window can't be deleted because it has already ended.")
    # One that began this very instant has no length to keep.
    return "end_now" if stage == "ongoing" and window.start_at < at else "forget"


def changed(window: Window, wanted: Window, at: datetime) -> Window:
    """Return the window as changed at this instant: the start of one under way stays as it was.

    Raises `Refused` (past window, bad date).
    """
    stage = stage_of(window, at)
    if stage == "past":
        raise Refused(Why.PAST_WINDOW, "Maintenance window can't be changed because it has already ended.")
    start_at = window.start_at if stage == "ongoing" else max(wanted.start_at, at)
    if wanted.end_at <= max(start_at, at):
        raise Refused(Why.BAD_DATE, "The maintenance window must end after it starts, and in the future.")
    return Window(start_at=start_at, end_at=wanted.end_at)
