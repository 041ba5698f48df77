"""Exchanges: one HTTP request to the outside, and the three ways in which it can end."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct, field

from tocsin.ground.errors import Refused, Why

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110: what a header's name may be made of
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_URL = re.compile(r"[\x00-\x20\x7f]")
_UNSAFE_TARGET = re.compile(r"[^\x21-\x7e]")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"})
LONGEST_URL = 2048  # characters; longer ones break receivers before they break us


class Request(Struct, frozen=True, kw_only=True):
    """What is asked of a receiver. `headers` never hold Host or lengths: those follow from the rest."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Answer(Struct, frozen=True):
    """The receiver answered; header names are lower case, and `whole` is false when the body was cut at its cap."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True


class Unsent(Struct, frozen=True):
    """The request never reached the receiver: asking again cannot do anything twice."""

    text: str


class Unanswered(Struct, frozen=True):
    """The request left and no answer came: the receiver may or may not have acted on it."""

    text: str


class Origin(NamedTuple):
    """The receiver behind a URL: what to resolve, where to connect, and whether over TLS."""

    secure: bool
    host: str
    port: int


class Target(NamedTuple):
    """Where a URL leads: the receiver, the name it goes by in the Host header, and what to ask for there."""

    origin: Origin
    name: str
    path: str


@lru_cache(maxsize=1024)
def target(url: str) -> Target:
    """Return where an http or https URL leads.

    Raises `Refused` with `Why.INVALID` for another scheme, a user name or password, a missing or malformed host, an
    impossible port, blanks and control characters, and for a URL over its length.
    """
    if len(url) > LONGEST_URL or _BAD_URL.search(url):
        raise Refused(Why.INVALID, f"A URL is at most {LONGEST_URL} characters, without blanks or control characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _host(parts)
    except ValueError:
        raise Refused(Why.INVALID, "This is not a URL: its host or port cannot be read.") from None
    if parts.scheme not in {"http", "https"}:
        raise Refused(Why.INVALID, "A URL to call starts with https:// or http://.")
    if not host or port == 0:
        raise Refused(Why.INVALID, "A URL to call names a host, and its port is not 0.")
    if "@" in parts.netloc:
        raise Refused(Why.INVALID, "A URL to call carries no user name or password; use a header or a signing secret.")
    secure = parts.scheme == "https"
    shown = f"[{host}]" if ":" in host else host
    usual = 443 if secure else 80
    path = _UNSAFE_TARGET.sub(_percent, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return Target(Origin(secure, host, port or usual), shown if port in {None, usual} else f"{shown}:{port}", path)


def head(request: Request, to: Target) -> bytes:
    """Return the request's first line and headers as they go over the line.

    Raises `Refused` with `Why.INVALID` for a header that would break out of its line or contradict ours.
    """
    lines = [f"{request.method} {to.path} HTTP/1.1\r\nHost: {to.name}\r\n"]
    for name, value in request.headers.items():
        if not _TOKEN.fullmatch(name) or _BAD_VALUE.search(value) or name.lower() in _OURS:
            raise Refused(Why.INVALID, f"The header {name!r} cannot be sent: check its name and its value.")
        lines.append(f"{name}: {value}\r\n")
    lines.append(f"Content-Length: {len(request.body)}\r\n\r\n")
    return "".join(lines).encode("latin-1", "replace")


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))
