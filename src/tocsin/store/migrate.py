"""Migrations: bringing the database to the shape that this version of the program knows."""

import hashlib
import re
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql

_NAME = re.compile(r"(\d{4})_(\w+)\.(pre|post)\.sql")
_LOCK = 8_302_417  # advisory lock: two nodes that start together migrate one after the other
_PATIENCE = "5s"  # lock_timeout of a migration: it gives way to running pages rather than block them

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class SchemaTooNew(Exception):
    """The database was migrated by a newer version; this one must not touch it."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file: when it runs and what it says."""

    number: int
    name: str
    phase: str
    sql: str

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the statements, to notice a file that was edited after it ran."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known() -> tuple[Migration, ...]:
    """Return all migrations of this version in order."""
    found = []
    for entry in resources.files("tocsin.store.migrations").iterdir():
        match = _NAME.fullmatch(entry.name)
        if match:
            found.append(Migration(int(match[1]), match[2], match[3], entry.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))


async def migrate(dsn: str, *, phases: tuple[str, ...] = ("pre", "post")) -> list[str]:
    """Apply what is missing, each file in a transaction of its own, and return the names applied.

    Raises `SchemaTooNew` when the database knows a migration that this version does not, or when a file
    differs from the one that ran.
    """
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        await connection.execute(_LEDGER)
        done = await _applied(connection)
        _refuse_newer(done)
        applied = []
        for migration in known():
            if migration.number in done or migration.phase not in phases:
                continue
            async with connection.transaction():
                await connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_PATIENCE))
                await connection.execute(migration.sql.encode())
                await connection.execute(
                    "INSERT INTO schema_migration (number, name, digest) VALUES (%s, %s, %s)",
                    (migration.number, migration.name, migration.digest),
                )
            applied.append(f"{migration.number:04d}_{migration.name}")
        return applied


async def refuse_newer_schema(dsn: str) -> None:
    """Raise `SchemaTooNew` when this version must not run on the database; return silently otherwise."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(_LEDGER)
        _refuse_newer(await _applied(connection))


async def _applied(connection: psycopg.AsyncConnection) -> dict[int, str]:
    cursor = await connection.execute("SELECT number, digest FROM schema_migration")
    return {int(number): str(digest) for number, digest in await cursor.fetchall()}


def _refuse_newer(done: dict[int, str]) -> None:
    mine = {migration.number: migration for migration in known()}
    unknown = sorted(set(done) - set(mine))
    if unknown:
        raise SchemaTooNew(
            f"The database has migration {unknown[-1]:04d}, this version knows up to {max(mine):04d}: "
            "start the newer version of Tocsin, or restore a backup made before the upgrade."
        )
    for number, digest in done.items():
        if mine[number].digest != digest:
            raise SchemaTooNew(f"Migration {number:04d} differs from the one that ran on this database.")
