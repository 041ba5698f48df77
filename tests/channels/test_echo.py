"""Echo: a page that comes back to the program itself."""

from datetime import UTC, datetime

from tocsin.channels import discovered
from tocsin.domain.paging.channel import Accepted, Address, Rejected
from tocsin.domain.paging.message import Message
from tocsin.wire import Wire

ECHO = discovered()["echo"]
PAGE = Message(kind="page", sent_at=datetime(2026, 11, 24, 3, tzinfo=UTC), title="Probe 1")


async def test_echo_tells_the_listener_which_page_came_out() -> None:
    """The listener hears the title, and the key comes back as the provider's name for the page."""
    heard: list[str] = []
    wire = Wire()
    (provider,) = ECHO.providers(ECHO.settings(heard=heard.append), wire)
    answer = await provider.send(PAGE, Address(channel="echo", address="echo", person="Probe"), "key-1")
    assert answer == Accepted("key-1")
    assert heard == ["Probe 1"]
    await wire.close()


async def test_echo_carries_nothing_for_other_channels() -> None:
    """A page of another channel is refused for good, so that it fails aloud."""
    wire = Wire()
    (provider,) = ECHO.providers(ECHO.settings(heard=lambda _title: None), wire)
    answer = await provider.send(PAGE, Address(channel="sms", address="+491700000000", person="Probe"), "key-1")
    assert isinstance(answer, Rejected)
    await wire.close()


async def test_without_a_listener_there_is_no_provider() -> None:
    """A node without a probe offers no echo."""
    wire = Wire()
    assert ECHO.providers(ECHO.settings(), wire) == ()
    await wire.close()
