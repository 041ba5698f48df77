"""While no provider takes anything everybody is tried, and then the plan begins anew: nothing ends in silence."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.engine.courier import OWNER, Calling, Courier, change, notifier, running, turning, until, wake
from tests.engine.scribe import incident_ids, receive, rows, work
from tests.engine.test_turn import ANN
from tocsin.domain.incidents.order import Acknowledge, Reassign
from tocsin.domain.paging.channel import Accepted, Lost, Outcome, Rejected, Temporary
from tocsin.engine.loops.auditor import audit
from tocsin.engine.loops.timers import TimerLoop
from tocsin.engine.turn import act
from tocsin.engine.watch import Watch
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.turn import Store

PLAN = "SELECT status, exhausted, called, (SELECT count(*) FROM timer WHERE kind = 'escalate')::int FROM incident"
BEGINS_ANEW = [("triggered", False, 0, 1)]
PAGES = "SELECT user_id, state FROM notification ORDER BY id"
FIRST_PATIENCE = timedelta(minutes=5, seconds=1)


async def refuses(_calling: Calling) -> Outcome:
    """Answer as a relay that is down."""
    return Rejected("554", "relay down")


async def test_after_an_outage_the_plan_begins_anew(store: Store, directory: Directory, tmp_path: Path) -> None:
    await change(store, *OWNER)
    courier = Courier(refuses)
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager), turning(TimerLoop(store, directory, watch=Watch()).run()):
        await until(store, PLAN, BEGINS_ANEW)
        assert courier.addresses == ["ann@example.org", "bo@example.org", "olga@example.org"], (
            "the last is the fallback"
        )
        assert await rows(store, "SELECT count(*) FROM log_entry WHERE body ->> 'nobody_reached' = 'true'") == [(1,)]
        assert (await audit(store, Watch())).clean, "somebody will be called: no promise is broken"
        courier.does = Courier.does
        store.clock_shift += FIRST_PATIENCE
        store.hints.ring(Topic.TIMERS)
        await courier.called(4)
        assert courier.addresses[3] == "ann@example.org", "the first level is called again"
        await until(store, "SELECT user_id FROM notification WHERE state = 'handed'", [("PANN",)])
    assert await rows(store, PLAN) == [("triggered", False, 1, 1)], "and the second level is next"


async def test_an_outage_that_goes_on_is_tried_again_every_five_minutes(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    courier = Courier(refuses)
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager), turning(TimerLoop(store, directory, watch=Watch()).run()):
        for times in (1, 2, 3):
            await courier.called(2 * times)
            await until(store, PLAN, BEGINS_ANEW)
            await asyncio.sleep(0.1)
            assert len(courier.calls) == 2 * times, "not in a hurry"
            store.clock_shift += FIRST_PATIENCE
            store.hints.ring(Topic.TIMERS)


async def test_somebody_who_cannot_be_told_of_an_assignment_is_not_the_last(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    await change(store, *OWNER)
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    (incident_id,) = await incident_ids(store)
    await store.work(lambda turn: act(turn, directory, {incident_id: [Reassign(ANN, ("PBO",))]}))
    courier = Courier(refuses)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager), turning(TimerLoop(store, directory, watch=Watch()).run()):
        await until(store, PLAN, BEGINS_ANEW)
        assert courier.addresses[0] == "bo@example.org"
        assert "olga@example.org" in courier.addresses
        courier.does = Courier.does
        store.clock_shift += FIRST_PATIENCE
        store.hints.ring(Topic.TIMERS)
        await until(store, "SELECT user_id FROM notification WHERE state = 'handed'", [("PANN",)])


async def test_later_and_then_no_answer_is_sent_once_more_and_marked(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    outcomes: list[Outcome] = [Temporary("later", 0.1), Lost("no answer"), Accepted("taken")]

    async def answers(calling: Calling) -> Outcome:
        return outcomes[calling.number - 1]

    courier = Courier(answers)
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager):
        for times in (1, 2):
            await courier.called(times)
            await until(store, "SELECT state, sends FROM notification", [("pending", times)])
            store.clock_shift += timedelta(seconds=10)
            wake(store)
        await until(store, "SELECT state, sends, may_repeat FROM notification", [("handed", 3, True)])
    assert len({calling.key for calling in courier.calls}) == 1, "the receiver can tell that it is the same page"
    assert [calling.message.may_repeat for calling in courier.calls] == [False, False, True]
    receipts = await rows(store, "SELECT receipt, may_repeat FROM delivery ORDER BY id")
    assert receipts == [("temporary", False), ("unknown", False), ("accepted", True)]


async def test_two_unknown_ends_are_told_and_not_repeated(store: Store, directory: Directory, tmp_path: Path) -> None:
    async def silent(_calling: Calling) -> Outcome:
        return Lost("no answer")

    courier = Courier(silent)
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager):
        await courier.called(1)
        await until(store, "SELECT state FROM notification", [("pending",)])
        store.clock_shift += timedelta(seconds=2)
        wake(store)
        await until(store, "SELECT state, sends FROM notification", [("unknown", 2)])
    told = await rows(store, "SELECT body ->> 'receipt' FROM log_entry WHERE kind LIKE 'notify%%' ORDER BY at, id")
    assert told == [("unknown",), ("unknown",)]


async def test_a_provider_that_breaks_may_have_sent_so_no_other_is_asked_at_once(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    async def breaks(_calling: Calling) -> Outcome:
        raise RuntimeError("after the message left")

    first, second = Courier(breaks, name="first"), Courier(name="second")
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    pager = await notifier(store, directory, tmp_path, couriers=(first, second))
    async with running(pager):
        await first.called(1)
        await until(store, "SELECT state, may_repeat FROM notification", [("pending", True)])
    assert second.calls == []
    assert await rows(store, "SELECT provider, receipt FROM delivery") == [("first", "unknown")]


async def test_words_that_the_database_cannot_keep_cost_nobody_a_page(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    await change(
        store,
        "INSERT INTO escalation_target (level_id, position, kind, target_id) VALUES ('PLEVEL1', 2, 'user', 'PBO')",
    )
    odd = b"550 bo\xeete pleine".decode("utf-8", "surrogateescape") + "\x00"

    async def answers(calling: Calling) -> Outcome:
        return Rejected("550", odd) if calling.to.address == "bo@example.org" else Accepted(odd)

    courier = Courier(answers)
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager):
        await until(store, PAGES, [("PANN", "handed"), ("PBO", "failed")])
    assert len(courier.calls) == 2
    kept = await rows(store, "SELECT receipt, coalesce(provider_ref, detail) FROM delivery ORDER BY receipt")
    assert [receipt for receipt, _ in kept] == ["accepted", "rejected"]
    assert all("pleine" in words for _, words in kept)


async def test_a_page_of_an_old_round_is_not_tried_again(store: Store, directory: Directory, tmp_path: Path) -> None:
    may_end = asyncio.Event()

    async def lost_later(calling: Calling) -> Outcome:
        if calling.number > 1:
            return Accepted("taken")
        await may_end.wait()
        return Lost("no answer")

    courier = Courier(lost_later)
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    (incident_id,) = await incident_ids(store)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,))
    async with running(pager):
        await courier.called(1)
        await store.work(lambda turn: act(turn, directory, {incident_id: [Reassign(ANN, ("PBO",))]}))
        await courier.called(2)
        may_end.set()
        await until(store, PAGES, [("PANN", "cancelled"), ("PBO", "handed")])
        store.clock_shift += timedelta(minutes=1)
        wake(store)
        await asyncio.sleep(0.3)
    assert courier.addresses == ["ann@example.org", "bo@example.org"]


async def test_the_second_provider_is_asked_only_while_the_page_is_wanted(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    may_end = asyncio.Event()

    async def refuses_later(calling: Calling) -> Outcome:
        await may_end.wait()
        return await refuses(calling)

    first, second = Courier(refuses_later, name="first"), Courier(name="second")
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    (incident_id,) = await incident_ids(store)
    pager = await notifier(store, directory, tmp_path, couriers=(first, second))
    async with running(pager):
        await first.called(1)
        await store.work(lambda turn: act(turn, directory, {incident_id: [Acknowledge(ANN)]}))
        may_end.set()
        await until(store, "SELECT count(*) FROM notification WHERE state IN ('leased', 'pending')", [(0,)])
    assert (len(first.calls), second.calls) == (1, [])
    assert await rows(store, "SELECT status FROM incident") == [("acknowledged",)]
