"""The set-up page: the holder of the printed token becomes the owner, once, with a way in for people and programs."""

import pytest

from tests.web.browser import Desk
from tocsin.store import setup
from tocsin.store.tokens import find

DETAILS = {
    "name": "Bo Larsen",
    "email": "bo@example.net",
    "password": "a quiet night for us",
    "time_zone": "Europe/Berlin",
}


@pytest.fixture
async def printed(desk: Desk) -> str:
    token = await setup.prepare(desk.store)
    assert token is not None
    return token


async def test_the_first_person_gets_in_and_gets_a_token(desk: Desk, printed: str) -> None:
    async with desk.browser() as browser:
        assert printed in (await browser.get(f"/setup?token={printed}")).text
        answer = await browser.post("/setup", data={**DETAILS, "token": printed})
        assert answer.status_code == 200
        api_token = answer.text.split("<code>")[1].split("</code>")[0]
        actor = await desk.store.read(lambda turn: find(turn, api_token))
        assert actor is not None
        assert actor.role == "owner"
        assert "Hello <bdi>Bo Larsen</bdi>" in (await browser.get("/app/")).text
        login = {"email": "bo@example.net", "password": DETAILS["password"]}
        assert (await browser.post("/login", data=login)).status_code == 303
        for again in (await browser.get("/setup"), await browser.post("/setup", data={**DETAILS, "token": printed})):
            assert again.status_code == 409
            assert "set up already" in again.text


async def test_a_program_can_do_it_too(desk: Desk, printed: str) -> None:
    async with desk.browser() as browser:
        wrong = await browser.post("/api/setup", json={**DETAILS, "token": "guess"})
        assert (wrong.status_code, wrong.headers["content-type"]) == (401, "application/json")
        faulty = await browser.post("/api/setup", json={"token": printed, "name": "", "email": "x", "password": "y"})
        assert faulty.status_code == 400
        assert len(faulty.json()["error"]["errors"]) == 3
        privileged = await browser.post("/api/setup", json={**DETAILS, "token": printed, "role": "owner"})
        assert privileged.status_code == 400
        for body in (b"", b"[]", b"{", b'"\xff"', b"[" * 5000):
            assert (await browser.post("/api/setup", content=body)).status_code == 400
        done = await browser.post("/api/setup", json={**DETAILS, "token": printed})
        assert done.status_code == 201
        assert set(done.json()) == {"user", "api_token"}
        assert (await browser.post("/api/setup", json={**DETAILS, "token": printed})).status_code == 409
        assert (await browser.get("/api/setup")).status_code == 405


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        ({"token": "guess"}, 401, "not the set-up token"),
        ({"password": "short"}, 400, "at least 12 characters"),
        ({"password": "bo@example.net"}, 400, "anybody would guess"),
        ({"email": "bo"}, 400, "e-mail address is not one"),
        ({"name": ""}, 400, "1 to 100 characters"),
        ({"time_zone": "Mars"}, 400, "Europe&#x2f;Berlin"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_lost(
    desk: Desk, printed: str, wrong: dict[str, str], status: int, said: str
) -> None:
    async with desk.browser() as browser:
        answer = await browser.post("/setup", data={**DETAILS, "token": printed, **wrong})
    assert answer.status_code == status
    assert said in answer.text
    assert DETAILS["password"] not in answer.text
    assert 'name="name"' in answer.text
    assert await desk.store.read(setup.needed)


async def test_another_site_cannot_set_up(desk: Desk, printed: str) -> None:
    async with desk.browser() as browser:
        form = {**DETAILS, "token": printed}
        assert (await browser.post("/setup", data=form, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert await desk.store.read(setup.needed)
