"""Contact methods: the addresses at which a person can be reached, each in the form of its channel."""

from typing import Final, NamedTuple
from urllib.parse import urlsplit

import phonenumbers

from tocsin.domain.people.user import checked_email
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import squash

MOST_METHODS: Final = 50  # of one user: far above what anybody has, below what a runaway script makes
LONGEST_LABEL: Final = 100  # characters
_LONGEST_URL: Final = 2_000  # characters; what proxies and servers commonly accept
_LONGEST_DEVICE: Final = 4_096  # characters of a push subscription
_PHONES: Final = frozenset({"sms", "voice", "whatsapp"})
_DEFAULT_COUNTRY: Final = 1  # PagerDuty's default country code


class Reached(NamedTuple):
    """A checked address; the country code only where the address is a telephone number."""

    address: str
    country_code: int | None


def checked_address(channel: str, address: str, country_code: int | None) -> Reached:
    """Return the address in the one form in which it is kept; raise `Refused` (invalid) when it cannot be one.

    Telephone numbers are kept as national digits beside their country code, as PagerDuty's clients send and
    compare them; whether such a number could exist is asked of Google's metadata.
    """
    if channel in _PHONES:
        return _phone(address, country_code)
    if channel == "email":
        return Reached(checked_email(address), None)
    if channel == "webhook":
        return Reached(_url(address), None)
    text = address.strip()
    if not text or len(text) > _LONGEST_DEVICE:
        raise Refused(Why.INVALID, "Address can't be blank")
    return Reached(text, None)


def checked_label(text: str) -> str:
    """Return the label with its spaces tidied; raise `Refused` (invalid) when it is empty or too long."""
    label = squash(text)
    if not label or len(label) > LONGEST_LABEL:
        raise Refused(Why.INVALID, f"Label is between 1 and {LONGEST_LABEL} characters long.")
    return label


def _phone(address: str, country_code: int | None) -> Reached:
    text = address.strip()
    international = text if text.startswith("+") else f"+{country_code or _DEFAULT_COUNTRY}{text}"
    try:
        number = phonenumbers.parse(international)
    except phonenumbers.NumberParseException as failure:
        raise Refused(Why.INVALID, "Address is not a telephone number.") from failure
    if not phonenumbers.is_possible_number(number):
        raise Refused(Why.INVALID, "Address is too short or too long for a telephone number of this country.")
    digits = phonenumbers.national_significant_number(number)
    return Reached(digits, number.country_code)


def _url(address: str) -> str:
    text = address.strip()
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        fits = False
    if not fits or len(text) > _LONGEST_URL or any(character.isspace() for character in text):
        raise Refused(Why.INVALID, "Address is not an http or https address without a password in it.")
    return text
