"""Answer links: the signed, expiring address in a page that stands for one answer of one person to one incident."""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from tocsin.ground.errors import Refused, Why

Answer = Literal["acknowledge", "resolve"]

_VERSION = "1"
_MAC_BYTES = 16  # 128 bits: a guess a second for the age of the universe finds none
_LETTERS: dict[Answer, str] = {"acknowledge": "a", "resolve": "r"}
_ANSWERS: dict[str, Answer] = {letter: answer for answer, letter in _LETTERS.items()}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHAPE = re.compile(
    r"(?P<version>[0-9])(?P<mac>[A-Za-z0-9_-]{22})\."
    r"(?P<said>(?P<letter>[a-z])\.(?P<until>[0-9]{1,11})\.(?P<round>[0-9]{1,9})"
    r"\.(?P<incident>[A-Za-z0-9_-]{1,64})\.(?P<user>[A-Za-z0-9_-]{1,64}))"
)


class AnswerLink(Struct, frozen=True, kw_only=True):
    """What a link stands for: this person's one answer to this incident's page of this round, until an instant."""

    incident_id: str
    user_id: str
    action: Answer
    valid_until: datetime
    round: int = 0


def sign(key: bytes, link: AnswerLink) -> str:
    """Return the token for a link: letters, digits, `-`, `_` and `.` only, about 70 characters.

    The signature comes first, so that the token ends in an id: mail programs cut trailing punctuation off addresses.
    Raises `ValueError` for ids that do not fit into a token; ids made by this program always do.
    """
    if not (_NAME.fullmatch(link.incident_id) and _NAME.fullmatch(link.user_id)):
        raise ValueError("an id in an answer link is 1 to 64 letters, digits, - or _")
    until = int(link.valid_until.timestamp())
    said = f"{_LETTERS[link.action]}.{until}.{link.round}.{link.incident_id}.{link.user_id}"
    return f"{_VERSION}{_mac(key, said)}.{said}"


def read(key: bytes, token: str, now: datetime) -> AnswerLink:
    """Return what a token stands for.

    Raises `Refused` with `Why.NOT_FOUND` for a token that this key did not sign and `Why.STALE` for one whose time
    is over. Whether the incident still wants the answer is for the engine to say.
    """
    shape = _SHAPE.fullmatch(token)
    if shape is None or shape["version"] != _VERSION or shape["letter"] not in _ANSWERS:
        raise _unknown()
    if not hmac.compare_digest(_mac(key, shape["said"]).encode("ascii"), shape["mac"].encode("ascii")):
        raise _unknown()
    valid_until = datetime.fromtimestamp(int(shape["until"]), UTC)
    if now >= valid_until:
        raise Refused(Why.STALE, "This link is too old to answer with. Open the incident and answer there.")
    return AnswerLink(
        incident_id=shape["incident"],
        user_id=shape["user"],
        action=_ANSWERS[shape["letter"]],
        valid_until=valid_until,
        round=int(shape["round"]),
    )


def _mac(key: bytes, said: str) -> str:
    digest = hmac.digest(key, f"tocsin answer {_VERSION} {said}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:_MAC_BYTES]).rstrip(b"=").decode("ascii")


def _unknown() -> Refused:
    return Refused(Why.NOT_FOUND, "This link is not one of ours, or a part of it is lost. Copy it whole from the page.")
