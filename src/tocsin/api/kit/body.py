"""Bodies: reading the JSON of a request into a typed value."""

from typing import TypeVar

import msgspec

from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import repair

Model = TypeVar("Model")


def decoded(raw: bytes, model: type[Model], *, wrap: str | None) -> Model:
    """Return the body, or what stands under its key `wrap`, as this type.

    NUL characters are replaced, because PostgreSQL cannot store them and a request is not worth losing over one.
    Raises `Refused` (invalid or missing).
    """
    if not raw.strip():
        raise Refused(Why.MISSING, "The request has no body: send JSON." if wrap is None else f"{wrap} is missing.")
    try:
        document = _repaired(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, RecursionError, ValueError) as failure:
        raise Refused(Why.INVALID, "The body is not JSON that can be read.") from failure
    if wrap is not None:
        document = _unwrapped(document, wrap)
    try:
        return msgspec.convert(document, model)
    except (msgspec.MsgspecError, RecursionError, ValueError) as failure:
        raise Refused(Why.INVALID, _plain(str(failure), wrap)) from failure


def _unwrapped(document: object, wrap: str) -> object:
    if not isinstance(document, dict):
        raise Refused(Why.INVALID, f"The body is not an object with the key {wrap}.")
    if wrap not in document:
        raise Refused(Why.MISSING, f"{wrap} is missing.")
    return document[wrap]


def _repaired(value: object) -> object:
    if isinstance(value, str):
        return repair(value)
    if isinstance(value, dict):
        return {repair(str(key)): _repaired(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_repaired(inner) for inner in value]
    return value


def _plain(complaint: str, wrap: str | None) -> str:
    """Turn the decoder's "Expected … - at `$.name`" into "user.name: expected …"."""
    what, _, path = complaint.partition(" - at `$")
    where = f"{wrap or ''}{path.rstrip('`')}".strip(".")
    what = what.replace("`", "")
    return f"{where}: {what[:1].lower()}{what[1:]}" if where else what
