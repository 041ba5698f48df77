"""Heartbeat: telling another system that we are well, only after the auditor found every promise kept."""

import asyncio

import structlog

from tocsin.config import Config
from tocsin.engine.loops.auditor import Findings
from tocsin.ground import clock
from tocsin.ground.errors import Refused
from tocsin.wire import Wire
from tocsin.wire.exchange import Request

log = structlog.get_logger("heartbeat")

_FRESH_FOR_S = 90.0  # how old a clean audit may be for a beat to go out


class Heartbeat:
    """Beats outwards while all is well; whoever expects the beats pages when they stop.

    Auditor failure, loop failure and a broken promise all look the same from outside: silence.
    """

    def __init__(self, wire: Wire, config: Config) -> None:
        """Prepare to beat to the configured address, if there is one."""
        self._wire = wire
        self._url = config.heartbeat_url
        self._every_s = config.heartbeat_every_s
        self._clean_at: float | None = None
        self._probe_every_s = config.probe_every_s
        self._probe_fresh_s = max(_FRESH_FOR_S, 2.0 * config.probe_every_s)
        self._probe_at: float | None = None

    async def take(self, findings: Findings) -> None:
        """Take the auditor's findings of this round."""
        self._clean_at = clock.seconds() if findings.clean else None

    def probe_passed(self) -> None:
        """Note that a test event just came out as a page."""
        self._probe_at = clock.seconds()

    @property
    def well(self) -> bool:
        """Say whether the audit, and the probe where there is one, passed lately."""
        now = clock.seconds()
        audited = self._clean_at is not None and now - self._clean_at < _FRESH_FOR_S
        probed = not self._probe_every_s or (self._probe_at is not None and now - self._probe_at < self._probe_fresh_s)
        return audited and probed

    async def run(self) -> None:
        """Beat until cancelled."""
        if self._url is None:
            return
        while True:
            await asyncio.sleep(self._every_s)
            if not self.well:
                log.warning("heartbeat.withheld")
                continue
            try:
                ended = await self._wire.http.send(Request(url=self._url))
            except Refused as refusal:
                log.warning("heartbeat.refused", why=refusal.message)
            else:
                log.info("heartbeat.sent", outcome=type(ended).__name__)
