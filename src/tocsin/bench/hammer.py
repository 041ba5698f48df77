"""Hammer: as many events as will go over so many connections, by wrk where it is installed, else by our own driver."""

import asyncio
import re
import shutil
import tempfile
from pathlib import Path

from msgspec import Struct

from tocsin.bench.event import ENQUEUE, MARK, events, template
from tocsin.bench.load import Load, closed, refusals
from tocsin.bench.program import ProgramFailed
from tocsin.bench.spread import MILLISECONDS, p99_ms, percentile
from tocsin.ground import clock

# One thread: a second one would take the processor that the database needs. Keys are counted in the script, because
# wrk seeds its chance alike in each run and would repeat the keys of the run before.
_SCRIPT = """
local head, tail = [==[{head}]==], [==[{tail}]==]
local middle = [==[{middle}]==]
local number, different = 0, {different}
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
request = function()
  local key = "{prefix}-" .. (different > 0 and number % different or number)
  number = number + 1
  return wrk.format(nil, nil, nil, head .. key .. middle .. key .. tail)
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("figures %d %d %d %d %.0f %.0f\\n", summary.requests, summary.duration, e.status,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""
_FIGURES = re.compile(r"^figures (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)
_MICROSECONDS = 1_000_000
_OF_ANY_STATUS = 400  # wrk counts refusals without telling them apart; the first of their statuses stands for all


class Blow(Struct, frozen=True, kw_only=True):
    """A load: to which port, for which integration, over how many connections and for how long."""

    port: int
    routing_key: str
    prefix: str
    connections: int
    seconds: float
    different: int | None = None


class DriverFailed(ProgramFailed):
    """The load driver did not do its work."""


def driver() -> str:
    """Return the name of the driver that this machine has."""
    return "wrk" if shutil.which("wrk") else "own driver (wrk is not installed)"


async def hammer(blow: Blow) -> Load:
    """Send events as fast as they are answered and return what became of them.

    Raises `DriverFailed` when wrk does not say what it did.
    """
    return await (_by_wrk(blow) if shutil.which("wrk") else _by_hand(blow))


async def _by_wrk(blow: Blow) -> Load:
    head, middle, tail = template(blow.routing_key).split(MARK)
    script = _SCRIPT.format(head=head, middle=middle, tail=tail, prefix=blow.prefix, different=blow.different or 0)
    with tempfile.NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        output = await _run_wrk(blow, Path(file.name))
    found = _FIGURES.search(output)
    if found is None:
        raise DriverFailed(f"wrk did not say what it did: {output.strip()}")
    requests, duration_us, refused, broken, p50_us, p99_us = map(int, found.groups())
    counts = {_OF_ANY_STATUS: refused, 0: broken}
    per_ms = _MICROSECONDS / MILLISECONDS
    return Load(
        seconds=duration_us / _MICROSECONDS,
        accepted=requests - refused,
        p50_ms=p50_us / per_ms,
        p99_ms=p99_us / per_ms,
        refused={status: count for status, count in counts.items() if count},
    )


async def _run_wrk(blow: Blow, script: Path) -> str:
    seconds = max(round(blow.seconds), 1)
    command = ["-t1", f"-c{blow.connections}", f"-d{seconds}s", f"-s{script}", f"http://127.0.0.1:{blow.port}{ENQUEUE}"]
    process = await asyncio.create_subprocess_exec(
        "wrk", *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode("utf-8", "replace")


async def _by_hand(blow: Blow) -> Load:
    began = clock.seconds()
    answers = await closed(
        blow.port,
        events(blow.routing_key, blow.prefix, different=blow.different),
        connections=blow.connections,
        until=lambda: clock.seconds() - began > blow.seconds,
    )
    seconds = clock.seconds() - began
    good = [each.answered - each.due for each in answers if each.good]
    return Load(seconds, len(good), percentile(good, 0.5) * MILLISECONDS, p99_ms(good), refusals(answers))
