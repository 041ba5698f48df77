"""Integration: one tool's door into a service, found by its routing key."""

import hashlib
from typing import Literal

from msgspec import Struct

IntegrationKind = Literal[
    "events_api_v2",
    "generic_events_api",
    "event_transformer_api",
    "aws_cloudwatch",
    "cloudkick",
    "keynote",
    "nagios",
    "pingdom",
    "sql_monitor",
]

DEFAULT_KIND: IntegrationKind = "events_api_v2"


class Integration(Struct, frozen=True):
    """One tool's door into a service; every kind takes alert events and change events under the same key."""

    id: str
    service_id: str
    kind: str
    name: str


def routing_key_hash(routing_key: str) -> bytes:
    """Return what is kept and looked up in place of a routing key: its SHA-256.

    A routing key is 128 bits of chance, so a plain hash cannot be searched backwards.
    """
    return hashlib.sha256(routing_key.encode()).digest()
