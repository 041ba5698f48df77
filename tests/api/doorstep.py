"""Doorstep: the doors behind a real server on a real socket, and a client that can be as rude as it likes."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
import uvicorn

from tocsin.api.body import App, Receive, Scope, Send, SlowBodies
from tocsin.api.events import doors
from tocsin.api.line import Line
from tocsin.api.reply import JSON, reply
from tocsin.api.shell import Checks, Shell
from tocsin.domain.events import Allowance
from tocsin.domain.services.integration import routing_key_hash
from tocsin.engine.accept import Accept
from tocsin.store.turn import Store

KEY = "0123456789abcdef0123456789abcdef"
INTEGRATION = "PINTEGRATION01"

_CONFIGURATION = """
    INSERT INTO escalation_policy (id, name) VALUES ('PPOLICY', 'Default');
    INSERT INTO service (id, name, escalation_policy_id, urgency_rule) VALUES ('PSERVICE', 'Shop', 'PPOLICY', '{}');
"""
_ADD_KEY = """
    INSERT INTO integration (id, service_id, name, kind, routing_key_hash, routing_key_sealed)
    VALUES (%s, 'PSERVICE', 'Tests', 'events_api_v2', %s, '')
"""


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 when the server hung up without a word."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """The body as an object."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


@dataclass
class Doorstep:
    """Where a client stands."""

    port: int
    dsn: str
    accept: Accept
    store: Store

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a well-formed request."""
        named = {"Host": "tocsin.test", "Content-Type": "application/json", **(headers or {})}
        if "Transfer-Encoding" not in named:
            named.setdefault("Content-Length", str(len(body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        return await self.raw(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    async def raw(self, request: bytes, *, seconds: float = 8) -> Answer:
        """Send these bytes on a connection of their own and read one answer."""
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
            try:
                writer.write(request)
                return await read_answer(reader, bodiless=request.startswith(b"HEAD"))
            finally:
                writer.close()

    def stored(self) -> list[tuple[str, str, int]]:
        """The kind, body and lane of every row of the inbox."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute("SELECT kind, body, lane FROM inbox ORDER BY id").fetchall()


async def read_answer(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Answer:
    """Read one HTTP answer."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0, {}, b"")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    length = 0 if bodiless else int(headers.get("content-length", "0"))
    body = await reader.readexactly(length)
    return Answer(int(head[0].split()[1]), headers, body)


def add_key(dsn: str, key: str, integration_id: str) -> None:
    """Give the service one more integration, and let caches know."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_ADD_KEY, (integration_id, routing_key_hash(key)))
        connection.execute("UPDATE config_stamp SET n = n + 1")


def configure(dsn: str) -> None:
    """Write the configuration that the tests of this folder share."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_CONFIGURATION)
    add_key(dsn, KEY, INTEGRATION)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what arrived; stands in for the applications behind the shell."""
    message = await receive()
    said = {"path": scope["path"], "raw": scope["raw_path"].decode(), "body": message["body"].decode("latin-1")}
    await reply(send, 200, json.dumps(said).encode(), (JSON,))


async def web(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as the pages would."""
    await reply(send, 200, b'{"web": true}', (JSON,))


async def _ready() -> str | None:
    return None


@asynccontextmanager
async def serving(app: App, line: type[Line] = Line) -> AsyncIterator[int]:
    """Serve an application on a free port of the loopback."""
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", http=line)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listener]))
            while not server.started:  # noqa: ASYNC110 - the server has no event for this
                await asyncio.sleep(0.01)
            try:
                yield int(listener.getsockname()[1])
            finally:
                server.should_exit = True


@asynccontextmanager
async def open_doors(
    dsn: str, *, allowance: Allowance | None = None, slow: SlowBodies | None = None
) -> AsyncIterator[Doorstep]:
    """Open the three doors over this database; stop in the order that the program does."""
    configure(dsn)
    store = Store(dsn)
    await store.open()
    accept = Accept(store, allowance=allowance)
    shell = Shell(doors=doors(accept, slow), rest=echo, web=web, checks=Checks(_ready, lambda: b"up 1\n"), slow=slow)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(accept.run())
            try:
                async with serving(shell) as port:
                    yield Doorstep(port, dsn, accept, store)
            finally:
                accept.close()
    finally:
        await store.close()
