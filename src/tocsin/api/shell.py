"""Shell: the outermost layer of the HTTP side, which refuses broken requests and knows who answers which path.

Servers of this kind let two Host headers, endless headers and bodies that never end pass (measured with 35 raw
requests each); here they are refused, before any of our code has to think about them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import chain

import msgspec
import structlog

from tocsin.api.body import App, Gone, Message, Receive, Scope, Send, SlowBodies, Unreadable, read
from tocsin.api.reply import HANG_UP, JSON, TEXT, reply
from tocsin.ground.limits import LONGEST_REQUEST

log = structlog.get_logger("shell")

LONGEST_HEADERS = 32 * 1024  # bytes of all names and values; browsers with many cookies stay below 16
# Paths of pages for people, with everything below them; a program sets up where people do.
WEB = ("/app", "/answer", "/login", "/logout", "/setup", "/api/setup")

_METRICS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_NO_STORE = (b"cache-control", b"no-store")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Checks:
    """What the house says about itself: `ready` returns what is missing, or None; `metrics` the text to scrape."""

    ready: Callable[[], Awaitable[str | None]]
    metrics: Callable[[], bytes]


class Shell:
    """The ASGI application of a node; a door whose path ends in a slash answers everything below it."""

    def __init__(
        self, *, doors: Mapping[str, App], rest: App, web: App, checks: Checks, slow: SlowBodies | None = None
    ) -> None:
        self._doors = {path: door for path, door in doors.items() if not path.endswith("/")}
        self._halls = {path: door for path, door in doors.items() if path.endswith("/")}
        self._rest = rest
        self._web = web
        self._checks = checks
        self._slow = slow or SlowBodies()
        self._own: dict[str, Callable[[Send], Awaitable[None]]] = {
            "/healthz": _alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        fault = fault_of(scope)
        if fault is not None:
            await _refuse(send, fault)
            return
        door = self._doors.get(scope["path"])
        if door is None:
            squash(scope)
            door = self._doors.get(scope["path"]) or self._hall(scope["path"])
        if door is not None:
            await door(scope, receive, send)
        else:
            await self._inside(scope, receive, send)

    def _hall(self, path: str) -> App | None:
        return next((door for start, door in self._halls.items() if path.startswith(start)), None)

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = self._own.get(scope["path"])
        if own is not None:
            if scope["method"] in {"GET", "HEAD"}:
                await own(send)
            else:
                await _refuse(send, Unreadable(405, "Only GET is answered here."))
            return
        try:
            body = await read(dict(scope["headers"]), receive, longest=LONGEST_REQUEST, slow=self._slow)
        except Gone:
            return
        except Unreadable as fault:
            await _refuse(send, fault)
            return
        _forget_packing(scope, len(body))
        app = self._web if is_web(scope["path"]) else self._rest
        await app(scope, _Replay(body, receive).receive, send)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._rest(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _ready(self, send: Send) -> None:
        missing = await self._checks.ready()
        if missing is None:
            await reply(send, 200, b'{"status":"ready"}', (JSON, _NO_STORE))
        else:
            await reply(send, 503, _encode({"status": "not ready", "missing": missing}), (JSON, _NO_STORE))

    async def _metrics(self, send: Send) -> None:
        await reply(send, 200, self._checks.metrics(), (_METRICS, _NO_STORE))


async def nobody_home(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer for what another node of the installation serves."""
    await _refuse(send, Unreadable(404, "This node does not serve that; ask a node with the duty api or accept."))


async def _alive(send: Send) -> None:
    await reply(send, 200, b"ok\n", (TEXT, _NO_STORE))


class _Replay:
    """Gives a body that was read already, then what the connection has to say."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._message: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._receive = receive

    async def receive(self) -> Message:
        message, self._message = self._message, None
        return await self._receive() if message is None else message


def fault_of(scope: Scope) -> Unreadable | None:
    """Return why this request must not be answered, judged by its headers alone, or None."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    names = dict(headers)
    if sum(map(len, chain.from_iterable(headers))) > LONGEST_HEADERS:
        return Unreadable(431, "The headers are too large.", hang_up=True)
    if b"transfer-encoding" in names and b"content-length" in names:
        return Unreadable(400, "A body has either a length or a transfer encoding.", hang_up=True)
    if len(names) != len(headers):
        seen = [name for name, _ in headers]
        for name in (b"host", b"content-length", b"content-encoding", b"transfer-encoding"):
            if seen.count(name) > 1:
                return Unreadable(400, f"There must be one {name.decode()} header.", hang_up=True)
    if not names.get(b"host") and scope.get("http_version") != "1.0":
        return Unreadable(400, "There must be one host header.", hang_up=True)
    return None


def squash(scope: Scope) -> None:
    """Drop repeated slashes and the trailing one from the path, in place: clients do not follow redirects here."""
    path: str = scope["path"]
    if "//" in path or (path.endswith("/") and path != "/"):
        scope["path"] = "/" + "/".join(part for part in path.split("/") if part)
        raw: bytes = scope.get("raw_path") or b""
        scope["raw_path"] = b"/" + b"/".join(part for part in raw.split(b"/") if part)


def is_web(path: str) -> bool:
    """Return whether the pages for people answer this path."""
    return any(path == room or path.startswith(room + "/") for room in WEB)


def _forget_packing(scope: Scope, length: int) -> None:
    """Let the applications behind see the body as it is now: unpacked, and of this length."""
    packing = {b"content-encoding", b"transfer-encoding", b"content-length", b"expect"}
    kept = [header for header in scope["headers"] if header[0] not in packing]
    scope["headers"] = [*kept, (b"content-length", b"%d" % length)] if length else kept


async def _refuse(send: Send, fault: Unreadable) -> None:
    words = {"error": {"code": 2001, "message": "Invalid Input Provided", "errors": [fault.message]}}
    headers = (JSON, HANG_UP) if fault.hang_up else (JSON,)
    await reply(send, fault.status, _encode(words), headers)
