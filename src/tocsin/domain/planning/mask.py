"""Masked addresses: enough of an address to recognise one's own, too little to use somebody else's."""

from urllib.parse import urlsplit

_DOTS = "•••"
_SHOWN_DIGITS = 2  # of a telephone number
_PHONES = frozenset({"sms", "voice", "whatsapp"})


def masked(channel: str, address: str) -> str:
    """Return the address with most of it hidden: `a•••@example.org`, `•••67`, `https://hooks.example.org/•••`."""
    if channel == "email":
        local, _, domain = address.rpartition("@")
        return f"{local[:1]}{_DOTS}@{domain}"
    if channel in _PHONES:
        return f"{_DOTS}{address[-_SHOWN_DIGITS:]}"
    if channel == "webhook":
        try:
            parts = urlsplit(address)
        except ValueError:
            return _DOTS
        return f"{parts.scheme}://{parts.hostname or ''}/{_DOTS}"
    return _DOTS
