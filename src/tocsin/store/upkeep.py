"""Upkeep: what the database needs now and then: partitions ahead of time, and old rows gone."""

from datetime import date, datetime, timedelta

import structlog
from msgspec import Struct
from psycopg import errors, sql

from tocsin.store.query import Command, Query
from tocsin.store.turn import Connection


class PartitionRow(Struct):
    """A partition of the event archive."""

    name: str


class Pulse(Struct):
    """What a second's look of the keeper finds: work for the loops, silent holders of pages, unsealed audit records."""

    events: bool
    timers: bool
    pages: bool
    silent: bool
    newest_sealed: bool


PULSE = Query(
    "what is to be done now, in one look",
    """
    SELECT EXISTS (SELECT FROM inbox) AS events,
           EXISTS (SELECT FROM timer WHERE due_at <= tocsin_now()) AS timers,
           EXISTS (SELECT FROM notification WHERE state = 'pending' AND due_at <= tocsin_now()) AS pages,
           EXISTS (SELECT FROM notification WHERE state = 'leased' AND lease_until < tocsin_now()) AS silent,
           NOT EXISTS (SELECT FROM audit a WHERE a.id = (SELECT max(id) FROM audit)
                          AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.audit_id = a.id)) AS newest_sealed
    """,
    row=Pulse,
)
PARTITIONS = Query(
    "partitions of the event archive",
    """
    SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'event'::regclass
    """,
    row=PartitionRow,
)
FORGET_FACTS = Command(
    "facts of the feed that everybody has read",
    """
    DELETE FROM feed WHERE id IN (
        SELECT id FROM feed WHERE at < tocsin_now() - %(kept_for)s::interval ORDER BY id LIMIT 50000)
    """,
)
SEE_NODE = Command(
    "this node, seen now",
    """
    INSERT INTO node (id, name, version, duties) VALUES (%(id)s, %(name)s, %(version)s, %(duties)s::text[])
        ON CONFLICT (id) DO UPDATE SET seen_at = tocsin_now()
    """,
)
FORGET_NODES = Command("nodes long gone", "DELETE FROM node WHERE seen_at < tocsin_now() - interval '1 day'")
RELEASE = Command("the hold on pages after a restore", "DELETE FROM setting WHERE key = 'hold'")

log = structlog.get_logger("store")

_AHEAD = 7  # days: a keeper may rest for so long before events go into the default partition


async def keep_partitions(connection: Connection, kept_for: timedelta) -> None:
    """Make the event archive's partitions of these days, and drop what is older than events are kept.

    Each statement is a transaction of its own that gives way at once: behind a long reader it would hold up every
    page. What was not possible now is tried again by the next call.
    """
    cursor = await connection.execute(PARTITIONS.sql)
    existing = {str(row[0]) for row in await cursor.fetchall()}
    cursor = await connection.execute("SELECT tocsin_now()")
    row = await cursor.fetchone()
    if row is None or not isinstance(row[0], datetime):
        return
    now = row[0]
    await connection.execute("SET lock_timeout = '200ms'")
    try:
        for ahead in range(_AHEAD + 1):
            day = now.date() + timedelta(days=ahead)
            if f"event_{day:%Y%m%d}" not in existing:
                await _try(connection, _new_partition(day))
        oldest = (now - kept_for).date()
        for name in sorted(existing):
            day_of = _day(name)
            if day_of is not None and day_of < oldest:
                await _try(connection, sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        old_rows = sql.SQL("DELETE FROM event_default WHERE received_at < {}").format((now - kept_for).isoformat())
        await _try(connection, old_rows)
    finally:
        await connection.execute("SET lock_timeout = '10s'")


def _new_partition(day: date) -> sql.Composed:
    name = sql.Identifier(f"event_{day:%Y%m%d}")
    start, end = day.isoformat(), (day + timedelta(days=1)).isoformat()
    return sql.SQL(
        "BEGIN; CREATE TABLE {name} (LIKE event INCLUDING DEFAULTS);"
        "ALTER TABLE event ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end}); COMMIT"
    ).format(name=name, start=start, end=end)


async def _try(connection: Connection, statement: sql.Composed) -> None:
    """Execute a statement that may give way to others, or find that the default partition has rows of its day."""
    try:
        await connection.execute(statement)
    except (errors.LockNotAvailable, errors.CheckViolation, errors.InvalidObjectDefinition) as later:
        log.info("upkeep.later", failure=type(later).__name__)
        await connection.execute("ROLLBACK")


def _day(name: str) -> date | None:
    try:
        return datetime.strptime(name, "event_%Y%m%d").date()  # noqa: DTZ007 - a name, in the database's UTC
    except ValueError:
        return None
