"""Servers: the sockets of this node, plain HTTP on loopback and HTTPS beside it, and their orderly end."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from tocsin.config import Config
from tocsin.ground.errors import Refused, Why
from tocsin.wire import certificates

_BACKLOG = 2048  # connections that wait to be taken: an alert storm opens many at once
_KEEP_ALIVE_S = 75  # longer than the intervals of senders that keep a connection, as Alertmanager does
_GOODBYE_S = 10  # seconds that requests under way have to end when the program stops

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Server(uvicorn.Server):
    """A uvicorn server inside our event loop, which leaves signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing: the program decides when its servers stop."""
        yield


def server(application: Any, *, certificate: Path | None = None, key: Path | None = None) -> Server:  # noqa: ANN401 - uvicorn's own type of an application
    """Return a server for this ASGI application, with TLS when a certificate is given."""
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GOODBYE_S,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    return Server(config)


class Gates:
    """The listening sockets of this node and the servers behind them."""

    def __init__(self, group: asyncio.TaskGroup, application: Any, config: Config) -> None:  # noqa: ANN401 - see server
        """Prepare to serve the application in this group of tasks."""
        self._group = group
        self._application = application
        self._config = config
        self._plain: tuple[Server, asyncio.Task[None]] | None = None
        self._secure: tuple[Server, asyncio.Task[None]] | None = None

    async def open(self, *, only_loopback: bool) -> tuple[int, int | None]:
        """Open the doors and return the ports of HTTP and HTTPS; `only_loopback` keeps strangers out for now."""
        listening = bind(self._config.http, only_loopback=only_loopback)
        self._plain = await self._serve(server(self._application), listening)
        https_port = await self._open_secure(only_loopback=only_loopback)
        return port_of(listening), https_port

    async def widen(self) -> None:
        """Listen where the configuration says, now that somebody owns the installation."""
        if self._secure is not None and _host(self._config.https) not in LOOPBACK:
            await _end(self._secure)
            await self._open_secure(only_loopback=False)
        if self._plain is not None and _host(self._config.http) not in LOOPBACK:
            await _end(self._plain)
            self._plain = await self._serve(server(self._application), bind(self._config.http))

    async def close(self) -> None:
        """Take no more requests and let those under way end."""
        for pair in (self._plain, self._secure):
            if pair is not None:
                await _end(pair)

    async def _open_secure(self, *, only_loopback: bool) -> int | None:
        if self._config.tls == "off":
            return None
        files = certificates.ensure(
            self._config.tls_dir,
            names=self._config.tls_names,
            own=(self._config.tls_certificate, self._config.tls_key),
        )
        listening = bind(self._config.https, only_loopback=only_loopback)
        secured = server(self._application, certificate=files.certificate, key=files.key)
        self._secure = await self._serve(secured, listening)
        return port_of(listening)

    async def _serve(self, serving: Server, listening: socket.socket) -> tuple[Server, asyncio.Task[None]]:
        task = self._group.create_task(serving.serve(sockets=[listening]), name="serve")
        while not serving.started and not task.done():
            await asyncio.sleep(0.002)
        return serving, task


async def _end(pair: tuple[Server, asyncio.Task[None]]) -> None:
    serving, task = pair
    serving.should_exit = True
    await task


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def bind(address: str, *, only_loopback: bool = False) -> socket.socket:
    """Return a listening socket for `host:port`; with `only_loopback` an open host is narrowed to 127.0.0.1.

    Raises `Refused` (unavailable) with what to do when the port is taken or the host is not ours.
    """
    host, port = _host(address), address.rpartition(":")[2]
    if only_loopback and host not in LOOPBACK:
        host = "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, int(port)))
        listening.setblocking(False)  # noqa: FBT003 - the socket's own signature
    except (OSError, ValueError) as failure:
        listening.close()
        raise Refused(
            Why.UNAVAILABLE, f"Cannot listen on {address}: {failure}. Set another address in TOCSIN_HTTP or TOCSIN_HTTPS."
        ) from failure
    return listening


def port_of(listening: socket.socket) -> int:
    """Return the port that a socket listens on."""
    return int(listening.getsockname()[1])
