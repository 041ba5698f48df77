"""Tell: committed facts, in order and without gaps, for everybody who follows what happens."""

from msgspec import Struct

from tocsin.store.feed import FACTS_AFTER, NEWEST_PLACE, FactRow
from tocsin.store.hints import Topic
from tocsin.store.turn import Store, Turn

_MOST = 500  # facts of one answer
_LOOK_AGAIN_S = 0.2  # seconds: a fact becomes visible only when older transactions have ended


class Told(Struct, frozen=True):
    """Facts, and the place to go on from."""

    facts: list[FactRow]
    place: str


async def tell(store: Store, place: str | None, *, patience_s: float = 0.0, most: int = _MOST) -> Told:
    """Return the facts after a place, waiting for the first one for at most `patience_s` seconds.

    Without a place it begins with what happens from now on. Raises `ValueError` for a place that is none.
    """
    if place is None:

        async def begin(turn: Turn) -> str:
            newest = await turn.one(NEWEST_PLACE)
            return f"{newest.xid}.{newest.id}"

        place = await store.read(begin)
    xid, _, number = place.partition(".")
    after = {"xid": str(int(xid)), "id": int(number or 0), "most": most}

    async def look(turn: Turn) -> list[FactRow]:
        return await turn.rows(FACTS_AFTER, after)

    with store.hints.listening(Topic.FEED) as bell:
        facts = await store.read(look)
        while not facts and patience_s > 0:
            step = min(patience_s, _LOOK_AGAIN_S)
            await bell.wait(step)
            patience_s -= step
            facts = await store.read(look)
    if facts:
        place = f"{facts[-1].xid}.{facts[-1].id}"
    return Told(facts, place)
