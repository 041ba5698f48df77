"""Channels: what every way of reaching a person owes, and the four answers a provider may give."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from tocsin.domain.paging.message import Message

SettingsT = TypeVar("SettingsT")
WireT = TypeVar("WireT")


class Address(Struct, frozen=True, kw_only=True):
    """Where one contact method leads: its channel, the address in that channel's form, and whose it is.

    `secret` is what proves us to the receiver (a webhook's signing secret; several, newest first, are separated by
    spaces while one replaces another). It never appears in a text of this program.
    """

    channel: str
    address: str
    person: str
    secret: str | None = None
    country_code: int | None = None

    def __repr__(self) -> str:
        """Say where it leads, never the secret, so that a log line or a traceback may show an address."""
        return f"Address({self.channel} {self.address!r} of {self.person!r})"


class Accepted(Struct, frozen=True, tag=True):
    """The provider took the message; `ref` is its name for it, if it gave one."""

    ref: str | None = None


class Rejected(Struct, frozen=True, tag=True):
    """The provider will never take this message for this address; the next provider or rule is tried at once."""

    code: str
    text: str


class Temporary(Struct, frozen=True, tag=True):
    """Nothing was taken, and the same attempt may succeed after so many seconds."""

    text: str
    retry_after_s: float


class Lost(Struct, frozen=True, tag=True):
    """Unknown: the message left, no answer came, it may or may not have arrived."""

    text: str


Outcome = Accepted | Rejected | Temporary | Lost


class Provider(Protocol):
    """Who carries a channel: one mail server, one SMS company, the receiver of a webhook itself."""

    @property
    def name(self) -> str:
        """The name shown in an incident's log, unique within the channel."""

    @property
    def lines(self) -> int:
        """How many messages it carries at once; more would only wait inside it, where an answer cannot stop them."""

    def send(self, message: Message, to: Address, key: str) -> Coroutine[Any, Any, Outcome]:
        """Hand the message over once and say how it ended.

        The same `key` stands for the same page: a repeat carries the same identity for the receiver. Never raises
        for what the world does (refusals, silence, cut lines): those are outcomes.
        """

    def close(self) -> Coroutine[Any, Any, None]:
        """Let go of connections; the provider is not used afterwards."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many messages one contact method takes within a stretch; what comes on top is bundled into one."""

    count: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Channel(Generic[SettingsT, WireT]):
    """One way to reach a person, as its file in `channels/` declares it.

    `settings` is the shape of its settings, `providers` makes those who carry it, in the order to try them (none
    when the settings name none), and `check_address` returns an address in its normal form or raises `Refused`.
    """

    kind: str
    says: str
    limit: Limit | None
    settings: type[SettingsT]
    providers: Callable[[SettingsT, WireT], tuple[Provider, ...]]
    check_address: Callable[[str], str]
