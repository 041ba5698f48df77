"""Laying: how an override or a custom shift is written, taken back and written anew, so that what it was stays."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from tocsin.domain.people.actor import Actor
from tocsin.store.config import bump_config
from tocsin.store.query import Command
from tocsin.store.schedules.document import whole_second
from tocsin.store.schedules.laid import Outcome, become_of
from tocsin.store.schedules.write import who
from tocsin.store.turn import Turn


class Ways(Struct, frozen=True, kw_only=True):
    """What one kind of stretch is called, and the statements that add it, end it, and follow the one that ended."""

    name: str
    add: Command
    end: Command
    follow: Command


async def lay(turn: Turn, ways: Ways, values: Mapping[str, object], actor: Actor) -> None:
    """Add a stretch to a schedule that is held."""
    await turn.run(ways.add, {**values, "created_by": who(actor)})
    await bump_config(turn)


async def take_back(
    turn: Turn, ways: Ways, values: Mapping[str, object], stretch: tuple[datetime, datetime]
) -> Outcome:
    """Take a stretch to come away, or cut a running one short at this second; raise `Refused` (invalid) when over.

    `values` describe the stretch as it is, on a schedule that is held.
    """
    outcome = become_of(ways.name, *stretch, turn.now)
    cut = {**values, "end": whole_second(turn.now)}
    await turn.run(ways.end, cut)
    if outcome == "truncated" and cut["end"] != cut["start"]:
        await turn.run(ways.follow, cut)
    await bump_config(turn)
    return outcome


async def lay_anew(turn: Turn, ways: Ways, values: Mapping[str, object]) -> None:
    """Write a stretch of a schedule that is held anew; it keeps its place among the others."""
    await turn.run(ways.end, values)
    await turn.run(ways.follow, values)
    await bump_config(turn)
