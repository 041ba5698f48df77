"""Hooks: the door through which tools report by their own webhooks, each in its own words."""

import asyncio
from collections.abc import Mapping

import msgspec
import structlog
from msgspec import Struct

from tocsin.api.body import App, Gone, Receive, Scope, Send, SlowBodies, Unreadable, read
from tocsin.api.receivers import Receiver, Receivers
from tocsin.api.reply import HANG_UP, JSON, Header, reply
from tocsin.api.senders import DOOR, Sender
from tocsin.api.visit import Visit, draft_of
from tocsin.domain.mapping.mapper import Mapped
from tocsin.domain.mapping.verification import check
from tocsin.engine.accept import Accept
from tocsin.ground import clock
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.ground.ids import IntegrationId
from tocsin.store.requests import RequestBook

log = structlog.get_logger("hooks")

_ACCEPTED = 202
_INVALID = 400
_WRONG_METHOD = 405
_UNAVAILABLE = 503  # what most senders of webhooks send again; a manifest says otherwise where its tool does
_STATUS: Mapping[Why, int] = {
    Why.UNAUTHENTICATED: 401, Why.FORBIDDEN: 403, Why.NOT_FOUND: 404, Why.TOO_LARGE: 413,
}  # fmt: skip
_RETRY_AFTER = (b"retry-after", b"5")  # seconds; a database that restarts is back by then
_REFUSED = "invalid request"
_NO_TOOL = (
    "This integration is of no tool whose webhooks are understood. Give it the vendor of your tool, or send events "
    "with its key to /v2/enqueue."
)
_LATER = "Not everything in this request was certainly stored. Please send it again."
_encode = msgspec.json.Encoder().encode


class _Taken(Struct, omit_defaults=True):
    status: str
    accepted: int
    ignored: int
    dedup_keys: tuple[str, ...]
    errors: tuple[str, ...] = ()


class _Problem(Struct):
    status: str
    message: str
    errors: tuple[str, ...]


def hooks(accept: Accept, receivers: Receivers, book: RequestBook, slow: SlowBodies | None = None) -> dict[str, App]:
    """Return the door by its path, below which stand the keys; `slow` says how long a body may take."""
    return {DOOR: Hooks(accept, receivers, book, slow or SlowBodies())}


class Hooks:
    """Takes what tools send, and answers when every event of it is on disk."""

    def __init__(self, accept: Accept, receivers: Receivers, book: RequestBook, slow: SlowBodies) -> None:
        self._accept = accept
        self._receivers = receivers
        self._book = book
        self._slow = slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens on the way."""
        visit = Visit(scope)
        try:
            receiver = await self._admit(visit)
        except Exception as failure:  # noqa: BLE001 - the border of a door: whatever it was, the sender gets an answer
            await _explain(send, *_problem(failure, _UNAVAILABLE))
            return
        try:
            mapped = await self._take(visit, receiver, receive)
        except Gone:
            return
        except Exception as failure:  # noqa: BLE001 - the border of a door: whatever it was, the sender gets an answer
            await self._refuse(visit, receiver, failure, send)
            return
        keys = tuple(event.dedup_key for event in mapped.events)
        accepted = len(mapped.events) + len(mapped.changes)
        await reply(send, _ACCEPTED, _encode(_Taken("success", accepted, mapped.ignored, keys, mapped.faults)))
        self._book.add(draft_of(visit, receiver, status=_ACCEPTED, mapped=mapped))

    async def _refuse(self, visit: Visit, receiver: Receiver, failure: Exception, send: Send) -> None:
        """Say why not; what the sender did wrong is kept for people to see, what we could not do is not."""
        status, problem, headers = _problem(failure, _overload(receiver.sender))
        await _explain(send, status, problem, headers)
        if problem.status == _REFUSED:
            self._book.add(draft_of(visit, receiver, status=status, faults=problem.errors))

    async def _admit(self, visit: Visit) -> Receiver:
        """Return the receiver of the key in the path, within its allowance, of which one event is taken here."""
        found = self._accept.known(visit.key) or await self._accept.recognise(visit.key, visit.source)
        if found is None:
            raise Refused(Why.NOT_FOUND, "There is no integration with this key.")
        receiver = await self._receivers.find(found)
        self._accept.admit(found)
        return receiver

    async def _take(self, visit: Visit, receiver: Receiver, receive: Receive) -> Mapped:
        """Return what the request was made into once all of it is stored."""
        if receiver.sender is None:
            raise Refused(Why.INVALID, _NO_TOOL)
        manifest = receiver.sender.manifest
        if visit.method not in manifest.accept.methods:
            known = " or ".join(manifest.accept.methods)
            raise Unreadable(_WRONG_METHOD, f"{manifest.name} reports by {known}.")
        visit.body = await read(visit.headers, receive, longest=manifest.accept.max_bytes, slow=self._slow)
        request = visit.request()
        check(manifest.verify, request, receiver.secret, clock.utc_now())
        mapped = receiver.sender.mapper.map(request)
        self._count(receiver.id, len(mapped.events) + len(mapped.changes) - 1)
        await self._put(receiver.id, mapped)
        return mapped

    def _count(self, integration_id: IntegrationId, events: int) -> None:
        """Take the other events of a request out of the allowance.

        A batch is taken whole even when it is larger than what is left: refused in the middle it would come again,
        as large, for ever. What follows it waits.
        """
        for _ in range(events):
            try:
                self._accept.admit(integration_id)
            except Refused:
                return

    async def _put(self, integration_id: IntegrationId, mapped: Mapped) -> None:
        """Store every event and change; raise the first failure when one is not certainly stored."""
        put = self._accept.put
        kept = [
            *(put(integration_id, "event", dedup_key=each.dedup_key, body=_encode(each)) for each in mapped.events),
            *(put(integration_id, "change", dedup_key="", body=_encode(each)) for each in mapped.changes),
        ]
        for outcome in await asyncio.gather(*kept, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


def _overload(sender: Sender | None) -> int:
    return _UNAVAILABLE if sender is None else sender.manifest.overload.status


async def _explain(send: Send, status: int, problem: _Problem, headers: tuple[Header, ...]) -> None:
    await reply(send, status, _encode(problem), (JSON, *headers))


def _problem(failure: Exception, overload: int) -> tuple[int, _Problem, tuple[Header, ...]]:
    """Return the status, the words and the headers for what went wrong."""
    match failure:
        case Refused(why=Why.THROTTLED):
            return overload, _Problem("throttle exceeded", failure.message, failure.errors), (_RETRY_AFTER,)
        case Refused():
            return _STATUS.get(failure.why, _INVALID), _Problem(_REFUSED, failure.message, failure.errors), ()
        case Unreadable(status=status, message=message):
            hang_up = (HANG_UP,) if failure.hang_up else ()
            return status, _Problem(_REFUSED, message, (message,)), hang_up
        case StoreUnavailable():
            return overload, _Problem("service unavailable", _LATER, (str(failure),)), (_RETRY_AFTER,)
    log.error("hook.broken", exc_info=failure)
    return overload, _Problem("internal error", _LATER, (_LATER,)), (_RETRY_AFTER,)
