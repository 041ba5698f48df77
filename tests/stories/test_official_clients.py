"""The official Python clients work with nothing but another base URL: `pagerduty` over https, `pdpyras` over http."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.town.office import Json, Shop
from tests.town.town import OWNER, Town, a_town, config_of
from tocsin.ground.ids import new_id
from tocsin.store.turn import Turn

CLIENTS = Path(__file__).parent / "clients"

pytestmark = pytest.mark.contract


async def populate(town: Town) -> Shop:
    """Make 250 people in all, and a service that calls one of them."""
    ada = await town.office.person("Ada")

    async def job(turn: Turn) -> None:
        for number in range(248):
            await turn.connection.execute(
                "INSERT INTO app_user (id, name, email, role) VALUES (%s, %s, %s, 'user')",
                (new_id(), f"Person {number}", f"person-{number}@town.example"),
            )

    await town.house.store.work(job)
    return await town.office.service("Shop", await town.office.policy("Web", [[ada]]))


async def run_client(name: str, *words: str, environment: Mapping[str, str] | None = None) -> Json:
    """Run a client's program and return what it printed."""
    bare = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CLIENTS / name),
        *words,
        env={**bare, **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(90):
        out, err = await program.communicate()
    assert program.returncode == 0, err.decode()
    said: Json = json.loads(out)
    return said


def check(said: Json) -> None:
    """Compare what a client saw with what must be."""
    assert len(said["people"]) == len(set(said["people"])) == 250
    assert said["by_event"] == "The disk is full"
    assert said["states"] == ["triggered", "acknowledged", "resolved"]
    assert said["note"] == "Looking at it"
    assert said["found"] == "Person 42"
    kinds = {"trigger_log_entry", "acknowledge_log_entry", "annotate_log_entry", "resolve_log_entry"}
    assert kinds <= set(said["log"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_pagerduty_over_https(database: str, tmp_path: Path) -> None:
    port = free_port()
    config = replace(
        config_of(tmp_path, database, []),
        tls="auto",
        https=f"127.0.0.1:{port}",
        public_address=f"https://localhost:{port}",
    )
    async with a_town(database, tmp_path, config=config) as town:
        shop = await populate(town)
        trust = {"SSL_CERT_FILE": str(config.tls_dir / "authority.crt")}
        words = (config.public_url, town.token, OWNER, shop.key, shop.id)
        check(await run_client("with_pagerduty.py", *words, environment=trust))


async def test_pdpyras_over_http(database: str, tmp_path: Path) -> None:
    port = free_port()
    config = replace(
        config_of(tmp_path, database, []),
        http=f"127.0.0.1:{port}",
        public_address=f"http://127.0.0.1:{port}",
    )
    async with a_town(database, tmp_path, config=config) as town:
        shop = await populate(town)
        check(await run_client("with_pdpyras.py", config.public_url, town.token, OWNER, shop.key, shop.id))
