"""Layers of a change: which of the old ones a request lists, in which order, and what becomes of the others."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from tocsin.domain.oncall.schedule import Layer

MOST_ENDED = 40  # layers kept after their end; older ones are in the versions of the schedule


def merged(
    told: Sequence[Layer], old: Sequence[Layer], now: datetime, *, highest_first: bool | None
) -> tuple[Layer, ...]:
    """Return the layers, lowest first, that a request leaves: those it tells, and what stays of the others.

    Answers list layers highest first and requests lowest first, as PagerDuty has it, so a client that sends back
    what it read would turn the schedule upside down. Where `highest_first` is None, a request is taken to be such a
    one when the layers that it knows come in exactly the order in which they were answered.
    """
    if highest_first is None:
        highest_first = _sent_back(told, old)
    made = [layer for layer in (reversed(told) if highest_first else told) if not _abolished(layer, old)]
    listed = {layer.id for layer in told}
    below: str | None = None
    for layer in old:
        if layer.id not in listed and (left := _left(layer, now)) is not None:
            made.insert(_place_above(made, below), left)
        below = layer.id if any(layer.id == one.id for one in made) else below
    return _trimmed(made, now)


def _sent_back(told: Sequence[Layer], old: Sequence[Layer]) -> bool:
    places = {layer.id: place for place, layer in enumerate(old)}
    known = [places[layer.id] for layer in told if layer.id in places]
    return len(known) > 1 and known == sorted(known, reverse=True)


def _abolished(layer: Layer, old: Sequence[Layer]) -> bool:
    """Say whether a request ends a known layer before it begins: clients cannot say "remove" in another way."""
    turns = layer.turn_layer
    known = any(layer.id == one.id for one in old)
    return known and turns is not None and turns.end_at is not None and turns.end_at <= turns.start_at


def _left(layer: Layer, now: datetime) -> Layer | None:
    """Return what stays of a layer that a request does not list: it ends now, or never was when it is still to begin.

    Layers that a calendar feeds, or that recur by patterns, have no place in such a request and stay as they are.
    """
    turns = layer.turn_layer
    if turns is None or (turns.end_at is not None and turns.end_at <= now):
        return layer
    now = now.replace(microsecond=0)
    if turns.start_at >= now:
        return None
    return structs.replace(layer, turn_layer=structs.replace(turns, end_at=now))


def _place_above(layers: Sequence[Layer], below: str | None) -> int:
    places = [place for place, layer in enumerate(layers, start=1) if layer.id == below]
    return places[0] if places else 0


def _trimmed(layers: Sequence[Layer], now: datetime) -> tuple[Layer, ...]:
    ended = [
        (turns.end_at, layer.id)
        for layer in layers
        if (turns := layer.turn_layer) and turns.end_at and turns.end_at < now
    ]
    gone = {layer_id for _, layer_id in sorted(ended)[:-MOST_ENDED]}
    return tuple(layer for layer in layers if layer.id not in gone)
