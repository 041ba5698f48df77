"""Queries: SQL statements with a name, a sentence and the shape of their rows."""

import re
from dataclasses import dataclass
from typing import Generic, LiteralString, TypeVar

from msgspec import Struct

Row = TypeVar("Row", bound=Struct)

_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Query(Generic[Row]):
    """A statement that returns rows; its columns are the fields of `row`, in order.

    `tests/store/test_statements.py` prepares every query of this room against the migrated schema and
    compares names and types, so a renamed column fails there and not at three in the morning.
    """

    says: str
    sql: LiteralString
    row: type[Row]


@dataclass(frozen=True, slots=True)
class Command:
    """A statement whose rows do not matter, only how many it touched."""

    says: str
    sql: LiteralString


def positional(sql: str) -> str:
    """Return the statement with `%(name)s` as `$1…`, as PostgreSQL prepares it."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PARAMETER.sub(number, sql).replace("%%", "%")
