"""Stretches of time: joining them, cutting them out of one another, and finding where they meet."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

Stretch = tuple[datetime, datetime]
"""From an instant, to another that is not part of it; never empty."""


def joined(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Return the same time as few stretches in order, none of which touch."""
    made: list[Stretch] = []
    for start, end in sorted(stretches):
        if start >= end:
            continue
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((start, end))
    return tuple(made)


def without(whole: Sequence[Stretch], taken: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Return what is left of `whole` where nothing is `taken`; both as `joined` returns them."""
    left: list[Stretch] = []
    position = 0
    for start, end in whole:
        at = start
        while position and taken[position - 1][1] > start:
            position -= 1
        while position < len(taken) and taken[position][0] < end:
            begin, finish = taken[position]
            if begin > at:
                left.append((at, begin))
            at = max(at, finish)
            position += 1
        if at < end:
            left.append((at, end))
    return tuple(left)


def common(first: Sequence[Stretch], second: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Return the time that is in both; both as `joined` returns them."""
    met: list[Stretch] = []
    one, other = 0, 0
    while one < len(first) and other < len(second):
        start = max(first[one][0], second[other][0])
        end = min(first[one][1], second[other][1])
        if start < end:
            met.append((start, end))
        if first[one][1] <= second[other][1]:
            one += 1
        else:
            other += 1
    return tuple(met)


def total(stretches: Iterable[Stretch]) -> timedelta:
    """Return how long they are together."""
    return sum((end - start for start, end in stretches), timedelta())
