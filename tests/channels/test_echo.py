"""Echo: the channel of the program's own probe."""

from datetime import UTC, datetime

from tocsin.channels import discovered
from tocsin.domain.paging.channel import Accepted, Address
from tocsin.domain.paging.message import Message
from tocsin.wire import Wire

PAGE = Message(kind="page", sent_at=datetime(2026, 11, 24, 3, tzinfo=UTC), title="Probe 1")


async def test_echo_takes_every_page() -> None:
    """The key comes back as the provider's name for the page."""
    channel = discovered()["echo"]
    wire = Wire()
    (provider,) = channel.providers(channel.settings(), wire)
    assert await provider.send(PAGE, Address(channel="echo", address="echo", person="Probe"), "key-1") == Accepted(
        "key-1"
    )
    await provider.close()
    await wire.close()
