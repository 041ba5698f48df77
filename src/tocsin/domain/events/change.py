"""Change: something was deployed or altered; it calls nobody and is shown beside incidents."""

from msgspec import Struct

from tocsin.domain.events.event import Image, Json, Link


class Change(Struct, frozen=True, omit_defaults=True):
    """One change; its JSON is the body of an inbox row of kind `change`. The promises of an event's texts hold."""

    summary: str
    source: str | None = None
    timestamp: str | None = None
    details: Json = None
    links: tuple[Link, ...] = ()
    images: tuple[Image, ...] = ()
