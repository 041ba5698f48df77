"""Storms: many pages for one person become few messages, and what is old after downtime becomes one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from tocsin.domain.paging.channel import Limit
from tocsin.ground.limits import FIRST_PAGE_LATE


class Waiting(Protocol):
    """A page as the sorting sees it."""

    @property
    def due_at(self) -> datetime:
        """When it should have left."""

    @property
    def rank(self) -> int:
        """Its place in the queue; 0 is never held back."""


_FEW = 3  # pages that may leave alone at the same moment

PageT = TypeVar("PageT", bound=Waiting)


class Sorted(Struct, Generic[PageT]):
    """How the due pages of one contact method leave: alone, in a bundle, in a digest, or later."""

    single: list[PageT]
    bundle: list[PageT]
    digest: list[PageT]
    held: list[PageT]
    held_until: datetime | None = None


def sort_pages(pages: Sequence[PageT], limit: Limit | None, *, recent: int, now: datetime) -> Sorted[PageT]:
    """Sort the due pages of one contact method, which got `recent` messages within the limit's stretch.

    Pages more than 15 minutes late go into one digest. A few others leave alone; a crowd leaves as a single bundle,
    because somebody who gets twenty messages at once reads none of them. When the limit allows no further message they
    are held for a quarter of the stretch, and gather. A person's first high-urgency pages (rank 0) leave alone, always.
    """
    late = [page for page in pages if now - page.due_at > FIRST_PAGE_LATE]
    fresh = [page for page in pages if now - page.due_at <= FIRST_PAGE_LATE]
    if len(late) == 1:
        fresh, late = [*late, *fresh], []
    if limit is None:
        return Sorted(fresh, [], late, [])
    first = [page for page in fresh if page.rank == 0]
    others = [page for page in fresh if page.rank != 0]
    allowed = limit.count - recent - (1 if late else 0) - len(first)
    if len(others) <= min(_FEW, allowed):
        return Sorted(first + others, [], late, [])
    if allowed <= 0:
        return Sorted(first, [], late, others, now + _pause(limit))
    return Sorted(first, others, late, [])


def _pause(limit: Limit) -> timedelta:
    return limit.per / 4
