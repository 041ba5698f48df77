"""Depth: how deeply a JSON text is nested, found without parsing it."""

import re
from array import array
from itertools import accumulate

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKETS = b"[]{}"
_STEPS = bytes.maketrans(_BRACKETS, b"\x01\xff\x01\xff")  # a signed byte per bracket: one down, one up
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in _BRACKETS)


def deeper_than(text: bytes, deepest: int) -> bool:
    """Return whether arrays and objects of this JSON text are nested more than `deepest` levels.

    Brackets inside strings do not count. A text that is not JSON gets some answer; its parser will refuse it.
    """
    if text.count(b"[") + text.count(b"{") <= deepest:
        return False  # the ordinary event: fewer brackets than levels, no need to look closer
    brackets = _STRING.sub(b"", text).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(array("b", brackets)), default=0) > deepest
