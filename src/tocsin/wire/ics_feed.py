"""Feeds as text: who is on call, as an iCalendar file that calendars subscribe to.

RFC 5545 is the source: lines of at most 75 octets, folded between characters, ended by CR LF; RFC 7986 for the name
and the interval at which subscribers ask again. Written by hand, because a feed may hold thousands of entries and a
door writes it while pages are sent; the tests read it back with a library.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from tocsin.ground.text import trim

CONTENT_TYPE = "text/calendar; charset=utf-8"
ASK_AGAIN = "PT1H"  # an hour: calendars ask less often than they are told to, so overrides show the same day
LONGEST_LINE = 75  # octets, RFC 5545 section 3.1
LONGEST_TEXT = 500  # characters of one property

_ESCAPED = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"}
_SPECIAL = re.compile(r"[\\;,\n]")
_BREAKS = re.compile(r"\r\n|\r|\u2028|\u2029|\x85")
_KIND, _GOES_ON = 0xC0, 0x80  # the upper bits of a byte of UTF-8, and their value where a character goes on
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class FeedEntry(Struct, frozen=True, kw_only=True):
    """One stretch in a feed; `revision` grows whenever what it comes from is changed, last at `changed_at`."""

    uid: str
    start: datetime
    end: datetime
    summary: str
    description: str = ""
    url: str = ""
    revision: int = 0
    changed_at: datetime


def uid(*parts: str) -> str:
    """Return a name for an entry: the same for the same parts, and without anything of them that could be read."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{digest[:40]}@tocsin"


def written(name: str, entries: Sequence[FeedEntry]) -> bytes:
    """Return the calendar of this name: every instant in UTC, the same bytes for the same entries."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tocsin//On call//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_text(name)}",
        f"X-WR-CALNAME:{_text(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{ASK_AGAIN}",
        f"X-PUBLISHED-TTL:{ASK_AGAIN}",
    ]
    for entry in entries:
        lines += _lines(entry)
    lines.append("END:VCALENDAR")
    return b"".join(map(_folded, lines))


def etag(content: bytes) -> str:
    """Return the strong validator of these bytes."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _lines(entry: FeedEntry) -> Iterable[str]:
    changed = _instant(entry.changed_at)
    yield "BEGIN:VEVENT"
    yield f"UID:{entry.uid}"
    yield f"DTSTAMP:{changed}"
    yield f"LAST-MODIFIED:{changed}"
    yield f"SEQUENCE:{entry.revision}"
    yield f"DTSTART:{_instant(entry.start)}"
    yield f"DTEND:{_instant(entry.end)}"
    yield f"SUMMARY:{_text(entry.summary)}"
    if entry.description:
        yield f"DESCRIPTION:{_text(entry.description)}"
    if entry.url:
        yield f"URL:{_CONTROLS.sub('', entry.url)}"
    yield "TRANSP:TRANSPARENT"  # being on call does not make somebody busy
    yield "END:VEVENT"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    plain = _CONTROLS.sub("", _BREAKS.sub("\n", trim(text, LONGEST_TEXT)))
    return _SPECIAL.sub(lambda match: _ESCAPED[match[0]], plain)


def _folded(line: str) -> bytes:
    """Return the line with its end, folded before an octet too many and never inside a character."""
    raw = line.encode("utf-8", "replace")
    if len(raw) <= LONGEST_LINE:
        return raw + b"\r\n"
    parts: list[bytes] = []
    while raw:
        cut = min(len(raw), LONGEST_LINE - bool(parts))
        while cut < len(raw) and raw[cut] & _KIND == _GOES_ON:
            cut -= 1
        parts.append(raw[:cut])
        raw = raw[cut:]
    return b"\r\n ".join(parts) + b"\r\n"
