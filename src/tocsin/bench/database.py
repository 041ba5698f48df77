"""Database: looking into a measured program's own database from outside, and filling it by the hundred thousand."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tocsin.store.migrate import migrate

_CHUNK = 50_000  # rows of one statement when filling: few enough to tell of progress and to keep WAL in bounds

_COPIED = """
    SELECT column_name FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name = %s AND is_identity = 'NO'
       AND coalesce(column_default, '') NOT LIKE 'nextval%%'
     ORDER BY ordinal_position
"""


class Database:
    """One connection to a database of a bench, in autocommit mode."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        """Use this connection."""
        self._connection = connection

    async def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        cursor = await self._connection.execute(query.encode(), values, prepare=True)
        return await cursor.fetchall()

    async def number(self, query: str, values: Sequence[object] = ()) -> int:
        """Return the one number that a query is about."""
        return int((await self.rows(query, values))[0][0])

    async def text(self, query: str, values: Sequence[object] = ()) -> str | None:
        """Return the first text that a query finds."""
        found = await self.rows(query, values)
        return str(found[0][0]) if found else None

    async def do(self, command: str) -> None:
        """Execute a command."""
        await self._connection.execute(command.encode())

    async def copies(self, table: str, count: int, *, of: str, fresh: Mapping[str, str], first: int = 1) -> None:
        """Copy a row of a table so many times; `of` is the condition that finds it.

        `fresh` has the SQL expressions of the columns that differ, in which `g` is the number of the copy, counted
        from `first`. Filled rows are copies of what the program itself wrote, so they have its shape by birth. Only
        a bench may do this, in a database that dies with it: in an installation the engine alone writes incidents.
        """
        columns = [row[0] for row in await self.rows(_COPIED, (table,))]
        values = [sql.SQL(fresh[name]) if name in fresh else sql.Identifier("t", name) for name in columns]
        command = sql.SQL("INSERT INTO {table} ({columns}) SELECT {values} FROM {table} t, ").format(
            table=sql.Identifier(table),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(values),
        )
        for start in range(first, first + count, _CHUNK):
            end = min(start + _CHUNK, first + count) - 1
            series = f"generate_series({start}, {end}) AS g WHERE {of}"
            await self._connection.execute(command + sql.SQL(series))


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Database]:
    """Give a connection to this database."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield Database(connection)


async def beside(dsn: str, name: str) -> str:
    """Make one more migrated database on the same server and return its address."""
    async with connected(dsn) as database:
        await database.do(f'CREATE DATABASE "{name}"')
    made = make_conninfo(dsn, dbname=name)
    await migrate(made)
    return made
