"""Line: one kept-alive HTTP connection of a load, thin enough that it measures the other side and not itself."""

import asyncio
from collections.abc import Callable
from typing import cast

Answered = Callable[[int, bytes], None]

BROKEN = 0  # in place of a status: the connection ended before the answer
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Line(asyncio.Protocol):
    """Carries one request at a time; `answered` hears of its status and body."""

    def __init__(self) -> None:
        """Start without a connection."""
        self._transport: asyncio.Transport | None = None
        self._waiting: Answered | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, answered: Answered) -> None:
        """Send a whole request; the one before must have been answered."""
        self._waiting = answered
        if self._transport is None or self._transport.is_closing():
            self._settle(BROKEN, b"")
        else:
            self._transport.write(request)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request and return the status and the body of its answer."""
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.send(request, lambda status, body: answer.set_result((status, body)))
        return await answer

    def data_received(self, data: bytes) -> None:
        """Gather an answer: a head with a length, then so many bytes."""
        self._data = data = self._data + data if self._data else data
        end = data.find(_HEAD_END)
        if end < 0:
            return
        start = end + len(_HEAD_END)
        length = _length(data[:end])
        if len(data) < start + length:
            return
        self._data = b""
        self._settle(int(data[9:12]), data[start : start + length])

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that no answer will come."""
        del exc
        self._transport = None
        self._settle(BROKEN, b"")

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _settle(self, status: int, body: bytes) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting(status, body)


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(_LENGTH)
    if at < 0:
        return 0
    return int(lower[at + len(_LENGTH) :].split(b"\r\n", 1)[0])


async def open_line(port: int) -> Line:
    """Connect to a port of this machine."""
    _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", port)
    return line


async def open_lines(port: int, count: int) -> list[Line]:
    """Connect so many times."""
    return [await open_line(port) for _ in range(count)]


def request(method: str, path: str, *, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    if body:
        lines.append("content-type: application/json")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + _HEAD_END + body
