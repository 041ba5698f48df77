"""Wording: what a page says in one line, in a few, and to a program; the first line alone says it all at night."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct, UnsetType, json

from tocsin.domain.paging.message import BundleLine, Message
from tocsin.ground.text import one_line, repair, trim

LONGEST_HEADLINE = 160  # characters: a lock screen shows 40 to 100 of them, a mail list about 160
MOST_LINES = 20  # incidents named in one message; the rest is a number and a link
SHORTEST_WORDS = 40  # characters kept of the words when a link is long
LONGEST_NOTICE = 320  # characters of a notice in a narrow channel, where a page has its link to more
LONGEST_DETAIL = 500  # characters of one detail; a stack trace belongs behind the link

# Controls and the marks that reverse the direction of text: a title must not be able to rearrange the words around it.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def plain_text(text: str, longest: int = LONGEST_HEADLINE) -> str:
    """Return foreign text on one line, without unseen characters, cut to a length."""
    return trim(one_line(_UNSEEN.sub(" ", repair(text))), longest)


def headline(message: Message) -> str:
    """Return the line that says it all: a mail's subject, the top of a lock screen."""
    title = plain_text(message.title) or "(no title)"
    service = plain_text(message.service, 60)
    tail = f" · {service}" if service else ""
    if message.kind == "test":
        said = f"[{_marked('Test', message)}] Tocsin can reach you here"
    elif message.kind == "notice":
        said = f"[{_marked('Notice', message)}] {title}"
    elif message.kind == "digest":
        said = f"[{_marked('Late', message)}] {_incidents(message.total)} while the pager was down{_first(message)}"
    elif message.kind == "bundle":
        said = f"[{_marked('Storm', message)}] {_incidents(message.total, more=True)}{_first(message)}"
    elif message.kind == "status":
        said = f"[{_marked(f'#{message.number} {message.status}', message)}] {title}{tail}"
    else:
        said = f"[{_marked(f'#{message.number} {message.urgency}', message)}] {title}{tail}"
    return trim(said, LONGEST_HEADLINE)


def short(message: Message, longest: int = 480) -> str:
    """Return the message for a narrow channel (console, text message): the headline, then what to do."""
    parts = [headline(message)]
    if message.kind in {"bundle", "digest"}:
        parts.extend(f"#{line.number} {plain_text(line.title, 60)}" for line in message.lines[:3])
    elif message.reason:
        parts.append(plain_text(message.reason, LONGEST_NOTICE if message.kind == "notice" else 120))
    words = "\n".join(parts)
    link = f"Acknowledge: {message.acknowledge_url}" if message.acknowledge_url else message.url
    if not link:
        return trim(words, longest)
    room = max(longest - len(link) - 1, SHORTEST_WORDS)  # a cut link leads nowhere, so the words give way
    return f"{trim(words, room)}\n{link}"


def moment(instant: datetime, zone: str) -> str:
    """Return an instant as the reader's clock shows it, with the zone's name: `Tue 24 Nov 2026, 03:12 CET`.

    A zone that is not known is shown as UTC.
    """
    local = instant.astimezone(_zone(zone))
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {local:%Z}"


def named_lines(message: Message) -> tuple[tuple[BundleLine, ...], int]:
    """Return the incidents that a message names, and how many more there are."""
    named = message.lines[:MOST_LINES]
    return named, max(message.total, len(message.lines)) - len(named)


def _marked(said: str, message: Message) -> str:
    return f"{said}, may repeat" if message.may_repeat else said


def _incidents(count: int, *, more: bool = False) -> str:
    return f"{count}{' more' if more else ''} incident{'' if count == 1 else 's'}"


def _first(message: Message) -> str:
    return f": {plain_text(message.lines[0].title, 60)}{', …' if message.total > 1 else ''}" if message.lines else ""


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=128)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, not a name, or a folder
        return ZoneInfo("UTC")


class _Program(Struct, frozen=True, kw_only=True):
    """What a program receives: the same facts as a person, under stable names."""

    kind: str
    delivery: str
    may_repeat: bool
    headline: str
    sent_at: datetime
    reason: str
    level: int
    incident: dict[str, object] | None
    links: dict[str, str]
    total: int
    incidents: tuple[BundleLine, ...]
    notice: dict[str, object] | UnsetType = UNSET


_ENCODER = json.Encoder()


def program_text(message: Message, key: str) -> bytes:
    """Return the message as JSON for a webhook.

    `delivery` names this page for ever: a receiver that has seen it may drop the second copy. `may_repeat` says that
    a second copy is possible. `body` of the message goes into `incident`, or into `notice` when it is one, beside the
    fields that are always there.
    """
    incident: dict[str, object] | None = None
    if message.incident_id:
        incident = {
            **message.body,
            "id": message.incident_id,
            "number": message.number,
            "title": repair(message.title),
            "service": repair(message.service),
            "urgency": message.urgency,
            "status": message.status,
            "created_at": _instant(message.created_at),
            "url": message.url,
            "details": [{"name": repair(name), "value": repair(value)} for name, value in message.details],
        }
    links = {"acknowledge": message.acknowledge_url, "resolve": message.resolve_url}
    return _ENCODER.encode(
        _Program(
            kind=message.kind,
            delivery=key,
            may_repeat=message.may_repeat,
            headline=headline(message),
            sent_at=message.sent_at.astimezone(UTC),
            reason=repair(message.reason),
            level=message.level,
            incident=incident,
            links={name: url for name, url in links.items() if url},
            total=message.total,
            incidents=message.lines,
            notice=_notice(message),
        )
    )


def _notice(message: Message) -> dict[str, object] | UnsetType:
    if message.kind != "notice":
        return UNSET
    return {
        **message.body,
        "title": repair(message.title),
        "text": repair(message.reason),
        "url": message.url,
    }


def _instant(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at is not None else None
