"""Line: clients that never finish their first sentence are hung up on, and Java's offer of HTTP/2 costs no body."""

import asyncio

import pytest

from tests.api.doorstep import Answer, Doorstep, echo, read_answer, serving, web
from tocsin.api.line import LONGEST_HEAD, Line
from tocsin.api.shell import Checks, Shell


class _Impatient(Line):
    head_within_s = 0.3


async def _ready() -> str | None:
    return None


def _shell() -> Shell:
    return Shell(doors={}, rest=echo, web=web, checks=Checks(_ready, bytes))


async def _told(port: int, *parts: bytes, pause_s: float = 0.0) -> Answer:
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for part in parts:
                writer.write(part)
                await asyncio.sleep(pause_s)
            return await read_answer(reader)
        except ConnectionError:
            return Answer(0, {}, b"")
        finally:
            writer.close()


@pytest.mark.parametrize("parts", [(), (b"P",), (b"POST / HTTP/1.1\r\nHost: a\r\nX-",)])
async def test_a_head_that_never_ends_is_hung_up_on(parts: tuple[bytes, ...]) -> None:
    async with serving(_shell(), _Impatient) as port:
        assert (await _told(port, *parts)).status == 0
        assert (await Doorstep(port, "", None, None).post("/x", b"{}")).status == 200  # type: ignore[arg-type] # no door is used


async def test_a_head_that_drips_is_hung_up_on() -> None:
    async with serving(_shell(), _Impatient) as port:
        drips = [b"GET / HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 20]
        assert (await _told(port, *drips, pause_s=0.05)).status == 0


async def test_a_head_in_pieces_is_understood() -> None:
    async with serving(_shell(), _Impatient) as port:
        answer = await _told(port, b"GET /x HT", b"TP/1.1\r\nHost", b": a\r\n\r\n", pause_s=0.05)
        assert answer.json["path"] == "/x"


async def test_an_endless_head_is_not_kept() -> None:
    async with serving(_shell()) as port:
        flood = [b"GET / HTTP/1.1\r\nHost: a\r\nX-A: "] + [b"a" * 65_536] * (LONGEST_HEAD // 65_536 + 2)
        assert (await _told(port, *flood, pause_s=0.02)).status == 0


async def test_a_kept_connection_answers_many_requests() -> None:
    async with serving(_shell(), _Impatient) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for n in range(5):
            writer.write(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n)
            assert (await read_answer(reader)).json["path"] == f"/{n}"
            await asyncio.sleep(0.2)
        writer.close()


async def test_an_offer_of_http_2_costs_no_body() -> None:
    async with serving(_shell()) as port:
        offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAEAAEAAAAIAAAAB"}
        answer = await Doorstep(port, "", None, None).post("/x", b'{"a": 1}', offer)  # type: ignore[arg-type] # no door is used
        assert answer.json["body"] == '{"a": 1}'
