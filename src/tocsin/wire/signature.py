"""Signatures: how the receiver of a webhook knows that it came from this installation and was not changed."""

import hashlib
import hmac
from collections.abc import Sequence

HEADER = "X-PagerDuty-Signature"  # the header and form that PagerDuty's v3 webhooks use, so receivers need no change
_SCHEME = "v1="
MOST_SIGNATURES = 10  # listed in one header; two during a change of secret is usual


def secrets_of(text: str | None) -> tuple[bytes, ...]:
    """Return the signing secrets of an address: none, one, or several separated by spaces, newest first."""
    return tuple(secret.encode() for secret in text.split()) if text else ()


def sign(body: bytes, secrets: Sequence[bytes]) -> str:
    """Return the header's value for a body: one `v1=<hex HMAC-SHA256>` for each secret, separated by commas."""
    return ",".join(_SCHEME + hmac.digest(secret, body, hashlib.sha256).hex() for secret in secrets)


def genuine(body: bytes, header: str, secrets: Sequence[bytes]) -> bool:
    """Tell whether one of the signatures of a header was made over exactly this body with one of the secrets.

    Every pair is compared in constant time and as bytes, so that a header with letters beyond ASCII is merely wrong.
    """
    listed = [part.strip().encode("utf-8", "replace") for part in header.split(",")[:MOST_SIGNATURES]]
    expected = [sign(body, (secret,)).encode("ascii") for secret in secrets]
    return any([hmac.compare_digest(one, other) for one in listed for other in expected])  # noqa: C419 - a list, so that no pair is skipped and time says nothing
