"""Health: what the doctor asks of the database itself: its version and settings, its clock, who else works on it."""

from datetime import datetime

from msgspec import Struct

from tocsin.store.query import Command, Query


class ServerRow(Struct, frozen=True):
    """The server: its version, its clock, whether it can be written to, and what it promises of a COMMIT."""

    version: str
    version_number: int
    at: datetime
    recovering: bool
    fsync: str
    synchronous_commit: str
    synchronous_standbys: str
    standbys: int


class NodeRow(Struct, frozen=True):
    """A node that has shown itself lately."""

    id: str
    name: str
    version: str
    duties: list[str]
    seen_at: datetime


class StepRow(Struct, frozen=True):
    """A migration that ran."""

    number: int


SERVER = Query(
    "server",
    """
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS version_number,
           clock_timestamp() AS at, pg_is_in_recovery() AS recovering, current_setting('fsync') AS fsync,
           current_setting('synchronous_commit') AS synchronous_commit,
           current_setting('synchronous_standby_names') AS synchronous_standbys,
           (SELECT count(*) FROM pg_stat_replication)::int AS standbys
    """,
    ServerRow,
)
# A node shows itself each minute.
LIVE_NODES = Query(
    "nodes that have shown themselves lately",
    """
    SELECT id, name, version, duties, seen_at FROM node
     WHERE seen_at > tocsin_now() - interval '90 seconds' ORDER BY name, id
    """,
    NodeRow,
)
STEPS = Query("migrations that ran", "SELECT number FROM schema_migration ORDER BY number", StepRow)
TRY_COMMIT = Command(
    "a row written and committed, to see how long that takes",
    """
    INSERT INTO setting (key, value) VALUES ('doctor', to_jsonb(tocsin_now()))
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
    """,
)
END_OF_TRIAL = Command("the row of that trial, gone", "DELETE FROM setting WHERE key = 'doctor'")
