"""Messages: what a person is told, before any channel has found its words for it."""

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

MessageKind = Literal["page", "bundle", "digest", "status", "notice", "test"]


class BundleLine(Struct, frozen=True, kw_only=True):
    """One incident of a message that speaks of several."""

    number: int
    title: str
    service: str
    urgency: str
    url: str


class Message(Struct, frozen=True, kw_only=True):
    """What one person is told once.

    A `page` asks for an answer to one incident, a `bundle` names further incidents of a storm, a `digest` the ones
    that ran late while the pager was down, a `status` says what became of an incident, a `test` tries an address. A
    `notice` is about no incident and asks for no answer; its `reason` is what it says. Else `reason` is one sentence:
    why this person is told. `lines` may be fewer than `total`. `may_repeat` marks a message whose first handing ended
    unknown, so that the reader may see it twice. Times are instants; `time_zone` is the IANA name of the reader's
    zone, `locale` the reader's language. `body` is what a program receives beside the text.
    """

    kind: MessageKind
    sent_at: datetime
    incident_id: str = ""
    number: int = 0
    title: str = ""
    service: str = ""
    urgency: str = "high"
    status: str = "triggered"
    level: int = 0
    reason: str = ""
    created_at: datetime | None = None
    time_zone: str = "UTC"
    locale: str = "en"
    url: str = ""
    acknowledge_url: str | None = None
    resolve_url: str | None = None
    may_repeat: bool = False
    details: tuple[tuple[str, str], ...] = ()
    lines: tuple[BundleLine, ...] = ()
    total: int = 0
    body: dict[str, object] = field(default_factory=dict)
