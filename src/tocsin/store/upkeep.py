"""Upkeep: what the database needs now and then: partitions ahead of time, and old rows gone."""

from datetime import date, datetime, timedelta

from msgspec import Struct
from psycopg import sql

from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class PartitionRow(Struct):
    """A partition of the event archive."""

    name: str


class NeededRow(Struct):
    """What a second's round of the keeper has to do."""

    silent: bool
    newest_sealed: bool


class SettingRow(Struct):
    """A setting's value."""

    value: object


NEEDED = Query(
    "whether a holder of pages went silent, and whether the newest audit record is sealed",
    """
    SELECT EXISTS (SELECT FROM notification WHERE state = 'leased' AND lease_until < tocsin_now()) AS silent,
           NOT EXISTS (SELECT FROM audit a WHERE a.id = (SELECT max(id) FROM audit)
                          AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.audit_id = a.id)) AS newest_sealed
    """,
    row=NeededRow,
)
PARTITIONS = Query(
    "partitions of the event archive",
    """
    SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'event'::regclass
    """,
    row=PartitionRow,
)
FORGET_SESSIONS = Command("sessions that are over", "DELETE FROM session WHERE valid_until < tocsin_now()")
FORGET_FACTS = Command(
    "facts of the feed that everybody has read",
    "DELETE FROM feed WHERE at < tocsin_now() - %(kept_for)s::interval",
)
SEE_NODE = Command(
    "this node, seen now",
    """
    INSERT INTO node (id, name, version, duties) VALUES (%(id)s, %(name)s, %(version)s, %(duties)s::text[])
        ON CONFLICT (id) DO UPDATE SET seen_at = tocsin_now()
    """,
)
FORGET_NODES = Command("nodes long gone", "DELETE FROM node WHERE seen_at < tocsin_now() - interval '1 day'")
SETTING = Query("a setting", "SELECT value FROM setting WHERE key = %(key)s", row=SettingRow)
RELEASE = Command("the hold on pages after a restore", "DELETE FROM setting WHERE key = 'hold'")

_AHEAD = 7  # days: a keeper may rest for so long before events go into the default partition


async def keep_partitions(turn: Turn, kept_for: timedelta) -> None:
    """Make the event archive's partitions of the next days, and drop those older than events are kept."""
    existing = {row.name for row in await turn.rows(PARTITIONS)}
    today = turn.now.date()
    for ahead in range(1, _AHEAD + 1):
        day = today + timedelta(days=ahead)
        name = f"event_{day:%Y%m%d}"
        if name not in existing:
            await turn.connection.execute(
                sql.SQL("CREATE TABLE {} PARTITION OF event FOR VALUES FROM ({}) TO ({})").format(
                    sql.Identifier(name), day.isoformat(), (day + timedelta(days=1)).isoformat()
                )
            )
    oldest = (turn.now - kept_for).date()
    for name in sorted(existing):
        day_of = _day(name)
        if day_of is not None and day_of < oldest:
            await turn.connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


def _day(name: str) -> date | None:
    try:
        return datetime.strptime(name, "event_%Y%m%d").date()  # noqa: DTZ007 - a name, in the database's UTC
    except ValueError:
        return None
