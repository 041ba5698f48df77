"""A backup brings every row to another database, refuses to go in half, and keeps the restored house quiet."""

import asyncio
import itertools
import json
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from tocsin.ground.errors import Refused, Why
from tocsin.store.backup import Step, backup, read_manifest, restore
from tocsin.store.embedded import Embedded
from tocsin.store.migrate import migrate

# Every awkward thing a table can have: keys in a circle, a key to itself, a computed column, a watchful trigger,
# a case-sensitive name, texts with tabs and backslashes, bytes, arrays, and partitions that the other side lacks.
ODD_TABLES = """
CREATE TABLE "Odd" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint REFERENCES "Odd",
    twin_id bigint,
    words text,
    raw bytea,
    tags text[],
    body jsonb,
    at timestamptz,
    every interval,
    size bigint GENERATED ALWAYS AS (length(words)) STORED
);
CREATE TABLE twin (id bigint PRIMARY KEY, odd_id bigint NOT NULL REFERENCES "Odd");
ALTER TABLE "Odd" ADD CONSTRAINT circle FOREIGN KEY (twin_id) REFERENCES twin;
CREATE SEQUENCE odd_number START 100;
CREATE TABLE daily (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'append only'; END $$;
CREATE TRIGGER watchful BEFORE UPDATE OR DELETE OR TRUNCATE ON twin EXECUTE FUNCTION refuse();
CREATE TABLE position (name text, upto xid8, feed_id bigint);
"""
ODD_ROWS = """
BEGIN;
INSERT INTO "Odd" (parent_id, words, raw, tags, body, at, every)
SELECT CASE WHEN n > 1 THEN n - 1 END, E'tab\\t line\\n back\\\\slash \\\\. ' || n, decode('00ff5c0a', 'hex'),
       ARRAY['a', NULL, 'b,c'], '{"n": 1.50}', '2026-03-29 01:30+01', '1 mon 2 days 3.5 s'
FROM generate_series(1, 5000) n;
INSERT INTO twin SELECT n, n FROM generate_series(1, 10) n;
UPDATE "Odd" SET twin_id = id WHERE id <= 10;
SELECT nextval('odd_number'), nextval('odd_number');
CREATE TABLE daily_20260101 PARTITION OF daily FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-01-02 00:00+00');
CREATE TABLE daily_default PARTITION OF daily DEFAULT;
INSERT INTO daily VALUES ('2026-01-01 12:00+00', 1), ('2026-05-01 12:00+00', 2);
INSERT INTO setting VALUES ('answer', '42');
INSERT INTO feed (xid, kind, subject_id, body) VALUES
    ('900000000003', 'c', 'x', '{}'), ('900000000001', 'a', 'x', '{}'), ('900000000002', 'b', 'x', '{}');
INSERT INTO position VALUES ('webhook', '900000000001', 2);
COMMIT;
"""

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """One running server for all tests of this file; returns how to reach it."""
    base = Path(tempfile.mkdtemp(prefix="backup-"))
    base.chmod(0o755)
    embedded = Embedded(base / "data")
    yield asyncio.run(embedded.start())
    asyncio.run(embedded.stop())
    shutil.rmtree(base)


async def database(server: str, *, rows: bool = False) -> str:
    """Make a migrated database with the odd tables; with `rows` also their rows."""
    name = f"house_{next(_numbers)}"
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {name}".encode())
    dsn = psycopg.conninfo.make_conninfo(server, dbname=name)
    await migrate(dsn)
    await tell(dsn, ODD_TABLES)
    if rows:
        await tell(dsn, ODD_ROWS)
    return dsn


