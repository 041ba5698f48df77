"""The application: what every answer of the API has in common, whatever was asked."""

from __future__ import annotations

import httpx2
import pytest
from msgspec import structs

from tests.api.desk import Desk, DeskHouse, DeskSettings
from tocsin.api.kit import Answer, Call, application, operation, shown
from tocsin.api.kit.errors import TABLE
from tocsin.ground.errors import StoreUnavailable, Why


@operation("GET", "/broken")
async def _broken(call: Call) -> Answer:
    raise RuntimeError("the password is hunter2")


@operation("GET", "/away")
async def _away(call: Call) -> Answer:
    raise StoreUnavailable("no route to 10.0.0.7")


@operation("POST", "/deed", needs_person=True)
async def _deed(call: Call) -> Answer:
    return shown("actor", {"kind": call.actor.kind, "name": call.actor.name, "secrets": sorted(call.headers)})


@operation("GET", "/open", is_open=True)
async def _open(call: Call) -> Answer:
    return shown("actor", call.actor.name)


def _client(desk: Desk, settings: DeskSettings | None = None, token: str | None = None) -> httpx2.AsyncClient:
    house = DeskHouse(desk.store, desk.house.keyring, settings or desk.house.config)
    app = application(house, [_broken, _away, _deed, _open])
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="https://tocsin.example", headers=headers
    )


def _token_of(client: httpx2.AsyncClient) -> str:
    return client.headers["authorization"].removeprefix("Token token=")


def test_every_reason_has_its_place_in_the_table() -> None:
    assert set(TABLE) == set(Why)


async def test_without_a_valid_token_nothing_is_told(desk: Desk) -> None:
    for token in (None, "", "wrong", "x" * 5000):
        answer = await desk.client(token).get("/users")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, 2006)
    assert (await _client(desk).get("/open")).json() == {"actor": "nobody"}


async def test_token_and_bearer_carry_the_same_secret(desk: Desk, api: httpx2.AsyncClient) -> None:
    for header in (f"Token token={_token_of(api)}", f"Bearer {_token_of(api)}"):
        answer = await desk.client(None, {"authorization": header}).get("/users")
        assert answer.status_code == 200


async def test_what_is_not_built_yet_is_402_and_what_is_unknown_404(api: httpx2.AsyncClient) -> None:
    for method, path in (("GET", "/tags"), ("POST", "/users/P1/change_tags"), ("DELETE", "/response_plays/P1")):
        answer = await api.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (402, 2014), path
    for path in ("/nowhere", "/services_x/P1/change_tags", "/users/P1/nowhere", "/"):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, 2100), path


async def test_answers_never_redirect_and_slashes_do_not_matter(api: httpx2.AsyncClient) -> None:
    for path in ("/users/", "/users//", "/users?"):
        answer = await api.get(path)
        assert answer.status_code == 200, path


async def test_a_get_with_a_body_is_answered(api: httpx2.AsyncClient) -> None:
    assert (await api.request("GET", "/users", content=b"{}")).status_code == 200


async def test_another_method_is_405_in_the_envelope(api: httpx2.AsyncClient) -> None:
    answer = await api.patch("/users")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/json")


async def test_what_breaks_is_answered_without_its_inside(desk: Desk, api: httpx2.AsyncClient) -> None:
    answer = await _client(desk, token=_token_of(api)).get("/broken")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 2000)
    assert "hunter2" not in answer.text


async def test_a_database_that_is_away_is_503_with_a_time_to_come_back(desk: Desk, api: httpx2.AsyncClient) -> None:
    answer = await _client(desk, token=_token_of(api)).get("/away")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "10.0.0.7" not in answer.text


async def test_a_body_over_the_limit_is_413(api: httpx2.AsyncClient) -> None:
    answer = await api.post("/teams", content=b"x" * (2 * 1024 * 1024 + 1))
    assert answer.status_code == 413


async def test_every_answer_says_what_is_left_of_the_minute(desk: Desk, api: httpx2.AsyncClient) -> None:
    client = _client(desk, structs.replace(desk.house.config, rest_calls_per_minute=2), _token_of(api))
    left = [await client.get("/open") for _ in range(3)]
    assert [answer.status_code for answer in left] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in left] == ["1", "0", "0"]
    assert left[2].json()["error"]["code"] == 2020
    for answer in (*left, await api.get("/nowhere"), await desk.client(None).get("/users")):
        assert int(answer.headers["ratelimit-limit"]) > 0
        assert 0 < int(answer.headers["ratelimit-reset"]) <= 60


async def test_an_account_s_token_says_for_whom_it_acts(desk: Desk, api: httpx2.AsyncClient) -> None:
    ada = await desk.person("Ada")
    client = _client(desk, token=_token_of(api))
    for header in ({}, {"From": "nobody@example.org"}):
        answer = await client.post("/deed", headers=header)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 1008)
    named = await client.post("/deed", headers={"From": "ADA@example.org"})
    assert named.json()["actor"]["name"] == "Ada"
    assert "authorization" not in named.json()["actor"]["secrets"]
    own = await _client(desk, token=_token_of(ada.api)).post("/deed", headers={"From": "nobody@example.org"})
    assert own.json()["actor"]["name"] == "Ada"


@pytest.mark.parametrize(
    "path", ["/users/%00", "/users/%FF", "/users/%ED%A0%80", "/teams/" + "a" * 4000, "/users/' OR 1=1"]
)
async def test_ids_that_are_none_are_not_found(api: httpx2.AsyncClient, path: str) -> None:
    assert (await api.get(path)).status_code == 404
