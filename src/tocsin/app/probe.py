"""Probe: every minute a test event goes in at the door, and its page must come out again."""

import asyncio
from datetime import timedelta

import msgspec
import structlog

from tocsin.app.heartbeat import Heartbeat
from tocsin.engine.watch import Watch
from tocsin.ground import clock
from tocsin.ground.ids import new_id
from tocsin.store.decisions import forget
from tocsin.store.keyring import Keyring
from tocsin.store.probe import HANDED, SERVICE_ID, prepare
from tocsin.store.turn import Store, Turn
from tocsin.wire import Wire
from tocsin.wire.exchange import Answer, Request

log = structlog.get_logger("probe")

_PATIENCE_S = 15.0  # a page that takes longer than this has failed the probe
_LOOK_EVERY_S = 0.05
_KEPT_FOR = timedelta(hours=1)  # test incidents are looked at by nobody
_OUR_OWN = ("127.0.0.0/8",)


class Probe:
    """Sends test events through the whole house, from the socket to a page, and measures how long that takes."""

    def __init__(self, store: Store, keyring: Keyring, *, watch: Watch, heartbeat: Heartbeat) -> None:
        """Prepare; nothing is written before `run`."""
        self._store = store
        self._keyring = keyring
        self._watch = watch
        self._heartbeat = heartbeat
        self._routing_key = keyring.derive("probe").hex()[:32]

    async def run(self, every_s: int, url: str) -> None:
        """Probe this node's door at `url` every so many seconds until cancelled; 0 means never."""
        if not every_s:
            return
        wire = Wire(allowed_networks=_OUR_OWN)
        try:
            while True:
                await asyncio.sleep(every_s)
                try:
                    await self._store.work(self._prepare)
                    await self.once(wire, url)
                    await self._store.work(self._forget)
                except Exception as failure:  # noqa: BLE001 - border of a loop: a failed probe is what it reports
                    log.warning("probe.failed", failure=repr(failure))
        finally:
            await wire.close()

    async def once(self, wire: Wire, url: str) -> float | None:
        """Send one test event and return the seconds until its page was handed over, or None when it was not.

        The page may leave from any node, so the database is asked about it.
        """
        title = f"Probe {new_id()}"
        began = clock.seconds()
        accepted = await self._send(wire, url, title, "trigger")
        arrived = accepted and await self._handed(title)
        took = clock.seconds() - began
        await self._send(wire, url, title, "resolve")
        if not arrived:
            log.error("probe.lost", accepted=accepted, waited_s=round(took, 3))
            return None
        self._watch.probe.observe(took)
        self._heartbeat.probe_passed()
        return took

    async def _handed(self, title: str) -> bool:
        async def look(turn: Turn) -> bool:
            return (await turn.one(HANDED, {"service_id": SERVICE_ID, "title": title})).yes

        for _ in range(int(_PATIENCE_S / _LOOK_EVERY_S)):
            if await self._store.read(look):
                return True
            await asyncio.sleep(_LOOK_EVERY_S)
        return False

    async def _send(self, wire: Wire, url: str, title: str, action: str) -> bool:
        event = {
            "routing_key": self._routing_key,
            "event_action": action,
            "dedup_key": title,
            "payload": {"summary": title, "source": "tocsin", "severity": "info"},
        }
        headers = {"Content-Type": "application/json"}
        request = Request(url=f"{url}/v2/enqueue", headers=headers, body=msgspec.json.encode(event))
        ended = await wire.http.send(request)
        return isinstance(ended, Answer) and ended.status == 202  # noqa: PLR2004 - the one status that means stored

    async def _prepare(self, turn: Turn) -> None:
        await prepare(turn, self._routing_key, self._keyring)

    async def _forget(self, turn: Turn) -> None:
        await forget(turn, SERVICE_ID, _KEPT_FOR)
