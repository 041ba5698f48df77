"""Loads: every answer is counted, refusals and broken lines too, and a slow answer cannot hide a wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import repeat

from tocsin.bench.event import event, events, template
from tocsin.bench.line import open_line, request
from tocsin.bench.load import closed, paced, refusals
from tocsin.bench.sink import a_sink

ASK = request("POST", "/", body=b"{}")
GOOD = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n"


@asynccontextmanager
async def a_server(
    answer: Callable[[int], bytes], *, slow_for: float = 0.0, in_pieces: bool = False
) -> AsyncIterator[int]:
    """Answer the nth request with these bytes; no bytes hang up."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while await reader.readexactly(len(ASK)):
                number = count = count + 1
                await asyncio.sleep(slow_for)
                said = answer(number)
                if not said:
                    break
                for piece in (said[at : at + 1] for at in range(len(said))) if in_pieces else (said,):
                    writer.write(piece)
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the load is over
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.02)  # the lines' own tasks take notice


async def test_a_closed_load_sends_everything_once() -> None:
    async with a_server(lambda _count: GOOD) as port:
        answers = await closed(port, repeat(ASK, 50), connections=4, until=lambda: False)
    assert len(answers) == 50
    assert not refusals(answers)


async def test_refusals_and_hung_up_lines_are_counted() -> None:
    async with a_server(lambda count: b"" if count == 9 else BUSY if count % 2 else GOOD) as port:
        answers = await closed(port, repeat(ASK, 20), connections=2, until=lambda: False)
    assert refusals(answers)[0] == 1
    assert refusals(answers)[429] >= 4


async def test_a_paced_load_counts_the_wait_for_a_free_line() -> None:
    async with a_server(lambda _count: GOOD, slow_for=0.05) as port:
        answers = await paced(port, [ASK] * 5, per_second=1000, connections=1)
    waits = [each.answered - each.due for each in answers]
    assert all(each.good for each in answers)
    assert waits[4] >= 0.2  # it stood behind four others


async def test_an_answer_in_pieces_is_put_together() -> None:
    async with a_server(lambda _count: GOOD, in_pieces=True) as port:
        line = await open_line(port)
        assert await line.ask(ASK) == (202, b"ok")
        line.close()


async def test_the_sink_notes_the_first_page_of_each_incident() -> None:
    async with a_sink() as sink:
        line = await open_line(sink.port)
        for title in ("one", "two", "one"):
            body = b'{"incident":{"title":"%s"}}' % title.encode()
            assert (await line.ask(request("POST", "/page", body=body)))[0] == 200
        assert await sink.wait(2, patience_s=1) == 2
        assert await sink.arrival("two") > await sink.arrival("one")
        assert sink.pages == 3
        assert await sink.wait(3, patience_s=0.01) == 2
        line.close()


def test_keys_are_all_different_or_come_again() -> None:
    different = events("k", "p")
    again = events("k", "p", different=3)
    assert len({next(different) for _ in range(10)}) == 10
    assert len({next(again) for _ in range(10)}) == 3
    assert 1000 < len(event("k" * 32, "key")) < 1500
    assert template("k").count("%KEY%") == 2
