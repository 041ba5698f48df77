"""Errors as version 3 of the wire says them: each fault under the path of the field that it is about."""

import functools
import re
from collections.abc import Callable

from tocsin.api.kit import Answer, Call, Operation, operation
from tocsin.api.kit.errors import TABLE
from tocsin.api.kit.operation import Deed, Method
from tocsin.ground.errors import Refused

INVALID = 400
NO_FIELD = "request"  # stands where a fault is about no single field

# Sentences of rooms that know no fields, by how they begin; clients of version 2 know them too.
_FIELD_OF = {
    "Name has already": "schedule.name",
    "Schedule can't": "schedule",
    "Team ": "schedule.teams",
    "This schedule is": "schedule",
}
_FIELD = re.compile(r"([a-z][a-z_]*(?:\[\d*\]|\.[a-z_]+)*)(?:(: )| is | must )")


def told_by_field(method: Method, path: str) -> Callable[[Deed], Operation]:
    """Declare the function below as an operation whose errors of validation are a map from fields to sentences.

    A fault that begins with a path and a colon, such as `event.name: …`, is told under that path.
    """

    def declare(deed: Deed) -> Operation:
        @functools.wraps(deed)
        async def told(call: Call) -> Answer:
            try:
                return await deed(call)
            except Refused as refused:
                if TABLE[refused.why].status != INVALID:
                    raise
                return _answer(refused)

        return operation(method, path)(told)

    return declare


def _answer(refused: Refused) -> Answer:
    said = TABLE[refused.why]
    errors: dict[str, list[str]] = {}
    for fault in refused.errors:
        field, sentence = _apart(fault)
        errors.setdefault(field, []).append(sentence)
    return Answer(said.status, {"error": {"message": said.message, "code": said.code, "errors": errors}})


def _apart(fault: str) -> tuple[str, str]:
    """Return the field that a fault is about, and its sentence."""
    found = _FIELD.match(fault)
    if found is None:
        return next((field for start, field in _FIELD_OF.items() if fault.startswith(start)), NO_FIELD), fault
    return found[1], fault if found[2] is None else fault[found.end() :]
