"""Row: the shifts of one layer, or of custom shifts, with the overrides that replace somebody in them by name."""

from collections.abc import Sequence
from functools import cached_property

from tocsin.domain.oncall.pattern import Beat
from tocsin.domain.oncall.schedule import CustomShift, Layer, Member, Override, Source
from tocsin.domain.oncall.spans import Origin, Span, Stretch, edges_of
from tocsin.domain.oncall.turn_layer import patterns_of
from tocsin.domain.oncall.wall import seconds_of

_Named = tuple[int, int, Override]  # from, until, and the override


class Row:
    """One line of the picture of a schedule: the spans of a layer, or those of one custom shift."""

    def __init__(self, source: Layer | CustomShift, time_zone: str, overrides: Sequence[Override]) -> None:
        """Take the overrides that name this layer or custom shift, oldest first."""
        self.id = source.id
        self._source = source
        self._time_zone = time_zone
        self._overrides: list[_Named] = [(seconds_of(each.start), seconds_of(each.end), each) for each in overrides]
        self._origins: dict[tuple[str, Origin], Origin] = {}

    def spans(self, since: int, until: int) -> list[Span]:
        """Return the spans in a window, with the overrides that replace somebody in them; empty places included."""
        spans = self.bare(since, until)
        if not self._overrides:
            return spans
        return self._replaced(spans, since, until)

    def bare(self, since: int, until: int) -> list[Span]:
        """Return the spans in a window, cut to it, without any override."""
        if self._beats:
            found = [span for beat in self._beats for span in beat.spans(since, until)]
            return _union(found) if self._joined else found
        return [
            (max(start, since), min(end, until), user_id, wall, origin)
            for start, end, user_id, wall, origin in self._fixed
            if start < until and end > since and start < end
        ]

    def reach(self, since: int, until: int) -> list[Stretch]:
        """Return stretches that hold, whole, every span that touches a window."""
        found = [reach for beat in self._beats if (reach := beat.reach(since, until)) is not None]
        return found + [span[:2] for span in self._fixed if span[0] < until and span[1] > since]

    @property
    def _joined(self) -> bool:
        """Whether patterns of this row that overlap are one stretch, as restrictions of a layer are."""
        return len(self._beats) > 1 and isinstance(self._source, Layer) and self._source.turn_layer is not None

    @cached_property
    def _beats(self) -> list[Beat]:
        layer = self._source
        if isinstance(layer, CustomShift):
            return []
        if layer.turn_layer is not None:
            source = Source(kind="layer", layer_id=layer.id)
            patterns = patterns_of(layer.id, layer.turn_layer, self._time_zone)
            return [Beat(each, Origin(source, _turns(layer.id, each.id), dated=True)) for each in patterns]
        return [Beat(each, _origin_of(layer.id, each.id)) for each in layer.patterns]

    @cached_property
    def _fixed(self) -> list[Span]:
        """The spans that are told one by one."""
        told = self._source
        if isinstance(told, CustomShift):
            origin = Origin(Source(kind="custom_shift", custom_shift_id=told.id), f"custom_shift/{told.id}")
            return [(seconds_of(told.start), seconds_of(told.end), told.user_id, 0, origin)]
        source = Source(kind="layer", layer_id=told.id)
        found: list[Span] = [
            (seconds_of(each.start), seconds_of(each.end), each.user_id, 0, Origin(source, f"{told.id}/{each.key}"))
            for each in told.told
        ]
        return sorted(found, key=edges_of)

    def _replaced(self, spans: list[Span], since: int, until: int) -> list[Span]:
        """Return spans in which each override, oldest first, has put its user in the place of whom it names.

        A place remembers everybody who had it, so that an override of the first one and an override of the one who
        replaced them both still find it; the youngest wins.
        """
        places: list[tuple[Span, tuple[Member, ...]]] = [(span, (span[2],)) for span in spans]
        for start, end, override in self._overrides:
            if start >= until or end <= since:
                continue
            following: list[tuple[Span, tuple[Member, ...]]] = []
            for span, holders in places:
                if span[0] >= end or span[1] <= start or override.replaced_user_id not in holders:
                    following.append((span, holders))
                    continue
                first, last, user_id, wall, origin = span
                if first < start:
                    following.append(((first, start, user_id, wall, origin), holders))
                given = (max(first, start), min(last, end), override.user_id, wall, self._given(override, origin))
                following.append((given, (*holders, override.user_id)))
                if last > end:
                    following.append(((end, last, user_id, wall, origin), holders))
            places = following
        return [span for span, _ in places]

    def _given(self, override: Override, origin: Origin) -> Origin:
        """Return the origin of a place that an override gave away: the turn keeps its name."""
        key = (override.id, origin)
        found = self._origins.get(key)
        if found is None:
            source = Source(
                kind="override",
                layer_id=origin.source.layer_id,
                pattern_id=origin.source.pattern_id,
                custom_shift_id=origin.source.custom_shift_id,
                override_id=override.id,
                replaced_user_id=override.replaced_user_id,
            )
            found = self._origins[key] = Origin(source, origin.name, origin.dated)
        return found


def _origin_of(layer_id: str, pattern_id: str) -> Origin:
    source = Source(kind="layer", layer_id=layer_id, pattern_id=pattern_id)
    return Origin(source, f"{layer_id}/{pattern_id}", dated=True)


def _turns(layer_id: str, pattern_id: str) -> str:
    return layer_id if layer_id == pattern_id else f"{layer_id}/{pattern_id}"


def _union(spans: list[Span]) -> list[Span]:
    """Return spans of which a later one begins where the earlier ones end; they all belong to the same member."""
    found: list[Span] = []
    reached: int | None = None
    for start, end, user_id, wall, origin in sorted(spans, key=_by_beginning):
        first = start if reached is None else max(start, reached)
        if first < end:
            found.append((first, end, user_id, wall, origin))
            reached = end
    return found


def _by_beginning(span: Span) -> int:
    return span[3]
