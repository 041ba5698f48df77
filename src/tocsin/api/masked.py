"""Masking: what people may read of a request that a tool sent, with everything that could be a secret left out."""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Final

MASK: Final = "***"
SHORTEST_SECRET: Final = 6  # characters; what is shorter stands in ordinary text too often to be blotted out
# Words in the names of headers and parameters whose values let somebody in, or prove who sent them.
_TELLING = re.compile(r"auth|cookie|credential|hmac|key|password|secret|session|sign|token", re.IGNORECASE)


def masked(named: Mapping[str, str], secrets: Iterable[str], *, also: Container[str] = ()) -> dict[str, str]:
    """Return headers or parameters without what their names say is secret, and without these secrets anywhere.

    `also` are further names, in lower case, whose values are secret.
    """
    known = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
    return {
        name: MASK if name.lower() in also or _TELLING.search(name) else _blotted(value, known)
        for name, value in named.items()
    }


def masked_body(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return a body without these secrets."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            body = body.replace(secret.encode(), MASK.encode())
    return body


def _blotted(value: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        value = value.replace(secret, MASK)
    return value
