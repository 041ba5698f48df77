"""Manifest: everything there is to know about one tool, as data: what it sends, and what its words mean here."""

import tomllib
from typing import Literal

import msgspec
from msgspec import Struct, field

from tocsin.ground.errors import Refused, Why

LONGEST_WEBHOOK = 1024 * 1024  # bytes; the largest batch seen is Alertmanager's, which cuts itself at half of it

Content = Literal["json", "form", "text", "lines"]
Scheme = Literal["url-key", "bearer", "basic", "hmac"]
Category = Literal["monitoring", "cloud", "delivery", "errors", "logs", "security", "synthetic", "generic"]
Origin = Literal["captured", "vendor", "community"]
Word = Literal["critical", "error", "warning", "info"]


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a manifest; a member that nobody knows is a fault, so that a slip of the pen is found."""


class AcceptPart(_Part, frozen=True):
    """What of a request is taken; the contents are tried in their order."""

    methods: tuple[Literal["POST", "PUT", "GET"], ...] = ("POST",)
    content: tuple[Content, ...] = ("json",)
    max_bytes: int = LONGEST_WEBHOOK


class Verify(_Part, frozen=True):
    """How a request proves where it comes from, once the integration has a secret.

    `signed` says what a signature covers: `{body}` and names of headers in braces. The first of them whose headers
    are all there counts. `tolerance_s` is in seconds, `separator` parts several signatures in one header.
    """

    scheme: Scheme = "url-key"
    header: str = "Authorization"
    prefix: str | None = None
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    signed: tuple[str, ...] = ("{body}",)
    timestamp_header: str = ""
    tolerance_s: int = 300
    separator: str = ""
    key_encoding: Literal["text", "base64"] = "text"


class OverloadPart(_Part, frozen=True):
    """The status that makes this sender try again later."""

    status: int = 503


class DecodePart(_Part, frozen=True):
    """Where the alerts of a payload are (`each`; absent: the payload is one), and names for parts of an alert."""

    each: str = ""
    let: dict[str, str] = {}


class WhenPart(_Part, frozen=True):
    """What must hold for a payload of this tool, what is only a greeting, and which alerts call nobody."""

    require: str = ""
    handshake: str = ""
    ignore: str = ""


class LinkPart(_Part, frozen=True):
    """A link: its text as it is, its address an expression."""

    text: str
    href: str


class ImagePart(_Part, frozen=True):
    """A picture: its description as it is, its address an expression."""

    alt: str
    src: str


class EventPart(_Part, frozen=True):
    """What an alert says, each as an expression."""

    action: str
    dedup: tuple[str, ...]
    summary: str
    source: str = ""
    severity: str = ""
    time: str = ""
    component: str = ""
    group: str = ""
    class_name: str = field(default="", name="class")
    client: str = ""
    client_url: str = ""
    links: tuple[LinkPart, ...] = ()
    images: tuple[ImagePart, ...] = ()
    details: dict[str, str] = {}


class ChangePart(_Part, frozen=True):
    """What a deployment or another change says; `when` tells it from an alert."""

    summary: str
    when: str = ""
    source: str = ""
    time: str = ""
    links: tuple[LinkPart, ...] = ()
    details: dict[str, str] = {}


class Manifest(_Part, frozen=True):
    """One tool. `vendor_id` is part of the wire and never changes; `guide` is Markdown with `{{ url }}` in it.

    `resolves` is False for a tool that never says that a problem is over.
    """

    id: str
    name: str
    category: Category
    website: str
    description: str
    vendor_id: str
    origin: Origin
    guide: str
    resolves: bool = True
    accept: AcceptPart = AcceptPart()
    verify: Verify = Verify()
    overload: OverloadPart = OverloadPart()
    decode: DecodePart = DecodePart()
    when: WhenPart = WhenPart()
    event: EventPart | None = None
    change: ChangePart | None = None
    severity: dict[str, Word] = {}


URL = "{{ url }}"  # stands for the address in a guide; other braces in it are the tool's own


def guide_of(manifest: Manifest, url: str) -> str:
    """Return the manifest's guide with an integration's own address in it, as Markdown."""
    return manifest.guide.strip().replace(URL, url) + "\n"


def read_manifest(text: str) -> Manifest:
    """Return the manifest that a TOML text holds.

    Raises `Refused` for what is not TOML and for fields that are missing, unknown or of the wrong type; whether its
    expressions can be read is `faults_of`'s question.
    """
    try:
        return msgspec.convert(tomllib.loads(text), Manifest)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as failure:
        raise Refused(Why.INVALID, f"The manifest cannot be read: {failure}.") from None
