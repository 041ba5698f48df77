"""Operations: which request does what, found by looking into a folder."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from tocsin.api.kit.answer import Answer
from tocsin.api.kit.call import Call

Method = Literal["GET", "POST", "PUT", "DELETE", "PATCH"]
Deed = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its method, its path with `{names}`, and the function that does it.

    `reads` operations are open to read-only tokens. `needs_person` ones are refused to an account's token that
    does not say on whose behalf it acts (header `From`). `is_open` ones need no token at all.
    """

    method: Method
    path: str
    deed: Deed
    reads: bool
    needs_person: bool
    is_open: bool

    async def __call__(self, call: Call) -> Answer:
        """Do it."""
        return await self.deed(call)


def operation(
    method: Method, path: str, *, reads: bool | None = None, needs_person: bool = False, is_open: bool = False
) -> Callable[[Deed], Operation]:
    """Declare the function below as the operation behind this method and path; a GET reads unless said otherwise."""

    def declare(deed: Deed) -> Operation:
        only_reads = method == "GET" if reads is None else reads
        return Operation(method, path, deed, only_reads, needs_person, is_open)

    return declare


def discovered(room: str) -> tuple[Operation, ...]:
    """Return every operation declared in the files of this package, such as `tocsin.api.rest`."""
    found: dict[tuple[str, str], Operation] = {}
    package = importlib.import_module(room)
    for entry in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        module = importlib.import_module(f"{room}.{entry.name}")
        for value in vars(module).values():
            if isinstance(value, Operation):
                found[value.method, value.path] = value
    return tuple(found.values())
