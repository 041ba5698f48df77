"""Serve: the pages as one small ASGI application, from the address to the answer."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

import structlog

from tocsin.ground.errors import StoreUnavailable
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store
from tocsin.web.answer import AnswerPage, Answers
from tocsin.web.claim import SetupPage
from tocsin.web.enter import LoginPage
from tocsin.web.page import Response, notice
from tocsin.web.request import LONGEST_FORM, NotOurs, Request, TooLarge, fields, headers_of, secure

log = structlog.get_logger("web")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Show = Callable[[Request], Awaitable[Response]]

_FORM_TYPE = "application/x-www-form-urlencoded"
_JSON: tuple[tuple[str, str], ...] = (("content-type", "application/json"), ("cache-control", "no-store"))


class Pages:
    """The ASGI application of everything under /answer, /login, /logout, /setup, /api/setup and /app.

    GET and HEAD never change anything. `answers` is joined with the engine where the house is put together.
    """

    def __init__(self, store: Store, keyring: Keyring, answers: Answers, *, public_url: str) -> None:
        """Serve the pages of this installation, which browsers reach under `public_url`."""
        self._public_url = public_url
        self._answer = AnswerPage(store, keyring, answers)
        self._setup = SetupPage(store)
        self._login = LoginPage(store)
        self._table: dict[str, dict[str, Show]] = {
            "/login": {"GET": self._login.show, "POST": self._login.take},
            "/logout": {"GET": self._login.leaving, "POST": self._login.leave},
            "/setup": {"GET": self._setup.show, "POST": self._setup.take},
            "/api/setup": {"POST": self._set_up_by_program},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        method = str(scope["method"])
        try:
            response = await self._respond(scope, receive)
        except StoreUnavailable:
            text = "Nothing was changed. Try again in a moment; if a page is waiting for you, it will be sent again."
            response = notice(503, "The database is away", text, headers=(("retry-after", "2"),))
        except TooLarge:
            response = notice(413, "That was too much", "Send the form as it is.")
        except NotOurs:
            response = notice(400, "That was not a form of ours", "Open the page again and send its form.")
        except Exception:  # the border of the door: whatever broke, the browser gets a page
            log.exception("page.failed", method=method, page=_page_name(str(scope["path"])))
            response = notice(500, "Something broke here", "It was written to the log. Try again in a moment.")
        await _send(response, send, bodiless=method == "HEAD")

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        shows = self._shows(str(scope["path"]))
        if not shows:
            return notice(404, "There is no such page", "Check the address.")
        method = "GET" if scope["method"] == "HEAD" else str(scope["method"])
        if method not in shows:
            allowed = ", ".join(sorted({*shows, *({"HEAD"} if "GET" in shows else ())}))
            return notice(405, "That cannot be done here", "Open the page.", headers=(("allow", allowed),))
        return await shows[method](await self._request(scope, receive, method=method))

    def _shows(self, path: str) -> dict[str, Show]:
        path = path if len(path) == 1 else path.rstrip("/")
        if path.startswith("/answer/"):
            token = unquote(path.removeprefix("/answer/"))
            return {
                "GET": lambda _request: self._answer.show(token),
                "POST": lambda _request: self._answer.take(token),
            }
        if path == "/app" or path.startswith("/app/"):
            return {"GET": self._login.home}
        return self._table.get(path, {})

    async def _request(self, scope: Scope, receive: Receive, *, method: str) -> Request:
        headers = headers_of(scope["headers"])
        body = await _body(receive) if method == "POST" else b""
        client = scope.get("client")
        is_form = headers.get("content-type", _FORM_TYPE).partition(";")[0].strip().lower() == _FORM_TYPE
        return Request(
            method=method,
            path=str(scope["path"]),
            query=fields(bytes(scope.get("query_string", b"")).decode("latin-1")),
            headers=headers,
            form=fields(body.decode("utf-8", "replace")) if is_form else {},
            body=body,
            source=str(client[0]) if client else "",
            secure=secure(str(scope.get("scheme", "http")), headers, self._public_url),
        )

    async def _set_up_by_program(self, request: Request) -> Response:
        status, body = await self._setup.take_json(request.body)
        return Response(status, body, _JSON)


async def _body(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message: Mapping[str, Any] = await receive()
        if message["type"] != "http.request":
            raise NotOurs
        part = bytes(message.get("body", b""))
        size += len(part)
        if size > LONGEST_FORM:
            raise TooLarge
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(response: Response, send: Send, *, bodiless: bool) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if bodiless else response.body})


def _page_name(path: str) -> str:
    """Return which page it was, without the token that an address may hold."""
    return "/" + path.lstrip("/").partition("/")[0]
