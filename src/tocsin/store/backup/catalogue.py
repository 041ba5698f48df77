"""The catalogue: what PostgreSQL says about our tables, so that no list of them is kept by hand."""

import re
from dataclasses import dataclass
from typing import LiteralString

import psycopg

from tocsin.ground.errors import Refused, Why
from tocsin.store.backup.archive import Partition, SchemaStep, Sequence

Connection = psycopg.AsyncConnection[tuple[object, ...]]

# The texts of dates, intervals and bytes must not depend on the settings of either database.
STEADY_TEXT = """
SET LOCAL client_encoding = 'UTF8'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres';
SET LOCAL bytea_output = 'hex'; SET LOCAL timezone = 'UTC'; SET LOCAL extra_float_digits = 1;
SET LOCAL search_path = 'public'; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0
"""

# Roots only: a partitioned table is read and filled through its root. Generated columns compute themselves.
_TABLES = """
SELECT c.relname::text,
       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.atttypid = 'xid8'::regtype)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname <> 'schema_migration'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype = 'e')
GROUP BY c.relname ORDER BY c.relname
"""

_PARTITIONS = """
SELECT c.relname::text, p.relname::text, pg_get_expr(c.relpartbound, c.oid)
FROM pg_class root
CROSS JOIN LATERAL pg_partition_tree(root.oid) tree
JOIN pg_class c ON c.oid = tree.relid JOIN pg_class p ON p.oid = tree.parentrelid
WHERE root.relnamespace = 'public'::regnamespace AND root.relkind = 'p' AND NOT root.relispartition AND tree.level > 0
ORDER BY tree.level, c.relname
"""

_SEQUENCES = """
SELECT s.relname::text, coalesce(pg_sequence_last_value(s.oid), q.seqstart), pg_sequence_last_value(s.oid) IS NOT NULL
FROM pg_class s JOIN pg_sequence q ON q.seqrelid = s.oid
WHERE s.relnamespace = 'public'::regnamespace AND s.relkind = 'S' ORDER BY s.relname
"""

_FOREIGN_KEYS = """
SELECT c.relname::text, k.conname::text, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = 'public'::regnamespace
ORDER BY c.relname, k.conname
"""

_SCHEMA = "SELECT number, name, digest FROM schema_migration ORDER BY number"

# A backup is data from elsewhere: of a bound only this shape becomes part of a statement.
_EDGE = r"\((?:'[^'\\]*'|-?\d+|MINVALUE|MAXVALUE)\)"
_BOUNDS = re.compile(rf"DEFAULT|FOR VALUES FROM {_EDGE} TO {_EDGE}")


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table's columns that are saved, and those of them that hold transaction numbers."""

    name: str
    columns: tuple[str, ...]
    transaction_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key and the words that make it again."""

    table: str
    name: str
    definition: str


async def tables(connection: Connection) -> list[TableShape]:
    """Return every table of the product, by name."""
    return [
        TableShape(str(name), tuple(map(str, _list(columns))), tuple(map(str, _list(numbers))))
        for name, columns, numbers in await _rows(connection, _TABLES)
    ]


async def partitions(connection: Connection) -> tuple[Partition, ...]:
    """Return the partitions, parents before children."""
    found = [Partition(str(a), str(b), str(c)) for a, b, c in await _rows(connection, _PARTITIONS)]
    for partition in found:
        check_bounds(partition)
    return tuple(found)


async def sequences(connection: Connection) -> tuple[Sequence, ...]:
    """Return where the sequences stand; never lower than what a snapshot taken before could have seen."""
    return tuple(Sequence(str(a), int(str(b)), bool(c)) for a, b, c in await _rows(connection, _SEQUENCES))


async def foreign_keys(connection: Connection) -> list[ForeignKey]:
    """Return the foreign keys of the product's tables."""
    return [ForeignKey(str(a), str(b), str(c)) for a, b, c in await _rows(connection, _FOREIGN_KEYS)]


async def schema(connection: Connection) -> tuple[SchemaStep, ...]:
    """Return the migrations that made the database; none when it was never migrated."""
    [(ledger,)] = await _rows(connection, "SELECT to_regclass('public.schema_migration')::text")
    if ledger is None:
        return ()
    return tuple(SchemaStep(int(str(a)), str(b), str(c)) for a, b, c in await _rows(connection, _SCHEMA))


def check_bounds(partition: Partition) -> None:
    """Raise Refused for a partition that is neither a plain range nor the default."""
    if _BOUNDS.fullmatch(partition.bounds) is None:
        raise Refused(Why.INVALID, f"Partition {partition.name} has bounds that a backup cannot hold.")


async def _rows(connection: Connection, query: LiteralString) -> list[tuple[object, ...]]:
    return await (await connection.execute(query)).fetchall()


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
