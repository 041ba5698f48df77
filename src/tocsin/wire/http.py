"""HTTP: the one way in which this program asks something of another over the web."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property, partial

from tocsin.ground import clock
from tocsin.ground.limits import PROVIDER_PATIENCE
from tocsin.wire.connection import Connection, why_unopened
from tocsin.wire.egress import Egress
from tocsin.wire.exchange import Answer, Origin, Request, Unanswered, Unsent, head
from tocsin.wire.exchange import target as read_target

MOST_LINES = 32  # at once to one receiver; more would only queue there
IDLE_FOR = 1.5  # seconds: shorter than any usual server keeps a line, so that no request meets a closing one
LINE_LASTS = 60.0  # seconds: a moved receiver is found again after so long even under steady load
CONNECT_PATIENCE = 4.0  # seconds for one address, so that the next one of the same name still gets its turn


class Http:
    """Asks receivers over HTTP/1.1, through the guard of `egress`, on lines that are kept while they are used.

    It follows no redirect, reads no proxy from the environment, sends no cookie and reads at most 64 KiB of an
    answer. httpx2 was measured first: 1.6 ms of processor time for each request against 0.1 ms here, and a storm of
    pages is when that time is missing.
    """

    def __init__(
        self,
        egress: Egress,
        *,
        patience: timedelta = PROVIDER_PATIENCE,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._egress = egress
        self._patience = patience.total_seconds()
        self._make_trust = trust
        self._receivers: dict[Origin, _Lines] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def send(self, request: Request) -> Answer | Unsent | Unanswered:
        """Ask once and say how it ended: answered, never sent, or sent without an answer.

        Raises `Refused` for what no repetition heals: a URL or header that cannot be (`Why.INVALID`), an address
        that may not be called (`Why.FORBIDDEN`).
        """
        target = read_target(request.url)
        payload = head(request, target) + request.body
        to = target.origin
        lines = self._lines(to)
        sent = False
        lines.users += 1
        try:
            async with asyncio.timeout(self._patience), lines.slots:
                line = await self._line(lines, to)
                try:
                    sent = True
                    return await line.ask(payload)
                finally:
                    self._give_back(line, lines)
        except TimeoutError:
            said = f"{to.host} did not answer within {self._patience:g} s"
            return Unanswered(said) if sent else Unsent(f"{said}: no connection")
        except (OSError, UnicodeError) as error:
            return Unsent(f"{to.host} cannot be reached: {why_unopened(error)}")
        finally:
            lines.users -= 1

    async def close(self) -> None:
        """Cut every line."""
        if self._sweep is not None:
            self._sweep.cancel()
        for lines in self._receivers.values():
            lines.clear()
        self._receivers.clear()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return self._make_trust()

    def _lines(self, to: Origin) -> "_Lines":
        lines = self._receivers.get(to)
        if lines is None:
            lines = self._receivers[to] = _Lines()
        return lines

    async def _line(self, lines: "_Lines", to: Origin) -> Connection:
        addresses = self._egress.known(to.host, to.port) or await self._egress.addresses(to.host, to.port)
        return lines.take(addresses) or await self._open(to, addresses)

    async def _open(self, to: Origin, addresses: tuple[str, ...]) -> Connection:
        failure: OSError = OSError("the name has no address")
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_PATIENCE):
                    _, line = await asyncio.get_running_loop().create_connection(
                        partial(Connection, address),
                        address,
                        to.port,
                        ssl=self._trust if to.secure else None,
                        server_hostname=to.host if to.secure else None,
                    )
            except OSError as error:
                failure = error
            else:
                return line
        raise failure

    def _give_back(self, line: Connection, lines: "_Lines") -> None:
        if line.busy or not line.usable:
            line.drop()
            return
        lines.free.append(line)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_FOR, self._tidy)

    def _tidy(self) -> None:
        self._sweep = None
        for origin, lines in list(self._receivers.items()):
            lines.clear(idle_for=IDLE_FOR)
            if not lines.free and not lines.users:
                del self._receivers[origin]
        if any(lines.free for lines in self._receivers.values()):
            self._sweep = asyncio.get_running_loop().call_later(IDLE_FOR, self._tidy)


class _Lines:
    """The lines to one receiver that are free, and how many more may be opened."""

    def __init__(self) -> None:
        self.free: deque[Connection] = deque()
        self.slots = asyncio.Semaphore(MOST_LINES)
        self.users = 0

    def take(self, addresses: tuple[str, ...]) -> Connection | None:
        """Return the line used last that still serves, closing those that do not."""
        now = clock.seconds()
        while self.free:
            line = self.free.pop()
            fresh = now - line.free_since < IDLE_FOR and now - line.born < LINE_LASTS
            if fresh and line.usable and line.peer in addresses:
                return line
            line.drop()
        return None

    def clear(self, idle_for: float = 0) -> None:
        """Cut the lines that were free for so many seconds."""
        now = clock.seconds()
        while self.free and now - self.free[0].free_since >= idle_for:
            self.free.popleft().drop()
