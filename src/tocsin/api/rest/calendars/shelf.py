"""Shelf: feeds as they were drawn last, so that a calendar that comes often costs nothing while nothing changed."""

from collections.abc import Hashable

from msgspec import Struct

from tocsin.wire.ics_feed import etag

MOST_FEEDS = 500  # remembered at once; the one that was drawn longest ago is forgotten first
LONGEST_KEPT = 64 * 1024  # bytes of a feed that is kept whole, of longer ones the tag alone: 32 MiB hold them all


class Sheet(Struct, frozen=True):
    """A feed as it was drawn: from which state of things, its tag, and its text where that is short."""

    mark: Hashable
    tag: str
    content: bytes | None


class Shelf:
    """Feeds by their id, in this process.

    A mark stands for everything that a feed is drawn from; under another mark there is nothing to be found. Who puts
    something here read the mark before what was drawn: then it is too old at worst, and drawn once more.
    """

    def __init__(self) -> None:
        self._sheets: dict[str, Sheet] = {}

    def found(self, feed_id: str, mark: Hashable) -> Sheet | None:
        """Return the feed if it was drawn from this very state of things."""
        sheet = self._sheets.get(feed_id)
        return sheet if sheet is not None and sheet.mark == mark else None

    def keep(self, feed_id: str, mark: Hashable, content: bytes) -> Sheet:
        """Remember a feed that was just drawn, and return it with all of its text."""
        drawn = Sheet(mark, etag(content), content)
        self._sheets.pop(feed_id, None)
        while len(self._sheets) >= MOST_FEEDS:
            del self._sheets[next(iter(self._sheets))]
        self._sheets[feed_id] = drawn if len(content) <= LONGEST_KEPT else Sheet(mark, drawn.tag, None)
        return drawn
