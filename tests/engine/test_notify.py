"""A page has one holder at a time: a dead holder's page is taken back, marked, and the dead one writes nothing more."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.scribe import incident_ids, receive, rows, work
from tests.engine.test_turn import ANN
from tocsin.domain.incidents.order import Acknowledge
from tocsin.engine.turn import act
from tocsin.ground.limits import FIRST_PAGE_LATE, LEASE, MOST_REPEATED_SENDS
from tocsin.store.directory import Directory
from tocsin.store.notifications import CLAIM, HURRY, SILENT_ROUNDS, Claimed, Ended, end
from tocsin.store.notifications import take_back as take_back_in
from tocsin.store.turn import Store, Turn


@pytest.fixture
async def incident_id(store: Store, directory: Directory) -> str:
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    (found,) = await incident_ids(store)
    return found


async def claim(store: Store) -> list[Claimed]:
    values = {"channel": "email", "most": 10, "limited": False, "lease": LEASE, "late": FIRST_PAGE_LATE}
    return await store.work(lambda turn: turn.rows(CLAIM, values))


async def take_back(store: Store) -> int:
    return len(await store.work(lambda turn: take_back_in(turn, MOST_REPEATED_SENDS)))


def handed(page: Claimed, state: str = "handed") -> Ended:
    at = datetime.now(UTC) if state == "handed" else None
    return Ended(
        id=page.id,
        fence=page.fence,
        state=state,
        due_at=None,
        may_repeat=page.may_repeat,
        handed_at=at,
        ended_why=None,
        bundle_id=None,
        sends=page.sends,
        unknowns=page.unknowns,
    )


async def settle(store: Store, *ended: Ended) -> set[int]:
    async def job(turn: Turn) -> set[int]:
        return await end(turn, list(ended), [])

    return await store.work(job)


async def test_a_page_is_claimed_once(store: Store, incident_id: str) -> None:
    (page,) = await claim(store)
    assert (page.incident_id, page.address, page.sends, page.may_repeat) == (incident_id, "ann@example.org", 1, False)
    assert await claim(store) == []
    assert await take_back(store) == 0, "its holder is alive"


async def test_a_dead_holders_page_is_sent_again_and_marked(store: Store, incident_id: str) -> None:
    (first,) = await claim(store)
    store.clock_shift += LEASE + timedelta(seconds=1)
    assert await take_back(store) == 1
    (second,) = await claim(store)
    assert (second.id, second.may_repeat, second.sends) == (first.id, True, 2)
    assert second.fence > first.fence


async def test_a_holder_that_comes_back_late_writes_nothing(store: Store, incident_id: str) -> None:
    (zombie,) = await claim(store)
    store.clock_shift += LEASE + timedelta(seconds=1)
    await take_back(store)
    (page,) = await claim(store)
    assert await settle(store, handed(zombie, "failed")) == set()
    assert await rows(store, "SELECT state FROM notification") == [("leased",)]
    assert await settle(store, handed(page)) == {page.id}
    assert await rows(store, "SELECT state FROM notification") == [("handed",)]


async def test_a_page_is_not_repeated_for_ever(store: Store, incident_id: str) -> None:
    for _ in range(MOST_REPEATED_SENDS + 1):
        assert len(await claim(store)) == 1
        store.clock_shift += LEASE + timedelta(seconds=1)
        await take_back(store)
    assert await claim(store) == []
    assert await rows(store, "SELECT state, may_repeat FROM notification") == [("unknown", True)]


async def test_an_answer_ends_pages_that_nobody_holds(store: Store, directory: Directory, incident_id: str) -> None:
    await store.work(lambda turn: act(turn, directory, {incident_id: [Acknowledge(ANN)]}))
    assert await claim(store) == []
    assert await rows(store, "SELECT state, ended_why FROM notification") == [("cancelled", "acknowledged")]


async def test_a_page_whose_holder_died_says_that_somebody_answered_meanwhile(
    store: Store, directory: Directory, incident_id: str
) -> None:
    await claim(store)
    await store.work(lambda turn: act(turn, directory, {incident_id: [Acknowledge(ANN)]}))
    store.clock_shift += LEASE + timedelta(seconds=1)
    await take_back(store)
    claimed = await claim(store)
    assert [page.status for page in claimed] in ([], ["acknowledged"]), "the claim is the last look: it is not sent"


async def test_on_hold_nothing_is_claimed(store: Store, incident_id: str) -> None:
    await store.work(lambda turn: turn.connection.execute("INSERT INTO setting VALUES ('hold', '1')"))
    assert await claim(store) == []
    await store.work(lambda turn: turn.connection.execute("DELETE FROM setting"))
    assert len(await claim(store)) == 1


async def test_when_a_page_fails_the_persons_next_one_is_due_at_once(store: Store, incident_id: str) -> None:
    async def later(turn: Turn) -> None:
        await turn.connection.execute(
            "INSERT INTO notification (incident_id, user_id, contact_method_id, rule_id, round, channel, urgency, rank,"
            " created_at, due_at) SELECT incident_id, user_id, contact_method_id, 'later', round, channel, urgency,"
            " rank, created_at, due_at + interval '10 minutes' FROM notification"
        )

    await store.work(later)
    (page,) = await claim(store)
    await settle(store, handed(page, "failed"))
    assert await claim(store) == []
    await store.work(lambda turn: turn.run(HURRY, {"ids": [page.id]}))
    (next_page,) = await claim(store)
    await settle(store, handed(next_page, "failed"))
    silent = await store.read(lambda turn: turn.rows(SILENT_ROUNDS, {"ids": [incident_id]}))
    assert [each.incident_id for each in silent] == [incident_id], "the round has reached nobody"
