"""Load: senders that never give up, people who acknowledge at random, and a receiver that notes every page."""

import asyncio
import contextlib
import json
import random
import time
from dataclasses import dataclass

import httpx2

from tests.town.office import Office, Shop
from tests.town.webhook_sink import RESET, Sink
from tests.wreck.ledger import Ledger

SENDERS = 25
KEYS = 300  # problems that come and go
RESOLVED = 0.04  # share of the events that say that a problem is over
ANSWER_PATIENCE_S = 4.0
ACKNOWLEDGEMENTS_EACH_S = 5
CUT_LINES = 0.01  # share of pages whose receiver falls silent, so that their fate is unknown


@dataclass
class Load:
    """Everything that happens to the program from outside, until `stop` is set."""

    port: int
    shop: Shop
    ledger: Ledger
    chance: random.Random
    per_second: int
    stop: asyncio.Event

    async def run(self, office: Office, sink: Sink) -> None:
        """Send, answer and receive until stopped."""
        async with asyncio.TaskGroup() as group:
            for number in range(SENDERS):
                group.create_task(self.send(number))
            group.create_task(self.acknowledge(office))
            group.create_task(self.trouble(sink))

    async def send(self, number: int) -> None:
        """Send one event after the other on a line of one's own, each until it is answered 202."""
        interval = SENDERS / self.per_second
        due = time.monotonic() + interval * self.chance.random()
        line: Line | None = None
        count = 0
        while not self.stop.is_set():
            due = max(due + interval, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            count += 1
            name = f"w-{number}-{count}"
            request = self._request(name)
            self.ledger.sent += 1
            while not self.stop.is_set():
                line = line or await Line.open(self.port)
                status = await line.ask(request) if line else 0
                if status == 202:
                    self.ledger.accepted.append(name)
                    break
                self.ledger.refused += 1
                if line and not status:
                    line.close()
                    line = None
                await asyncio.sleep(0.05)
        if line:
            line.close()

    def _request(self, name: str) -> bytes:
        action = "resolve" if self.chance.random() < RESOLVED else "trigger"
        event = {
            "routing_key": self.shop.key,
            "event_action": action,
            "dedup_key": f"key-{self.chance.randrange(KEYS)}",
            "payload": {"summary": name, "source": "wreck", "severity": "critical"},
        }
        body = json.dumps(event).encode()
        head = ("POST /v2/enqueue HTTP/1.1", "Host: wreck", f"Content-Length: {len(body)}", "", "")
        return "\r\n".join(head).encode() + body

    async def acknowledge(self, office: Office) -> None:
        """Acknowledge incidents that somebody was just paged about, and note when that was confirmed."""
        while not self.stop.is_set():
            await asyncio.sleep(1 / ACKNOWLEDGEMENTS_EACH_S)
            recent = [arrival.incident_id for arrival in self.ledger.arrivals[-40:] if arrival.incident_id]
            if not recent:
                continue
            incident_id = self.chance.choice(recent)
            change = {"incident": {"type": "incident", "status": "acknowledged"}}
            with contextlib.suppress(httpx2.HTTPError):
                answer = await office.client.put(f"/incidents/{incident_id}", json=change)
                if answer.status_code == 200:
                    self.ledger.acknowledged.setdefault(incident_id, time.monotonic())

    async def trouble(self, sink: Sink) -> None:
        """Cut the line under some pages."""
        seen = 0
        while not self.stop.is_set():
            await asyncio.sleep(0.2)
            fresh, seen = len(sink.caught) - seen, len(sink.caught)
            if self.chance.random() < fresh * CUT_LINES:
                sink.will(RESET)


async def note_arrivals(sink: Sink, ledger: Ledger) -> None:
    """Note each page in the instant of its arrival, until cancelled."""
    noted = 0
    while True:
        async with sink.arrived:
            while len(sink.caught) == noted:
                await sink.arrived.wait()
            now = time.monotonic()
            for caught in sink.caught[noted:]:
                ledger.arrived(caught, now)
            noted = len(sink.caught)


@dataclass
class Line:
    """A kept connection of a sender."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> "Line | None":
        """Connect, or return None when nobody listens."""
        try:
            return cls(*await asyncio.open_connection("127.0.0.1", port))
        except OSError:
            return None

    async def ask(self, request: bytes) -> int:
        """Send a request and return the status of its answer, 0 when there is none."""
        try:
            async with asyncio.timeout(ANSWER_PATIENCE_S):
                self.writer.write(request)
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                await self.reader.readexactly(length)
        except (OSError, EOFError, TimeoutError, StopIteration):
            return 0
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()
