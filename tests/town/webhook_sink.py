"""Sink: a real HTTP server of the town, which keeps every request and can be told to misbehave."""

import asyncio
import json
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

HANG = "hang"  # read the request, never answer
RESET = "reset"  # read the request, cut the line
CUT_EARLY = "cut early"  # cut the line before anything is read
SLOW = "slow"  # answer a byte at a time
GARBAGE = "garbage"  # answer with what is no HTTP
HUGE = "huge"  # answer with a body that does not end
ENDLESS_HEADERS = "endless headers"
CHUNKED = "chunked"
UNTIL_CLOSE = "until close"  # a body without a length, ended by closing
EARLY_HINT = "early hint"  # an informational answer before the real one


@dataclass(frozen=True)
class Caught:
    """One request as it arrived; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON is any
        return json.loads(self.body)


@dataclass
class Sink:
    """What was asked, and what the server does next: a status, a whole answer, or one of the words above."""

    host: str = "127.0.0.1"
    port: int = 0
    secure: bool = False
    caught: list[Caught] = field(default_factory=list)
    lines: int = 0
    script: deque[int | str | bytes] = field(default_factory=deque)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http{'s' if self.secure else ''}://{self.host}:{self.port}/hook"

    def will(self, *doings: int | str | bytes) -> None:
        """Let the next requests meet these doings, one each; afterwards every request is answered 200."""
        self.script.extend(doings)

    async def wait(self, count: int = 1, *, seconds: float = 10) -> list[Caught]:
        """Return the requests once there are so many."""
        async with asyncio.timeout(seconds), self.arrived:
            await self.arrived.wait_for(lambda: len(self.caught) >= count)
        return self.caught

    async def keep(self, caught: Caught) -> None:
        self.caught.append(caught)
        async with self.arrived:
            self.arrived.notify_all()


def answer(status: int, *headers: str, body: bytes = b"ok") -> bytes:
    """Return a whole answer for a script."""
    lines = [f"HTTP/1.1 {status} Said", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def webhook_sink(*, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Sink]:
    """Run the server on a free port, over TLS when a context is given."""
    sink = Sink(host=host, secure=context is not None)
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sink.lines += 1
        writers.add(writer)
        try:
            while await _serve_one(sink, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the caller left
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0.02)  # the lines' own tasks take notice


async def _serve_one(sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; return whether the line goes on."""
    if sink.script and sink.script[0] == CUT_EARLY:
        sink.script.popleft()
        _cut(writer)
        return False
    await sink.keep(await _read(reader))
    doing = sink.script.popleft() if sink.script else 200
    if doing == HANG:
        await reader.read()  # until the caller leaves
        return False
    if doing == RESET:
        _cut(writer)
        return False
    for part in _parts(doing):
        writer.write(part)
        await writer.drain()
        if doing == SLOW:
            await asyncio.sleep(0.005)
    return not isinstance(doing, str) or doing in {SLOW, CHUNKED, EARLY_HINT}


def _cut(writer: asyncio.StreamWriter) -> None:
    """End the line with a reset, as a crashed machine or a strict firewall does."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _parts(doing: int | str | bytes) -> list[bytes]:
    """Return the pieces in which an answer is written."""
    if isinstance(doing, int):
        return [answer(doing)]
    if isinstance(doing, bytes):
        return [doing]
    said: dict[str, list[bytes]] = {
        SLOW: [bytes([byte]) for byte in answer(200)],
        GARBAGE: [b"220 this is a mail server\r\n"],
        HUGE: [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b"x" * 200_000],
        ENDLESS_HEADERS: [b"HTTP/1.1 200 OK\r\n", *[b"X-More: %d\r\n" % number * 100 for number in range(100)]],
        CHUNKED: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n", b"0\r\n\r\n"],
        UNTIL_CLOSE: [b"HTTP/1.0 200 OK\r\n\r\n", b"bye"],
        EARLY_HINT: [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", answer(200)],
    }
    return said[doing]


async def _read(reader: asyncio.StreamReader) -> Caught:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Caught(method, path, headers, body)
