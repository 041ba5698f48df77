"""Integrations over the API: a vendor alone makes one, and its routing key is kept sealed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from tests.api.rest.service_desk import PUBLIC_URL, Desk, Json, desk, items, text
from tocsin.domain.events import Event
from tocsin.domain.people.role import Role, TeamRole
from tocsin.domain.services.integration import routing_key_hash
from tocsin.store.inbox import INTEGRATIONS_OF_KEYS
from tocsin.store.integrations import INTEGRATION, INTEGRATIONS_BY_ID, RECEIVER
from tocsin.store.query import Query
from tocsin.store.requests import LONGEST_KEPT, Draft, keep


class Body(Struct, frozen=True):
    """A row as text."""

    body: str


WAITING = Query("what waits in the inbox", "SELECT body FROM inbox ORDER BY id", Body)
AUDIT = Query("the audit trail", "SELECT to_jsonb(r)::text FROM audit r", Body)


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


async def test_a_tool_gets_an_address_for_its_webhooks(at: Desk, service: str) -> None:
    made = await at.done(
        "POST", f"/services/{service}/integrations", wrapped(vendor={"id": "PTWEBHK", "type": "vendor"})
    )
    assert made["type"] == "event_transformer_api_inbound_integration"
    assert made["webhook_url"] == f"{PUBLIC_URL}/integrations/v1/{made['integration_key']}"
    assert made["signed"] is False
    plain = await at.done(
        "POST", f"/services/{service}/integrations", wrapped(vendor={"id": "PTEVNT2", "type": "vendor"})
    )
    assert plain["webhook_url"] is None
    guide = await at.done("GET", f"/api/integrations/{made['id']}/guide")
    assert text(made["webhook_url"]) in text(guide["markdown"])
    assert "{{ url }}" not in text(guide["markdown"])
    assert await at.refused("GET", f"/api/integrations/{plain['id']}/guide") == (404, 2100)
    at.enter("observer", "PUSER", Role.OBSERVER)
    path = f"/services/{service}/integrations/{made['id']}"
    assert (await at.done("GET", path, by="observer"))["webhook_url"] is None
    assert await at.refused("GET", f"/api/integrations/{made['id']}/guide", by="observer") == (403, 2010)


async def test_a_signing_secret_is_sealed_never_shown_and_goes_with_its_tool(at: Desk, service: str) -> None:
    secret = "correct horse battery staple"
    body = wrapped(vendor={"id": "PTGRAFA", "type": "vendor"}, signing_secret=secret)
    made = await at.done("POST", f"/services/{service}/integrations", body)
    assert made["signed"] is True
    assert secret not in str(made)
    path = f"/services/{service}/integrations/{made['id']}"

    async def kept() -> str | None:
        row = await at.house.store.read(lambda turn: turn.one(RECEIVER, {"id": made["id"]}))
        if row.signing_secret_sealed is None:
            return None
        assert secret.encode() not in row.signing_secret_sealed
        place = {"table": "integration", "row_id": row.id, "column": "signing_secret_sealed"}
        return at.house.keyring.open(row.signing_secret_sealed, **place).decode()

    assert await kept() == secret
    assert (await at.done("PUT", path, wrapped(name="Ours")))["signed"] is True
    assert (await at.done("PUT", path, wrapped(signing_secret="another one")))["signed"] is True
    assert await kept() == "another one"
    moved = await at.done("PUT", path, wrapped(vendor={"id": "PTALRTM", "type": "vendor"}))
    assert (moved["signed"], await kept()) == (False, None)
    assert (await at.done("PUT", path, wrapped(signing_secret=secret)))["signed"] is True
    assert (await at.done("PUT", path, wrapped(signing_secret=None)))["signed"] is False
    refused = wrapped(vendor={"id": "PTEVNT2", "type": "vendor"}, signing_secret=secret)
    assert await at.refused("PUT", path, refused) == (400, 2001)
    assert secret not in str(await at.house.store.read(lambda turn: turn.rows(AUDIT)))


async def test_all_integrations_are_listed_filtered_and_only_those_one_may_see(at: Desk, service: str) -> None:
    team = await at.team("Web")
    other = await at.service("Search", await at.policy("Search", [await at.user("Bo")], team))
    for place, name, vendor in ((service, "alpha", "PTALRTM"), (other, "beta", "PTGRAFA"), (other, "gamma", "PTALRTM")):
        await at.done("POST", f"/services/{place}/integrations", wrapped(name=name, vendor={"id": vendor}))

    async def names(query: str = "", by: str = "admin") -> list[object]:
        return [
            each["name"] for each in items(await at.done("GET", f"/api/integrations{query}", by=by), "integrations")
        ]

    assert await names() == ["alpha", "beta", "gamma"]
    assert await names("?vendor_ids[]=PTALRTM") == ["alpha", "gamma"]
    assert await names(f"?service_ids[]={other}&query=AM") == ["gamma"]
    assert await names(f"?team_ids[]={team}") == ["beta", "gamma"]
    page = await at.done("GET", "/api/integrations?limit=1&offset=1&total=true")
    assert ([each["name"] for each in items(page, "integrations")], page["more"], page["total"]) == (["beta"], True, 3)
    at.enter("guest", "PGUEST", Role.RESTRICTED_ACCESS, {team: TeamRole.OBSERVER})
    assert await names(by="guest") == ["beta", "gamma"]
    (first, *_) = items(await at.done("GET", "/api/integrations", by="guest"), "integrations")
    assert (first["integration_key"], first["webhook_url"]) == (None, None)


async def test_requests_are_shown_and_replayed_by_who_may_change_the_integration(at: Desk, service: str) -> None:
    made = await at.done("POST", f"/services/{service}/integrations", wrapped(vendor={"id": "PTALRTM"}))
    alert = b'{"alerts": [{"status": "firing", "labels": {"alertname": "DiskFull"}}]}'
    bodies = ((alert, 400, len(alert)), (b"{", 400, 1), (alert, 401, len(alert)), (b"\xff", 400, LONGEST_KEPT + 1))
    drafts = [
        Draft(
            integration_id=text(made["id"]), received_at=datetime(2026, 11, 24, tzinfo=UTC), source="192.0.2.1",
            method="POST", query={}, headers={"content-type": "application/json"}, body=body, size=size, status=status,
            why="the mapping was wrong",
        )
        for body, status, size in bodies
    ]  # fmt: skip
    await at.house.store.work(lambda turn: keep(turn, drafts))
    path = f"/api/integrations/{made['id']}/requests"
    shown = items(await at.done("GET", f"{path}?refused=true"), "requests")
    assert [each["status"] for each in shown] == [400, 401, 400, 400]
    assert (shown[0]["body"], shown[0]["body_encoding"], shown[0]["body_cut"]) == ("/w==", "base64", True)
    assert (shown[3]["body"], shown[3]["outcome"]) == (alert.decode(), "refused")
    assert items(await at.done("GET", f"{path}?refused=false"), "requests") == []
    done = await at.done("POST", f"{path}/{shown[3]['id']}/replay")
    assert (done["accepted"], done["ignored"], done["errors"]) == (1, 0, [])
    (waiting,) = await at.house.store.read(lambda turn: turn.rows(WAITING))
    assert [msgspec.json.decode(waiting.body, type=Event).dedup_key] == done["dedup_keys"]
    (newest,) = items(await at.done("GET", f"{path}?refused=false"), "requests")
    assert (newest["outcome"], newest["note"]) == ("accepted", f"replay of {shown[3]['id']}")
    for number in (shown[0]["id"], shown[1]["id"], shown[2]["id"]):
        assert await at.refused("POST", f"{path}/{number}/replay") == (400, 2001)
    for number in ("0", "x", "9" * 30):
        assert await at.refused("POST", f"{path}/{number}/replay") == (404, 2100)
    at.enter("observer", "PUSER", Role.OBSERVER)
    assert await at.refused("GET", path, by="observer") == (403, 2010)
    assert await at.refused("POST", f"{path}/{shown[3]['id']}/replay", by="observer") == (403, 2010)
    assert await at.refused("GET", "/api/integrations/PNONE/requests") == (404, 2100)
