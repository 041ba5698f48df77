"""Requests: what a browser asked for, read into values that pages can decide on."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from tocsin.ground.text import repair
from tocsin.logins import cookie_of

LONGEST_FORM = 64 * 1024  # bytes; the largest form here has six fields
MOST_FIELDS = 50  # of one form
_OUR_OWN = frozenset({"same-origin", "none"})


class NotOurs(Exception):
    """The request is not one that a page of ours makes."""


class TooLarge(Exception):
    """The request's body is larger than any form of ours."""


class Request(Struct, frozen=True, kw_only=True):
    """One request to a page: header names in lower case, the query and the form as flat texts."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]
    body: bytes
    source: str
    secure: bool

    @property
    def session(self) -> str | None:
        """Return the secret of the session cookie, or None."""
        return cookie_of(self.headers.get("cookie", ""))

    @property
    def from_elsewhere(self) -> bool:
        """Return whether the browser says that another site caused this request.

        `Sec-Fetch-Site` is sent by every browser of the last years; an older one sends `Origin` with a form.
        """
        site = self.headers.get("sec-fetch-site")
        if site is not None:
            return site not in _OUR_OWN
        origin = self.headers.get("origin")
        return origin is not None and urlsplit(origin).netloc.lower() != self.headers.get("host", "").lower()


def fields(text: str) -> dict[str, str]:
    """Return the fields of a query or a form; the last of several values wins, and ugly characters are repaired.

    Raises `NotOurs` when there are more than a form of ours has.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError as failure:
        raise NotOurs from failure
    return {repair(name): repair(value) for name, value in pairs}


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by lower-case name; repeated ones are joined as HTTP has it, cookies with a semicolon."""
    found: dict[str, str] = {}
    for name_raw, value_raw in raw:
        name, value = name_raw.decode("latin-1").lower(), value_raw.decode("latin-1")
        join = "; " if name == "cookie" else ", "
        found[name] = f"{found[name]}{join}{value}" if name in found else value
    return found


def local_path(wanted: str, otherwise: str) -> str:
    r"""Return where to go next when it is a path of this installation, else the other path.

    `//host`, `/\host` and anything with a scheme or a control character would lead a browser elsewhere.
    """
    clean = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if clean and wanted.isprintable() and "\\" not in wanted else otherwise


def secure(scheme: str, headers: Mapping[str, str], public_url: str) -> bool:
    """Return whether the browser speaks https, to us or to a proxy that ends TLS in front of us."""
    public = urlsplit(public_url)
    return scheme == "https" or (public.scheme == "https" and headers.get("host", "").lower() == public.netloc.lower())
