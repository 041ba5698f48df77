"""Integrations over the API: a vendor alone makes one, and its routing key is kept sealed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.rest.service_desk import Desk, Json, desk, items, text
from tocsin.domain.people.role import Role
from tocsin.domain.services.integration import routing_key_hash
from tocsin.store.inbox import INTEGRATIONS_OF_KEYS
from tocsin.store.integrations import INTEGRATION, INTEGRATIONS_BY_ID


@pytest.fixture
async def at(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database, tmp_path / "master.key") as opened:
        yield opened


@pytest.fixture
async def service(at: Desk) -> str:
    return await at.service("Checkout", await at.policy("Platform", [await at.user("Ada")]))


def wrapped(**fields: object) -> Json:  # the fields of one integration are the point of the test
    return {"integration": fields}


async def test_a_vendor_alone_says_what_kind_it_is(at: Desk, service: str) -> None:
    body = wrapped(type="service_integration", vendor={"id": "PTEVNT1", "type": "vendor_reference"})
    made = await at.done("POST", f"/services/{service}/integrations", body)
    assert made["type"] == "generic_events_api_inbound_integration"
    assert made["name"] == made["summary"] == "Events API v1"
    vendor = made["vendor"]
    assert isinstance(vendor, dict)
    assert (vendor["id"], vendor["type"]) == ("PTEVNT1", "vendor_reference")
    assert await at.done("GET", f"/services/{service}/integrations/{made['id']}") == made


async def test_a_type_alone_is_enough(at: Desk, service: str) -> None:
    body = wrapped(type="events_api_v2_inbound_integration", name="Alertmanager", integration_key="0" * 32)
    made = await at.done("POST", f"/services/{service}/integrations", body)
    key = text(made["integration_key"])
    assert len(key) == 32
    assert key != "0" * 32
    assert (made["type"], made["name"], made["vendor"]) == ("events_api_v2_inbound_integration", "Alertmanager", None)


async def test_the_key_is_found_by_its_hash_and_kept_sealed(at: Desk, service: str) -> None:
    made = await at.done("POST", f"/services/{service}/integrations", wrapped(name="Alertmanager"))
    key, integration_id = text(made["integration_key"]), text(made["id"])
    hashes = {"hashes": [routing_key_hash(key)]}
    (found,) = await at.house.store.read(lambda turn: turn.rows(INTEGRATIONS_OF_KEYS, hashes))
    assert found.id == integration_id
    (same,) = await at.house.store.read(lambda turn: turn.rows(INTEGRATIONS_BY_ID, {"ids": [integration_id]}))
    assert (same.service_id, same.kind, same.name) == (service, "events_api_v2", "Alertmanager")
    values = {"id": integration_id, "service_id": service, "horizon": None}
    row = await at.house.store.read(lambda turn: turn.one(INTEGRATION, values))
    assert key.encode() not in row.routing_key_sealed


async def test_a_change_keeps_the_key(at: Desk, service: str) -> None:
    made = await at.done("POST", f"/services/{service}/integrations", wrapped(name="Alertmanager"))
    path = f"/services/{service}/integrations/{made['id']}"
    changed = await at.done("PUT", path, wrapped(name="Grafana", vendor={"id": "PTGRAFA", "type": "vendor"}))
    assert changed["name"] == "Grafana"
    assert changed["integration_key"] == made["integration_key"]
    assert await at.ask("DELETE", path) == (204, {})
    assert await at.refused("GET", path) == (404, 2100)
    assert await at.refused("DELETE", path) == (404, 2100)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"vendor": {"id": "PNONE"}}, 400, 2001),
        ({"type": "carrier_pigeon_inbound_integration"}, 400, 2001),
        ({"type": "generic_email_inbound_integration", "name": "Mail"}, 402, 2014),
        ({"name": 7}, 400, 2001),
    ],
)
async def test_what_cannot_be_an_integration_is_refused(
    at: Desk, service: str, fields: Json, status: int, code: int
) -> None:
    assert await at.refused("POST", f"/services/{service}/integrations", wrapped(**fields)) == (status, code)


async def test_it_belongs_to_one_service(at: Desk, service: str) -> None:
    other = await at.service("Search", await at.policy("Search", [await at.user("Bo")]))
    made = await at.done("POST", f"/services/{service}/integrations", wrapped(name="Alertmanager"))
    assert await at.refused("GET", f"/services/{other}/integrations/{made['id']}") == (404, 2100)
    assert await at.refused("POST", "/services/PNONE/integrations", wrapped(name="x")) == (404, 2100)


async def test_services_name_their_integrations(at: Desk, service: str) -> None:
    made = await at.done("POST", f"/services/{service}/integrations", wrapped(name="Alertmanager"))
    (reference,) = items(await at.done("GET", f"/services/{service}"), "integrations")
    assert reference["type"] == "events_api_v2_inbound_integration_reference"
    assert reference["self"] == made["self"]
    (whole,) = items(await at.done("GET", f"/services/{service}?include[]=integrations"), "integrations")
    assert whole == made
    path = f"/services/{service}/integrations/{made['id']}?include[]=services&include[]=vendors"
    inside = (await at.done("GET", path))["service"]
    assert isinstance(inside, dict)
    assert inside["type"] == "service"


async def test_only_who_may_change_it_reads_the_key(at: Desk, service: str) -> None:
    made = await at.done("POST", f"/services/{service}/integrations", wrapped(name="Alertmanager"))
    at.enter("observer", "PUSER", Role.OBSERVER)
    path = f"/services/{service}/integrations/{made['id']}"
    assert (await at.done("GET", path, by="observer"))["integration_key"] is None
    assert await at.refused("PUT", path, wrapped(name="mine"), by="observer") == (403, 2010)
    assert await at.refused("DELETE", path, by="observer") == (403, 2010)
    assert await at.refused("POST", f"/services/{service}/integrations", wrapped(), by="observer") == (403, 2010)
