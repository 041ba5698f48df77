"""Alertmanager, as Debian ships it, is pointed here: its alert pages people until one answers, its end resolves."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.town.office import Json
from tests.town.town import Town

PROGRAM = shutil.which("prometheus-alertmanager")

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(PROGRAM is None, reason="needs the Debian package prometheus-alertmanager"),
]

CONFIGURATION = """
global:
  pagerduty_url: {url}/v2/enqueue
  resolve_timeout: 5m
route:
  receiver: tocsin
  group_by: [alertname, instance]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: tocsin
    pagerduty_configs:
      - routing_key: {key}
        send_resolved: true
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def alertmanager(
    folder: Path, url: str, key: str, *, configuration: str = CONFIGURATION
) -> AsyncIterator[httpx2.AsyncClient]:
    """Run Alertmanager with a receiver that points to this address; give a client of its API."""
    (folder / "alertmanager.yml").write_text(configuration.format(url=url, key=key))
    port = free_port()
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once and outlives the call
            [
                str(PROGRAM),
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await _ready(client)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=10)


async def _ready(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if (await client.get("/-/ready")).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.05)


async def fire(client: httpx2.AsyncClient, *, over: bool = False) -> None:
    """Report, as Prometheus does, that a rule is true, or true no longer."""
    now = datetime.now(UTC)
    alert: Json = {
        "labels": {"alertname": "DiskFull", "instance": "db-1", "severity": "critical"},
        "annotations": {"summary": "The disk of db-1 is full"},
        "startsAt": (now - timedelta(minutes=1)).isoformat(),
        "generatorURL": "http://prometheus.town.example/graph",
    }
    if over:
        alert["endsAt"] = now.isoformat()
    answer = await client.post("/api/v2/alerts", json=[alert])
    assert answer.status_code == 200, answer.text


async def until_status(town: Town, status: str) -> Json:
    """Return the one incident once it has this status."""
    async with asyncio.timeout(20):
        while True:
            incidents = await town.incidents()
            if [incident["status"] for incident in incidents] == [status]:
                return incidents[0]
            await asyncio.sleep(0.05)


async def test_the_main_job_with_a_real_alertmanager(town: Town, tmp_path: Path) -> None:
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada], [bo]], minutes=30))
    async with alertmanager(tmp_path, town.url, shop.key) as prometheus:
        await fire(prometheus)
        first = await town.letter(ada)
        assert "DiskFull" in str(first.mail["Subject"])
        await town.sleep(minutes=30)
        second = await town.letter(bo)
        assert "Acknowledged by you" in await town.click(second, "Acknowledge")
        incident = await until_status(town, "acknowledged")
        await town.sleep(hours=2)
        assert (len(town.letters(ada)), len(town.letters(bo))) == (1, 1)
        await fire(prometheus, over=True)
        await until_status(town, "resolved")
    timeline = await town.timeline(incident["id"])
    assert [entry["kind"] for entry in timeline] == [
        "trigger", "assign", "notify", "escalate", "notify", "acknowledge", "resolve",
    ]  # fmt: skip
    assert timeline[-1]["agent"]["kind"] == "integration"
