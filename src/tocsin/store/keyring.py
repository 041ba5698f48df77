"""Keyring: sealing secrets so that a copy of the database does not give them away."""

import base64
import binascii
import os
import secrets
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from tocsin.ground.ids import new_id
from tocsin.store.config import bump_config
from tocsin.store.query import Command, Query
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("keyring")

KEY_BYTES = 32  # AES-256
_NONCE_BYTES = 12  # what GCM is made for
_VERSION = 1  # first byte of everything sealed
_HEADER = "tocsin-master-key:"
_LOCK = 8_302_419  # advisory lock: two nodes that start together must not make two first keys


class KeyFault(Exception):
    """Secrets cannot be opened: the key file is missing, damaged, or belongs to another database."""


class DataKeyRow(Struct, frozen=True):
    """A key that seals secrets, wrapped by the master key."""

    id: str
    wrapped: bytes
    created_at: datetime


class SealedRow(Struct, frozen=True):
    """One sealed value and the row that it belongs to."""

    id: str
    sealed: bytes | None


class Locked(Struct, frozen=True):
    """That a lock was waited for and had."""

    had: bool


DATA_KEYS = Query("data key", "SELECT id, wrapped, created_at FROM data_key ORDER BY created_at, id", DataKeyRow)
ADD_DATA_KEY = Command("keep a data key", "INSERT INTO data_key (id, wrapped) VALUES (%(id)s, %(wrapped)s)")
LOCK = Query("lock of the keyring", "SELECT pg_advisory_xact_lock(%(lock)s::bigint) IS NOT NULL AS had", Locked)


class SealedColumn(Struct, frozen=True):
    """A column that holds sealed values, and how to read and replace them when the data key changes."""

    table: str
    column: str
    after: Query[SealedRow]
    replace: Command


SEALED_COLUMNS = (
    SealedColumn(
        "calendar",
        "url_sealed",
        Query(
            "sealed address of a calendar",
            """
            SELECT id, url_sealed AS sealed FROM calendar
            WHERE id > %(after)s AND url_sealed IS NOT NULL ORDER BY id LIMIT 500
            """,
            SealedRow,
        ),
        Command(
            "replace the sealed address of a calendar",
            "UPDATE calendar SET url_sealed = %(sealed)s WHERE id = %(id)s AND url_sealed = %(was)s",
        ),
    ),
    SealedColumn(
        "contact_method",
        "secret_sealed",
        Query(
            "sealed secret of a contact method",
            """
            SELECT id, secret_sealed AS sealed FROM contact_method
            WHERE id > %(after)s AND secret_sealed IS NOT NULL ORDER BY id LIMIT 500
            """,
            SealedRow,
        ),
        Command(
            "replace the sealed secret of a contact method",
            "UPDATE contact_method SET secret_sealed = %(sealed)s WHERE id = %(id)s AND secret_sealed = %(was)s",
        ),
    ),
    SealedColumn(
        "holiday_calendar",
        "url_sealed",
        Query(
            "sealed address of a holiday calendar",
            """
            SELECT id, url_sealed AS sealed FROM holiday_calendar
            WHERE id > %(after)s AND url_sealed IS NOT NULL ORDER BY id LIMIT 500
            """,
            SealedRow,
        ),
        Command(
            "replace the sealed address of a holiday calendar",
            "UPDATE holiday_calendar SET url_sealed = %(sealed)s WHERE id = %(id)s AND url_sealed = %(was)s",
        ),
    ),
    SealedColumn(
        "integration",
        "routing_key_sealed",
        Query(
            "sealed routing key",
            "SELECT id, routing_key_sealed AS sealed FROM integration WHERE id > %(after)s ORDER BY id LIMIT 500",
            SealedRow,
        ),
        Command(
            "replace a sealed routing key",
            "UPDATE integration SET routing_key_sealed = %(sealed)s WHERE id = %(id)s AND routing_key_sealed = %(was)s",
        ),
    ),
    SealedColumn(
        "integration",
        "signing_secret_sealed",
        Query(
            "sealed secret that signs the requests of a tool",
            """
            SELECT id, signing_secret_sealed AS sealed FROM integration
            WHERE id > %(after)s AND signing_secret_sealed IS NOT NULL ORDER BY id LIMIT 500
            """,
            SealedRow,
        ),
        Command(
            "replace the sealed secret that signs the requests of a tool",
            """
            UPDATE integration SET signing_secret_sealed = %(sealed)s
            WHERE id = %(id)s AND signing_secret_sealed = %(was)s
            """,
        ),
    ),
)
"""Every sealed column of the schema; a test compares it with the columns that end in `_sealed`."""


