"""Events: the three doors through which monitoring tools report, answered when the event is on disk.

Bare ASGI: a framework between socket and batch costs more than the commit. Status codes and sentences are those
of the Events API, whose senders read them: overload is 429 in v2 and 403 in v1, and success is exactly 202 and 200.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import structlog

from tocsin.api.body import App, Gone, Receive, Scope, Send, SlowBodies, Unreadable, read
from tocsin.api.create_event import read_v1_event
from tocsin.api.enqueue import INVALID, UNRECOGNIZED, Read, read_change, read_event
from tocsin.api.reply import HANG_UP, JSON, Header, reply
from tocsin.domain.events.json_text import NotJson
from tocsin.engine.accept import Accept
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.ground.ids import IntegrationId
from tocsin.ground.limits import LONGEST_EVENT

log = structlog.get_logger("doors")

PEEK_ABOVE = 16 * 1024  # bytes; of larger bodies the key is read first, so that a flood of them is cheap to refuse
_RETRY_AFTER_THROTTLE = (b"retry-after", b"5")  # seconds; a bucket refills steadily, so soon is enough
_RETRY_AFTER_ABSENCE = (b"retry-after", b"2")  # seconds; a database that restarts is back by then
_ALLOW = (b"allow", b"POST, OPTIONS")

_THROTTLED = "Requests for this service are arriving too quickly.  Please retry later."
_encode = msgspec.json.Encoder().encode


class _Problem(msgspec.Struct, omit_defaults=True):
    status: str
    message: str
    errors: tuple[str, ...] = ()


class _Key(msgspec.Struct):
    routing_key: str = ""
    service_key: str = ""


_KEY = msgspec.json.Decoder(_Key)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the doors."""

    read: Callable[[bytes, str | None], Read]
    kind: str
    accepted: int
    throttled: int
    unknown_key: str
    before_key: bytes
    after_key: bytes


V2 = Dialect(
    read_event, "event", 202, 429, "Invalid routing key",
    b'{"status":"success","message":"Event processed","dedup_key":', b"}",
)  # fmt: skip
V2_CHANGE = Dialect(
    read_change, "change", 202, 429, "Invalid routing key",
    b'{"status":"success","message":"Change event processed"}', b"",
)  # fmt: skip
V1 = Dialect(
    read_v1_event, "event", 200, 403, "Invalid service key",
    b'{"status":"success","message":"Event processed","incident_key":', b"}",
)  # fmt: skip

PATHS: Mapping[str, Dialect] = {
    "/v2/enqueue": V2,
    "/v2/change/enqueue": V2_CHANGE,
    "/generic/2010-04-15/create_event.json": V1,
}


def doors(accept: Accept, slow: SlowBodies | None = None) -> dict[str, App]:
    """Return the doors by their exact paths; `slow` says how long a body may take."""
    return {path: Door(accept, dialect, slow or SlowBodies()) for path, dialect in PATHS.items()}


class Door:
    """One path that takes events by POST."""

    def __init__(self, accept: Accept, dialect: Dialect, slow: SlowBodies) -> None:
        self._accept = accept
        self._slow = slow
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens on the way."""
        if scope["method"] != "POST":
            await self._wrong_method(scope, send)
            return
        try:
            dedup_key = await self._take(scope, receive)
        except Gone:
            return
        except Exception as failure:  # noqa: BLE001 - the border of a door: whatever it was, the sender gets an answer
            await self._explain(failure, send)
            return
        dialect = self._dialect
        said = dialect.before_key + _encode(dedup_key) + dialect.after_key if dialect.after_key else dialect.before_key
        await reply(send, dialect.accepted, said)

    async def _take(self, scope: Scope, receive: Receive) -> str:
        """Return the dedup key of the event once it is stored."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        client = scope.get("client")
        source = client[0] if client else ""
        in_header = headers.get(b"x-routing-key")
        header_key = in_header.decode("latin-1").strip() or None if in_header else None
        admitted: IntegrationId | None = None
        if header_key is not None:
            admitted = await self._admit(header_key, source)
        body = await read(headers, receive, longest=LONGEST_EVENT, slow=self._slow)
        if admitted is None and len(body) > PEEK_ABOVE:
            admitted = await self._admit_by_peek(body, source)
        said = self._dialect.read(body, header_key)
        if admitted is None:
            admitted = await self._admit(said.key, source)
        await self._accept.put(admitted, self._dialect.kind, dedup_key=said.dedup_key, body=_encode(said.said))
        return said.dedup_key

    async def _admit(self, key: str, source: str) -> IntegrationId:
        """Return the integration of the key within its allowance, which is counted here."""
        found = self._accept.known(key) or await self._accept.recognise(key, source)
        if found is None:
            raise Refused(Why.INVALID, INVALID, (self._dialect.unknown_key,))
        self._accept.admit(found)
        return found

    async def _admit_by_peek(self, body: bytes, source: str) -> IntegrationId | None:
        """Find the key of a large body with the decoder that reads it later, skipping everything else."""
        try:
            peeked = _KEY.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        key = peeked.service_key if self._dialect is V1 else peeked.routing_key
        return await self._admit(key, source) if key else None

    async def _wrong_method(self, scope: Scope, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await reply(send, 204, b"", (_ALLOW,))
            return
        problem = _Problem("method not allowed", "Events are sent by POST.")
        await reply(send, 405, _encode(problem), (JSON, _ALLOW))

    async def _explain(self, failure: Exception, send: Send) -> None:
        status, problem, headers = self._problem(failure)
        await reply(send, status, _encode(problem), (JSON, *headers))

    def _problem(self, failure: Exception) -> tuple[int, _Problem, tuple[Header, ...]]:
        """Return the status, the words and the headers for what went wrong."""
        match failure:
            case Refused(why=Why.THROTTLED):
                problem = _Problem("throttle exceeded", _THROTTLED, failure.errors)
                return self._dialect.throttled, problem, (_RETRY_AFTER_THROTTLE,)
            case Refused(message=message) if message == UNRECOGNIZED:
                return 400, _Problem("unrecognized object", UNRECOGNIZED, failure.errors), ()
            case Refused():
                return 400, _Problem("invalid event", INVALID, failure.errors), ()
            case NotJson():
                return 400, _Problem("unrecognized object", UNRECOGNIZED, (str(failure),)), ()
            case Unreadable(status=status, message=message):
                hang_up = (HANG_UP,) if failure.hang_up else ()
                return status, _Problem("invalid event", INVALID, (message,)), hang_up
            case StoreUnavailable():
                problem = _Problem("service unavailable", "The event was not stored. Please send it again.")
                return 503, problem, (_RETRY_AFTER_ABSENCE,)
        log.error("door.broken", path=self._dialect.kind, exc_info=failure)
        problem = _Problem("internal error", "The event was not stored. Please send it again.")
        return 500, problem, (_RETRY_AFTER_ABSENCE,)
