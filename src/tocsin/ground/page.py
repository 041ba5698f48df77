"""Paging: which stretch of a list is wanted, and whether more follows."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from tocsin.ground.limits import DEFAULT_PAGE

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which rows of a list are wanted: `limit` rows after skipping `offset`, with the count of all if `total`."""

    limit: int = DEFAULT_PAGE
    offset: int = 0
    total: bool = False


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """The rows of a stretch, whether more follow, and how many there are in all when that was asked."""

    rows: tuple[T, ...]
    more: bool
    total: int | None
