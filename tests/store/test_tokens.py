"""API tokens and the set-up: shown once, kept as hashes, dead when revoked, and one owner only."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import count

import pytest

from tocsin.domain.people.actor import SYSTEM
from tocsin.domain.people.role import Role, TeamRole
from tocsin.ground.errors import Refused, Why
from tocsin.store import setup, tokens
from tocsin.store.config import config_stamp
from tocsin.store.setup import Owner
from tocsin.store.turn import Store, Turn

OWNER = Owner(name=" Bo  Larsen ", email="bo@example.net", time_zone="Europe/Berlin", password_hash="$argon2id$x")


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = Store(database, connections=6)
    await store.open()
    async with store.connection() as connection:
        await connection.execute("INSERT INTO team (id, name) VALUES ('T1', 'Web'), ('T2', 'Mail')")
        await connection.execute(
            "INSERT INTO app_user (id, name, email, role) VALUES ('U1', 'Ada Obi', 'ada@example.net', 'limited_user')"
        )
        await connection.execute("INSERT INTO team_member VALUES ('T2', 'U1', 'responder'), ('T1', 'U1', 'manager')")
    yield store
    await store.close()


async def _create(store: Store, draft: tokens.TokenDraft) -> tuple[str, str]:
    return await store.work(lambda turn: tokens.create(turn, SYSTEM, draft))


async def _everything(store: Store) -> str:
    """Return every row of every table as text."""
    async with store.connection() as connection:
        names = await (
            await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ).fetchall()
        rows = [await (await connection.execute(f"SELECT * FROM {name}".encode())).fetchall() for (name,) in names]
    return str(rows)


async def test_an_account_token_acts_as_an_admin_without_a_person(store: Store) -> None:
    token_id, clear = await _create(store, tokens.TokenDraft(name="CI"))
    actor = await store.read(lambda turn: tokens.find(turn, clear))
    assert actor is not None
    assert (actor.kind, actor.id, actor.role, actor.user_id) == ("token", token_id, Role.ADMIN, None)
    assert actor.token_hint == clear[-4:]
    assert len(clear) == 20


async def test_a_persons_token_acts_as_the_person_with_all_their_roles(store: Store) -> None:
    _, clear = await _create(store, tokens.TokenDraft(name="laptop", user_id="U1", read_only=True))
    actor = await store.read(lambda turn: tokens.find(turn, clear))
    assert actor is not None
    assert (actor.user_id, actor.role, actor.read_only, actor.method) == ("U1", Role.LIMITED_USER, True, "api_token")
    assert actor.team_roles == {"T1": TeamRole.MANAGER, "T2": TeamRole.RESPONDER}
    assert clear.startswith("u+")


async def test_the_token_itself_is_nowhere_in_the_database(store: Store) -> None:
    _, clear = await _create(store, tokens.TokenDraft(name="CI"))
    printed = await setup.prepare(store)
    assert printed is not None
    everything = await _everything(store)
    assert clear not in everything
    assert printed not in everything


async def test_unknown_revoked_and_expired_tokens_are_nobody(store: Store) -> None:
    now = await store.read(_now)
    token_id, clear = await _create(store, tokens.TokenDraft(name="a"))
    _, brief = await _create(store, tokens.TokenDraft(name="b", valid_until=now + timedelta(minutes=5)))
    assert await store.read(lambda turn: tokens.find(turn, clear)) is not None
    assert await store.read(lambda turn: tokens.find(turn, brief)) is not None
    await store.work(lambda turn: tokens.revoke(turn, SYSTEM, token_id))
    store.clock_shift = timedelta(minutes=6)
    for wrong in (clear, brief, "", "u+unknown", "\ud800"):
        assert await store.read(lambda turn, wrong=wrong: tokens.find(turn, wrong)) is None  # type: ignore[misc]  # mypy cannot infer default arguments of a lambda
    with pytest.raises(Refused):
        await store.work(lambda turn: tokens.revoke(turn, SYSTEM, token_id))


async def test_the_token_of_somebody_who_left_is_nobody(store: Store) -> None:
    _, clear = await _create(store, tokens.TokenDraft(name="laptop", user_id="U1"))
    async with store.connection() as connection:
        await connection.execute("UPDATE app_user SET deleted_at = now()")
    assert await store.read(lambda turn: tokens.find(turn, clear)) is None


@pytest.mark.parametrize("draft", [
    tokens.TokenDraft(name="  "), tokens.TokenDraft(name="x" * 256), tokens.TokenDraft(name="x", user_id="nobody"),
])  # fmt: skip
async def test_a_token_without_a_name_or_a_person_is_refused(store: Store, draft: tokens.TokenDraft) -> None:
    with pytest.raises(Refused):
        await _create(store, draft)


async def test_tokens_are_listed_by_person_and_each_change_is_on_record(store: Store) -> None:
    before = await store.read(config_stamp)
    token_id, clear = await _create(store, tokens.TokenDraft(name="CI"))
    mine, _ = await _create(store, tokens.TokenDraft(name="laptop", user_id="U1"))
    rows = await store.read(lambda turn: tokens.listed(turn, user_id=None, limit=10))
    assert [row.id for row in rows] == [token_id, mine]
    assert rows[0].hint == clear[-4:]
    assert [row.id for row in await store.read(lambda turn: tokens.listed(turn, user_id="U1", limit=10))] == [mine]
    await store.work(lambda turn: tokens.revoke(turn, SYSTEM, token_id))
    assert await store.read(config_stamp) == before + 3
    async with store.connection() as connection:
        cursor = await connection.execute("SELECT action, resource_id FROM audit ORDER BY id")
        assert await cursor.fetchall() == [("create", token_id), ("create", mine), ("delete", token_id)]


async def test_the_printed_token_makes_one_owner_with_a_way_to_be_paged(store: Store) -> None:
    printed = await setup.prepare(store)
    assert printed is not None
    claimed = await store.work(lambda turn: setup.claim(turn, f" {printed}\n", OWNER))
    actor = await store.read(lambda turn: tokens.find(turn, claimed.api_token))
    assert actor is not None
    assert (actor.user_id, actor.name, actor.role) == (claimed.user_id, "Bo Larsen", Role.OWNER)
    async with store.connection() as connection:
        cursor = await connection.execute(
            "SELECT m.address, r.urgency, r.start_delay_s FROM notification_rule r"
            " JOIN contact_method m ON m.id = r.contact_method_id ORDER BY r.urgency"
        )
        assert await cursor.fetchall() == [("bo@example.net", "high", 0), ("bo@example.net", "low", 0)]
    assert not await store.read(setup.needed)
    assert await setup.prepare(store) is None


async def test_wrong_old_and_used_tokens_make_nobody_the_owner(store: Store) -> None:
    first = await setup.prepare(store)
    printed = await setup.prepare(store)
    assert first is not None
    assert printed is not None
    for wrong in ("", "guess", first, printed[:-1]):
        with pytest.raises(Refused) as refused:
            await store.work(lambda turn, wrong=wrong: setup.claim(turn, wrong, OWNER))  # type: ignore[misc]  # mypy cannot infer default arguments of a lambda
        assert refused.value.why is Why.UNAUTHENTICATED
    store.clock_shift = timedelta(hours=25)
    with pytest.raises(Refused, match="too old"):
        await store.work(lambda turn: setup.claim(turn, printed, OWNER))
    store.clock_shift = timedelta()
    await store.work(lambda turn: setup.claim(turn, printed, OWNER))
    with pytest.raises(Refused) as refused:
        await store.work(lambda turn: setup.claim(turn, printed, OWNER))
    assert refused.value.why is Why.CONFLICT


async def test_of_many_who_race_with_one_printed_token_one_wins(store: Store) -> None:
    printed = await setup.prepare(store)
    assert printed is not None
    numbers = count()

    async def race() -> bool:
        email = f"bo{next(numbers)}@example.net"
        owner = Owner(name="Bo", email=email, time_zone="Etc/UTC", password_hash="x")
        try:
            await store.work(lambda turn: setup.claim(turn, printed, owner))
        except Refused:
            return False
        return True

    assert sorted(await asyncio.gather(*(race() for _ in range(5)))) == [False] * 4 + [True]


async def test_every_fault_of_the_owners_details_is_named_at_once(store: Store) -> None:
    printed = await setup.prepare(store)
    assert printed is not None
    wrong = Owner(name="", email="nobody", time_zone="Mars/Base", password_hash="x")
    with pytest.raises(Refused) as refused:
        await store.work(lambda turn: setup.claim(turn, printed, wrong))
    assert len(refused.value.errors) == 3
    assert await store.read(setup.needed)


async def _now(turn: Turn) -> datetime:
    return turn.now
