"""Priorities: how much the business cares, from P1 to P5."""

from typing import Final, NamedTuple


class Priority(NamedTuple):
    """One priority: its place, from the most to the least severe, its name, what it means and its colour."""

    position: int
    name: str
    description: str
    color: str


SEED: Final = (
    Priority(1, "P1", "Customers cannot use the product: everything else waits.", "a8171c"),
    Priority(2, "P2", "Many customers are hindered: work on it now.", "eb6016"),
    Priority(3, "P3", "Something works worse than it should: work on it today.", "f9b406"),
    Priority(4, "P4", "A small fault with a way around it: work on it this week.", "555555"),
    Priority(5, "P5", "Cosmetic or merely annoying: work on it some day.", "555555"),
)
"""What a fresh installation starts with; the scale and its colours are those PagerDuty's clients know."""
