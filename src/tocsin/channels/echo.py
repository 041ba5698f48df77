"""Echo: a page that comes back to the program itself, which thereby knows that pages come out."""

from collections.abc import Callable

from msgspec import Struct

from tocsin.domain.paging.channel import Accepted, Address, Channel, Outcome, Provider, Rejected
from tocsin.domain.paging.message import Message
from tocsin.wire import Wire


class EchoSettings(Struct, frozen=True, kw_only=True):
    """Who listens inside the program; without a listener the channel has no provider."""

    heard: Callable[[str], None] | None = None


class Echo:
    """Hands each page back, by its title."""

    name = "echo"

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard

    async def send(self, message: Message, to: Address, key: str) -> Outcome:
        """Tell the listener which page came out."""
        if to.channel != CHANNEL.kind:
            return Rejected("channel", "this provider carries echoes only")
        self._heard(message.title)
        return Accepted(key)

    async def close(self) -> None:
        """Nothing is held."""


def _providers(settings: EchoSettings, _wire: Wire) -> tuple[Provider, ...]:
    return () if settings.heard is None else (Echo(settings.heard),)


def _check_address(address: str) -> str:
    return address.strip() or "echo"


CHANNEL = Channel(
    kind="echo",
    says="Back to Tocsin itself, for its own probe",
    limit=None,
    settings=EchoSettings,
    providers=_providers,
    check_address=_check_address,
)
