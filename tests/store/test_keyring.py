"""The keyring: sealed secrets open only in their own place, with the key file that made them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
import structlog

from tocsin.store.keyring import SEALED_COLUMNS, KeyFault, Keyring
from tocsin.store.turn import Store

PLACE = {"table": "integration", "row_id": "P1", "column": "routing_key_sealed"}


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = Store(database, connections=3)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "master.key"


async def test_what_was_sealed_opens_again_also_after_a_restart(store: Store, key_file: Path) -> None:
    sealed = (await Keyring.load(store, key_file)).seal(b"canary", **PLACE)
    assert b"canary" not in sealed
    assert (await Keyring.load(store, key_file)).open(sealed, **PLACE) == b"canary"


async def test_the_key_file_belongs_to_its_owner_alone(store: Store, key_file: Path) -> None:
    await Keyring.load(store, key_file)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("moved", [{"table": "contact_method"}, {"row_id": "P2"}, {"column": "other"}])
async def test_a_secret_moved_elsewhere_does_not_open(store: Store, key_file: Path, moved: dict[str, str]) -> None:
    keyring = await Keyring.load(store, key_file)
    sealed = keyring.seal(b"canary", **PLACE)
    with pytest.raises(KeyFault):
        keyring.open(sealed, **(PLACE | moved))


async def test_every_flipped_byte_is_noticed(store: Store, key_file: Path) -> None:
    keyring = await Keyring.load(store, key_file)
    sealed = keyring.seal(b"canary", **PLACE)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(KeyFault):
            keyring.open(bytes(changed), **PLACE)
    for length in range(len(sealed)):
        with pytest.raises(KeyFault):
            keyring.open(sealed[:length], **PLACE)


async def test_the_same_secret_never_looks_the_same_twice(store: Store, key_file: Path) -> None:
    keyring = await Keyring.load(store, key_file)
    assert keyring.seal(b"canary", **PLACE) != keyring.seal(b"canary", **PLACE)


async def test_a_missing_key_file_is_said_aloud_and_not_made_anew(store: Store, key_file: Path) -> None:
    await Keyring.load(store, key_file)
    key_file.unlink()
    with pytest.raises(KeyFault, match="missing"):
        await Keyring.load(store, key_file)
    assert not key_file.exists()


async def test_a_key_file_of_another_database_is_refused(store: Store, key_file: Path, tmp_path: Path) -> None:
    await Keyring.load(store, key_file)
    stranger = tmp_path / "other.key"
    stranger.write_text(key_file.read_text()[:-8] + "AAAAAA=\n")
    stranger.chmod(0o600)
    with pytest.raises(KeyFault):
        await Keyring.load(store, stranger)


@pytest.mark.parametrize("text", ["", "tocsin-master-key:", "tocsin-master-key:!!!", "x" * 44, "\x00\xff"])
async def test_a_damaged_key_file_is_said_aloud(store: Store, tmp_path: Path, text: str) -> None:
    damaged = tmp_path / "damaged.key"
    damaged.write_text(text)
    damaged.chmod(0o600)
    with pytest.raises(KeyFault, match="damaged"):
        await Keyring.load(store, damaged)


async def test_two_nodes_that_start_together_share_one_key(store: Store, key_file: Path) -> None:
    rings = await asyncio.gather(*(Keyring.load(store, key_file) for _ in range(3)))
    sealed = rings[0].seal(b"canary", **PLACE)
    assert [ring.open(sealed, **PLACE) for ring in rings] == [b"canary"] * 3


async def test_derived_keys_differ_by_purpose_and_stay(store: Store, key_file: Path) -> None:
    keyring = await Keyring.load(store, key_file)
    again = await Keyring.load(store, key_file)
    assert keyring.derive("answer-link") == again.derive("answer-link") != keyring.derive("webhook")
    assert len(keyring.derive("answer-link")) == 32


async def test_rotation_reseals_every_secret_and_old_ones_open_meanwhile(store: Store, key_file: Path) -> None:
    keyring = await Keyring.load(store, key_file)
    key = secrets.token_hex(16).encode()
    async with store.connection() as connection:
        await connection.execute("INSERT INTO escalation_policy (id, name) VALUES ('E1', 'e')")
        await connection.execute(
            "INSERT INTO service (id, name, escalation_policy_id, urgency_rule) VALUES ('S1', 's', 'E1', '{}')"
        )
        await connection.execute(
            "INSERT INTO integration (id, service_id, name, kind, routing_key_hash, routing_key_sealed)"
            " VALUES ('P1', 'S1', 'i', 'k', 'h', %s)",
            (keyring.seal(key, **PLACE),),
        )
    other_node = await Keyring.load(store, key_file)
    await keyring.rotate(store)
    assert await keyring.reseal(store) == 1
    assert await keyring.reseal(store) == 0
    async with store.connection() as connection:
        row = await (await connection.execute("SELECT routing_key_sealed FROM integration")).fetchone()
    assert row is not None
    sealed = row[0]
    assert isinstance(sealed, bytes)
    assert keyring.open(sealed, **PLACE) == key
    with pytest.raises(KeyFault, match="not here"):
        other_node.open(sealed, **PLACE)
    await other_node.refresh(store)
    assert other_node.open(sealed, **PLACE) == key


async def test_every_sealed_column_of_the_schema_is_resealed(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        cursor = await connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            r" WHERE table_schema = 'public' AND column_name LIKE '%\_sealed' AND data_type = 'bytea'"
        )
        found = {(str(table), str(column)) for table, column in await cursor.fetchall()}
    assert found == {(column.table, column.column) for column in SEALED_COLUMNS}


async def test_no_key_reaches_the_log(store: Store, key_file: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        await Keyring.load(store, key_file)
        key_file.chmod(0o644)
        await Keyring.load(store, key_file)
    assert [line["event"] for line in lines] == ["keyring.created", "keyring.readable_by_others"]
    assert key_file.read_text().split(":")[1].strip() not in str(lines)
