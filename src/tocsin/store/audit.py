"""Audit: who changed what, written with the change itself and chained afterwards so that tampering shows."""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct
from psycopg.types.json import Jsonb

from tocsin.domain.people.actor import Actor
from tocsin.domain.people.audit import GENESIS, Head, Record, link, presentable, sign, signed_by
from tocsin.store.query import Command, Query
from tocsin.store.turn import Store, Turn

Action = Literal["create", "update", "delete", "login", "logout", "login_failed", "set_up", "rotate"]

WINDOW = 2_000  # seals looked back for a record that committed late; a younger one cannot be older than that
SEALED_WITHIN = timedelta(minutes=1)  # the keeper seals every second; what is older and unsealed was smuggled in
MOST_FAULTS = 100  # sentences of one verdict; a chain broken at the start would name every link
CHUNK = 1_000  # records held in memory while verifying
_SEAL_LOCK = 8_302_418  # advisory lock: two keepers that overlap for a moment must not share a position
_HEAD_KEY = "audit_head"


class Sealed(Struct, frozen=True):
    """One link of the chain beside the record it stands for; the record's fields are None when it is gone."""

    position: int
    audit_id: int
    previous: bytes
    hash: bytes
    id: int | None
    at: datetime | None
    actor: str | None
    method: str | None
    action: str | None
    resource_kind: str | None
    resource_id: str | None
    change: str | None


class Count(Struct, frozen=True):
    """How many there are."""

    n: int


class HeadRow(Struct, frozen=True):
    """The last link of the chain, and the floor above which unsealed records are looked for."""

    position: int
    hash: bytes
    floor: int


class Noted(Struct, frozen=True):
    """The head of the chain as the keeper signed it, still unread: whoever tampers may have written anything."""

    position: str | None
    hash: str | None
    code: str | None

    @property
    def head(self) -> Head | None:
        """Return the head, or None when it is not one."""
        try:
            return Head(int(self.position or ""), bytes.fromhex(self.hash or ""))
        except ValueError:
            return None

    def signed_with(self, key: bytes) -> bool:
        """Return whether the head carries a code made with this key."""
        head = self.head
        try:
            code = bytes.fromhex(self.code or "")
        except ValueError:
            return False
        return head is not None and signed_by(head, code, key)


class Lock(Struct, frozen=True):
    """Whether a lock was had."""

    had: bool


class Verdict(Struct, frozen=True):
    """What became of checking the chain: intact or not, how much was read, where it ends, and each fault found."""

    intact: bool
    sealed: int
    waiting: int
    head: Head
    faults: tuple[str, ...]


