"""Logging in: good cookies, no forged forms, no open redirects, no guessing, and nothing told about who exists."""

import secrets
from statistics import median

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tests.web.browser import Desk
from tocsin.domain.people import password as passwords
from tocsin.ground.clock import seconds
from tocsin.web.enter import MOST_PER_ACCOUNT, MOST_PER_SOURCE
from tocsin.web.request import local_path, secure

PASSWORD = "a quiet night for us"
RIGHT = {"email": "Bo@Example.net", "password": PASSWORD}


@pytest.fixture(autouse=True)
async def bo(desk: Desk) -> None:
    kept = passwords.hashed(PASSWORD, secrets.token_bytes(16))
    async with desk.store.connection() as connection:
        await connection.execute(
            "INSERT INTO app_user (id, name, email, role, password_hash) "
            " VALUES ('U1', 'Bo', 'bo@example.net', 'user', %s)",
            (kept,),
        )


async def test_over_https_the_cookie_is_bound_to_the_host(desk: Desk) -> None:
    async with desk.browser("https://127.0.0.1:8443") as browser:
        answer = await browser.post("/login", data=RIGHT)
    name, *flags = answer.headers["set-cookie"].split("; ")
    assert name.startswith("__Host-tocsin=")
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(flags)
    assert not any(flag.startswith("Domain") for flag in flags)
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/")


async def test_over_plain_http_on_the_loopback_the_cookie_works_too(desk: Desk) -> None:
    async with desk.browser() as browser:
        answer = await browser.post("/login", data=RIGHT)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("tocsin=")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie
        assert "Hello <bdi>Bo</bdi>" in (await browser.get("/app/incidents/Q1")).text
        assert (await browser.get("/login")).headers["location"] == "/app/"


def test_a_proxy_in_front_that_ends_tls_counts_as_https() -> None:
    public = "https://tocsin.example.net"
    assert secure("http", {"host": "Tocsin.example.net"}, public)
    assert not secure("http", {"host": "127.0.0.1:8080"}, public)
    assert not secure("http", {"host": "tocsin.example.net"}, "http://tocsin.example.net")


