"""Addresses of feeds: a secret that follows from the feed's id and the key file, and that no database holds."""

import base64
import hashlib
import hmac

PURPOSE = "calendar feed"  # of the key that addresses are made with
FOLDER = "/calendars"
ENDING = ".ics"


def path_of(key: bytes, feed_id: str) -> str:
    """Return the path at which a feed is fetched; whoever knows it may."""
    return f"{FOLDER}/{feed_id}-{_secret(key, feed_id)}{ENDING}"


def feed_named(key: bytes, name: str) -> str | None:
    """Return the id of the feed that the last part of a path names, or None when its secret is not the right one."""
    feed_id, _, secret = name.removesuffix(ENDING).partition("-")
    right = _secret(key, feed_id)
    return feed_id if hmac.compare_digest(secret.encode("utf-8", "replace"), right.encode()) else None


def _secret(key: bytes, feed_id: str) -> str:
    code = hmac.new(key, feed_id.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(code).rstrip(b"=").decode()
