"""Every statement of the store fits the migrated schema: it can be prepared, and its columns are its row's fields."""

import ast
import importlib
import pkgutil
import types
import typing
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Literal, NewType, Union

import psycopg
from msgspec import Struct
from psycopg.pq import ExecStatus

from tests.house.tree import sources, verdict
from tocsin import store
from tocsin.store.query import Command, Query, positional

Statement = Query[Any] | Command

# What psycopg makes of a column, by the number of its PostgreSQL type.
SCALARS: dict[int, type] = {
    16: bool, 17: bytes, 20: int, 21: int, 23: int, 25: str, 700: float, 701: float, 1043: str,
    1082: date, 1184: datetime, 1186: timedelta, 5069: str,
}  # fmt: skip
LISTS: dict[int, type] = {1005: int, 1007: int, 1009: str, 1016: int, 1185: datetime}
JSON = frozenset({114, 3802})


def statements() -> Iterator[tuple[str, Statement]]:
    """Yield every statement that a module of the store keeps under a name, also inside a table of statements."""
    for module_info in pkgutil.walk_packages(store.__path__, f"{store.__name__}."):
        module = importlib.import_module(module_info.name)
        for name, value in vars(module).items():
            for statement in inside(value):
                yield f"{module_info.name}.{name}", statement


def inside(value: object) -> Iterator[Statement]:
    """Yield the statements that a value is or holds."""
    if isinstance(value, Query | Command):
        yield value
    elif isinstance(value, Struct):
        yield from inside([getattr(value, name) for name in value.__struct_fields__])
    elif isinstance(value, dict):
        yield from inside(list(value.values()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from inside(each)


def variants(annotation: object) -> tuple[set[object], bool]:
    """Return the bare types that an annotation allows, and whether it allows None."""
    if isinstance(annotation, NewType):
        annotation = annotation.__supertype__
    origin = typing.get_origin(annotation)
    if origin in {Union, types.UnionType}:
        parts = [variants(part) for part in typing.get_args(annotation)]
        return set().union(*(kinds for kinds, _ in parts)) - {types.NoneType}, any(none for _, none in parts)
    if origin is Literal:
        return {type(value) for value in typing.get_args(annotation)}, False
    if annotation is types.NoneType:
        return {types.NoneType}, True
    return {annotation}, annotation in {object, Any}


def fits(oid: int, annotation: object) -> bool:
    """Return whether a column of this type can stand in a field annotated so."""
    kinds, _ = variants(annotation)
    if kinds & {object, Any}:
        return True
    if oid in JSON:
        return any((typing.get_origin(kind) or kind) in {dict, list, str} for kind in kinds)
    if oid in LISTS:
        return any(typing.get_origin(kind) is list and typing.get_args(kind) == (LISTS[oid],) for kind in kinds)
    expected = SCALARS.get(oid)
    return expected is not None and all(isinstance(kind, type) and issubclass(kind, expected) for kind in kinds)


def faults(connection: psycopg.Connection[Any], name: str, statement: Statement) -> Iterator[str]:
    """Yield what is wrong with a statement."""
    line = connection.pgconn
    prepared = line.prepare(b"", positional(statement.sql).encode())
    if prepared.status != ExecStatus.COMMAND_OK:
        yield f"{name}: {prepared.error_message.decode().strip()}"
        return
    if isinstance(statement, Command):
        return
    shape = line.describe_prepared(b"")
    columns = [(shape.fname(number) or b"").decode() for number in range(shape.nfields)]
    fields = list(statement.row.__struct_fields__)
    if columns != fields:
        yield f"{name}: columns {columns}, fields of {statement.row.__name__} {fields}"
        return
    hints = typing.get_type_hints(statement.row)
    for number, column in enumerate(columns):
        if not fits(shape.ftype(number), hints[column]):
            yield f"{name}.{column}: type {shape.ftype(number)} in a field annotated {hints[column]}"


def test_every_statement_fits_the_schema(database: str) -> None:
    found: list[str] = []
    count = 0
    with psycopg.connect(database, autocommit=True) as connection:
        for name, statement in statements():
            count += 1
            found.extend(faults(connection, name, statement))
    assert count > 100, "the statements were not found"
    assert not found, "\n".join(found)


def test_no_statement_is_made_where_it_is_not_checked() -> None:
    found = [
        source.at(call.lineno)
        for source in sources("src")
        for function in source.functions()
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"Query", "Command"}
    ]
    verdict(found, "Make the Query or Command a constant of its module in the store, where this check finds it:")


def test_statements_live_in_the_store() -> None:
    found = [
        source.at(call.lineno)
        for source in sources("src")
        if not source.room_path.startswith("store/")
        for call in ast.walk(source.tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"Query", "Command"}
    ]
    verdict(found, "Statements live in the store, beside the noun they read or write:")
