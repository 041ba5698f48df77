"""What colleagues agreed on is looked at whenever a schedule changes, and only then."""

from datetime import timedelta

from tests.engine.courier import change
from tests.engine.scribe import rows
from tests.town.seed import layer_of, schedule_of, seed_override, seed_schedule
from tocsin.domain.oncall.cover import Ask
from tocsin.domain.oncall.schedule import Layer
from tocsin.domain.people.actor import SYSTEM, Actor
from tocsin.domain.people.role import Role
from tocsin.engine.loops.covers import CoversLoop
from tocsin.engine.watch import Watch
from tocsin.ground.clock import utc_now
from tocsin.store.covers.answer import accept
from tocsin.store.covers.ask import Wish, ask
from tocsin.store.schedules import write
from tocsin.store.schedules.write import Draft
from tocsin.store.turn import Store, Turn

DAY = timedelta(days=1)
BO = Actor(kind="user", id="PBO", name="Bo", role=Role.USER)


async def test_a_changed_schedule_is_looked_at_once_by_one_node(store: Store) -> None:
    start = (utc_now() + DAY).replace(microsecond=0)

    def layer(*members: str) -> Layer:
        return layer_of("PLAYER", members, start=start, turn=DAY)

    async def agree(turn: Turn) -> None:
        time = Ask(schedule_id="PSCHED", user_id="PANN", start=start, end=start + DAY)
        row = await ask(turn, Wish(ask=time, in_return=None, asked=("PBO",), note=None), SYSTEM)
        await accept(turn, row.id, BO)

    async def rewrite(turn: Turn) -> None:
        schedule = schedule_of("PSCHED", layer("PBO", "PANN"), name="Platform")
        await write.update(turn, Draft(schedule=schedule, description=None, kind="layers", team_ids=()), SYSTEM)

    await seed_schedule(store, schedule_of("PSCHED", layer("PANN"), name="Platform"))
    await store.work(agree)
    mine = CoversLoop(store, holder="node-1", watch=Watch())
    other = CoversLoop(store, holder="node-2", watch=Watch())
    assert [await mine.look(), await other.look()] == [0, 0]
    await store.work(rewrite)
    assert await other.look() == 0, "the lease is the other node's"
    assert await mine.look() == 1
    assert await rows(store, "SELECT state FROM cover_request") == [("conflict",)]
    assert await mine.look() == 0
    await seed_override(store, "PSCHED", "PANN", start, start + DAY)
    assert await mine.look() == 0, "an override on top changes nobody's turn"


async def test_a_schedule_that_cannot_be_read_says_nothing_against_a_cover(store: Store) -> None:
    start = (utc_now() + DAY).replace(microsecond=0)

    async def agree(turn: Turn) -> None:
        time = Ask(schedule_id="PSCHED", user_id="PANN", start=start, end=start + DAY)
        row = await ask(turn, Wish(ask=time, in_return=None, asked=("PBO",), note=None), SYSTEM)
        await accept(turn, row.id, BO)

    await seed_schedule(store, schedule_of("PSCHED", layer_of("PLAYER", ["PANN"], start=start, turn=DAY)))
    await store.work(agree)
    covers = CoversLoop(store, holder="node-1", watch=Watch())
    assert await covers.look() == 0
    for damage in ("time_zone = 'Mars/Olympus'", "document = '[]'"):
        await change(store, f"UPDATE schedule SET {damage}")
        assert await covers.look() == 0
        assert await rows(store, "SELECT state FROM cover_request") == [("accepted",)]
