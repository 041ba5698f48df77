"""Carrying: which channels have a provider in this house, so that what cannot leave is told before the night comes."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from tocsin.api.kit import House
from tocsin.engine.notify import Carrier


@runtime_checkable
class Carrying(Protocol):
    """A house that says what it carries; one whose engine runs elsewhere does not."""

    @property
    def carriers(self) -> Mapping[str, Carrier]:
        """The channels by kind, with those who carry them."""


def carried_by(house: House) -> frozenset[str] | None:
    """Return the channels that have a provider, or None when this house does not know."""
    if not isinstance(house, Carrying):
        return None
    return frozenset(kind for kind, carrier in house.carriers.items() if carrier.providers)
