"""Tree: a payload that the expressions of a manifest can look into, and neither change nor look behind."""

from tocsin.domain.events import Json


class Branch(dict[str, Json]):
    """An object of a payload without the methods of a dict.

    An expression reaches methods by the same dot as members: `e.values` would give one when the tool sent none, and
    others would change the payload. They are nothing here, as a missing member is.
    """

    __slots__ = ()
    clear = copy = fromkeys = get = items = keys = pop = popitem = setdefault = update = values = None  # type: ignore[assignment] # taken away on purpose


class Row(tuple[Json, ...]):
    """A list of a payload, without methods for the same reason."""

    __slots__ = ()
    count = index = None  # type: ignore[assignment] # taken away on purpose


def grown(value: Json) -> Json:
    """Return a value of JSON as a tree."""
    if isinstance(value, dict):
        return Branch({name: grown(item) if isinstance(item, dict | list) else item for name, item in value.items()})
    if isinstance(value, list):
        return Row([grown(item) if isinstance(item, dict | list) else item for item in value])
    return value


def plain(value: Json) -> Json:
    """Return a value of an expression in the types that JSON knows; what is none of them becomes None."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in dict.items(value)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float) else None
