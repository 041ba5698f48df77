"""Figure: one measured number with its range over the rounds, its ceiling, its goal, and whether the goal holds."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from tocsin.bench.spread import median

Better = Literal["more", "less"]
Verdict = Literal["holds", "misses", ""]

COLUMNS = ("figure", "measured", "range", "goal", "ceiling", "share", "verdict")
_EXACT_BELOW = 10  # numbers smaller than this are shown with two digits behind the point
_COARSE_FROM = 100


class Goal(Struct, frozen=True):
    """What is asked of a figure: at least so much when more is better, at most so much when less is."""

    value: float
    better: Better


def at_least(value: float) -> Goal:
    """Return the goal of a figure that should be large."""
    return Goal(value, "more")


def at_most(value: float) -> Goal:
    """Return the goal of a figure that should be small."""
    return Goal(value, "less")


class Measured(Struct, frozen=True):
    """What one round measured: a value, and the ceiling of the same round where there is one."""

    value: float
    ceiling: float | None = None

    @property
    def share(self) -> float | None:
        """What part of the ceiling was reached; for durations, how many times the ceiling they took."""
        return self.value / self.ceiling if self.ceiling else None


class Figure(Struct, frozen=True, kw_only=True):
    """A number in its unit: the median of the rounds, with all of them kept.

    `ceiling` is the median of what `ceiling_is` reached in the same rounds, `share` the median of the rounds' ratios
    (never the ratio of medians, which would pair rounds that did not run side by side).
    """

    name: str
    unit: str
    measured: float
    lowest: float
    highest: float
    rounds: tuple[float, ...]
    goal: float | None = None
    better: Better = "less"
    ceiling: float | None = None
    ceiling_is: str = ""
    share: float | None = None
    verdict: Verdict = ""


def figure(
    name: str, unit: str, measured: Sequence[Measured], *, goal: Goal | None = None, ceiling_is: str = ""
) -> Figure:
    """Return the figure of these rounds, of which there is at least one. Without a goal, rates should be large."""
    values = [each.value for each in measured]
    ceilings = [each.ceiling for each in measured if each.ceiling is not None]
    shares = [share for each in measured if (share := each.share) is not None]
    middle = median(values)
    return Figure(
        name=name,
        unit=unit,
        measured=middle,
        lowest=min(values),
        highest=max(values),
        rounds=tuple(values),
        goal=None if goal is None else goal.value,
        better=goal.better if goal is not None else "more" if unit.endswith("/s") else "less",
        ceiling=median(ceilings) if ceilings else None,
        ceiling_is=ceiling_is if ceilings else "",
        share=median(shares) if shares else None,
        verdict="" if goal is None else _verdict(middle, goal),
    )


def _verdict(value: float, goal: Goal) -> Verdict:
    reached = value >= goal.value if goal.better == "more" else value <= goal.value
    return "holds" if reached else "misses"


class Group(Struct, frozen=True):
    """The figures of one bench, what they say in a sentence, and what a reader must know about how they came about."""

    name: str
    says: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


class Machine(Struct, frozen=True):
    """Where it was measured: absolute numbers mean nothing without it."""

    cores: int
    processor: str
    memory_mb: int
    kernel: str
    python: str
    database: str
    flush_ms: float
    driver: str


class Report(Struct, frozen=True):
    """Everything that one run measured."""

    version: str
    quick: bool
    rounds: int
    machine: Machine
    groups: tuple[Group, ...]

    @property
    def missed(self) -> tuple[str, ...]:
        """The names of the figures whose goal was missed."""
        return tuple(each.name for group in self.groups for each in group.figures if each.verdict == "misses")

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table's rows under `COLUMNS`."""
        return [row(each) for group in self.groups for each in group.figures]

    def heading(self) -> str:
        """Return the lines above the table: the machine, and what kind of run it was."""
        at = self.machine
        kind = "a quick look with small counts: its numbers only show that everything runs" if self.quick else "full"
        return (
            f"Tocsin {self.version}, {self.rounds} paired rounds ({kind}).\n"
            f"{at.cores} cores ({at.processor}), {at.memory_mb} MB, Linux {at.kernel}, Python {at.python}, "
            f"PostgreSQL {at.database}; a flush to disk takes {at.flush_ms:.2f} ms. Load: {at.driver}, same machine."
        )

    def notes(self) -> list[str]:
        """Return what must be read beside the table."""
        return [f"{group.name}: {note}" for group in self.groups for note in group.notes]


def row(one: Figure) -> tuple[str, ...]:
    """Return a figure as a row of the table."""
    sign = {"more": "≥", "less": "≤"}[one.better]
    spread = f"{number(one.lowest)} to {number(one.highest)}" if len(one.rounds) > 1 else ""
    return (
        one.name,
        f"{number(one.measured)} {one.unit}".strip(),
        spread,
        "" if one.goal is None else f"{sign} {number(one.goal)}",
        "" if one.ceiling is None else f"{number(one.ceiling)} ({one.ceiling_is})",
        "" if one.share is None else _share(one),
        one.verdict,
    )


def _share(one: Figure) -> str:
    if one.share is None:
        return ""
    return f"{one.share:.0%}" if one.better == "more" else f"{one.share:.1f} times"


def number(value: float) -> str:
    """Return a number as people read it: no more digits than were measured."""
    if abs(value) >= _COARSE_FROM:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < _EXACT_BELOW and value != int(value) else f"{value:,.1f}".removesuffix(".0")
