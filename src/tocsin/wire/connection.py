"""Connections: one line to one receiver, which carries HTTP/1.1 requests one after the other."""

import asyncio
import os
import ssl
from typing import cast

import httptools

from tocsin.ground import clock
from tocsin.wire.exchange import Answer, Unanswered

LONGEST_ANSWER = 64 * 1024  # bytes of a body that are read; receivers answer with a line
LONGEST_HEADERS = 32 * 1024  # bytes of an answer's headers, as servers allow for a request's
_INFORMATIONAL = 200  # statuses below announce, they do not answer


class Connection(asyncio.Protocol):
    """A line to one checked address. One request at a time; `usable` tells whether another may follow."""

    def __init__(self, peer: str = "") -> None:
        self.peer = peer
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[Answer | Unanswered] | None = None
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body = bytearray()
        self._status = 0
        self.usable = True
        self.free_since = clock.seconds()
        self.born = self.free_since

    def ask(self, payload: bytes) -> "asyncio.Future[Answer | Unanswered]":
        """Write one request and return the future of its answer; it never fails, it may end unanswered."""
        if self._transport is None or not self.usable or self._waiter is not None:
            raise RuntimeError("a connection carries one request at a time, while it is usable")
        self._waiter = asyncio.get_running_loop().create_future()
        self._forget()
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(payload)
        return self._waiter

    @property
    def busy(self) -> bool:
        """Whether an answer is still being waited for."""
        return self._waiter is not None

    def drop(self) -> None:
        """Cut the line at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the line over."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from asyncio's

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer; bytes that nobody asked for end the line."""
        if self._waiter is None or self._parser is None:
            self.drop()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._settle(Unanswered("the answer was not HTTP"), keep=False)

    def eof_received(self) -> None:
        """Take the end of the stream as the end of an answer that gave no length."""
        self.usable = False
        if self._waiter is not None and self._status and "content-length" not in self._headers:
            self._settle(self._answer(), keep=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that no answer will come; an answer whose headers came counts with what there is."""
        self.usable = False
        self._transport = None
        if self._waiter is not None:
            whole = Unanswered(f"the line was cut before an answer came{f': {exc}' if exc else ''}")
            self._settle(self._answer(whole=False) if self._status else whole, keep=False)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the answer."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > LONGEST_HEADERS:
            self._settle(Unanswered("the answer's headers did not end"), keep=False)
            return
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note the status, unless it only announces the real answer."""
        status = self._parser.get_status_code() if self._parser is not None else 0
        if status < _INFORMATIONAL:
            self._forget()
        else:
            self._status = status

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body up to the cap; beyond it the answer is complete enough."""
        self._body += part
        if len(self._body) > LONGEST_ANSWER:
            del self._body[LONGEST_ANSWER:]
            self._settle(self._answer(whole=False), keep=False)

    def on_message_complete(self) -> None:
        """Hand the answer over and keep the line if the receiver does."""
        if self._status and self._parser is not None:
            self._settle(self._answer(), keep=bool(self._parser.should_keep_alive()))

    def _answer(self, *, whole: bool = True) -> Answer:
        return Answer(self._status, self._headers, bytes(self._body), whole)

    def _settle(self, result: Answer | Unanswered, *, keep: bool) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(result)
        self.free_since = clock.seconds()
        if not keep:
            self.drop()

    def _forget(self) -> None:
        self._headers, self._body = {}, bytearray()
        self._header_bytes = self._status = 0


def why_unopened(error: Exception) -> str:
    """Return why no line could be opened, in words for whoever reads them: the address behind a name is not told."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)  # Python's own text names the address that it tried
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
