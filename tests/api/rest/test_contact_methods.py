"""Contact methods over the API: every address in the form of its channel, and none twice."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.api.desk import Desk


async def _user(api: httpx2.AsyncClient) -> str:
    answer = await api.post("/users", json={"user": {"name": "Ada", "email": "ada@example.org"}})
    return str(answer.json()["user"]["id"])


async def _add(
    api: httpx2.AsyncClient, user_id: str, kind: str, address: str, code: int | None = None
) -> httpx2.Response:
    method: dict[str, Any] = {"type": kind, "label": "Work", "address": address}
    if code is not None:
        method["country_code"] = code
    return await api.post(f"/users/{user_id}/contact_methods", json={"contact_method": method})


@pytest.mark.parametrize(
    ("kind", "sent", "code", "kept"),
    [
        ("email_contact_method", " bo@example.org ", None, "bo@example.org"),
        ("phone_contact_method", "8015541234", 1, "8015541234"),
        ("sms_contact_method", "(801) 554-1234", None, "8015541234"),
        ("sms_contact_method_reference", "+49 170 1234567", 1, "1701234567"),
        ("push_notification_contact_method", "device-token", None, "device-token"),
        ("whatsapp_contact_method", "1701234567", 49, "1701234567"),
        ("webhook_contact_method", "https://pager.example/in?x=1", None, "https://pager.example/in?x=1"),
    ],
)
async def test_an_address_is_kept_in_the_form_of_its_channel(
    api: httpx2.AsyncClient, kind: str, sent: str, code: int | None, kept: str
) -> None:
    user_id = await _user(api)
    answer = await _add(api, user_id, kind, sent, code)
    assert answer.status_code == 201, answer.text
    method = answer.json()["contact_method"]
    assert (method["address"], method["type"]) == (kept, kind.removesuffix("_reference"))
    secret = method.pop("secret", None)
    assert (await api.get(f"/users/{user_id}/contact_methods/{method['id']}")).json()["contact_method"] == method
    assert ("country_code" in method) == (kind.split("_", maxsplit=1)[0] in {"phone", "sms", "whatsapp"})
    assert (secret is not None) == (kind == "webhook_contact_method")


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("email_contact_method", "nobody"),
        ("phone_contact_method", "12"),
        ("phone_contact_method", "call me"),
        ("sms_contact_method", "123456789012345678901234567890"),
        ("webhook_contact_method", "ftp://pager.example"),
        ("webhook_contact_method", "https://user:pass@pager.example"),
        ("webhook_contact_method", "https://[::1"),
        ("push_notification_contact_method", " "),
        ("pigeon_contact_method", "roof"),
        ("email", "bo@example.org"),
    ],
)
async def test_an_address_that_cannot_be_one_is_refused(api: httpx2.AsyncClient, kind: str, address: str) -> None:
    assert (await _add(api, await _user(api), kind, address)).status_code == 400


async def test_the_text_for_a_second_one_is_the_one_that_terraform_compares(api: httpx2.AsyncClient) -> None:
    user_id = await _user(api)
    answer = await _add(api, user_id, "email_contact_method", "ada@example.org")
    assert answer.status_code == 400
    assert answer.json()["error"]["errors"] == ["User Contact method must be unique"]


async def test_a_contact_method_changes_and_goes_with_its_rules(api: httpx2.AsyncClient) -> None:
    user_id = await _user(api)
    (method,) = (await api.get(f"/users/{user_id}/contact_methods")).json()["contact_methods"]
    path = f"/users/{user_id}/contact_methods/{method['id']}"
    changed = await api.put(path, json={"contact_method": {**method, "label": "Home", "send_short_email": True}})
    assert (changed.json()["contact_method"]["label"], changed.json()["contact_method"]["send_short_email"]) == (
        "Home",
        True,
    )
    other = await api.put(path, json={"contact_method": {"type": "sms_contact_method", "address": "8015541234"}})
    assert other.status_code == 400
    assert (await api.delete(path)).status_code == 204
    assert (await api.get(path)).status_code == 404
    assert (await api.get(f"/users/{user_id}/notification_rules")).json() == {"notification_rules": []}


async def test_people_keep_their_own_addresses_and_nobody_else_s(desk: Desk) -> None:
    ada, bo = await desk.person("Ada"), await desk.person("Bo")
    assert (await _add(ada.api, ada.id, "email_contact_method", "home@example.org")).status_code == 201
    assert (await _add(bo.api, ada.id, "email_contact_method", "evil@example.org")).status_code == 403
    assert (await bo.api.get("/users/PNOBODY/contact_methods")).status_code == 404


async def test_a_webhook_s_secret_is_sealed_and_can_be_opened(api: httpx2.AsyncClient, desk: Desk) -> None:
    user_id = await _user(api)
    method = (await _add(api, user_id, "webhook_contact_method", "https://pager.example/")).json()["contact_method"]
    async with desk.store.connection() as connection:
        cursor = await connection.execute("SELECT secret_sealed FROM contact_method WHERE id = %s", (method["id"],))
        row = await cursor.fetchone()
        audit = await (await connection.execute("SELECT string_agg(change::text, '') FROM audit")).fetchone()
    assert row is not None
    assert isinstance(row[0], bytes)
    assert audit is not None
    secret = method["secret"].encode()
    assert secret not in row[0]
    assert method["secret"] not in str(audit[0])
    opened = desk.house.keyring.open(row[0], table="contact_method", row_id=method["id"], column="secret_sealed")
    assert opened == secret
