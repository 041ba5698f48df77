"""Saving: every table of one instant streamed into a backup file, while the program goes on working."""

import asyncio
import hashlib
import os
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec
import psycopg
from psycopg import sql

import tocsin
from tocsin.ground.errors import Refused, Why
from tocsin.store.backup import archive, catalogue
from tocsin.store.backup.archive import Manifest, Table
from tocsin.store.backup.catalogue import Connection, TableShape
from tocsin.store.backup.progress import Progress, Step, unheard

CHUNK = 256 * 1024  # bytes held in memory at a time, whatever the size of the table


async def backup(dsn: str, target: Path, progress: Progress = unheard) -> Manifest:
    """Write the whole database of one instant into `target` and return what was written.

    The file appears under its name only when it is complete and on disk; it is readable by its owner alone. Tell the
    reader `KEY_NOTE`. Raises Refused when `target` exists or the database is not Tocsin's, OSError when the disk fails.
    """
    if target.exists():
        raise Refused(Why.CONFLICT, f"{target} exists already: choose another name, for a backup is never overwritten.")
    part = target.with_name(target.name + ".part")
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w+b") as file:
            async with await psycopg.AsyncConnection.connect(dsn) as connection:
                manifest = await _save(connection, file, progress)
            await asyncio.to_thread(_to_disk, file)
        part.rename(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return manifest


async def _save(connection: Connection, file: IO[bytes], progress: Progress) -> Manifest:
    """Stream all tables and the manifest into an open file, within one snapshot."""
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    await connection.execute(catalogue.STEADY_TEXT)
    schema = await catalogue.schema(connection)
    if not schema:
        raise Refused(Why.INVALID, "There is nothing to save: the database was never set up by Tocsin.")
    shapes = await catalogue.tables(connection)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=archive.COMPRESSION) as packed:
        saved = []
        for number, shape in enumerate(shapes, start=1):
            progress(Step(shape.name, number, len(shapes), 0))
            table = await _save_table(connection, packed, shape)
            progress(Step(shape.name, number, len(shapes), table.rows))
            saved.append(table)
        manifest = Manifest(
            format=archive.FORMAT,
            format_version=archive.FORMAT_VERSION,
            program_version=tocsin.__version__,
            saved_at=await _instant(connection),
            schema=schema,
            tables=tuple(saved),
            partitions=await catalogue.partitions(connection),
            sequences=await catalogue.sequences(connection),
        )
        packed.writestr(archive.MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


async def _save_table(connection: Connection, packed: zipfile.ZipFile, shape: TableShape) -> Table:
    """Stream one table and return its description with count and checksum."""
    table = Table(shape.name, shape.columns, 0, "")
    digest, rows = hashlib.sha256(), 0
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        sql.SQL(", ").join(map(sql.Identifier, shape.columns)), sql.Identifier("public", shape.name)
    )
    # A table may exceed 2 GiB and its size is not known before.
    with packed.open(table.member, "w", force_zip64=True) as stream:
        waiting = bytearray()
        async with connection.cursor().copy(query) as copy:
            async for piece in copy:
                waiting += piece
                if len(waiting) >= CHUNK:
                    # COPY escapes line ends inside values, so each line is a row.
                    rows += waiting.count(b"\n")
                    await asyncio.to_thread(_pack, stream, digest.update, bytes(waiting))
                    waiting.clear()
        rows += waiting.count(b"\n")
        _pack(stream, digest.update, bytes(waiting))
    return msgspec.structs.replace(table, rows=rows, sha256=digest.hexdigest())


def _pack(stream: IO[bytes], digest: Callable[[bytes], None], piece: bytes) -> None:
    digest(piece)
    stream.write(piece)


async def _instant(connection: Connection) -> datetime:
    row = await (await connection.execute("SELECT now()")).fetchone()
    if row is None or not isinstance(row[0], datetime):
        raise Refused(Why.UNAVAILABLE, "PostgreSQL does not tell the time.")
    return row[0]


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
