"""Sink: a webhook receiver that answers at once and notes the instant at which each page arrived."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import msgspec
from msgspec import Struct

from tocsin.ground import clock

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\nok"


class _Incident(Struct):
    title: str = ""


class _Line(Struct):
    title: str = ""


class _Page(Struct):
    incident: _Incident | None = None
    incidents: tuple[_Line, ...] = ()


_PAGE = msgspec.json.Decoder(_Page)


class Sink:
    """What arrived: the first instant of each incident, by its title, and how many pages there were."""

    def __init__(self) -> None:
        """Start empty, listening nowhere."""
        self.port = 0
        self.first: dict[str, float] = {}
        self.pages = 0
        self.lines: set[asyncio.Transport] = set()
        self._wanted = 0
        self._arrived = asyncio.Event()
        self._looked_for: dict[str, asyncio.Future[float]] = {}

    @property
    def url(self) -> str:
        """Where pages are to be sent."""
        return f"http://127.0.0.1:{self.port}/page"

    def clear(self) -> None:
        """Forget what arrived."""
        self.first.clear()
        self.pages = 0

    async def wait(self, incidents: int, *, patience_s: float) -> int:
        """Return the number of incidents that were paged, once there are so many or after so many seconds."""
        self._wanted = incidents
        self._arrived.clear()
        if len(self.first) < incidents:
            try:
                async with asyncio.timeout(patience_s):
                    await self._arrived.wait()
            except TimeoutError:
                pass
        return len(self.first)

    async def arrival(self, title: str) -> float:
        """Return the instant at which the first page of this incident arrived, once it has."""
        if title not in self.first:
            self._looked_for[title] = asyncio.get_running_loop().create_future()
            return await self._looked_for[title]
        return self.first[title]

    def take(self, body: bytes) -> None:
        """Note a page."""
        at = clock.seconds()
        page = _PAGE.decode(body)
        self.pages += 1
        titles = [line.title for line in page.incidents]
        if page.incident is not None:
            titles.append(page.incident.title)
        for title in titles:
            self.first.setdefault(title, at)
            looked_for = self._looked_for.pop(title, None)
            if looked_for is not None and not looked_for.done():
                looked_for.set_result(at)
        if len(self.first) >= self._wanted:
            self._arrived.set()


class _Receiver(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._sink.lines.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._transport is not None:
            self._sink.lines.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(_HEAD_END)) >= 0:
            head = self._data[:end].lower()
            at = head.find(_LENGTH)
            length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            stop = end + len(_HEAD_END) + length
            if len(self._data) < stop:
                return
            body, self._data = self._data[end + len(_HEAD_END) : stop], self._data[stop:]
            self._sink.take(body)
            if self._transport is not None:
                self._transport.write(_ANSWER)


@asynccontextmanager
async def a_sink() -> AsyncIterator[Sink]:
    """Run a sink on a free port of the loopback."""
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(lambda: _Receiver(sink), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        for line in tuple(sink.lines):
            line.abort()
