"""Body: reading what a client sends, within a size, a time and a patience, however it is packed."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NoReturn

from tocsin.ground import clock

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_WITHIN_S = 10.0  # seconds for a whole body; our largest takes less than one on a slow line of 10 Mbit/s
HIGHEST_RATIO = 400  # inflated bytes per packed byte; real JSON packs 5 to 100 times
POLITELY_DRAINED = 4 * 1024 * 1024  # bytes read and thrown away, so that the sender hears why instead of a reset
_LONGEST_LENGTH = 18  # digits of a Content-Length that fit into 64 bits
_SWEEP_EVERY_S = 0.5  # seconds between looks for slow bodies

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_RAW_DEFLATE = -zlib.MAX_WBITS


class Unreadable(Exception):
    """The body cannot be used; `status` and the message say why, `hang_up` that the connection is spoilt too."""

    def __init__(self, status: int, message: str, *, hang_up: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hang_up = hang_up


class Gone(Exception):
    """The client hung up before it had sent everything; nobody is left to answer."""


class SlowBodies:
    """Ends the reading of bodies that take too long: `with` it, a task has its time.

    One look over all of them twice a second: a timer for each request costs 10 µs, a fifth of an event (measured).
    """

    def __init__(self, within_s: float = BODY_WITHIN_S) -> None:
        self._within_s = within_s
        self._until: dict[asyncio.Task[Any], float] = {}
        self._overdue: set[asyncio.Task[Any]] = set()
        self._sweeping = False

    def __enter__(self) -> None:
        """Give the running task its time to read a body."""
        task = asyncio.current_task()
        if task is not None:
            self._until[task] = clock.seconds() + self._within_s
            if not self._sweeping:
                self._start_sweeping()

    def __exit__(self, kind: type[BaseException] | None, *_failure: object) -> None:
        """Raise `Unreadable` (408) in place of the cancellation when the time was over."""
        task = asyncio.current_task()
        if task is None:  # only a task can be stopped; whoever reads outside one has no deadline
            return
        self._until.pop(task, None)
        if task in self._overdue:
            self._overdue.discard(task)
            if kind is asyncio.CancelledError and task.uncancel() == 0:
                raise Unreadable(408, "The body did not arrive in time.", hang_up=True) from None

    def _start_sweeping(self) -> None:
        self._sweeping = True
        asyncio.get_running_loop().call_later(_SWEEP_EVERY_S, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = clock.seconds()
        for task, until in self._until.items():
            if until < now and task not in self._overdue:
                self._overdue.add(task)
                task.cancel()
        if self._until:
            self._start_sweeping()


async def read(headers: Mapping[bytes, bytes], receive: Receive, *, longest: int, slow: SlowBodies) -> bytes:
    """Return the whole body, unpacked, of at most `longest` bytes.

    Raises `Unreadable` with 400 (cannot be unpacked), 408 (too slow), 413 (too large) or 415 (unknown packing),
    and `Gone` when the client left. The size is counted while it arrives, packed and unpacked.
    """
    encoding = headers.get(b"content-encoding")
    unpack = None if encoding is None else _unpacking(encoding)
    length = _announced(headers.get(b"content-length", b""))
    if length > longest:
        await _too_large(receive, longest, drain=length <= POLITELY_DRAINED, slow=slow)
    with slow:
        message = await receive()
        body = message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise Gone
        if message.get("more_body", False):
            body = await _rest(body, receive, longest)
    if len(body) > longest:
        raise Unreadable(413, _too_large_text(longest))
    return unpack(body, longest) if unpack else body


async def _rest(start: bytes, receive: Receive, longest: int) -> bytes:
    parts = [start]
    size = len(start)
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size <= longest:
            parts.append(part)
        elif size > POLITELY_DRAINED:
            raise Unreadable(413, _too_large_text(longest), hang_up=True)
    if size > longest:
        raise Unreadable(413, _too_large_text(longest))
    return b"".join(parts)


async def _too_large(receive: Receive, longest: int, *, drain: bool, slow: SlowBodies) -> NoReturn:
    if not drain:
        raise Unreadable(413, _too_large_text(longest), hang_up=True)
    with slow:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            more = message.get("more_body", False)
    raise Unreadable(413, _too_large_text(longest))


def _too_large_text(longest: int) -> str:
    return f"The body is larger than {longest} bytes."


def _announced(length: bytes) -> int:
    """Return the announced length; what is not a number is the HTTP server's to refuse."""
    return int(length) if length.isdigit() and len(length) <= _LONGEST_LENGTH else 0


def _unpacking(encoding: bytes) -> Callable[[bytes, int], bytes] | None:
    word = encoding.strip().lower()
    if word in {b"", b"identity"}:
        return None
    if word in {b"gzip", b"x-gzip", b"deflate"}:
        return inflate
    raise Unreadable(415, "The content encoding must be gzip, deflate or none.", hang_up=True)


def inflate(packed: bytes, longest: int) -> bytes:
    """Return the bytes of a gzip, zlib or raw deflate stream; raise `Unreadable` when it is broken or a bomb."""
    most = min(longest, len(packed) * HIGHEST_RATIO)
    try:
        return _inflated(packed, most, _GZIP_OR_ZLIB)
    except zlib.error:
        pass
    try:
        return _inflated(packed, most, _RAW_DEFLATE)
    except zlib.error:
        raise Unreadable(400, "The body cannot be unpacked.") from None


def _inflated(packed: bytes, most: int, window: int) -> bytes:
    stream = zlib.decompressobj(window)
    body = stream.decompress(packed, most + 1)
    if len(body) > most:
        raise Unreadable(413, f"The body unpacks to more than {most} bytes.")
    if not stream.eof or stream.unused_data:
        raise Unreadable(400, "The body cannot be unpacked.")
    return body
