"""Ids: names of things, unique, sorted by time, in the shape that PagerDuty's clients expect."""

import secrets
from base64 import b32encode
from enum import StrEnum
from typing import NewType

from tocsin.ground import clock

UserId = NewType("UserId", str)
TeamId = NewType("TeamId", str)
ServiceId = NewType("ServiceId", str)
IntegrationId = NewType("IntegrationId", str)
PolicyId = NewType("PolicyId", str)
IncidentId = NewType("IncidentId", str)
AlertId = NewType("AlertId", str)
ContactMethodId = NewType("ContactMethodId", str)

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_EPOCH_MS = 1_577_836_800_000  # 2020-01-01: eight base-36 digits of milliseconds last until 2109
_TAIL = 36**5
_PAIR = 36**2
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)  # two digits at a time: ids are made by thousands


class Kind(StrEnum):
    """The first letter of an id: what family of things it names."""

    CONFIGURATION = "P"
    INCIDENT = "Q"
    LOG_ENTRY = "R"


class Mint:
    """Makes ids of 14 characters: family, eight digits of time, five of chance that count up within a millisecond.

    Counting up keeps a batch of ids sorted in the order they were made and free of collisions inside one
    process; two processes collide only if they draw overlapping runs out of 60 million in the same millisecond,
    and then the primary key refuses and the transaction is tried again.
    """

    def __init__(self) -> None:
        """Start with no id made."""
        self._ms = 0
        self._time = ""
        self._tail = 0

    def id(self, kind: Kind) -> str:
        """Return a fresh id of this family."""
        now = clock.milliseconds()
        if now > self._ms:
            self._begin(now, secrets.randbelow(_TAIL))
        elif self._tail + 1 < _TAIL:
            self._tail += 1
        else:
            self._begin(self._ms + 1, 0)
        high, low = divmod(self._tail, _PAIR)
        first, middle = divmod(high, _PAIR)
        return kind.value + self._time + _DIGITS[first] + _PAIRS[middle] + _PAIRS[low]

    def _begin(self, ms: int, tail: int) -> None:
        self._ms = ms
        self._tail = tail
        number = ms - _EPOCH_MS
        pairs = []
        for _ in range(4):
            number, pair = divmod(number, _PAIR)
            pairs.append(_PAIRS[pair])
        self._time = "".join(reversed(pairs))


_MINT = Mint()


def new_id(kind: Kind = Kind.CONFIGURATION) -> str:
    """Return a fresh 14-character id; ids made later sort later."""
    return _MINT.id(kind)


def new_long_id() -> str:
    """Return a fresh id of 26 characters `[A-Z2-7]`: 48 bits of time in milliseconds, 80 bits of chance.

    Version 3 of PagerDuty's wire names the parts of a schedule in this form.
    """
    return b32encode(clock.milliseconds().to_bytes(6) + secrets.token_bytes(10)).decode().rstrip("=")


def new_routing_key() -> str:
    """Return a fresh routing key: 32 lower-case hexadecimal characters, 128 bits of chance."""
    return secrets.token_hex(16)


def new_dedup_key() -> str:
    """Return a dedup key for an event that brought none: 32 hexadecimal characters, as the Events API answers."""
    return secrets.token_hex(16)


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def new_token(*, of_user: bool) -> str:
    """Return a fresh API token of 20 characters `[A-Za-z0-9_+-]`; a user's token starts with `u+`.

    The length and alphabet are what PagerDuty's command line tells apart from OAuth tokens.
    """
    prefix = "u+" if of_user else ""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(20 - len(prefix)))


def new_secret() -> str:
    """Return 256 bits of chance as URL-safe text, for sessions and set-up tokens."""
    return secrets.token_urlsafe(32)
