"""Channels: the ways to reach a person; being a file in this folder is being one."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from tocsin.domain.paging.channel import Channel
from tocsin.wire import Wire

__all__ = ["AnyChannel", "discovered"]

AnyChannel = Channel[Any, Wire]


@cache
def discovered() -> dict[str, AnyChannel]:
    """Return every channel of this folder by its kind, in the order of their names."""
    found: list[AnyChannel] = [
        import_module(f"{__name__}.{room.name}").CHANNEL for room in iter_modules(__path__) if room.name[0] != "_"
    ]
    return {channel.kind: channel for channel in found}
