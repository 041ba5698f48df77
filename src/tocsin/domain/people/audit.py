"""Audit chain: each record of who changed what carries a digest of all records before it."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from tocsin.ground.text import repair

GENESIS = hashlib.sha256(b"tocsin audit chain, version 1").digest()
"""What stands before the first link."""

HIDDEN = "(secret)"
_SECRET_WORDS = ("password", "secret", "token", "routing_key", "integration_key", "api_key", "private_key", "csrf")


class Record(Struct, frozen=True):
    """One audit row as the chain sees it: numbers, texts and the instant, the JSON columns as PostgreSQL prints them.

    PostgreSQL fixes the order of keys and the spacing of a `jsonb` value, so its text is the same after a dump
    and a restore. The number of the transaction is left out: a restore gives rows new ones.
    """

    id: int
    at: datetime
    actor: str
    method: str
    action: str
    resource_kind: str
    resource_id: str
    change: str


class Head(Struct, frozen=True):
    """The end of the chain: how many records it holds and the digest over all of them."""

    position: int
    hash: bytes


def canonical(record: Record) -> bytes:
    """Return the record as bytes that no other record has: every field with its length before it."""
    at = record.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = (
        str(record.id),
        at,
        record.actor,
        record.method,
        record.action,
        record.resource_kind,
        record.resource_id,
        record.change,
    )
    parts = []
    for field in fields:
        raw = field.encode()
        parts.append(len(raw).to_bytes(8, "big") + raw)
    return b"".join(parts)


def link(previous: bytes, position: int, record: Record) -> bytes:
    """Return the digest of this record at this position after `previous`; SHA-256, 32 bytes."""
    return hashlib.sha256(previous + position.to_bytes(8, "big") + canonical(record)).digest()


def sign(head: Head, key: bytes) -> bytes:
    """Return a code for the head that only a holder of the key can make.

    A plain chain can be computed anew by whoever can write to the database; the key is kept outside of it.
    """
    return hmac.new(key, head.position.to_bytes(8, "big") + head.hash, hashlib.sha256).digest()


def signed_by(head: Head, code: bytes, key: bytes) -> bool:
    """Return whether the code was made for this head with this key."""
    return hmac.compare_digest(sign(head, key), code)


def presentable(change: Mapping[str, object]) -> dict[str, object]:
    """Return the change as it may be kept: text that PostgreSQL can store, and nothing under a secret's name."""
    return {repair(name): HIDDEN if _secret(name) else _kept(value) for name, value in change.items()}


def _kept(value: object) -> object:
    if isinstance(value, Mapping):
        return presentable({str(name): inner for name, inner in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [_kept(inner) for inner in value]
    return repair(value) if isinstance(value, str) else value


def _secret(name: str) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_WORDS)
