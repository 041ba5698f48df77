"""Configuration stamp: a number that grows with every change of configuration, so that caches know they are old."""

from msgspec import Struct

from tocsin.store.hints import Topic
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class Stamp(Struct, frozen=True):
    """How often the configuration has changed."""

    n: int


STAMP = Query("configuration stamp", "SELECT n FROM config_stamp", Stamp)
BUMP = Command("count one more change of configuration", "UPDATE config_stamp SET n = n + 1")


async def bump_config(turn: Turn) -> None:
    """Say that this transaction changes configuration; every cache reads anew within a second of its commit."""
    await turn.run(BUMP)
    turn.hints.add(Topic.CONFIG)


async def config_stamp(turn: Turn) -> int:
    """Return how often the configuration has changed."""
    return (await turn.one(STAMP)).n
