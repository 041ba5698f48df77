"""Console: a page is a few lines, and a broken stream is told, not raised."""

import io
from pathlib import Path

import msgspec

from tests.channels.exam import A_PAGE
from tocsin.channels.console import CHANNEL, ConsoleSettings
from tocsin.domain.paging.channel import Accepted, Address, Temporary
from tocsin.wire import Wire

BO = Address(channel="console", address="console", person="Bo")


async def test_a_page_is_written_to_the_given_stream() -> None:
    stream = io.StringIO()
    (provider,) = CHANNEL.providers(ConsoleSettings(stream=stream), Wire())
    assert await provider.send(A_PAGE, BO, "page-1") == Accepted("page-1")
    await provider.close()
    assert stream.getvalue() == (
        "Tue 24 Nov 2026, 03:12 CET · to Bo · page-1\n"
        "  [#7 high] Disk full on db1 · Payments\n"
        "  You are on call for Payments.\n"
        "  Acknowledge: https://tocsin.test/answer/1abc.a.1.0.Q.P\n"
    )


async def test_a_repeat_is_marked() -> None:
    stream = io.StringIO()
    (provider,) = CHANNEL.providers(ConsoleSettings(stream=stream), Wire())
    await provider.send(msgspec.structs.replace(A_PAGE, may_repeat=True), BO, "page-1")
    assert "[#7 high, may repeat]" in stream.getvalue()


async def test_a_page_is_added_to_the_named_file(tmp_path: Path) -> None:
    file = tmp_path / "pages.txt"
    settings = msgspec.convert({"path": str(file)}, ConsoleSettings)
    (provider,) = CHANNEL.providers(settings, Wire())
    await provider.send(A_PAGE, BO, "page-1")
    await provider.send(A_PAGE, BO, "page-2")
    assert file.read_text(encoding="utf-8").count("Disk full") == 2


async def test_a_stream_that_is_closed_may_heal() -> None:
    stream = io.StringIO()
    stream.close()
    (provider,) = CHANNEL.providers(ConsoleSettings(stream=stream), Wire())
    assert isinstance(await provider.send(A_PAGE, BO, "page-1"), Temporary)