ADD = Command(
    "write an audit record",
    """
    INSERT INTO audit (actor, method, action, resource_kind, resource_id, change)
    VALUES (%(actor)s, %(method)s, %(action)s, %(resource_kind)s, %(resource_id)s, %(change)s)
    """,
)
LOCK = Query("lock of the audit chain", "SELECT pg_try_advisory_xact_lock(%(lock)s::bigint) AS had", Lock)
HEAD = Query(
    "head of the audit chain",
    """
    SELECT last.position, last.hash, coalesce(
        (SELECT min(s.audit_id) FROM audit_seal s
         WHERE s.position > last.position - %(window)s::bigint AND last.position > %(window)s::bigint), 0) AS floor
    FROM audit_seal last ORDER BY last.position DESC LIMIT 1
    """,
    HeadRow,
)
UNSEALED = Query(
    "unsealed audit record",
    """
    SELECT a.id, a.at, a.actor::text AS actor, a.method, a.action, a.resource_kind,
           a.resource_id, a.change::text AS change
    FROM audit a
    WHERE a.id >= %(floor)s AND a.xid < pg_snapshot_xmin(pg_current_snapshot())
      AND NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.audit_id = a.id)
    ORDER BY a.xid, a.id LIMIT %(most)s
    """,
    Record,
)
SEAL = Command(
    "chain audit records",
    """
    INSERT INTO audit_seal (position, audit_id, previous, hash)
    SELECT * FROM unnest(%(positions)s::bigint[], %(audit_ids)s::bigint[], %(previous)s::bytea[], %(hashes)s::bytea[])
    """,
)
NOTE_HEAD = Command(
    "note the head of the audit chain",
    """
    INSERT INTO setting (key, value) VALUES (%(key)s, %(value)s)
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value
    """,
)
NOTED_HEAD = Query(
    "noted head of the audit chain",
    """
    SELECT value ->> 'position' AS position, value ->> 'hash' AS hash, value ->> 'code' AS code
    FROM setting WHERE key = 'audit_head'
    """,
    Noted,
)
LINKS = Query(
    "link of the audit chain",
    """
    SELECT s.position, s.audit_id, s.previous, s.hash, a.id, a.at, a.actor::text AS actor,
           a.method, a.action, a.resource_kind, a.resource_id, a.change::text AS change
    FROM audit_seal s LEFT JOIN audit a ON a.id = s.audit_id
    WHERE s.position > %(after)s ORDER BY s.position LIMIT %(most)s
    """,
    Sealed,
)
ALL_LINKS = Query("links of the audit chain", "SELECT count(*) AS n FROM audit_seal", Count)
OVERDUE = Query(
    "audit records that nobody sealed",
    """
    SELECT count(*) AS n FROM audit a
    WHERE a.at < %(before)s AND NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.audit_id = a.id)
    """,
    Count,
)
WAITING = Query(
    "audit records that wait for their seal",
    "SELECT count(*) AS n FROM audit a WHERE NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.audit_id = a.id)",
    Count,
)


async def record(
    turn: Turn, actor: Actor, action: Action, resource: tuple[str, str], change: Mapping[str, object]
) -> None:
    """Write who did what to which thing, in the transaction that does it.

    `resource` is (kind, id); `change` maps field names to what became of them, best `{"before": …, "after": …}`.
    Values under a secret's name are replaced before anything is stored.
    """
    who = {"kind": actor.kind, "id": actor.id, "name": actor.name}
    if actor.token_hint:
        who["credential"] = actor.token_hint
    kind, subject_id = resource
    await turn.run(
        ADD,
        {
            "actor": Jsonb(presentable(who), dumps=_text),
            "method": actor.method,
            "action": action,
            "resource_kind": kind,
            "resource_id": subject_id,
            "change": Jsonb(presentable(change), dumps=_text),
        },
    )


async def seal(turn: Turn, key: bytes, *, most: int = 1_000, thorough: bool = False) -> int:
    """Chain up to `most` records that are committed for good, in commit order, and return how many.

    The keeper calls it every second; `key` is `keyring.derive("audit")` and signs the new head. Only records
    below the oldest running transaction are taken, so that none can appear in front of a sealed one later.
    `thorough` looks through all records instead of the recent ones: once at start.
    """
    if not (await turn.one(LOCK, {"lock": _SEAL_LOCK})).had:
        return 0
    last = await turn.maybe(HEAD, {"window": WINDOW})
    head = Head(last.position, last.hash) if last else Head(0, GENESIS)
    floor = 0 if thorough or last is None else last.floor
    records = await turn.rows(UNSEALED, {"floor": floor, "most": most})
    if not records:
        return 0
    before, hashes = [], []
    for number, row in enumerate(records, start=head.position + 1):
        before.append(head.hash)
        head = Head(number, link(head.hash, number, row))
        hashes.append(head.hash)
    await turn.run(
        SEAL,
        {
            "positions": list(range(head.position - len(records) + 1, head.position + 1)),
            "audit_ids": [row.id for row in records],
            "previous": before,
            "hashes": hashes,
        },
    )
    noted = {"position": head.position, "hash": head.hash.hex(), "code": sign(head, key).hex()}
    await turn.run(NOTE_HEAD, {"key": _HEAD_KEY, "value": Jsonb(noted)})
    return len(records)


