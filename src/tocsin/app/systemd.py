"""Systemd: telling the service manager that we are ready, and that the engine still moves."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

_HALF = 2  # the manager kills after a whole period of silence; half of it leaves room for a busy second


def notify(message: str, environment: Mapping[str, str] | None = None) -> None:
    """Send one line to the manager that started us, if there is one."""
    address = (environment or os.environ).get("NOTIFY_SOCKET")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(path)
        line.send(message.encode())


async def feed_watchdog(healthy: Callable[[], bool], environment: Mapping[str, str] | None = None) -> None:
    """Feed the manager's watchdog while the engine is healthy, until cancelled; starve it otherwise."""
    period_us = int((environment or os.environ).get("WATCHDOG_USEC", "0"))
    if not period_us:
        return
    while True:
        if healthy():
            notify("WATCHDOG=1", environment)
        await asyncio.sleep(period_us / 1_000_000 / _HALF)
