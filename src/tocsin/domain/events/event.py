"""Event: what a monitoring tool said, once it has been understood: something broke, is looked after, or is well."""

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from tocsin.domain.events.severity import DEFAULT_SEVERITY, Severity

Json = object  # what `msgspec.json.decode` returns: a dict, list, str, int, float, bool or None

Channel = Literal["events_v2", "events_v1"]


class Action(StrEnum):
    """What an event asks for."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


class Link(Struct, frozen=True, omit_defaults=True):
    """A page that helps: a graph, a runbook, the tool's own view of the problem."""

    href: str
    text: str | None = None


class Image(Struct, frozen=True, omit_defaults=True):
    """A picture of the problem, usually a graph."""

    src: str
    href: str | None = None
    alt: str | None = None


class Event(Struct, frozen=True, omit_defaults=True):
    """One event, free of the sender's dialect; its JSON is the body of an inbox row of kind `event`.

    Every text is free of NUL and lone surrogates, `summary` has at most 1,024 characters and `dedup_key` at most
    255. `timestamp` is the sender's own text, parsed or not: it is shown, never decided on.
    """

    action: Action
    dedup_key: str
    summary: str = ""
    source: str = ""
    severity: Severity = DEFAULT_SEVERITY
    component: str | None = None
    group: str | None = None
    class_name: str | None = None
    timestamp: str | None = None
    details: Json = None
    client: str | None = None
    client_url: str | None = None
    links: tuple[Link, ...] = ()
    images: tuple[Image, ...] = ()
    channel: Channel = "events_v2"
