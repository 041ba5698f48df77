"""Request: what a tool sent, as far as its meaning goes: method, headers, query and body."""

from collections.abc import Mapping

from msgspec import Struct


class Request(Struct, frozen=True):
    """One request of a tool. Names of headers are in lower case; of equal names of the query the last one counts."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
