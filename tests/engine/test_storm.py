"""A storm fills nobody's phone and hides nobody's first page, and after downtime each person gets one digest."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

from tests.engine.courier import Calling, Courier, change, notifier, running, until, wake
from tests.engine.scribe import receive, rows, work
from tocsin.domain.paging.channel import Accepted, Limit, Outcome
from tocsin.store.directory import Directory
from tocsin.store.turn import Store

URGENCY = "UPDATE service SET urgency_rule = jsonb_build_object('kind', 'always', 'urgency', '{}')"
PEOPLE = 6


async def slow(_calling: Calling) -> Outcome:
    """Take the message after a while, so that several claims happen meanwhile."""
    await asyncio.sleep(0.15)
    return Accepted("taken")


async def opened(store: Store, directory: Directory, count: int, *, prefix: str = "disk") -> None:
    await receive(store, *[("trigger", f"{prefix}-{number}") for number in range(count)])
    while await work(store, directory):
        pass


async def test_the_limit_holds_over_many_claims_and_first_pages_pass_it(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    await change(store, URGENCY.format("low"))
    await opened(store, directory, 120)
    courier = Courier(slow, lines=8)
    limit = Limit(5, timedelta(minutes=1))
    pager = await notifier(store, directory, tmp_path, couriers=(courier,), limit=limit)
    async with running(pager):
        await asyncio.sleep(1.5)
        assert len(courier.calls) <= 5
        assert await rows(store, "SELECT count(*) FROM notification WHERE state = 'leased'") == [(0,)], "held, not kept"
        told = len(courier.calls)
        await change(store, URGENCY.format("high"))
        await opened(store, directory, 1, prefix="critical")
        wake(store)
        question = "SELECT n.state, n.rank FROM notification n JOIN incident i ON i.id = n.incident_id"
        await until(store, f"{question} WHERE i.title LIKE '%%critical%%'", [("handed", 0)], seconds=3)
        assert len(courier.calls) == told + 1
        assert courier.calls[-1].message.urgency == "high"


async def test_a_crowd_is_one_bundle_and_what_is_over_the_limit_waits(
    store: Store, directory: Directory, tmp_path: Path
) -> None:
    await change(store, URGENCY.format("low"))
    await opened(store, directory, 20)
    courier = Courier(slow, lines=16)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,), limit=Limit(5, timedelta(minutes=1)))
    async with running(pager):
        await until(store, "SELECT count(*)::int FROM notification WHERE state = 'handed'", [(20,)])
        assert [calling.message.total for calling in courier.calls] == [20]
        for batch in range(4):
            await opened(store, directory, 1, prefix=f"later-{batch}")
            wake(store)
            await until(store, "SELECT count(*)::int FROM notification WHERE state = 'handed'", [(21 + batch,)])
        await opened(store, directory, 2, prefix="too-many")
        wake(store)
        await asyncio.sleep(0.5)
        assert await rows(store, "SELECT count(*)::int FROM notification WHERE state = 'pending'") == [(2,)]
        for _ in range(5):
            store.clock_shift += timedelta(seconds=16)
            wake(store)
            await asyncio.sleep(0.1)
        await until(store, "SELECT state, count(*)::int FROM notification GROUP BY 1", [("handed", 26)])


async def test_after_downtime_each_person_gets_one_digest(store: Store, directory: Directory, tmp_path: Path) -> None:
    people = range(PEOPLE)
    await change(
        store,
        *[
            f"INSERT INTO app_user (id, name, email, role) VALUES ('P{n}', 'P{n}', 'p{n}@a.example', 'user')"
            for n in people
        ],
        *[
            "INSERT INTO contact_method (id, user_id, channel, label, address)"
            f" VALUES ('PM{n}', 'P{n}', 'email', 'Work', 'p{n}@a.example')"
            for n in people
        ],
        "UPDATE escalation_target SET target_id = 'P0' WHERE level_id = 'PLEVEL1'",
        *[
            "INSERT INTO escalation_target (level_id, position, kind, target_id)"
            f" VALUES ('PLEVEL1', {n + 2}, 'user', 'P{n}')"
            for n in people[1:]
        ],
    )
    await opened(store, directory, 40)
    store.clock_shift = timedelta(minutes=20)
    courier = Courier(slow, lines=4)
    pager = await notifier(store, directory, tmp_path, couriers=(courier,), limit=Limit(5, timedelta(minutes=1)))
    async with running(pager):
        await until(store, "SELECT state, count(*)::int FROM notification GROUP BY 1", [("handed", 40 * PEOPLE)])
    assert Counter(courier.addresses) == {f"p{n}@a.example": 1 for n in people}
    assert {(calling.message.kind, calling.message.total) for calling in courier.calls} == {("digest", 40)}
