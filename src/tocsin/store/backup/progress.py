"""Progress of a backup or a restore: which table it is at, and how far."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One look at the work: table `number` of `tables`, with so many rows of it done."""

    table: str
    number: int
    tables: int
    rows: int


Progress = Callable[[Step], None]


def unheard(_step: Step) -> None:
    """Tell nobody."""
