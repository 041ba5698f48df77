"""The application: operations behind the web framework, and what every answer of the API has in common."""

import traceback
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, cast

import msgspec
import structlog
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.handlers import HTTPRouteHandler

from tocsin.api.kit.allowance import Allowances, Left
from tocsin.api.kit.answer import Answer
from tocsin.api.kit.call import Call
from tocsin.api.kit.errors import internal, refusal, unavailable, wrong_method
from tocsin.api.kit.house import House
from tocsin.api.kit.known_paths import is_known
from tocsin.api.kit.links import Links
from tocsin.api.kit.operation import Operation
from tocsin.api.kit.requester import requester
from tocsin.domain.people.actor import Actor
from tocsin.domain.people.role import Role
from tocsin.ground.clock import seconds
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.ground.limits import LONGEST_REQUEST
from tocsin.ground.text import repair

log = structlog.get_logger("api")

Message = MutableMapping[str, Any]
ASGI = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
AnyRequest = Request[object, object, State]

# Stands in where an operation is open and nobody has to be known; its role allows nothing.
_NOBODY = Actor(kind="token", id="", name="nobody", role=Role.READ_ONLY_LIMITED_USER, read_only=True)
_SECRET_HEADERS = frozenset({"authorization", "cookie", "x-csrf-token"})  # an operation never needs them
_GUESSES_PER_MINUTE = 60  # of one address at open operations; who has a secret does not guess
_JSON = "application/json"
_NOT_FOUND = 404
_TOO_LARGE = 413


class Desk:
    """Takes every request: who is it, may it come so often, do it, answer."""

    def __init__(self, house: House) -> None:
        """Serve this house."""
        self._house = house
        self._allowances = Allowances(house.config.rest_calls_per_minute)
        self._guesses = Allowances(_GUESSES_PER_MINUTE)

    async def serve(self, request: AnyRequest, operation: Operation) -> Response[bytes]:
        """Return the answer of the operation, or the refusal; nothing escapes."""
        left = self._allowances.untouched()
        try:
            headers = {name.lower(): value for name, value in request.headers.items()}
            actor = await self._known(headers, operation)
            if actor is not None:
                left = self._allowances.spend(f"{actor.kind} {actor.id}", seconds())
            answer = await self._done(request, operation, actor, headers=headers, left=left)
        except Refused as refused:
            if operation.is_open and refused.why is Why.NOT_FOUND:
                # Only what leads nowhere is counted: neighbours behind one address share nothing but their guesses.
                left = self._guesses.spend(_address(request), seconds())
            answer = refusal(_throttled(left) if left.spent else refused)
        except StoreUnavailable as failure:
            answer = unavailable(failure)
        except HTTPException as failure:
            answer = _of_framework(failure, request)
        except Exception:  # noqa: BLE001 - the border of the door: whatever broke, the client gets an answer
            # As text, because a log that prints local variables would print the token.
            log.error("request.failed", method=operation.method, path=operation.path, trace=traceback.format_exc())  # noqa: TRY400 - see the line above
            answer = internal()
        return _response(answer, left)

    def misrouted(self, request: AnyRequest, failure: HTTPException) -> Response[bytes]:
        """Answer a request that no operation stands behind: not built yet, unknown, or the wrong method."""
        return _response(_of_framework(failure, request), self._allowances.untouched())

    async def _known(self, headers: dict[str, str], operation: Operation) -> Actor | None:
        actor = await self._house.authenticate(headers, operation.method)
        if actor is None and not operation.is_open:
            raise Refused(Why.UNAUTHENTICATED, "Send a valid token: Authorization: Token token=...")
        return actor

    async def _done(
        self, request: AnyRequest, operation: Operation, actor: Actor | None, *, headers: dict[str, str], left: Left
    ) -> Answer:
        if left.spent:
            raise _throttled(left)
        if actor is None:
            actor = _NOBODY
        elif not operation.reads:
            if actor.read_only:  # here for all operations, whether or not they ask the permission table
                raise Refused(Why.FORBIDDEN, "A read-only token changes nothing: use one that may write.")
            actor = await requester(self._house.store, actor, headers.get("from"), needed=operation.needs_person)
        query: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            query.setdefault(repair(name), []).append(repair(value))
        path = {name: repair(str(value)) for name, value in request.path_params.items()}
        told = {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}
        links = Links(self._house.config.public_url.rstrip("/"))  # asked late: at the start the port is not known
        raw = await request.body()
        return await operation(Call(self._house, actor, path, query, told, raw, links))


def application(house: House, operations: Sequence[Operation]) -> ASGI:
    """Return the ASGI application that serves these operations."""
    desk = Desk(house)

    def misrouted(request: AnyRequest, failure: HTTPException) -> Response[bytes]:
        return desk.misrouted(request, failure)

    app = Litestar(
        route_handlers=[_route(desk, operation) for operation in operations],
        exception_handlers={HTTPException: misrouted},
        request_max_body_size=LONGEST_REQUEST,
        openapi_config=None,
        logging_config=None,
    )
    return cast("ASGI", app)


def _route(desk: Desk, operation: Operation) -> HTTPRouteHandler:
    async def serve(request: AnyRequest) -> Response[bytes]:
        return await desk.serve(request, operation)

    path = operation.path.replace("}", ":str}")
    name = f"{operation.method} {operation.path}"
    route = HTTPRouteHandler(path, http_method=operation.method, status_code=200, name=name, media_type=_JSON)
    return route(serve)


def _throttled(left: Left) -> Refused:
    return Refused(Why.THROTTLED, f"Wait {left.reset_s} seconds.")


def _address(request: AnyRequest) -> str:
    return request.client.host if request.client is not None else ""


def _of_framework(failure: HTTPException, request: AnyRequest) -> Answer:
    if failure.status_code == _TOO_LARGE:
        return refusal(Refused(Why.TOO_LARGE, f"A request is at most {LONGEST_REQUEST} bytes."))
    if is_known(request.method, request.url.path):
        return refusal(Refused(Why.NOT_BUILT, "This part of the API is not built yet."))
    if isinstance(failure, MethodNotAllowedException):
        return wrong_method((failure.headers or {}).get("allow", "another method"))
    if failure.status_code == _NOT_FOUND:
        return refusal(Refused(Why.NOT_FOUND, "There is nothing at this address."))
    return refusal(Refused(Why.INVALID, "The request cannot be read."))


def _response(answer: Answer, left: Left) -> Response[bytes]:
    content = b"" if answer.payload is None else msgspec.json.encode(answer.payload)
    headers = {**left.headers(), **answer.headers}
    return Response(content, status_code=answer.status, headers=headers, media_type=_JSON)
