"""Echo: a page that goes nowhere, for the program's own probe, which only wants to know that pages come out."""

from msgspec import Struct

from tocsin.domain.paging.channel import Accepted, Address, Channel, Outcome, Provider
from tocsin.domain.paging.message import Message
from tocsin.wire import Wire


class EchoSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to set."""


class Echo:
    """Takes every page."""

    name = "echo"
    lines = 64

    async def send(self, message: Message, to: Address, key: str) -> Outcome:
        """Take the page; the key is all that is said of it again."""
        del message, to
        return Accepted(key)

    async def close(self) -> None:
        """Nothing is held."""


def _providers(_settings: EchoSettings, _wire: Wire) -> tuple[Provider, ...]:
    return (Echo(),)


def _check_address(address: str) -> str:
    return address.strip() or "echo"


CHANNEL = Channel(
    kind="echo",
    says="Nowhere: the program's own probe",
    limit=None,
    settings=EchoSettings,
    providers=_providers,
    check_address=_check_address,
)