class Keyring:
    """Seals secrets with AES-256-GCM under data keys, which the master key outside the database wraps.

    A sealed value is bound to its table, row and column: copied into another row it does not open. `column` is
    the column's name in the schema, such as `routing_key_sealed`.
    """

    def __init__(self, master: bytes) -> None:
        """Hold the master key; `load` is how the program gets a keyring."""
        self._master = master
        self._keys: dict[str, AESGCM] = {}
        self._active = ""
        self._derived: dict[str, bytes] = {}

    @classmethod
    async def load(cls, store: Store, key_file: Path) -> "Keyring":
        """Read the master key and the data keys, making both on the first run.

        The file is created readable by its owner only. Raises `KeyFault` when it is missing although the
        database holds data keys, when it is damaged, or when it belongs to another database.
        """
        rows = await store.read(lambda turn: turn.rows(DATA_KEYS))
        if not key_file.exists() and rows:
            raise KeyFault(
                f"The key file {key_file} is missing, but the database holds secrets sealed with it: restore the "
                "file from your backup of it. Without it routing keys and provider secrets cannot be read."
            )
        keyring = cls(_read_or_create(key_file))
        await keyring.refresh(store)
        if not keyring._active:
            await store.work(keyring._first_key)
            await keyring.refresh(store)
        return keyring

    async def refresh(self, store: Store) -> None:
        """Read data keys that another node has made; call it when the configuration has changed."""
        for row in await store.read(lambda turn: turn.rows(DATA_KEYS)):
            if row.id not in self._keys:
                self._keys[row.id] = AESGCM(self._unwrap(row))
            self._active = row.id

    def seal(self, clear: bytes, *, table: str, row_id: str, column: str) -> bytes:
        """Return the secret sealed for this place; the place and the key's id are bound to it."""
        name = self._active.encode("ascii")
        head = bytes((_VERSION, len(name))) + name
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return head + nonce + self._keys[self._active].encrypt(nonce, clear, head + _place(table, row_id, column))

    def open(self, sealed: bytes, *, table: str, row_id: str, column: str) -> bytes:
        """Return the secret that was sealed for this place.

        Raises `KeyFault` when it was changed, moved from another row, or sealed with a key that is not here.
        """
        head, name, rest = _parts(sealed)
        key = self._keys.get(name)
        if key is None:
            raise KeyFault(f"A secret of {table} {row_id} is sealed with the data key {name!r}, which is not here.")
        try:
            return key.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head + _place(table, row_id, column))
        except (InvalidTag, ValueError) as failure:
            raise KeyFault(f"The secret in {column} of {table} {row_id} was changed or moved there.") from failure

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key for a purpose such as "answer-link"; the same for the life of the key file."""
        if purpose not in self._derived:
            kdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"tocsin {purpose}".encode())
            self._derived[purpose] = kdf.derive(self._master)
        return self._derived[purpose]

    async def rotate(self, store: Store) -> str:
        """Make a new data key for everything sealed from now on and return its id; old ones still open."""
        name = new_id()

        async def job(turn: Turn) -> None:
            await self._add(turn, name)
            await bump_config(turn)

        await store.work(job)
        await self.refresh(store)
        return name

    async def reseal(self, store: Store) -> int:
        """Seal every secret with the newest data key and return how many were changed; safe to interrupt."""
        changed = 0
        for column in SEALED_COLUMNS:
            after = ""
            while True:
                rows = await store.read(partial(_after, column, after))
                if not rows:
                    break
                changed += await store.work(partial(self._replace, column, rows))
                after = rows[-1].id
        return changed

    async def _replace(self, column: SealedColumn, rows: list[SealedRow], turn: Turn) -> int:
        changed = 0
        for row in rows:
            if row.sealed is None or _parts(row.sealed)[1] == self._active:
                continue
            clear = self.open(row.sealed, table=column.table, row_id=row.id, column=column.column)
            fresh = self.seal(clear, table=column.table, row_id=row.id, column=column.column)
            changed += await turn.run(column.replace, {"id": row.id, "was": row.sealed, "sealed": fresh})
        return changed

    async def _first_key(self, turn: Turn) -> None:
        await turn.one(LOCK, {"lock": _LOCK})
        if not await turn.rows(DATA_KEYS):
            await self._add(turn, new_id())

    async def _add(self, turn: Turn, name: str) -> None:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        wrapped = nonce + AESGCM(self._master).encrypt(
            nonce, secrets.token_bytes(KEY_BYTES), _place("data_key", name, "wrapped")
        )
        await turn.run(ADD_DATA_KEY, {"id": name, "wrapped": wrapped})

    def _unwrap(self, row: DataKeyRow) -> bytes:
        nonce, wrapped = row.wrapped[:_NONCE_BYTES], row.wrapped[_NONCE_BYTES:]
        try:
            return AESGCM(self._master).decrypt(nonce, wrapped, _place("data_key", row.id, "wrapped"))
        except InvalidTag as failure:
            raise KeyFault(
                "The key file does not open this database's keys: it belongs to another database."
            ) from failure


async def _after(column: SealedColumn, after: str, turn: Turn) -> list[SealedRow]:
    return await turn.rows(column.after, {"after": after})


def _place(table: str, row_id: str, column: str) -> bytes:
    return f"{table}|{row_id}|{column}".encode()


def _parts(sealed: bytes) -> tuple[bytes, str, bytes]:
    """Split into the head, the data key's id, and nonce with ciphertext."""
    if len(sealed) < 2 + _NONCE_BYTES or sealed[0] != _VERSION:
        raise KeyFault("This is not a value that the keyring sealed.")
    end = 2 + sealed[1]
    return sealed[:end], sealed[2:end].decode("ascii", "replace"), sealed[end:]


def _read_or_create(key_file: Path) -> bytes:
    try:
        text = key_file.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return _create(key_file)
    except OSError as failure:
        raise KeyFault(f"The key file {key_file} cannot be read: {failure.strerror}.") from failure
    if key_file.stat().st_mode & 0o077:
        log.warning("keyring.readable_by_others", file=str(key_file), advice=f"chmod 600 {key_file}")
    try:
        master = base64.b64decode(text.strip().removeprefix(_HEADER), validate=True)
    except (ValueError, binascii.Error) as failure:
        raise KeyFault(f"The key file {key_file} is damaged: restore it from your backup of it.") from failure
    if not text.startswith(_HEADER) or len(master) != KEY_BYTES:
        raise KeyFault(f"The key file {key_file} is damaged: restore it from your backup of it.")
    return master


def _create(key_file: Path) -> bytes:
    """Make the master key on disk, so that it is whole and durable before anything is sealed with it."""
    master = secrets.token_bytes(KEY_BYTES)
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_or_create(key_file)
    with os.fdopen(handle, "wb") as file:
        file.write(_HEADER.encode() + base64.b64encode(master) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(key_file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    log.info(
        "keyring.created", file=str(key_file), advice="Keep a copy of this file apart from the database's backups."
    )
    return master
