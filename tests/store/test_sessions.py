"""Sessions and the authenticator: cookies, CSRF tokens, both spellings of API tokens, and how long answers last."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import structlog

from tocsin.domain.people.actor import SYSTEM
from tocsin.ground.errors import Refused, Why
from tocsin.logins import FRESH_FOR_S, Authenticator, cookie_of, credential
from tocsin.store import sessions, tokens
from tocsin.store.sessions import NewSession
from tocsin.store.turn import Store


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = Store(database, connections=4)
    await store.open()
    async with store.connection() as connection:
        await connection.execute("INSERT INTO app_user (id, name, email, role) VALUES ('U1', 'Ada', 'a@x.net', 'user')")
    yield store
    await store.close()


async def _begin(store: Store, agent: str = "Firefox") -> NewSession:
    return await store.work(lambda turn: sessions.create(turn, "U1", agent))


async def test_a_session_finds_its_person_and_holds_no_secret_in_the_database(store: Store) -> None:
    fresh = await _begin(store, "Fire\x00fox\r\n" + "x" * 500)
    found = await store.read(lambda turn: sessions.find(turn, fresh.clear))
    assert found is not None
    assert (found.actor.id, found.actor.method) == ("U1", "browser")
    async with store.connection() as connection:
        row = await (await connection.execute("SELECT * FROM session")).fetchone()
    assert fresh.clear not in str(row)
    assert fresh.csrf not in str(row)
    assert len(fresh.clear) >= 43  # 256 bits


async def test_sessions_end_by_life_by_idleness_by_logout_and_with_their_person(store: Store) -> None:
    fresh, other = await _begin(store), await _begin(store)
    for shift, alive in ((timedelta(days=6), True), (timedelta(days=8), False), (timedelta(days=31), False)):
        store.clock_shift = shift
        assert (await store.read(lambda turn: sessions.find(turn, fresh.clear)) is not None) == alive
    store.clock_shift = timedelta()
    await store.work(lambda turn: sessions.end(turn, fresh.clear))
    assert await store.read(lambda turn: sessions.find(turn, fresh.clear)) is None
    assert await store.work(lambda turn: sessions.end_all(turn, "U1")) == 1
    assert await store.read(lambda turn: sessions.find(turn, other.clear)) is None


async def test_use_keeps_a_session_alive_but_not_beyond_its_life(store: Store) -> None:
    fresh = await _begin(store)
    authenticate = Authenticator(store)
    for day in (6, 12, 18, 24, 29):
        store.clock_shift = timedelta(days=day)
        assert await authenticate({"cookie": f"tocsin={fresh.clear}"}, "GET") is not None
    store.clock_shift = timedelta(days=30, minutes=1)
    assert await authenticate({"cookie": f"tocsin={fresh.clear}"}, "GET") is None
    assert await store.work(sessions.sweep) == 1


def test_the_csrf_token_belongs_to_its_session_alone() -> None:
    assert sessions.csrf_of("a") != sessions.csrf_of("b")
    assert sessions.csrf_fits(sessions.csrf_of("a"), tokens.hash_of(sessions.csrf_of("a")))
    for wrong in ("", sessions.csrf_of("b"), "é", "\ud800"):
        assert not sessions.csrf_fits(wrong, tokens.hash_of(sessions.csrf_of("a")))


async def test_a_browser_changes_nothing_without_its_csrf_token(store: Store) -> None:
    fresh, other = await _begin(store), await _begin(store)
    authenticate = Authenticator(store)
    cookie = {"cookie": f"theme=dark; __Host-tocsin={fresh.clear}"}
    assert await authenticate(cookie, "GET") is not None
    for method in ("POST", "PUT", "DELETE", "PATCH", "post"):
        for wrong in ({}, {"x-csrf-token": ""}, {"x-csrf-token": other.csrf}):
            with pytest.raises(Refused) as refused:
                await authenticate(cookie | wrong, method)
            assert refused.value.why is Why.FORBIDDEN
        right = cookie | {"x-csrf-token": fresh.csrf}
        assert await authenticate(right, method) is not None
        for site in ("cross-site", "same-site"):
            with pytest.raises(Refused):
                await authenticate(right | {"sec-fetch-site": site}, method)
        assert await authenticate(right | {"sec-fetch-site": "same-origin"}, method) is not None


async def test_an_api_token_counts_in_both_spellings_and_over_a_cookie(store: Store) -> None:
    _, clear = await store.work(lambda turn: tokens.create(turn, SYSTEM, tokens.TokenDraft(name="CI")))
    fresh = await _begin(store)
    authenticate = Authenticator(store)
    for header in (f"Token token={clear}", f"Bearer {clear}", f'token  token="{clear}" ', f"TOKEN TOKEN={clear}"):
        actor = await authenticate({"authorization": header, "cookie": f"tocsin={fresh.clear}"}, "POST")
        assert actor is not None
        assert actor.kind == "token"
    for header in (
        "",
        "Basic eDp5",
        "Token token=",
        f"Token {clear}",
        "Bearer",
        "Bearer " + "x" * 300,
        "Token token=no",
    ):
        assert await authenticate({"authorization": header, "cookie": f"tocsin={fresh.clear}"}, "GET") is None
    assert await authenticate({}, "GET") is None


async def test_a_revoked_token_is_dead_within_a_second(store: Store) -> None:
    token_id, clear = await store.work(lambda turn: tokens.create(turn, SYSTEM, tokens.TokenDraft(name="CI")))
    authenticate = Authenticator(store)
    headers = {"authorization": f"Bearer {clear}"}
    assert await authenticate(headers, "GET") is not None
    await store.work(lambda turn: tokens.revoke(turn, SYSTEM, token_id))
    await asyncio.sleep(FRESH_FOR_S + 0.05)
    assert await authenticate(headers, "GET") is None


async def test_the_last_use_is_noted_once_a_minute(store: Store) -> None:
    token_id, clear = await store.work(lambda turn: tokens.create(turn, SYSTEM, tokens.TokenDraft(name="CI")))
    headers = {"authorization": f"Bearer {clear}"}

    async def used_after(shift: timedelta) -> object:
        store.clock_shift = shift
        await Authenticator(store)(headers, "GET")
        return (await store.read(lambda turn: tokens.get(turn, token_id))).used_at

    first = await used_after(timedelta())
    assert first is not None
    assert await used_after(timedelta(seconds=50)) == first
    assert await used_after(timedelta(seconds=61)) != first


async def test_no_credential_reaches_the_log(store: Store) -> None:
    _, clear = await store.work(lambda turn: tokens.create(turn, SYSTEM, tokens.TokenDraft(name="CI")))
    fresh = await _begin(store)
    with structlog.testing.capture_logs() as lines:
        await Authenticator(store)({"authorization": f"Bearer {clear}"}, "GET")
        await Authenticator(store)({"cookie": f"tocsin={fresh.clear}"}, "GET")
        await Authenticator(store)({"authorization": "Bearer canary"}, "GET")
    said = str(lines)
    assert all(secret not in said for secret in (clear, fresh.clear, "canary"))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", None), ("tocsin=", None), ("tocsin=a", "a"), ("__Host-tocsin=b; tocsin=a", "b"), ("x=1; tocsin=a", "a"),
        ("tocsin=" + "x" * 300, None), ("tocsinx=a", None),
    ],
)  # fmt: skip
def test_cookies_are_read_with_care(header: str, found: str | None) -> None:
    assert cookie_of(header) == found


def test_a_credential_is_taken_out_of_its_header() -> None:
    assert credential("Token token=abc") == "abc"
    assert credential("bearer abc") == "abc"
    assert credential("Digest abc") is None
