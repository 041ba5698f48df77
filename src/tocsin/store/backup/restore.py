"""Restoring: a backup goes into an empty database whole or not at all, and pages wait until a person confirms."""

import asyncio
import zipfile
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from tocsin.ground.errors import Refused, Why
from tocsin.store.backup import archive, catalogue
from tocsin.store.backup.archive import Manifest, Table
from tocsin.store.backup.catalogue import Connection, ForeignKey, TableShape
from tocsin.store.backup.progress import Progress, Step, unheard

CHUNK = 256 * 1024  # bytes held in memory at a time
SIGNS_OF_LIFE = ("app_user", "service", "incident", "inbox")  # rows in one of them mean that somebody uses the database
FIRST_TRANSACTION = 3  # PostgreSQL's lowest number of a normal transaction

# A restored installation must not page about what was true when the backup was made.
_HOLD = """
INSERT INTO setting (key, value) VALUES ('hold', to_jsonb(tocsin_now()))
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""

# Feed and audit are read up to the oldest running transaction. Numbers from another server can lie in this server's
# future, and such rows would stay unseen for years. They get numbers from below the present one, in the same order.
_RENUMBER = """
CREATE TEMPORARY TABLE renumbered ON COMMIT DROP AS
SELECT old, greatest(pg_current_xact_id()::text::numeric - row_number() OVER (ORDER BY old DESC), {first})::text::xid8
       AS new
FROM ({all_of_them}) AS number (old)
"""


async def restore(dsn: str, source: Path, progress: Progress = unheard, *, replace: bool = False) -> Manifest:
    """Fill a freshly migrated database from a backup and put all pages on hold; return what the backup held.

    Everything happens in one transaction. `replace` allows a database that holds data, which is lost then. Raises
    Refused when the file is damaged, the schema is not that of the backup, the database is in use, or holds data.
    """
    with archive.open_archive(source) as packed:
        manifest = archive.manifest_of(packed)
        for partition in manifest.partitions:
            catalogue.check_bounds(partition)
        await asyncio.to_thread(archive.check_whole, packed, manifest)
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            await connection.execute(catalogue.STEADY_TEXT)
            await connection.execute("SET LOCAL lock_timeout = '10s'")
            await _check_target(connection, manifest, replace=replace)
            try:
                await _fill(connection, packed, manifest, progress)
            except psycopg.errors.LockNotAvailable as failure:
                raise Refused(
                    Why.IN_USE, "A program is using the database: stop every node, then restore."
                ) from failure
            await connection.commit()
            await connection.execute("ANALYZE")
    return manifest


async def _check_target(connection: Connection, manifest: Manifest, *, replace: bool) -> None:
    """Refuse a database of another shape, or one that somebody uses."""
    present = await catalogue.schema(connection)
    if present != manifest.schema:
        newest = manifest.schema[-1].number if manifest.schema else 0
        mine = present[-1].number if present else 0
        raise Refused(
            Why.CONFLICT,
            f"The backup has the schema of migration {newest:04d} (version {manifest.program_version}), the database "
            f"that of {mine:04d}: restore with that version into a new database, then upgrade.",
        )
    known = {shape.name: shape for shape in await catalogue.tables(connection)}
    for table in manifest.tables:
        if table.name not in known or not set(table.columns) <= set(known[table.name].columns):
            raise Refused(Why.CONFLICT, f"The database has no table {table.name} like the one in the backup.")
    for name in () if replace else SIGNS_OF_LIFE:
        if name in known and await _has_rows(connection, name):
            raise Refused(Why.CONFLICT, f"The database holds data already (table {name}): restore into an empty one.")


async def _has_rows(connection: Connection, table: str) -> bool:
    query = sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier("public", table))
    return await (await connection.execute(query)).fetchone() is not None


async def _fill(connection: Connection, packed: zipfile.ZipFile, manifest: Manifest, progress: Progress) -> None:
    """Empty every table, stream the rows in with foreign keys and triggers off, and put these back."""
    shapes = await catalogue.tables(connection)
    keys = await catalogue.foreign_keys(connection)
    await _loosen(connection, shapes, keys)
    for partition in manifest.partitions:
        await connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} {}").format(
                sql.Identifier("public", partition.name),
                sql.Identifier("public", partition.parent),
                sql.SQL(partition.bounds),  # its shape was checked by check_bounds
            )
        )
    for number, table in enumerate(manifest.tables, start=1):
        progress(Step(table.name, number, len(manifest.tables), 0))
        await _load(connection, packed, table)
        progress(Step(table.name, number, len(manifest.tables), table.rows))
    await _renumber(connection, shapes)
    for sequence in manifest.sequences:
        await connection.execute(
            "SELECT setval(format('public.%%I', %s::text)::regclass, %s, %s)",
            (sequence.name, sequence.last_value, sequence.called),
        )
    await connection.execute(_HOLD)
    await _tighten(connection, shapes, keys)


async def _loosen(connection: Connection, shapes: list[TableShape], keys: list[ForeignKey]) -> None:
    """Empty the tables and take off what would look at half-filled ones; undone by a rollback like all the rest.

    Taking the keys off and checking them whole at the end needs no order of tables and no superuser.
    """
    names = [sql.Identifier("public", shape.name) for shape in shapes]
    for key in keys:
        table = sql.Identifier("public", key.table)
        await connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, sql.Identifier(key.name)))
    for name in names:
        await connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
    await connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(names)))


async def _tighten(connection: Connection, shapes: list[TableShape], keys: list[ForeignKey]) -> None:
    """Check every foreign key over all rows and put the triggers back."""
    await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for shape in shapes:
        name = sql.Identifier("public", shape.name)
        await connection.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))
    for key in keys:
        words = sql.SQL(key.definition)  # read from this database's own catalogue
        await connection.execute(
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
                sql.Identifier("public", key.table), sql.Identifier(key.name), words
            )
        )


async def _load(connection: Connection, packed: zipfile.ZipFile, table: Table) -> None:
    """Stream one table's rows into the database; raises Refused when not all arrive."""
    order = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier("public", table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
    )
    cursor = connection.cursor()
    with packed.open(table.member) as stream:
        async with cursor.copy(order) as copy:
            while piece := await asyncio.to_thread(_piece, stream):
                await copy.write(piece)
    if cursor.rowcount != table.rows:
        raise Refused(Why.INVALID, f"Table {table.name} has {cursor.rowcount} rows instead of {table.rows}.")


def _piece(stream: IO[bytes]) -> bytes:
    return stream.read(CHUNK)


async def _renumber(connection: Connection, shapes: list[TableShape]) -> None:
    """Bring transaction numbers from another server below the present one of this server, keeping their order."""
    columns = [
        (sql.Identifier("public", shape.name), sql.Identifier(column))
        for shape in shapes
        for column in shape.transaction_columns
    ]
    if not columns:
        return
    numbers = sql.SQL(" UNION ").join(sql.SQL("SELECT {1} FROM {0}").format(*one) for one in columns)
    future = sql.SQL("SELECT max(old) >= pg_current_xact_id() FROM ({}) AS number (old)").format(numbers)
    row = await (await connection.execute(future)).fetchone()
    if row is None or not row[0]:
        return
    await connection.execute(sql.SQL(_RENUMBER).format(first=sql.Literal(FIRST_TRANSACTION), all_of_them=numbers))
    await connection.execute("ANALYZE renumbered")
    for table, column in columns:
        await connection.execute(
            sql.SQL("UPDATE {0} SET {1} = new FROM renumbered WHERE {1} = old AND new <> old").format(table, column)
        )