async def test_a_stranger_is_sent_to_log_in_and_then_on(desk: Desk) -> None:
    async with desk.browser() as browser:
        sent = await browser.get("/app/incidents/Q1%0d%0aX: y")
        assert sent.headers["location"].startswith("/login?next=/app/incidents/Q1%0D%0AX")
        answer = await browser.post("/login", data={**RIGHT, "next": "/app/incidents/Q1?tab=log"})
        assert answer.headers["location"] == "/app/incidents/Q1?tab=log"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "",
        "/\t/evil.example", " //evil.example", "/app\r\nset-cookie: a=b", "app", "/a\\b",
    ],
)  # fmt: skip
async def test_nobody_is_sent_elsewhere(desk: Desk, elsewhere: str) -> None:
    assert local_path(elsewhere, "/app/") == "/app/"
    async with desk.browser() as browser:
        answer = await browser.post("/login", data={**RIGHT, "next": elsewhere})
    assert answer.headers["location"] == "/app/"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_another_site_cannot_log_anybody_in(desk: Desk, headers: dict[str, str]) -> None:
    async with desk.browser() as browser:
        answer = await browser.post("/login", data=RIGHT, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        own = {"origin": "http://127.0.0.1:8080"}
        assert (await browser.post("/login", data=RIGHT, headers=own)).status_code == 303


async def test_logging_in_makes_a_new_session_and_ends_the_old_one(desk: Desk) -> None:
    async with desk.browser() as browser:
        await browser.post("/login", data=RIGHT)
        planted = browser.cookies["tocsin"]
        await browser.post("/login", data=RIGHT)
        assert browser.cookies["tocsin"] != planted
        browser.cookies.clear()
        assert (await browser.get("/app/", headers={"cookie": f"tocsin={planted}"})).status_code == 303


async def test_logging_out_needs_the_button_and_its_proof(desk: Desk) -> None:
    async with desk.browser() as browser:
        await browser.post("/login", data=RIGHT)
        page = await browser.get("/logout")
        assert (await browser.get("/app/")).status_code == 200
        assert (await browser.post("/logout")).status_code == 403
        assert (await browser.post("/logout", data={"csrf": "guess"})).status_code == 403
        csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
        assert (
            await browser.post("/logout", data={"csrf": csrf}, headers={"sec-fetch-site": "cross-site"})
        ).status_code == 403
        out = await browser.post("/logout", data={"csrf": csrf})
        assert out.headers["location"] == "/login"
        assert "Max-Age=0" in out.headers["set-cookie"]
        assert (await browser.get("/app/")).status_code == 303
        assert (await browser.get("/logout")).headers["location"] == "/login"


async def test_a_wrong_password_and_an_unknown_address_look_the_same(desk: Desk) -> None:
    async with desk.browser() as browser:
        wrong = await browser.post("/login", data={"email": "bo@example.net", "password": "x"})
        unknown = await browser.post("/login", data={"email": "no@example.net", "password": "x"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("bo@", "no@") == unknown.text
    assert 'value="x"' not in wrong.text


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(desk: Desk) -> None:
    async def took(email: str) -> float:
        started = seconds()
        async with desk.browser(source=secrets.token_hex(4)) as browser:
            await browser.post("/login", data={"email": email, "password": "x"})
        return seconds() - started

    wrong = median([await took("bo@example.net") for _ in range(4)])
    unknown = median([await took(f"no{number}@example.net") for number in range(4)])
    assert 0.4 < wrong / unknown < 2.5


async def test_guessing_one_account_is_slowed_wherever_it_comes_from(desk: Desk) -> None:
    for number in range(MOST_PER_ACCOUNT):
        async with desk.browser(source=f"192.0.2.{number}") as browser:
            email = "BO@example.net" if number % 2 else " bo@example.net"
            assert (await browser.post("/login", data={"email": email, "password": "guess"})).status_code == 401
    async with desk.browser(source="198.51.100.7") as browser:
        answer = await browser.post("/login", data=RIGHT)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 901
        assert "set-cookie" not in answer.headers


async def test_guessing_from_one_source_is_slowed_whoever_it_is_for(desk: Desk) -> None:
    throttle = desk.pages._login._sources
    for _ in range(MOST_PER_SOURCE):
        throttle.failed("192.0.2.1", seconds())
    async with desk.browser() as browser:
        assert (await browser.post("/login", data=RIGHT)).status_code == 429
    async with desk.browser(source="192.0.2.2") as browser:
        assert (await browser.post("/login", data=RIGHT)).status_code == 303


async def test_a_hash_of_older_parameters_is_renewed_at_the_login(desk: Desk) -> None:
    old = (
        Argon2id(salt=b"0123456789abcdef", length=32, iterations=1, lanes=1, memory_cost=8192)
        .derive_phc_encoded(PASSWORD.encode())
    )  # fmt: skip
    async with desk.store.connection() as connection:
        await connection.execute("UPDATE app_user SET password_hash = %s", (old,))
    async with desk.browser() as browser:
        assert (await browser.post("/login", data=RIGHT)).status_code == 303
        assert (await browser.post("/login", data=RIGHT)).status_code == 303
    async with desk.store.connection() as connection:
        row = await (await connection.execute("SELECT password_hash FROM app_user")).fetchone()
    assert row is not None
    assert not passwords.outdated(str(row[0]))


async def test_ugly_forms_are_refused_without_breaking(desk: Desk) -> None:
    form = "application/x-www-form-urlencoded"
    async with desk.browser() as browser:
        for body, status in ((b"&".join([b"a=b"] * 60), 400), (b"a=" + b"x" * 70_000, 413), (b"\xff\xfe=%00%ff", 401)):
            answer = await browser.post("/login", content=body, headers={"content-type": form})
            assert answer.status_code == status
        assert (await browser.post("/login", json={"email": "a"})).status_code == 401
