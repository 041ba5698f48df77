"""One incident or one node that fails holds up nobody else, and what it left behind is finished and told."""

from datetime import timedelta

from tests.engine.courier import OWNER, change, turning, until
from tests.engine.scribe import incident_ids, receive, rows, work
from tests.engine.test_turn import ANN
from tocsin.domain.incidents.order import Resolve
from tocsin.engine.loops.auditor import Auditor, Findings
from tocsin.engine.loops.keeper import Keeper, Node
from tocsin.engine.loops.timers import TimerLoop
from tocsin.engine.turn import act
from tocsin.engine.watch import Watch
from tocsin.ground.limits import FIRST_PAGE_LATE, LEASE
from tocsin.store.directory import Directory
from tocsin.store.notifications import CLAIM, Claimed
from tocsin.store.turn import Store

LEVEL = timedelta(minutes=5, seconds=1)


async def claim(store: Store) -> list[Claimed]:
    values = {"channel": "email", "most": 10, "limited": False, "lease": LEASE, "late": FIRST_PAGE_LATE}
    return await store.work(lambda turn: turn.rows(CLAIM, values))


async def test_an_incident_that_fails_holds_up_no_other(store: Store, directory: Directory) -> None:
    await receive(store, *[("trigger", f"disk-{number}") for number in range(8)])
    await work(store, directory)
    broken, *others = await incident_ids(store)
    await change(store, f"UPDATE incident SET plan_id = 'a plan that was never stored' WHERE id = '{broken}'")
    store.clock_shift = LEVEL
    watch = Watch()
    async with turning(TimerLoop(store, Directory(), watch=watch).run()):
        await until(store, "SELECT count(*)::int FROM incident WHERE called = 2", [(len(others),)])
        postponed = "SELECT due_at > tocsin_now() + interval '50 seconds' FROM timer"
        await until(store, f"{postponed} WHERE incident_id = '{broken}'", [(True,)])
    assert b'invariant="incident cannot be escalated"} 1.0' in watch.exposition(), "and it is told"


async def test_a_page_whose_sender_died_twice_is_told_as_unknown_and_the_next_rule_hurries(
    store: Store, directory: Directory
) -> None:
    await change(
        store,
        """
        INSERT INTO notification_rule (id, user_id, contact_method_id, urgency, start_delay_s)
        VALUES ('PRULE1', 'PANN', 'PANNMAIL', 'high', 0), ('PRULE2', 'PANN', 'PANNMAIL', 'high', 600)
        """,
    )
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    node = Node("n", "n", "1", ())
    keeper = Keeper(store, node, audit_key=b"k" * 32, events_kept_for=timedelta(days=1), watch=Watch())
    for sends in (1, 2):
        assert [page.sends for page in await claim(store)] == [sends]
        store.clock_shift += LEASE + timedelta(seconds=1)
        await store.work(keeper._take_back)
    ends = await rows(store, "SELECT rule_id, state, due_at <= tocsin_now() FROM notification ORDER BY rule_id")
    assert ends == [("PRULE1", "unknown", True), ("PRULE2", "pending", True)], "the second rule waits no longer"
    told = "SELECT body ->> 'receipt', body ->> 'user_id', service_id FROM log_entry WHERE kind LIKE 'notify%%'"
    assert await rows(store, told) == [("unknown", "PANN", "PSERVICE")]


async def test_an_auditor_whose_own_service_is_switched_off_goes_on(store: Store, directory: Directory) -> None:
    await change(store, *OWNER)
    await receive(store, ("trigger", "disk"))
    await work(store, directory)
    (incident_id,) = await incident_ids(store)

    async def report(_findings: Findings) -> None:
        return None

    auditor = Auditor(store, directory, watch=Watch(), report=report)
    parked = "INSERT INTO parked_event (id, lane, integration_id, kind, received_at, body, error)"
    await change(store, f"{parked} VALUES (1, 1, 'PINTEGRATION', 'event', tocsin_now(), '', 'it explodes')")
    await auditor.check()
    own = await rows(store, "SELECT id FROM incident WHERE incident_key = 'tocsin: event parked'")
    assert len(own) == 1, "it raised an incident of its own"
    await store.work(lambda turn: act(turn, directory, {str(own[0][0]): [Resolve(ANN)]}))
    await change(
        store,
        "UPDATE service SET disabled = true WHERE name = 'Tocsin itself'",
        f"DELETE FROM timer WHERE incident_id = '{incident_id}'",
    )
    findings = await auditor.check()
    assert findings.broken["event parked"] == ["parked_event"]
    assert findings.repaired == 1, "it still repairs what it finds"
    assert await rows(store, "SELECT count(*)::int FROM timer WHERE kind = 'escalate'") == [(1,)]
