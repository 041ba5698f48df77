"""Alertmanager's own webhook rings: a firing alert opens an incident, its end resolves it, and the inbox log tells."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.stories.test_alertmanager import PROGRAM, alertmanager, fire, until_status
from tests.town.office import Json
from tests.town.town import Town

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(PROGRAM is None, reason="needs the Debian package prometheus-alertmanager"),
]

CONFIGURATION = """
route:
  receiver: tocsin
  group_by: [alertname, instance]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: tocsin
    webhook_configs:
      - url: {url}/integrations/v1/{key}
        send_resolved: true
        http_config:
          authorization:
            credentials: correct horse battery staple
"""


async def requests_of(town: Town, integration: Json, count: int) -> list[Json]:
    """Return the newest requests once there are so many."""
    async with asyncio.timeout(15):
        while True:
            kept: list[dict[str, Any]] = (
                await town.office.do("GET", f"/api/integrations/{integration['id']}/requests")
            )["requests"]
            if len(kept) >= count:
                return kept
            await asyncio.sleep(0.1)


async def test_the_webhook_of_a_real_alertmanager_rings_and_resolves(town: Town, tmp_path: Path) -> None:
    ada = await town.office.person("Ada")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada]]))
    body = {"vendor": {"id": "PTALRTM", "type": "vendor_reference"}, "signing_secret": "correct horse battery staple"}
    made = await town.office.do("POST", f"/services/{shop.id}/integrations", {"integration": body})
    integration = made["integration"]
    assert integration["webhook_url"].endswith(f"/integrations/v1/{integration['integration_key']}")
    key = integration["integration_key"]
    async with alertmanager(tmp_path, town.url, key, configuration=CONFIGURATION) as prometheus:
        await fire(prometheus)
        letter = await town.letter(ada)
        assert "The disk of db-1 is full" in str(letter.mail["Subject"])
        incident = await until_status(town, "triggered")
        (firing,) = await requests_of(town, integration, 1)
        await fire(prometheus, over=True)
        assert (await until_status(town, "resolved"))["id"] == incident["id"]
        newest, *_ = await requests_of(town, integration, 2)
    assert (firing["status"], newest["status"]) == (202, 202)
    assert (firing["events"][0]["action"], newest["events"][0]["action"]) == ("trigger", "resolve")
    assert firing["events"][0]["dedup_key"] == newest["events"][0]["dedup_key"]
    assert firing["headers"]["authorization"] == "***"
    assert firing["headers"]["user-agent"].startswith("Alertmanager/")


async def test_a_request_that_was_replayed_rings_too(town: Town) -> None:
    ada = await town.office.person("Ada")
    shop = await town.office.service("Shop", await town.office.policy("Web", [[ada]]))
    body = {"integration": {"vendor": {"id": "PTALRTM", "type": "vendor_reference"}}}
    integration = (await town.office.do("POST", f"/services/{shop.id}/integrations", body))["integration"]
    alert = {"status": "resolved", "labels": {"alertname": "DiskFull"}, "annotations": {"summary": "It is full"}}
    path = f"/integrations/v1/{integration['integration_key']}"
    assert (await town.office.client.post(path, json={"alerts": [alert]})).status_code == 202
    assert (await town.office.client.post(path, json={"alerts": [{**alert, "status": "firing"}]})).status_code == 202
    firing, _ = await requests_of(town, integration, 2)
    await town.settle()
    (incident,) = await town.incidents()
    assert (await town.office.client.post(path, json={"alerts": [alert]})).status_code == 202
    await town.settle()
    assert [each["status"] for each in await town.incidents()] == ["resolved"]
    await town.office.do("POST", f"/api/integrations/{integration['id']}/requests/{firing['id']}/replay")
    await town.settle()
    first, second = await town.incidents()
    assert first["id"] == incident["id"]
    assert (second["status"], second["title"]) == ("triggered", "It is full")
