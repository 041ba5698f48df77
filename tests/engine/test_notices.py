"""Notices leave by the carriers of the pages, a few at a time; what goes wrong is tried again, or handed on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.engine.courier import Calling, Courier, change, until
from tests.engine.scribe import rows
from tocsin.domain.paging.channel import Accepted, Lost, Outcome, Rejected, Temporary
from tocsin.engine.notify import Carrier, Noticer
from tocsin.engine.notify.compose import Composer
from tocsin.engine.watch import Watch
from tocsin.ground.limits import LEASE
from tocsin.store.hints import Topic
from tocsin.store.keyring import Keyring
from tocsin.store.notices import Notice, tell
from tocsin.store.turn import Store

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
STATES = "SELECT contact_method_id, state, sends, may_repeat FROM notice ORDER BY id"
HOME = """
    INSERT INTO contact_method (id, user_id, channel, label, address, created_at)
    VALUES ('PANNHOME', 'PANN', 'email', 'Home', 'ann@home.example', now() + interval '1 s')
"""


def notice(key: str = "first", *, method: str | None = "PANNMAIL", valid_until: datetime | None = None) -> Notice:
    return Notice(
        user_id="PANN",
        kind="cover",
        key=key,
        due_at=LONG_AGO,
        title="Bo asks you for cover",
        text="From Monday to Tuesday.",
        url_path="/app/covers/P1",
        contact_method_id=method,
        valid_until=valid_until,
    )


@asynccontextmanager
async def noticer(store: Store, folder: Path, *couriers: Courier) -> AsyncIterator[Carrier]:
    """Let notices leave by these couriers, and stop in order."""
    composer = Composer("https://tocsin.example", await Keyring.load(store, folder / "key"))
    carrier = Carrier(None, couriers)
    noticer = Noticer(store, carriers={"email": carrier}, composer=composer, watch=Watch())
    task = asyncio.create_task(noticer.run(), name="notices")
    try:
        yield carrier
    finally:
        noticer.close()
        await asyncio.wait([task], timeout=10)
        assert task.done(), "it ends once it is closed"
        task.result()
        assert carrier.busy == 0


async def told(store: Store, *notices: Notice) -> None:
    await store.work(lambda turn: tell(turn, notices))


async def test_a_notice_says_what_it_is_and_asks_for_nothing(store: Store, tmp_path: Path) -> None:
    courier = Courier()
    async with noticer(store, tmp_path, courier):
        await told(store, notice())
        await courier.called()
        await until(store, STATES, [("PANNMAIL", "handed", 1, False)])
    (calling,) = courier.calls
    message = calling.message
    assert (message.kind, message.title, message.reason) == (
        "notice",
        "Bo asks you for cover",
        "From Monday to Tuesday.",
    )
    assert (message.url, message.acknowledge_url) == ("https://tocsin.example/app/covers/P1", None)
    assert calling.key.startswith("tocsin-notice-")


async def test_an_unknown_end_is_tried_once_more_under_the_same_key_and_marked(store: Store, tmp_path: Path) -> None:
    async def loses(calling: Calling) -> Outcome:
        return Lost("no answer") if calling.number < 3 else Accepted()

    courier = Courier(loses)
    async with noticer(store, tmp_path, courier):
        await told(store, notice())
        await until(store, STATES, [("PANNMAIL", "unknown", 2, True)])
    assert [calling.message.may_repeat for calling in courier.calls] == [False, True]
    assert len({calling.key for calling in courier.calls}) == 1


async def test_a_passing_refusal_is_asked_again(store: Store, tmp_path: Path) -> None:
    async def later(calling: Calling) -> Outcome:
        return Temporary("busy", 0.1) if calling.number == 1 else Accepted()

    courier = Courier(later)
    async with noticer(store, tmp_path, courier):
        await told(store, notice())
        await courier.called()
        await until(store, STATES, [("PANNMAIL", "pending", 1, False)])
        store.clock_shift += timedelta(seconds=10)
        store.hints.ring(Topic.PAGES)
        await until(store, STATES, [("PANNMAIL", "handed", 2, False)])


async def test_a_refused_notice_goes_to_the_next_address(store: Store, tmp_path: Path) -> None:
    async def refuses(calling: Calling) -> Outcome:
        return Rejected("550", "no") if calling.to.address == "ann@example.org" else Accepted()

    await change(store, HOME)
    first, second = Courier(refuses), Courier(refuses, name="spare")
    async with noticer(store, tmp_path, first, second):
        await told(store, notice())
        await until(store, STATES, [("PANNMAIL", "failed", 1, False), ("PANNHOME", "handed", 1, False)])
    assert second.addresses == ["ann@example.org"], "the second provider was asked before the second address"


async def test_a_contact_method_that_is_gone_is_passed_over(store: Store, tmp_path: Path) -> None:
    await told(store, notice())
    await change(store, HOME, "DELETE FROM contact_method WHERE id = 'PANNMAIL'")
    courier = Courier()
    async with noticer(store, tmp_path, courier):
        await until(store, STATES, [("PANNMAIL", "failed", 1, False), ("PANNHOME", "handed", 1, False)])
    assert courier.addresses == ["ann@home.example"]


async def test_what_comes_too_late_is_not_told(store: Store, tmp_path: Path) -> None:
    courier = Courier()
    async with noticer(store, tmp_path, courier):
        await told(store, notice(valid_until=LONG_AGO))
        await until(store, STATES, [("PANNMAIL", "cancelled", 1, False)])
    assert courier.calls == []


async def test_few_leave_at_once_and_they_take_slots_that_pages_see(store: Store, tmp_path: Path) -> None:
    go = asyncio.Event()

    async def waits(_calling: Calling) -> Outcome:
        await go.wait()
        return Accepted()

    courier = Courier(waits)
    async with noticer(store, tmp_path, courier) as carrier:
        await told(store, *(notice(f"n{number}") for number in range(9)))
        await courier.called(4)
        await asyncio.sleep(0.3)
        assert (len(courier.calls), carrier.busy) == (4, 4)
        go.set()
        await courier.called(9)
        await until(store, "SELECT count(*) FROM notice WHERE state = 'handed'", [(9,)])
    assert courier.busiest == 4


async def test_a_silent_holders_notice_is_taken_back(store: Store, tmp_path: Path) -> None:
    await told(store, notice())
    await change(store, "UPDATE notice SET state = 'leased', fence = 1, sends = 1, lease_until = tocsin_now()")
    store.clock_shift += LEASE
    courier = Courier()
    async with noticer(store, tmp_path, courier):
        await until(store, STATES, [("PANNMAIL", "handed", 2, True)])
    assert [calling.message.may_repeat for calling in courier.calls] == [True]


async def test_nothing_under_way_is_lost_when_the_program_ends(store: Store, tmp_path: Path) -> None:
    async def slow(_calling: Calling) -> Outcome:
        await asyncio.sleep(0.3)
        return Accepted()

    courier = Courier(slow)
    async with noticer(store, tmp_path, courier):
        await told(store, notice())
        await courier.called()
    assert await rows(store, STATES) == [("PANNMAIL", "handed", 1, False)]
