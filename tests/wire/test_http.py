"""HTTP: each way an exchange can end, over real sockets, and nothing that a header or an answer can break."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.town import tls
from tests.town.webhook_sink import (
    CHUNKED,
    CUT_EARLY,
    EARLY_HINT,
    ENDLESS_HEADERS,
    GARBAGE,
    HANG,
    HUGE,
    RESET,
    SLOW,
    UNTIL_CLOSE,
    Sink,
    answer,
    webhook_sink,
)
from tocsin.ground import clock
from tocsin.ground.errors import Refused, Why
from tocsin.wire import Wire
from tocsin.wire.exchange import Answer, Request, Unanswered, Unsent, target

PATIENCE = timedelta(seconds=0.5)


@asynccontextmanager
async def _town() -> AsyncIterator[tuple[Sink, Wire]]:
    wire = Wire(allowed_networks=["127.0.0.0/8"], patience=PATIENCE)
    async with webhook_sink() as sink:
        yield sink, wire
        await wire.close()


@pytest.mark.parametrize(
    ("doing", "ending"),
    [
        (200, Answer), (404, Answer), (503, Answer), (SLOW, Answer), (CHUNKED, Answer), (UNTIL_CLOSE, Answer),
        (EARLY_HINT, Answer), (HUGE, Answer), (HANG, Unanswered), (RESET, Unanswered), (GARBAGE, Unanswered),
        (ENDLESS_HEADERS, Unanswered), (CUT_EARLY, Unanswered), (answer(204), Answer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", Unanswered),
    ],
)  # fmt: skip # a table reads better in rows
async def test_each_way_it_can_end(doing: int | str | bytes, ending: type) -> None:
    async with _town() as (sink, wire):
        sink.will(doing)
        began = clock.seconds()
        assert isinstance(await wire.http.send(Request(url=sink.url, body=b"{}")), ending)
        assert clock.seconds() - began < 2
        after = await wire.http.send(Request(url=sink.url, body=b"{}"))
        assert isinstance(after, Answer)
        assert after.status == 200


async def test_a_body_is_read_up_to_its_cap() -> None:
    async with _town() as (sink, wire):
        sink.will(HUGE, CHUNKED, UNTIL_CLOSE)
        ended = [await wire.http.send(Request(url=sink.url)) for _ in range(3)]
    bodies = [(len(end.body), end.whole) for end in ended if isinstance(end, Answer)]
    assert bodies == [(64 * 1024, False), (2, True), (3, True)]


async def test_lines_are_shared_and_bounded() -> None:
    async with _town() as (sink, wire):
        for _ in range(10):
            await wire.http.send(Request(url=sink.url))
        assert sink.lines == 1
        ended = await asyncio.gather(*(wire.http.send(Request(url=sink.url, body=b"x" * 500)) for _ in range(300)))
        assert all(isinstance(end, Answer) for end in ended)
        assert len(sink.caught) == 310
        assert sink.lines <= 32


async def test_an_idle_line_is_let_go() -> None:
    async with _town() as (sink, wire):
        await wire.http.send(Request(url=sink.url))
        await asyncio.sleep(3.2)
        await wire.http.send(Request(url=sink.url))
        assert sink.lines == 2


async def test_a_caller_that_gives_up_leaves_no_line_behind() -> None:
    async with _town() as (sink, wire):
        sink.will(HANG)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await wire.http.send(Request(url=sink.url))
        ended = await wire.http.send(Request(url=sink.url))
        assert isinstance(ended, Answer)


async def test_where_nobody_listens_nothing_was_sent() -> None:
    wire = Wire(allowed_networks=["127.0.0.0/8"], patience=PATIENCE)
    for url in ("http://127.0.0.1:9/", "http://no-such-name.invalid/", f"http://{'a' * 64}.invalid/"):
        assert isinstance(await wire.http.send(Request(url=url)), Unsent)
    await wire.close()


async def test_tls_is_checked_against_the_name(tmp_path: Path) -> None:
    pair = tls.pair(tmp_path)

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.1",)

    async with webhook_sink(context=pair.server) as sink:
        wire = Wire(allowed_networks=["127.0.0.0/8"], trust=lambda: pair.client, resolve=resolve, patience=PATIENCE)
        assert isinstance(await wire.http.send(Request(url=f"https://localhost:{sink.port}/")), Answer)
        other = await wire.http.send(Request(url=f"https://other.example:{sink.port}/"))
        await wire.close()
        strangers = Wire(allowed_networks=["127.0.0.0/8"], patience=PATIENCE)
        stranger = await strangers.http.send(Request(url=sink.url))
        await strangers.close()
    assert isinstance(other, Unsent)
    assert isinstance(stranger, Unsent)
    assert "certificate is not trusted" in other.text
    assert "certificate is not trusted" in stranger.text


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-C: d"}, {"X-A": "b\nc"}, {"X-A": "b\x00"}, {"X A": "b"}, {"": "b"}, {"X-A\r\n": "b"},
        {"Host": "else.example"}, {"content-length": "0"}, {"Transfer-Encoding": "chunked"}, {"Ä": "b"},
    ],
)  # fmt: skip # a table reads better in rows
async def test_no_header_breaks_out_of_its_line(headers: dict[str, str]) -> None:
    async with _town() as (sink, wire):
        with pytest.raises(Refused) as caught:
            await wire.http.send(Request(url=sink.url, headers=headers))
        assert caught.value.why is Why.INVALID
        assert sink.lines == 0


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "//a.test/", "ftp://a.test/", "file:///etc/passwd", "http://", "http://:80/", "http://a.test:0/",
        "http://a.test:99999/", "http://a.test:x/", "http://u:p@a.test/", "http://u@a.test/", "http://a.test/\r\nX: y",
        "http://a.test/ b", "http://[::1/", "http://" + "a" * 2100, "gopher://a.test/", "http://a\x00.test/",
    ],
)  # fmt: skip # a table reads better in rows
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(Refused) as caught:
        target(url)
    assert caught.value.why is Why.INVALID


def test_a_url_is_written_in_ascii() -> None:
    found = target("https://bücher.example/löschen?x=ü#teil")
    assert found.name == "xn--bcher-kva.example"
    assert found.path == "/l%C3%B6schen?x=%C3%BC"
    assert found.origin.port == 443
