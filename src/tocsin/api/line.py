"""Line: one connection of a client, hung up when it talks too slowly or too long before it says what it wants.

The HTTP server below waits for ever for a request's head and keeps all of it in memory; and when a client offers
to change to HTTP/2 in clear text, as Java's does with every request, it loses the body. Hand this class to uvicorn
as `http`.
"""

import asyncio
import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_WITHIN_S = 10.0  # seconds for the head of a request, and for a fresh connection to say anything
LONGEST_HEAD = 128 * 1024  # bytes; the shell refuses politely above 32 KiB, beyond this nobody is listened to

_OFFER = b"h2c"
_OFFER_TO_CHANGE = re.compile(rb"\r\nupgrade(:[ \t]*h2c)", re.IGNORECASE)
_NO_OFFER = rb"\r\nx-grade\1"  # of the same length, so that nothing else moves


class Line(HttpToolsProtocol):
    """uvicorn's connection with a patience and a bound for heads."""

    head_within_s = HEAD_WITHIN_S

    _head_open = True
    _head_size = 0
    _hang_up_at: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn itself has it
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived; only a head that is still incomplete afterwards costs a timer."""
        if self._head_open:
            self._head_size += len(data)
            if self._head_size > LONGEST_HEAD:
                self._hang_up()
                return
        if data.find(_OFFER, 0, LONGEST_HEAD) >= 0:
            data = _OFFER_TO_CHANGE.sub(_NO_OFFER, data, count=1)
        super().data_received(data)
        if not self._head_open:
            self._stop_waiting()
        elif self._hang_up_at is None:
            self._wait()

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._head_open = True
        self._head_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head is complete."""
        self._head_open = False
        super().on_headers_complete()

    def _wait(self) -> None:
        self._hang_up_at = self.loop.call_later(self.head_within_s, self._hang_up)

    def _stop_waiting(self) -> None:
        if self._hang_up_at is not None:
            self._hang_up_at.cancel()
            self._hang_up_at = None

    def _hang_up(self) -> None:
        self._stop_waiting()
        self.transport.close()
