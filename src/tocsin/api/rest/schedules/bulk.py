"""Bulk of an answer: more shifts than one should hold are refused before any is drawn, the others drawn on the side."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from tocsin.api.kit import Shown
from tocsin.api.rest.schedules.shape import View, show_schedule
from tocsin.api.rest.schedules.window import Window
from tocsin.domain.oncall.bounds import MOST_SHOWN
from tocsin.domain.oncall.bulk import most_of_versions, most_shifts
from tocsin.domain.oncall.history import Version
from tocsin.domain.oncall.schedule import Schedule
from tocsin.ground.errors import Refused, Why
from tocsin.store.schedules.rows import Kept

Result = TypeVar("Result")


def fit(schedules: Iterable[Schedule], window: Window, *, most: int = MOST_SHOWN) -> None:
    """Raise `Refused` (bad date) when an answer about this window might hold more than `most` shifts."""
    _refuse_above(most, sum(most_shifts(schedule, window.since, window.until) for schedule in schedules))


def fit_versions(versions: Iterable[Version], since: datetime, until: datetime) -> None:
    """Raise `Refused` (bad date) when what these versions tell of a window might be too many shifts for an answer."""
    _refuse_above(MOST_SHOWN, most_of_versions(versions, since, until))


async def drawn(kept: Kept, view: View) -> Shown:
    """Return a schedule as it is answered; with a window it is drawn in a thread, so that pages go on meanwhile.

    Raises `Refused` (bad date) when it holds too many shifts.
    """
    if view.window is None or not view.parts:
        return show_schedule(kept, view)
    fit([kept.schedule], view.window)
    return await aside(lambda: show_schedule(kept, view))


async def aside(draw: Callable[[], Result]) -> Result:
    """Return what a function draws, in a thread: doors, pages and transactions do not wait for it."""
    return await asyncio.to_thread(draw)


def _refuse_above(most: int, found: int) -> None:
    if found > most:
        raise Refused(
            Why.BAD_DATE,
            f"An answer holds at most {most} shifts, and this one might hold {found}; "
            "ask for a shorter window between since and until, or for fewer schedules at once.",
        )
