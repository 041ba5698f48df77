"""Fetching: a document from an address on the web, through the guard, over redirects, and only if it is another one."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property, partial
from urllib.parse import urljoin

from msgspec import Struct

from tocsin.ground.errors import Refused, Why
from tocsin.wire.connection import Connection, why_unopened
from tocsin.wire.egress import Egress, Resolve, networks
from tocsin.wire.exchange import Answer, Request, Target, Unanswered, head, target

LONGEST_DOCUMENT = 2 * 1024 * 1024  # bytes, as `ics.LONGEST_CALENDAR`
PATIENCE = timedelta(seconds=20)  # for all redirects and the whole document
CONNECT_PATIENCE = 4.0  # seconds for one address, so that the next one of the same name still gets its turn
MOST_REDIRECTS = 5  # as many as calendars hosted by others need, and twice as many as they use
LONGEST_TAG = 500  # characters of a tag or date that are sent back to their server

_OK = 200
_NOT_MODIFIED = 304
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAID: dict[int, str] = {
    401: "asks for a login (401): use the calendar's secret address",
    403: "does not allow it (403): use the calendar's secret address",
    404: "has nothing at this address (404)",
    410: "took the calendar away (410)",
    429: "was asked too often (429)",
}


class Document(Struct, frozen=True):
    """What stands at an address, and what to send along so that it is fetched again only when it changed."""

    body: bytes
    etag: str | None
    modified: str | None


class NotModified(Struct, frozen=True):
    """The document is the one that was fetched before."""


class Documents:
    """Fetches documents up to a size, each over a line of its own.

    Every address, that of each redirect too, is looked up and checked by `egress` before anything is sent to it. A
    redirect never leads from https to http. No cookie, no login and nothing from the environment is sent.
    """

    def __init__(
        self,
        *,
        allowed_networks: Sequence[str] = (),
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        patience: timedelta = PATIENCE,
        resolve: Resolve | None = None,
    ) -> None:
        """Take the networks that may be called beside the public one.

        Raises `ValueError` for a text that is no network.
        """
        self._egress = Egress(networks(allowed_networks), resolve)
        self._make_trust = trust
        self._patience_s = patience.total_seconds()

    async def get(self, url: str, *, etag: str | None = None, modified: str | None = None) -> Document | NotModified:
        """Return the document at an http, https or webcal address, unless it is the one with this tag or date.

        Raises `Refused`: invalid for an address that cannot be, forbidden for one that may not be called, too large,
        and unavailable, in words, for everything that another try may heal.
        """
        headers = {"Accept": "text/calendar, text/plain;q=0.5, */*;q=0.1", "Accept-Encoding": "identity"}
        headers |= {name: value for name, value in _conditions(etag, modified).items() if value}
        here = plain_url(url)
        try:
            async with asyncio.timeout(self._patience_s):
                for _ in range(MOST_REDIRECTS + 1):
                    answer = await self._ask(here, headers)
                    if answer.status not in _REDIRECTS:
                        return _document(answer, target(here).name)
                    here = _onwards(here, answer)
        except TimeoutError:
            said = f"{target(here).name} did not send the whole calendar within {self._patience_s:g} s."
            raise Refused(Why.UNAVAILABLE, said) from None
        raise Refused(Why.UNAVAILABLE, f"{target(here).name} redirects more than {MOST_REDIRECTS} times.")

    async def _ask(self, url: str, headers: dict[str, str]) -> Answer:
        to = target(url)
        payload = head(Request(url=url, method="GET", headers=headers), to)
        line = await self._open(to)
        try:
            answer = await line.ask(payload)
        finally:
            line.drop()
        if isinstance(answer, Unanswered):
            raise Refused(Why.UNAVAILABLE, f"{to.name} gave no answer: {answer.text}.")
        return answer

    async def _open(self, to: Target) -> Connection:
        failure: Exception = OSError("the name has no address")
        try:
            addresses = await self._egress.addresses(to.origin.host, to.origin.port)
        except (OSError, UnicodeError) as unknown:
            addresses, failure = (), unknown
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_PATIENCE):
                    _, line = await asyncio.get_running_loop().create_connection(
                        partial(_Line, address),
                        address,
                        to.origin.port,
                        ssl=self._trust if to.origin.secure else None,
                        server_hostname=to.origin.host if to.origin.secure else None,
                    )
            except OSError as error:
                failure = error
            else:
                return line
        raise Refused(Why.UNAVAILABLE, f"{to.name} cannot be reached: {why_unopened(failure)}.")

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return self._make_trust()


def plain_url(url: str) -> str:
    """Return the address with https in the place of webcal, which calendars write for "subscribe to this".

    Raises `Refused` (invalid) for an address that cannot be called.
    """
    scheme, separator, rest = url.strip().partition("://")
    plain = f"https://{rest}" if separator and scheme.lower() in {"webcal", "webcals"} else url.strip()
    target(plain)
    return plain


class _Line(Connection):
    """A line for one document, which may be longer than the answers that other receivers give."""

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body up to the cap for documents."""
        self._body += part
        if len(self._body) > LONGEST_DOCUMENT:
            self._settle(self._answer(whole=False), keep=False)


def _conditions(etag: str | None, modified: str | None) -> dict[str, str | None]:
    return {"If-None-Match": etag, "If-Modified-Since": modified}


def _onwards(here: str, answer: Answer) -> str:
    """Return where a redirect leads."""
    onwards = plain_url(urljoin(here, answer.headers.get("location", "")))
    if target(here).origin.secure and not target(onwards).origin.secure:
        raise Refused(Why.FORBIDDEN, f"{target(here).name} redirects from https to http, which gives the address away.")
    return onwards


def _document(answer: Answer, name: str) -> Document | NotModified:
    if answer.status == _NOT_MODIFIED:
        return NotModified()
    if answer.status != _OK:
        raise Refused(Why.UNAVAILABLE, f"{name} {_SAID.get(answer.status, f'answered {answer.status}')}.")
    if len(answer.body) > LONGEST_DOCUMENT:
        raise Refused(Why.TOO_LARGE, f"{name} sent more than {LONGEST_DOCUMENT // 1024} KiB.")
    if not answer.whole:
        raise Refused(Why.UNAVAILABLE, f"{name} cut the line in the middle of the calendar.")
    if answer.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise Refused(Why.UNAVAILABLE, f"{name} sent a packed calendar although it was asked not to.")
    return Document(answer.body, _short(answer.headers.get("etag")), _short(answer.headers.get("last-modified")))


def _short(value: str | None) -> str | None:
    """Return a header's value if it is one that can be kept and sent back."""
    return value if value and len(value) <= LONGEST_TAG and value.isprintable() else None
