"""Reply: sending one complete HTTP answer, with the headers that every answer of ours has."""

from collections.abc import Sequence

from tocsin.api.body import Send

Header = tuple[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")
TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")
HANG_UP: Header = (b"connection", b"close")


async def reply(send: Send, status: int, body: bytes, headers: Sequence[Header] = (JSON,)) -> None:
    """Send the whole answer; the length is added, a HEAD request's body is left out by the server."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