async def verify(
    store: Store, key: bytes, progress: Callable[[int, int], None], *, anchor: Head | None = None
) -> Verdict:
    """Walk the whole chain and say whether any record was changed, removed, moved, added or cut off.

    `progress(done, all)` is called after each chunk; memory stays constant. `key` is `keyring.derive("audit")`.
    `anchor` is a head printed by an earlier check and kept elsewhere: with it even a chain that was cut and
    signed again with a stolen key is found out.
    """
    everything = (await store.read(lambda turn: turn.one(ALL_LINKS))).n
    noted = await store.read(lambda turn: turn.maybe(NOTED_HEAD))
    walk = _Walk(_landmarks(noted, anchor))
    while True:
        after = walk.head.position

        async def chunk(turn: Turn, after: int = after) -> list[Sealed]:
            return await turn.rows(LINKS, {"after": after, "most": CHUNK})

        links = await store.read(chunk)
        if not links:
            break
        for one in links:
            walk.step(one)
        progress(walk.seen, max(everything, walk.seen))
    if walk.seen or noted is not None:
        walk.check_signature(noted, key)
    walk.check_landmarks()
    return await store.read(lambda turn: _judge(turn, walk))


def _landmarks(noted: Noted | None, anchor: Head | None) -> list[tuple[str, Head]]:
    signed = noted.head if noted else None
    named = (("the signed head", signed), ("the given head", anchor))
    return [(name, head) for name, head in named if head is not None]


class _Walk:
    """The chain as far as it has been read, and what was found wrong on the way."""

    def __init__(self, landmarks: list[tuple[str, Head]]) -> None:
        self.head = Head(0, GENESIS)
        self.seen = 0
        self.faults: list[str] = []
        self._landmarks = landmarks
        self._passed: dict[int, bytes] = {0: GENESIS}

    def step(self, one: Sealed) -> None:
        """Take one more link of the chain."""
        expected = self.head.position + 1
        if one.position != expected:
            self.blame(f"Links {expected} to {one.position - 1} are missing.")
        if not hmac.compare_digest(one.previous, self.head.hash):
            self.blame(f"Link {one.position} does not continue the one before it.")
        kept = _record_of(one)
        if kept is None:
            self.blame(f"Record {one.audit_id} at position {one.position} is missing.")
        elif not hmac.compare_digest(link(one.previous, one.position, kept), one.hash):
            self.blame(f"Record {one.audit_id} at position {one.position} is not what was sealed.")
        self.head = Head(one.position, one.hash)
        self.seen += 1
        if any(landmark.position == one.position for _, landmark in self._landmarks):
            self._passed[one.position] = one.hash

    def check_landmarks(self) -> None:
        """Report every head, known from elsewhere, that the chain does not pass through."""
        for name, landmark in self._landmarks:
            found = self._passed.get(landmark.position)
            if landmark.position > self.head.position:
                self.blame(
                    f"The chain ends at {self.head.position}, {name} is at {landmark.position}: its end is missing."
                )
            elif found is None or not hmac.compare_digest(found, landmark.hash):
                self.blame(f"The chain differs from {name} at position {landmark.position}: it was written anew.")

    def check_signature(self, noted: Noted | None, key: bytes) -> None:
        """Report a head that is missing, or that somebody without the key wrote."""
        if noted is None:
            self.blame("The signed head of the chain is missing.")
        elif not noted.signed_with(key):
            self.blame("The head of the chain is not signed with this installation's key.")

    def blame(self, fault: str) -> None:
        """Keep a fault, unless there are enough of them already."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)


def _record_of(one: Sealed) -> Record | None:
    """Return the record beside a link, or None when it is gone."""
    if one.id is None:
        return None
    fields = {name: getattr(one, name) for name in Record.__struct_fields__}
    return msgspec.convert(fields, Record)


async def _judge(turn: Turn, walk: _Walk) -> Verdict:
    """Look for records that were never sealed, and sum up."""
    overdue = (await turn.one(OVERDUE, {"before": turn.now - SEALED_WITHIN})).n
    if overdue:
        walk.blame(f"{overdue} old records were never sealed: somebody added them by hand, or the keeper stands still.")
    waiting = (await turn.one(WAITING)).n
    return Verdict(not walk.faults, walk.seen, waiting, walk.head, tuple(walk.faults))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
