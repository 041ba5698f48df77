"""Ceiling: the least that can be done for an event, as fast as this machine does it, to hold the product against.

A bare ASGI handler on the product's HTTP server decodes the same JSON and inserts the same rows, in batches
formed the same way, and answers when they are committed. It knows no keys, no limits and no incidents. With a sink
it also posts one page for each event once that is committed. It runs as a process of its own, as the product does.
"""

import asyncio
import socket
import sys
from typing import Any, Literal

import msgspec
import uvicorn
import uvloop
from msgspec import Raw, Struct, field

from tocsin.bench.line import Line, open_lines, request
from tocsin.domain.events import lane_of
from tocsin.store.inbox import Inbox, InboxRow

LARGEST_BATCH = 1000  # rows of one transaction, as the product has it
_LINES = 16  # connections to the sink
_BACKLOG = 2048  # connections that wait to be taken, as the product has it
_LOOK_EVERY_S = 0.002
_INTEGRATION = b"PCEILING000000"  # as long as a real id
_START: dict[str, object] = {
    "type": "http.response.start",
    "status": 202,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"20")],
}
_BODY: dict[str, object] = {"type": "http.response.body", "body": b'{"status":"success"}'}
_NOTHING = Raw(b"null")


class _Payload(Struct):
    summary: str
    source: str
    severity: Literal["critical", "error", "warning", "info"]
    component: str | None = None
    group: str | None = None
    class_name: str | None = field(default=None, name="class")
    timestamp: str | None = None
    custom_details: Raw = _NOTHING


class _Said(Struct):
    routing_key: str
    event_action: Literal["trigger", "acknowledge", "resolve"]
    payload: _Payload
    dedup_key: str = ""
    client: str | None = None
    client_url: str | None = None
    links: Raw = _NOTHING


class _Row(InboxRow):
    answer: asyncio.Future[None]
    title: str


_decode = msgspec.json.Decoder(_Said).decode
_encode = msgspec.json.Encoder().encode


class Bare:
    """The whole of it: a door, a queue, one writer, and one sender when there is a sink."""

    def __init__(self, dsn: str) -> None:
        """Write to the inbox of this database."""
        self._inbox = Inbox(dsn)
        self._queue: list[_Row] = []
        self._wake = asyncio.Event()
        self._pages: asyncio.Queue[str] = asyncio.Queue()
        self.paging = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own types
        """Answer one event when it is on disk."""
        del scope
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        said = _decode(body)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kept = _encode((said.event_action, said.dedup_key, said.payload, said.client, said.client_url, said.links))
        lane = lane_of(_INTEGRATION, said.dedup_key.encode())
        self._queue.append(_Row(lane, _INTEGRATION, b"event", kept, answer, said.payload.summary))
        self._wake.set()
        await answer
        await send(_START)
        await send(_BODY)

    async def write(self) -> None:
        """Write whatever arrived while the batch before was written, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch, self._queue = self._queue[:LARGEST_BATCH], self._queue[LARGEST_BATCH:]
                await self._inbox.write(batch)
                for row in batch:
                    row.answer.set_result(None)
                    if self.paging:
                        self._pages.put_nowait(row.title)

    async def page(self, line: Line) -> None:
        """Post pages one after the other over one connection, until cancelled."""
        self.paging = True
        while True:
            title = await self._pages.get()
            await line.ask(request("POST", "/page", body=_encode({"incident": {"title": title, "body": "x" * 700}})))


async def run(dsn: str, sink_port: int) -> None:
    """Serve until the process is ended; the first line of output is the port."""
    bare = Bare(dsn)
    listening = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    serving = uvicorn.Server(
        uvicorn.Config(
            bare, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
        )
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(bare.write())
        if sink_port:
            for line in await open_lines(sink_port, _LINES):
                group.create_task(bare.page(line))
        group.create_task(_announce(serving, listening.getsockname()[1]))
        await serving.serve(sockets=[listening])


async def _announce(serving: uvicorn.Server, port: int) -> None:
    while not serving.started:  # noqa: ASYNC110 - the server has a flag and no event
        await asyncio.sleep(_LOOK_EVERY_S)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(sys.argv[1], int(sys.argv[2])))
