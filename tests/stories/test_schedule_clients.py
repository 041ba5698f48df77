"""The official Python clients keep schedules: layers and restrictions come back unchanged, overrides come and go."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.stories.test_official_clients import free_port, run_client
from tests.town.office import Json
from tests.town.town import OWNER, Town, a_town, config_of

pytestmark = pytest.mark.contract


async def check(town: Town, client: str, url: str, environment: dict[str, str]) -> None:
    """Run the program with this client and compare what it saw with what must be."""
    ada, bo = await town.office.person("Ada"), await town.office.person("Bo")
    words = (client, url, town.token, OWNER, ada.id, bo.id)
    said = await run_client("schedules.py", *words, environment=environment)
    assert said["layers"] == ["Weekend", "Night", "Always"]
    assert {name: trimmed(layer) for name, layer in said["read"].items()} == {
        name: {"restrictions": [], "end": None, **trimmed(layer)} for name, layer in said["sent"].items()
    }
    assert said["unchanged"] is True
    assert said["statuses"] == [201]
    assert said["final"] == [ada.id, bo.id, ada.id]
    assert said["preview"] == [ada.id]
    assert (said["listed"], said["left"]) == ([bo.id], [])
    assert {who for who, _, _ in said["oncalls"]} == {ada.id, bo.id}
    assert all(of_it and level == 1 for _, of_it, level in said["oncalls"])
    assert said["found"] is True


def trimmed(layer: Json) -> Json:
    """Return what a client wrote of a layer, with users as their ids."""
    computed = ("id", "rendered_schedule_entries", "rendered_coverage_percentage")
    kept = {name: value for name, value in layer.items() if name not in computed}
    return {**kept, "users": [one["user"]["id"] for one in layer["users"]]}


async def test_pagerduty_over_https(database: str, tmp_path: Path) -> None:
    port = free_port()
    config = replace(
        config_of(tmp_path, database, []),
        tls="auto",
        https=f"127.0.0.1:{port}",
        public_address=f"https://localhost:{port}",
    )
    async with a_town(database, tmp_path, config=config) as town:
        trust = {"SSL_CERT_FILE": str(config.tls_dir / "authority.crt")}
        await check(town, "pagerduty", config.public_url, trust)


async def test_pdpyras_over_http(database: str, tmp_path: Path) -> None:
    port = free_port()
    config = replace(
        config_of(tmp_path, database, []),
        http=f"127.0.0.1:{port}",
        public_address=f"http://127.0.0.1:{port}",
    )
    async with a_town(database, tmp_path, config=config) as town:
        await check(town, "pdpyras", config.public_url, {})
