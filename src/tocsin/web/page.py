"""Pages: HTML from templates, and the headers that keep a browser from doing more with it than showing it."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import minijinja
from msgspec import Struct

from tocsin.logins import COOKIE, HOST_COOKIE
from tocsin.store.sessions import LIFE

_IN_ADDRESS = "/?&=%#:;,@!$'()*+~"  # what stays as it is in a path with a query

Headers = tuple[tuple[str, str], ...]


class Response(Struct, frozen=True):
    """What goes back to the browser."""

    status: int
    body: bytes
    headers: Headers


@cache
def _style() -> str:
    return _file("page.css")


@cache
def _fixed_headers() -> Headers:
    """Return the headers of every page.

    Nothing but this page's own style sheet (named by its digest) and its own forms may be loaded, sent or
    framed. Addresses with a link's token in them are never told to another site, and nothing is kept in a cache.
    """
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return (
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", policy),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-robots-tag", "noindex, nofollow"),
    )


@cache
def _environment() -> minijinja.Environment:
    return minijinja.Environment(
        loader=_file,
        auto_escape_callback=lambda _name: "html",
        undefined_behavior="strict",
        globals={"style": _style()},
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _file(name: str) -> str:
    return resources.files("tocsin.web").joinpath("templates", name).read_text(encoding="utf-8")


def page(template: str, said: Mapping[str, object], *, status: int = 200, headers: Headers = ()) -> Response:
    """Return the template filled with what is to be said; everything said is escaped."""
    html = _environment().render_template(template, **said)
    return Response(status, html.encode("utf-8", "replace"), _fixed_headers() + headers)


def notice(status: int, title: str, text: str, *, headers: Headers = (), next_path: str = "") -> Response:
    """Return a page with one message and, when given, where to go next."""
    return page("notice.html", {"title": title, "text": text, "next_path": next_path}, status=status, headers=headers)


def redirect(path: str, headers: Headers = ()) -> Response:
    """Return a redirect to a path of this installation, which the browser then asks for with GET."""
    kept = tuple(header for header in _fixed_headers() if header[0] != "content-type")
    return Response(303, b"", (*kept, ("location", quote(path, safe=_IN_ADDRESS)), *headers))


def session_cookie(clear: str, *, secure: bool) -> tuple[str, str]:
    """Return the header that gives a browser its session.

    Over https the name's prefix binds the cookie to this host; over plain http no browser would take it.
    Lax, not strict: a link in a chat must open logged in, and every change needs the CSRF token anyway.
    """
    name = HOST_COOKIE if secure else COOKIE
    flags = "; Secure" if secure else ""
    return ("set-cookie", f"{name}={clear}; Path=/; Max-Age={int(LIFE.total_seconds())}; HttpOnly; SameSite=Lax{flags}")


def no_cookie(*, secure: bool) -> tuple[str, str]:
    """Return the header that makes a browser forget its session."""
    name = HOST_COOKIE if secure else COOKIE
    return ("set-cookie", f"{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}")


def clock_time(at: datetime, time_zone: str) -> str:
    """Return an instant as its reader's clock shows it: `03:12 CET, 24 November 2026`."""
    try:
        local = at.astimezone(ZoneInfo(time_zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        local = at
    return f"{local:%H:%M %Z}, {local.day} {local:%B %Y}"
