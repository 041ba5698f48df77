"""Verification: whether a request really comes from the tool that holds the integration's secret."""

import base64
import binascii
import hmac
import re
from datetime import datetime

from tocsin.domain.mapping.manifest import Verify
from tocsin.domain.mapping.request import Request
from tocsin.ground.errors import Refused, Why

MOST_SIGNATURES = 10  # listed in one header; two, during a change of secret, is usual

PLACEHOLDER = re.compile(r"\{([A-Za-z0-9-]+)\}")
BODY = "body"

_STANDARD_PREFIX = "whsec_"  # of the secrets of Standard Webhooks, which are base64 behind it


def check(verify: Verify, request: Request, secret: str | None, now: datetime) -> None:
    """Return when the request proves that its sender knows the secret; without a secret nothing is asked.

    Raises `Refused` otherwise, in words that help to find the mistake and give nothing away. Everything secret is
    compared in constant time.
    """
    if secret is None or verify.scheme == "url-key":
        return
    if verify.scheme == "hmac":
        _check_signature(verify, request, secret, now)
    else:
        _check_credential(verify, request, secret)


def _check_credential(verify: Verify, request: Request, secret: str) -> None:
    said = _header(verify, request)
    if verify.scheme == "basic":
        prefix, expected = "Basic ", base64.b64encode(secret.encode()).decode()
    else:
        prefix, expected = "Bearer " if verify.prefix is None else verify.prefix, secret
    in_form = said[: len(prefix)].lower() == prefix.lower()
    if not in_form or not _same(said[len(prefix) :].strip(), expected):
        raise _unproven(f"The header {verify.header} does not hold the secret of this integration.")


def _check_signature(verify: Verify, request: Request, secret: str, now: datetime) -> None:
    said = _header(verify, request)
    listed = (said.split(verify.separator) if verify.separator else [said])[:MOST_SIGNATURES]
    prefix = verify.prefix or ""
    candidates = [one.strip().removeprefix(prefix) for one in listed if one.strip().startswith(prefix)]
    template = next((one for one in verify.signed if _complete(one, request)), None)
    if template is None:
        raise _unproven(f"A header is missing that the signature covers: {verify.signed[-1]}.")
    digest = hmac.digest(_key(verify, secret), _covered(template, request), verify.algorithm)
    expected = digest.hex() if verify.encoding == "hex" else base64.b64encode(digest).decode()
    if verify.encoding == "hex":
        candidates = [one.lower() for one in candidates]
    if not any([_same(one, expected) for one in candidates]):  # noqa: C419 - a list, so that no pair is skipped and time says nothing
        raise _unproven(f"The signature in {verify.header} was not made over this body with this integration's secret.")
    if verify.timestamp_header and f"{{{verify.timestamp_header.lower()}}}" in template.lower():
        _check_age(verify, request, now)


def _check_age(verify: Verify, request: Request, now: datetime) -> None:
    """Refuse what was signed long ago, or will be: somebody may have kept a copy."""
    said = request.headers[verify.timestamp_header.lower()].strip()
    if not said.isascii() or not said.isdigit() or abs(now.timestamp() - int(said[:18])) > verify.tolerance_s:
        raise _unproven(
            f"{verify.timestamp_header} is more than {verify.tolerance_s} seconds away from now; check both clocks."
        )


def _header(verify: Verify, request: Request) -> str:
    said = request.headers.get(verify.header.lower())
    if said is None:
        raise _unproven(f"The header {verify.header} is missing; this integration has a secret.")
    return said.strip()


def _complete(template: str, request: Request) -> bool:
    return all(name == BODY or name.lower() in request.headers for name in PLACEHOLDER.findall(template))


def _covered(template: str, request: Request) -> bytes:
    """Return the bytes that are signed; header values are put in as they are, so that braces in them mean nothing."""
    parts = PLACEHOLDER.split(template)
    filled = [part.encode() for part in parts]
    for at in range(1, len(parts), 2):
        name = parts[at]
        filled[at] = request.body if name == BODY else request.headers[name.lower()].encode("latin-1", "replace")
    return b"".join(filled)


def _key(verify: Verify, secret: str) -> bytes:
    if verify.key_encoding == "text":
        return secret.encode()
    try:
        return base64.b64decode(secret.strip().removeprefix(_STANDARD_PREFIX), validate=True)
    except binascii.Error:
        raise _unproven("The secret of this integration is not base64; copy it from the tool once more.") from None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _unproven(message: str) -> Refused:
    return Refused(Why.UNAUTHENTICATED, message)
