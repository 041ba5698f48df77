"""Users: what may be known about a person, and which names and addresses are taken as such."""

import re
from typing import Final

from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import squash

LONGEST_NAME: Final = 100  # characters; PagerDuty's bound for a user's name
LONGEST_EMAIL: Final = 254  # characters; the longest address that SMTP can carry (RFC 5321, erratum 1690)
LONGEST_TEXT: Final = 1_000  # characters of a description or job title
DEFAULT_COLOR: Final = "purple"
DEFAULT_ZONE: Final = "Etc/UTC"

# Deliberately loose: only a mail server knows which addresses exist.
_EMAIL = re.compile(r"[^@\s<>\"(),:;\[\]\\]+@[^@\s<>\"(),:;\[\]\\]+")


def checked_email(text: str) -> str:
    """Return the e-mail address without outer spaces; raise `Refused` (invalid) when it cannot be one."""
    email = text.strip()
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise Refused(Why.INVALID, "Email is not an e-mail address, such as ada@example.org.")
    return email


def checked_name(text: str) -> str:
    """Return the name with its spaces tidied; raise `Refused` (invalid) when it is empty or too long."""
    name = squash(text)
    if not name:
        raise Refused(Why.INVALID, "Name can't be blank")
    if len(name) > LONGEST_NAME:
        raise Refused(Why.INVALID, f"Name is at most {LONGEST_NAME} characters long.")
    return name


def checked_text(text: str | None, name: str) -> str | None:
    """Return a description or job title as it is; raise `Refused` (invalid) when it is too long."""
    if text is not None and len(text) > LONGEST_TEXT:
        raise Refused(Why.INVALID, f"{name} is at most {LONGEST_TEXT} characters long.")
    return text
