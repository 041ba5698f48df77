"""JSON text: what clients send, decoded strictly, and once more with patience when only a character is ugly."""

import json
from typing import NoReturn

import msgspec

from tocsin.domain.events.depth import deeper_than
from tocsin.domain.events.event import Json
from tocsin.ground.limits import DEEPEST_EVENT
from tocsin.ground.text import repair

LONGEST_NUMBER = 4000  # digits; longer ones are kept as text, because few programs downstream read them

PARSE_ERROR = "JSON parse error"

_STRICT = msgspec.json.Decoder()
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class NotJson(Exception):
    """The text is not JSON that we take; the message says what is wrong with it."""


def decode(text: bytes) -> Json:
    """Return the value of a JSON text, its strings free of NUL and lone surrogates. Of equal keys the last wins.

    A byte order mark, bytes that are not UTF-8, lone surrogates and numbers beyond what a double holds do not
    cost the text: they are skipped, replaced by U+FFFD, or kept as text. Raises `NotJson` for everything else.
    """
    text = text.removeprefix(_UTF8_MARK)
    refuse_foreign(text)
    if deeper_than(text, DEEPEST_EVENT):
        raise NotJson(f"JSON is nested deeper than {DEEPEST_EVENT} levels")
    try:
        value = _STRICT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _patiently(text)
    return clean(value) if b"\\u0000" in text else value


def refuse_foreign(text: bytes) -> None:
    """Raise `NotJson` when the text is in UTF-16 or UTF-32, which JSON between programs may not be."""
    if text.startswith(_UTF16_MARKS) or (b"\0" in text[:4] and text[:4] != b"\0\0\0\0"):
        raise NotJson(f"{PARSE_ERROR}: the body must be UTF-8")


def _patiently(text: bytes) -> Json:
    try:
        value = json.loads(
            text.decode("utf-8", errors="replace"),
            parse_constant=_no_number,
            parse_float=_float,
            parse_int=_integer,
        )
    except (ValueError, RecursionError):
        raise NotJson(PARSE_ERROR) from None
    return clean(value)


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _float(digits: str) -> float | str:
    value = float(digits)
    return digits if value in {float("inf"), float("-inf")} else value


def _integer(digits: str) -> int | str:
    return digits if len(digits) > LONGEST_NUMBER else int(digits)


def clean(value: Json) -> Json:
    """Return the value with every string repaired, keys too. The depth cap keeps this recursion short."""
    if isinstance(value, str):
        return repair(value)
    if isinstance(value, dict):
        return {repair(key): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value