async def tell(dsn: str, order: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(order.encode())


async def ask(dsn: str, question: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        return await (await connection.execute(question.encode())).fetchall()


async def content(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all tables but those that a restore is meant to change."""
    names = await ask(
        dsn,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND relname NOT IN ('schema_migration', 'feed', 'setting', 'position') ORDER BY 1",
    )
    return {
        str(name): await ask(dsn, f'SELECT t::text FROM "{name}" t ORDER BY t::text COLLATE "C"') for (name,) in names
    }


async def test_every_row_arrives_in_another_database(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    steps: list[Step] = []
    saved = await backup(source, tmp_path / "house.tocsin", steps.append)
    assert stat.S_IMODE((tmp_path / "house.tocsin").stat().st_mode) == 0o600
    assert steps[-1].number == steps[-1].tables
    restored = await restore(target, tmp_path / "house.tocsin")
    assert restored == saved == read_manifest(tmp_path / "house.tocsin")
    assert saved.rows > 5000
    assert await content(target) == await content(source)
    assert await ask(target, "SELECT value FROM setting WHERE key = 'answer'") == [(42,)]


async def test_numbers_go_on_where_they_stood(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    await backup(source, tmp_path / "b")
    await restore(target, tmp_path / "b")
    assert await ask(target, "SELECT nextval('odd_number')") == [(102,)]
    assert await ask(target, 'INSERT INTO "Odd" DEFAULT VALUES RETURNING id') == [(5001,)]


async def test_keys_and_triggers_watch_again(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    await backup(source, tmp_path / "b")
    await restore(target, tmp_path / "b")
    keys = "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1, 2"
    assert await ask(target, keys) == await ask(source, keys)
    with pytest.raises(psycopg.errors.RaiseException, match="append only"):
        await tell(target, "DELETE FROM twin")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await tell(target, "INSERT INTO twin VALUES (99, 99999)")


async def test_facts_from_another_server_are_seen_in_their_order(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    await backup(source, tmp_path / "b")
    await restore(target, tmp_path / "b")
    below = "xid < pg_snapshot_xmin(pg_current_snapshot())"
    assert await ask(source, f"SELECT kind FROM feed WHERE {below} ORDER BY xid, id") == []
    assert await ask(target, f"SELECT kind FROM feed WHERE {below} ORDER BY xid, id") == [("a",), ("b",), ("c",)]
    unread = "SELECT kind FROM feed f, position p WHERE (f.xid, f.id) > (p.upto, p.feed_id) ORDER BY f.xid, f.id"
    assert await ask(target, unread) == [("b",), ("c",)]
    await tell(target, "INSERT INTO feed (kind, subject_id, body) VALUES ('d', 'x', '{}')")
    assert await ask(target, unread) == [("b",), ("c",), ("d",)]


async def test_pages_wait_after_a_restore(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    await backup(source, tmp_path / "b")
    await restore(target, tmp_path / "b")
    [(hold,)] = await ask(target, "SELECT value FROM setting WHERE key = 'hold'")
    assert datetime.fromisoformat(str(hold)).tzinfo is not None
    assert await ask(source, "SELECT value FROM setting WHERE key = 'hold'") == []


async def test_a_backup_is_of_one_instant(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    writing = True

    async def write() -> None:
        async with await psycopg.AsyncConnection.connect(source) as connection:
            for number in itertools.count(1000):
                await connection.execute(b"INSERT INTO daily VALUES (now(), %s)", (number,))
                await connection.execute(b"INSERT INTO setting VALUES (%s, 'true')", (f"pair {number}",))
                await connection.commit()
                if not writing:
                    return

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        await asyncio.sleep(0.1)
        await backup(source, tmp_path / "b")
        writing = False
    await restore(target, tmp_path / "b")
    pairs = await ask(target, "SELECT count(*) FROM daily WHERE n >= 1000")
    assert pairs == await ask(target, "SELECT count(*) FROM setting WHERE key LIKE 'pair%'")
    assert pairs != [(0,)]


async def test_a_database_in_use_is_not_overwritten(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    await backup(source, tmp_path / "b")
    await tell(target, "INSERT INTO inbox (lane, integration_id, kind, body) VALUES (0, 'x', 'event', '{}')")
    with pytest.raises(Refused, match="holds data already") as refusal:
        await restore(target, tmp_path / "b")
    assert refusal.value.why is Why.CONFLICT
    assert await ask(target, "SELECT count(*) FROM inbox") == [(1,)]
    await restore(target, tmp_path / "b", replace=True)
    assert await ask(target, "SELECT count(*) FROM inbox") == [(0,)]


async def test_a_damaged_backup_changes_nothing(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    await backup(source, tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "b") as whole, zipfile.ZipFile(tmp_path / "bad", "w") as bad:
        for name in whole.namelist():
            bad.writestr(name, whole.read(name).replace(b"slash", b"slush"))
    with pytest.raises(Refused, match="checksum of table Odd"):
        await restore(target, tmp_path / "bad")
    (tmp_path / "cut").write_bytes((tmp_path / "b").read_bytes()[:5000])
    with pytest.raises(Refused, match="cut off"):
        await restore(target, tmp_path / "cut")
    assert await ask(target, 'SELECT count(*) FROM "Odd"') == [(0,)]


async def test_a_backup_of_another_schema_is_refused(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    await tell(source, "INSERT INTO schema_migration VALUES (9999, 'later', 'x')")
    await backup(source, tmp_path / "b")
    with pytest.raises(Refused, match="9999"):
        await restore(target, tmp_path / "b")


async def test_a_statement_hidden_in_a_partitions_bounds_is_refused(server: str, tmp_path: Path) -> None:
    source, target = await database(server, rows=True), await database(server)
    await backup(source, tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "b") as whole, zipfile.ZipFile(tmp_path / "bad", "w") as bad:
        for name in whole.namelist():
            words = whole.read(name)
            if name == "manifest.json":
                manifest = json.loads(words)
                manifest["partitions"][0]["bounds"] = "DEFAULT; DROP TABLE setting"
                words = json.dumps(manifest).encode()
            bad.writestr(name, words)
    with pytest.raises(Refused, match="bounds"):
        await restore(target, tmp_path / "bad")


async def test_a_backup_never_overwrites_a_file_and_leaves_no_half_one(server: str, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("precious")
    with pytest.raises(Refused, match="exists already"):
        await backup(server, tmp_path / "b")
    with pytest.raises(Refused, match="never set up"):
        await backup(server, tmp_path / "c")
    assert [place.name for place in tmp_path.iterdir()] == ["b"]
