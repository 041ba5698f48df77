"""Servers: the sockets of this node, plain HTTP on loopback and HTTPS beside it, and their orderly end."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog
import uvicorn

from tocsin.api.body import App
from tocsin.api.line import Line
from tocsin.config import Config
from tocsin.ground import clock
from tocsin.ground.errors import Refused, Why
from tocsin.wire import certificates

log = structlog.get_logger("servers")

_BACKLOG = 2048  # connections that wait to be taken: an alert storm opens many at once
_KEEP_ALIVE_S = 75  # longer than the intervals of senders that keep a connection, as Alertmanager does
_TICKS_A_SECOND = 10  # of uvicorn's counter, which renews the Date header every tenth tick
_RENEW_EVERY_S = 43_200.0  # a certificate is renewed weeks before it ends; half a day is soon enough
_GOODBYE_S = 10  # seconds that requests under way have to end when the program stops

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Server(uvicorn.Server):
    """A uvicorn server inside our event loop, which leaves signals to the program."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Prepare to serve."""
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Take no more requests and let those under way end."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """Tick each second, for the Date header, instead of uvicorn's ten times: an idle server should be idle."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += _TICKS_A_SECOND
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing: the program decides when its servers stop."""
        yield


def server(
    application: App, trusted: Sequence[str], *, certificate: Path | None = None, key: Path | None = None
) -> Server:
    """Return a server for this ASGI application, with TLS when a certificate is given.

    Proxies at the `trusted` addresses say who the sender is (X-Forwarded-For, X-Forwarded-Proto).
    """
    config = uvicorn.Config(
        application,
        http=Line,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=list(trusted),
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GOODBYE_S,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    return Server(config)


class Gates:
    """The listening sockets of this node and the servers behind them."""

    def __init__(self, group: asyncio.TaskGroup, application: App, config: Config) -> None:
        """Prepare to serve the application in this group of tasks."""
        self._group = group
        self._application = application
        self._config = config
        self._plain: tuple[Server, asyncio.Task[None]] | None = None
        self._secure: tuple[Server, asyncio.Task[None]] | None = None

    async def open(self, *, only_loopback: bool) -> tuple[int, int | None]:
        """Open the doors and return the ports of HTTP and HTTPS; `only_loopback` keeps strangers out for now."""
        listening = bind(self._config.http, only_loopback=only_loopback)
        self._plain = await self._serve(server(self._application, self._config.trusted_proxies), listening)
        https_port = await self._open_secure(only_loopback=only_loopback)
        return port_of(listening), https_port

    async def widen(self) -> None:
        """Listen where the configuration says, now that somebody owns the installation."""
        if self._secure is not None and _host(self._config.https) not in LOOPBACK:
            await _end(self._secure)
            await self._open_secure(only_loopback=False)
        if self._plain is not None and _host(self._config.http) not in LOOPBACK:
            await _end(self._plain)
            self._plain = await self._serve(
                server(self._application, self._config.trusted_proxies), bind(self._config.http)
            )

    async def renew_for_ever(self) -> None:
        """Look twice a day whether the certificate is nearly over, and serve new connections with the next one."""
        while self._secure is not None:
            await asyncio.sleep(_RENEW_EVERY_S)
            try:
                served = certificate_of(self._config)
            except (Refused, certificates.CertificateFault) as fault:
                log.warning("certificate.not_renewed", says=str(fault))
                continue
            context = self._secure[0].config.ssl
            if context is not None:
                context.load_cert_chain(served.certificate, served.key)

    async def close(self) -> None:
        """Take no more requests and let those under way end."""
        for pair in (self._plain, self._secure):
            if pair is not None:
                await _end(pair)

    async def _open_secure(self, *, only_loopback: bool) -> int | None:
        if self._config.tls == "off":
            return None
        served = certificate_of(self._config)
        for warning in served.warnings:
            log.warning("certificate.warning", says=warning)
        listening = bind(self._config.https, only_loopback=only_loopback)
        secured = server(
            self._application, self._config.trusted_proxies, certificate=served.certificate, key=served.key
        )
        self._secure = await self._serve(secured, listening)
        return port_of(listening)

    async def _serve(self, serving: Server, listening: socket.socket) -> tuple[Server, asyncio.Task[None]]:
        task = self._group.create_task(serving.serve(sockets=[listening]), name="serve")
        while not serving.started and not task.done():  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.002)
        return serving, task


async def _end(pair: tuple[Server, asyncio.Task[None]]) -> None:
    serving, task = pair
    serving.end()
    await task


def certificate_of(config: Config) -> certificates.Served:
    """Return the certificate to serve with: the configured one, checked, else one of our own authority.

    Raises `CertificateFault` when it cannot be used, `Refused` (invalid) when only one of its two files is named.
    """
    if config.tls_certificate is None and config.tls_key is None:
        return certificates.ensure(config.tls_dir, certificate_names(config), clock.utc_now())
    if config.tls_certificate is None or config.tls_key is None:
        raise Refused(Why.INVALID, "A certificate needs both settings, tls_certificate and tls_key.")
    return certificates.check(config.tls_certificate, config.tls_key, certificate_names(config), clock.utc_now())


def certificate_names(config: Config) -> tuple[str, ...]:
    """Return the names under which clients reach this node: those that are set, else the machine's own."""
    host = urlsplit(config.public_address or "").hostname
    named = (*config.tls_names, *((host,) if host else ()))
    return tuple(dict.fromkeys(named)) or (config.node_name,)


def settled(config: Config) -> Config:
    """Return the configuration with a free port in place of each port 0, so that links can name it before it opens."""
    found = {}
    for name in ("http", "https"):
        address: str = getattr(config, name)
        if address.endswith(":0"):
            with contextlib.closing(bind(address)) as taken:
                found[name] = f"{address[:-2]}:{port_of(taken)}"
    return msgspec.structs.replace(config, **found)


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
        listening.setblocking(False)
    except (OSError, ValueError) as failure:
        listening.close()
        raise Refused(
            Why.UNAVAILABLE,
            f"Cannot listen on {address}: {failure}. Set another address in TOCSIN_HTTP or TOCSIN_HTTPS.",
        ) from failure
    return listening


def port_of(listening: socket.socket) -> int:
    """Return the port that a socket listens on."""
    return int(listening.getsockname()[1])
