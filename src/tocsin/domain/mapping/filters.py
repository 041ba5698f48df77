"""Filters: what an expression of a manifest can do with a value beyond picking it."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
import re2  # type: ignore[import-untyped] # the package ships no types

from tocsin.domain.events import Json
from tocsin.domain.events.json_text import NotJson, decode
from tocsin.domain.mapping.severities import COMMON
from tocsin.domain.mapping.tree import grown, plain

LONGEST_SEARCHED = 64 * 1024  # characters that a pattern looks at; titles and mails are far shorter
LONGEST_PATTERN_MEMORY = 1 << 20  # bytes of one compiled pattern; a few hundred alternatives fit
MOST_PATTERNS = 500  # kept compiled; the shipped manifests have some fifty

_MILLISECONDS_ABOVE = 1e11  # as seconds, that is the year 5138
_MOST_DIGITS = 16  # of an instant: milliseconds until far beyond any calendar
_NOT_FILLED = re.compile(
    r"\$[A-Z_][A-Z0-9_.\[\]@]*|\$\{[^{}]*\}|\{\{[^{}]*\}\}|\{[$#?][^{}]*\}|\{[A-Z][A-Z0-9_.]*\}|\$[A-Z]+\$|\*UNKNOWN\*"
)
_PAIR = re.compile(r"[:=]")


def words_of(value: Json) -> str:
    """Return a value as text: nothing is empty, a text is itself, the rest is its JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(plain(value), order="sorted").decode()


def _stable(value: Json, without: Iterable[str] = ()) -> str:
    dropped = set(without)
    kept = {name: item for name, item in dict.items(value) if name not in dropped} if isinstance(value, dict) else value
    return hashlib.sha256(words_of(kept).encode("utf-8", "replace")).hexdigest() if kept else ""


def _fromjson(value: Json) -> Json:
    if not isinstance(value, str):
        return value
    try:
        return grown(decode(value.encode("utf-8", "replace")))
    except NotJson:
        return None


def _b64json(value: Json) -> Json:
    try:
        return _fromjson(base64.b64decode(words_of(value), validate=True).decode("utf-8", "replace"))
    except ValueError:
        return None


@lru_cache(MOST_PATTERNS)
def _compiled(pattern: str) -> Any:  # noqa: ANN401 - a pattern of a package without types
    options = re2.Options()
    options.max_mem = LONGEST_PATTERN_MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as failure:
        raise ValueError(f"the pattern {pattern[:100]} cannot be read: {failure}") from None


def _search(value: Json, pattern: str) -> str:
    found = _compiled(pattern).search(words_of(value)[:LONGEST_SEARCHED])
    if not found:
        return ""
    return str(found[1] or "") if found.groups() else str(found[0])


def _substitute(value: Json, pattern: str, replacement: str) -> str:
    return str(_compiled(pattern).sub(replacement, words_of(value)[:LONGEST_SEARCHED]))


def _severity(value: Json) -> str:
    found = COMMON.get(words_of(value).strip().lower())
    return found.value if found else ""


def _instant(value: Json) -> str:
    text = words_of(value).strip()
    try:
        number = float(text) if len(text) <= _MOST_DIGITS + 4 else None
        if number is None:
            return text
        return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS_ABOVE else number, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return text


def _pairs(value: Json) -> Json:
    parts = value if isinstance(value, list | tuple) else words_of(value).split(",")
    pairs = [_PAIR.split(words_of(part).strip(), maxsplit=1) for part in parts]
    return grown({pair[0].strip(): pair[1].strip() if len(pair) > 1 else "" for pair in pairs if pair[0]})


def _filled(value: Json) -> Json:
    return "" if isinstance(value, str) and _NOT_FILLED.fullmatch(value.strip()) else value


FILTERS: Final[Mapping[str, Callable[..., Json]]] = {
    "stable": _stable,
    "fromjson": _fromjson,
    "b64json": _b64json,
    "re": _search,
    "resub": _substitute,
    "sev": _severity,
    "dt": _instant,
    "kv": _pairs,
    "filled": _filled,
}
