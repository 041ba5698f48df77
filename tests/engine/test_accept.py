"""Accept: nothing is answered before it is on disk, all is stored once and in order, an absent database is admitted."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg import sql

from tests.api.doorstep import INTEGRATION, Doorstep, configure, open_doors
from tests.api.hostile import V1, V2, v1, v2
from tocsin.domain.events import Allowance
from tocsin.engine.accept import Accept, Hinted, write
from tocsin.engine.accept.write import Waiting, Writer
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.ground.ids import IntegrationId
from tocsin.store.hints import Topic
from tocsin.store.inbox import Inbox, InboxRow, NotWritten
from tocsin.store.turn import Store

ME = IntegrationId(INTEGRATION)


@asynccontextmanager
async def accepting(dsn: str, allowance: Allowance | None = None) -> AsyncIterator[Accept]:
    configure(dsn)
    store = Store(dsn)
    await store.open()
    accept = Accept(store, allowance=allowance)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(accept.run())
            try:
                yield accept
            finally:
                accept.close()
    finally:
        await store.close()


def bodies(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT body FROM inbox ORDER BY id")]


async def test_concurrent_events_are_all_stored_once_and_in_order(database: str) -> None:
    async with accepting(database) as accept:

        async def sender(n: int) -> None:
            for step in range(40):
                await accept.put(ME, "event", dedup_key=f"k{n}", body=b"%d/%d" % (n, step))

        await asyncio.gather(*(sender(n) for n in range(50)))
    stored = bodies(database)
    assert Counter(stored) == Counter(f"{n}/{step}" for n in range(50) for step in range(40))
    for n in range(50):
        mine = [body for body in stored if body.startswith(f"{n}/")]
        assert mine == [f"{n}/{step}" for step in range(40)]


async def test_events_of_one_burst_keep_their_order_within_a_lane(database: str) -> None:
    async with accepting(database) as accept:
        puts = [accept.put(ME, "event", dedup_key="same", body=b"%d" % n) for n in range(300)]
        await asyncio.gather(*puts)
    assert bodies(database) == [str(n) for n in range(300)]


async def test_an_answer_comes_after_the_commit(database: str) -> None:
    async with open_doors(database) as doorstep:
        with psycopg.connect(database) as other:
            other.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
            waiting = asyncio.ensure_future(doorstep.post(V2, v2()))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            other.commit()
        assert (await waiting).status == 202
        assert len(doorstep.stored()) == 1


async def test_a_database_that_does_not_answer_is_admitted_within_two_seconds(database: str) -> None:
    async with open_doors(database) as doorstep:
        with psycopg.connect(database) as other:
            other.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
            started = asyncio.get_running_loop().time()
            answers = await asyncio.gather(*(doorstep.post(path, body) for path, body in ((V2, v2()), (V1, v1()))))
            assert asyncio.get_running_loop().time() - started < 2
            other.rollback()
        assert [answer.status for answer in answers] == [503, 503]
        assert {answer.headers["retry-after"] for answer in answers} == {"2"}
        assert await _comes_back(doorstep)


async def _comes_back(doorstep: Doorstep) -> bool:
    """Return whether events are taken again; until then nothing but 503 may be heard."""
    for _ in range(20):
        status = (await doorstep.post(V2, v2())).status
        if status == 202:
            return True
        assert status == 503
    return False


def _end_connections(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_broken_connections_between_events_cost_nothing(database: str) -> None:
    async with open_doors(database) as doorstep:
        for n in range(5):
            assert (await doorstep.post(V2, v2(dedup_key=f"k{n}"))).status == 202
            _end_connections(database)
            await asyncio.sleep(0.1)  # until the server has really hung up
        assert len(doorstep.stored()) == 5


async def test_no_promise_is_broken_when_connections_break_under_load(database: str) -> None:
    promised: list[str] = []
    statuses: Counter[str] = Counter()
    async with accepting(database) as accept:

        async def sender(n: int) -> None:
            for step in range(60):
                body = f"{n}/{step}"
                try:
                    await accept.put(ME, "event", dedup_key=body, body=body.encode())
                except StoreUnavailable:
                    statuses["refused"] += 1
                else:
                    promised.append(body)

        async def breaker() -> None:
            for _ in range(10):
                await asyncio.sleep(0.03)
                await asyncio.to_thread(_end_connections, database)

        await asyncio.gather(breaker(), *(sender(n) for n in range(40)))
    stored = Counter(bodies(database))
    assert [body for body in promised if stored[body] != 1] == []
    assert len(promised) > 100


async def test_a_database_that_is_away_is_admitted(database: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    server = psycopg.conninfo.make_conninfo(database, dbname="postgres")
    refuse = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    async with open_doors(database) as doorstep:
        assert (await doorstep.post(V2, v2())).status == 202
        with psycopg.connect(server, autocommit=True) as other:
            other.execute(refuse.format(sql.Identifier(str(name)), sql.SQL("false")))
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            started = asyncio.get_running_loop().time()
            answer = await doorstep.post(V2, v2())
            assert answer.status == 503
            assert answer.json["status"] == "service unavailable"
            assert asyncio.get_running_loop().time() - started < 2
            held = asyncio.ensure_future(doorstep.post(V2, v2()))
            await asyncio.sleep(0.3)
            other.execute(refuse.format(sql.Identifier(str(name)), sql.SQL("true")))
        assert (await held).status == 202, "an absence of a moment is waited for"


async def test_a_commit_with_a_warning_is_no_promise(database: str) -> None:
    async with open_doors(database) as doorstep:
        assert (await doorstep.post(V2, v2())).status == 202
        with psycopg.connect(database, autocommit=True) as other:
            other.execute("""
                CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication'; RETURN NULL; END $$;
                CREATE TRIGGER warn AFTER INSERT ON inbox FOR EACH STATEMENT EXECUTE FUNCTION warn();
            """)
        assert (await doorstep.post(V2, v2())).status == 503


async def test_one_row_that_cannot_be_stored_does_not_cost_the_others(database: str) -> None:
    async with accepting(database) as accept:
        puts = [accept.put(ME, "event", dedup_key=str(n), body=b"a\0b" if n == 7 else b"%d" % n) for n in range(20)]
        results = await asyncio.gather(*puts, return_exceptions=True)
    assert [n for n, result in enumerate(results) if isinstance(result, StoreUnavailable)] == [7]
    assert sorted(bodies(database)) == sorted(str(n) for n in range(20) if n != 7)


async def test_the_inbox_says_whose_fault_a_refusal_is(database: str) -> None:
    inbox = Inbox(database)
    with pytest.raises(NotWritten) as bad_row:
        await inbox.write([InboxRow(1, b"P", b"event", b"\0")])
    assert not bad_row.value.again
    await inbox.write([InboxRow(1, b"P", b"event", b"good"), InboxRow(2, b"P", b"change", "é".encode())])
    with psycopg.connect(database, autocommit=True) as other:
        read_only = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on")
        other.execute(read_only.format(sql.Identifier(other.info.dbname)))
    await inbox.close()
    with pytest.raises(NotWritten) as standby:
        await inbox.write([InboxRow(1, b"P", b"event", b"later")])
    assert standby.value.again
    await inbox.close()
    assert bodies(database) == ["good", "é"]


async def test_calm_senders_are_told_apart_from_flooding_ones(database: str) -> None:
    async with accepting(database, Allowance(busy_above=5)) as accept:
        loud, quiet = IntegrationId("PLOUD"), IntegrationId("PQUIET")
        for _ in range(10):
            accept.admit(loud)
        accept.admit(quiet)
        await accept.put(loud, "event", dedup_key="a", body=b"1")
        assert accept.take_hinted() == Hinted(calm=set(), flooded=True)
        await asyncio.gather(
            accept.put(loud, "event", dedup_key="b", body=b"2"),
            accept.put(quiet, "event", dedup_key="c", body=b"3"),
        )
        assert accept.take_hinted() == Hinted(calm={"PQUIET"}, flooded=True)
        assert accept.take_hinted() == Hinted()


async def test_the_loops_hear_of_a_commit(database: str) -> None:
    async with open_doors(database) as doorstep:
        with doorstep.store.hints.listening(Topic.LANES) as bell:
            await doorstep.post(V2, v2())
            assert await bell.wait(1)


class _Stuck(Inbox):
    """A disk that has stopped."""

    async def write(self, rows: Sequence[InboxRow]) -> None:
        await asyncio.sleep(3600)


async def test_the_queue_is_bounded() -> None:
    writer = Writer(_Stuck(""), lambda _: None)
    loop = asyncio.get_running_loop()
    answers = [loop.create_future() for _ in range(write.MOST_WAITING)]
    for answer in answers:
        writer.admit(1)
        writer.add(Waiting(0, b"P", b"event", b"x", busy=False, since=0.0, answer=answer))
    with pytest.raises(Refused) as full:
        writer.admit(1)
    assert full.value.why is Why.THROTTLED
    assert writer.waiting == write.MOST_WAITING


async def test_stopping_answers_everything_that_waits(database: str) -> None:
    async with accepting(database) as accept:
        puts = [asyncio.ensure_future(accept.put(ME, "event", dedup_key=str(n), body=b"%d" % n)) for n in range(500)]
        await asyncio.sleep(0)
        accept.close()
        with pytest.raises(StoreUnavailable):
            await accept.put(ME, "event", dedup_key="late", body=b"late")
        await asyncio.gather(*puts)
    assert len(bodies(database)) == 500
