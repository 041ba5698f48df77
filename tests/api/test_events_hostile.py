"""Hostile events: no ugly request breaks a door, and each is answered with what is wrong with it."""

import asyncio

from tests.api.doorstep import KEY, Answer, Doorstep, open_doors
from tests.api.hostile import CHANGE, V1, V2, Case, cases, change, v1, v2
from tocsin.api.body import SlowBodies

MANY = 150  # requests that the table must have at least


def _complaint(case: Case, answer: Answer) -> str | None:
    said = answer.body.decode()
    if answer.status != case.status:
        return f"{case.name}: {answer.status} in place of {case.status}: {said[:200]}"
    if case.words not in said:
        return f"{case.name}: the answer does not say {case.words!r}: {said[:200]}"
    if answer.headers.get("content-type") != "application/json":
        return f"{case.name}: not JSON"
    return None


async def _still_well(doorstep: Doorstep) -> None:
    for path, body, status in ((V2, v2(), 202), (CHANGE, change(), 202), (V1, v1(), 200)):
        assert (await doorstep.post(path, body)).status == status


async def test_no_ugly_content_breaks_a_door(database: str) -> None:
    table = cases()
    assert len(table) >= MANY
    async with open_doors(database) as doorstep:
        complaints = []
        for case in table:
            answer = await doorstep.post(case.path, case.body, case.headers)
            complaint = _complaint(case, answer)
            complaints.extend([complaint] if complaint else [])
        assert not complaints, "\n".join(complaints)
        await _still_well(doorstep)
    accepted = sum(case.status in {200, 202} for case in table) + 3
    assert len(doorstep.stored()) == accepted


def _request(*lines: str, body: bytes = b"", method: str = "POST", path: str = V2) -> bytes:
    head = [f"{method} {path} HTTP/1.1", *lines]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


_KEYLESS = v2(routing_key=...)
_KEYLESS_LENGTH = f"Content-Length: {len(_KEYLESS)}"
_LENGTH = f"Content-Length: {len(v2())}"
RAW: tuple[tuple[str, bytes, int], ...] = (
    ("no host", _request(_LENGTH, body=v2()), 400),
    ("empty host", _request("Host:", _LENGTH, body=v2()), 400),
    ("two hosts", _request("Host: a", "Host: b", _LENGTH, body=v2()), 400),
    ("two equal hosts", _request("Host: a", "Host: a", _LENGTH, body=v2()), 400),
    ("length and chunks", _request("Host: a", "Transfer-Encoding: chunked", _LENGTH, body=v2()), 400),
    ("chunks and length", _request("Host: a", _LENGTH, "Transfer-Encoding: chunked", body=v2()), 400),
    ("two lengths", _request("Host: a", _LENGTH, "Content-Length: 3", body=v2()), 400),
    ("negative length", _request("Host: a", "Content-Length: -5", body=v2()), 400),
    ("word as length", _request("Host: a", "Content-Length: many", body=v2()), 400),
    ("endless length", _request("Host: a", "Content-Length: 99999999999999999999999", body=v2()), 400),
    ("huge length", _request("Host: a", "Content-Length: 999999999999", body=v2()), 413),
    ("huge expected length", _request("Host: a", "Content-Length: 999999999999", "Expect: 100-continue"), 413),
    ("odd transfer", _request("Host: a", "Transfer-Encoding: gzip", body=v2()), 400),
    ("bad chunk", _request("Host: a", "Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"), 400),
    ("chunk overflow", _request("Host: a", "Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\n{}\r\n"), 400),
    ("long header", _request("Host: a", "X-A: " + "a" * 60_000, _LENGTH, body=v2()), 431),
    ("many headers", _request("Host: a", *[f"X-{n}: {'a' * 20}" for n in range(2000)], _LENGTH, body=v2()), 431),
    ("space in a name", _request("Host: a", "X A: b", _LENGTH, body=v2()), 400),
    ("no version", b"POST /v2/enqueue\r\n\r\n", 400),
    ("nonsense", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("words", b"hello there\r\n\r\n", 400),
    ("get", _request("Host: a", method="GET"), 405),
    ("get with a body", _request("Host: a", _LENGTH, method="GET", body=v2()), 405),
    ("put", _request("Host: a", _LENGTH, method="PUT", body=v2()), 405),
    ("delete", _request("Host: a", method="DELETE"), 405),
    ("head", _request("Host: a", method="HEAD"), 405),
    ("options", _request("Host: a", method="OPTIONS"), 204),
    ("http 1.0 without host", b"POST /v2/enqueue HTTP/1.0\r\n" + _LENGTH.encode() + b"\r\n\r\n" + v2(), 202),
    ("slashes", _request("Host: a", _LENGTH, path="//v2///enqueue//", body=v2()), 202),
    ("key in the header", _request("Host: a", "X-Routing-Key: " + KEY, _KEYLESS_LENGTH, body=_KEYLESS), 202),
    ("unknown key in the header", _request("Host: a", "X-Routing-Key: " + "9" * 32, _LENGTH, body=v2()), 400),
    ("odd key in the header", _request("Host: a", "X-Routing-Key: \xe9\xe9", _LENGTH, body=v2()), 400),
    ("expected", _request("Host: a", "Expect: 417-nonsense", _LENGTH, body=v2()), 202),
    ("upgrade", _request("Host: a", "Connection: Upgrade", "Upgrade: h2c", _LENGTH, body=v2()), 202),
)  # fmt: skip


async def test_no_ugly_http_breaks_a_door(database: str) -> None:
    async with open_doors(database, slow=SlowBodies(within_s=0.5)) as doorstep:
        complaints = []
        for name, request, status in RAW:
            answer = await doorstep.raw(request)
            if answer.status != status:
                complaints.append(f"{name}: {answer.status} in place of {status}: {answer.body[:200]!r}")
        assert not complaints, "\n".join(complaints)
        await _still_well(doorstep)


async def test_slow_bodies_are_refused_in_time(database: str) -> None:
    head = "POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n"
    async with open_doors(database, slow=SlowBodies(within_s=0.5)) as doorstep:
        paths = (V2, CHANGE, V1, "/incidents")
        answers = await asyncio.gather(*(doorstep.raw(head.format(path).encode() + b'{"a": "') for path in paths))
        assert [answer.status for answer in answers] == [408] * 4
        assert {answer.headers["connection"] for answer in answers} == {"close"}
        await _still_well(doorstep)


async def test_senders_that_leave_leave_nothing_behind(database: str) -> None:
    async with open_doors(database) as doorstep:
        for cut in (0, 20, 60, 120, 200):
            _, writer = await asyncio.open_connection("127.0.0.1", doorstep.port)
            writer.write(_request("Host: a", _LENGTH, body=v2())[:cut])
            await writer.drain()
            writer.close()
        await _still_well(doorstep)


async def test_a_100_continue_is_given_before_the_body(database: str) -> None:
    async with open_doors(database) as doorstep:
        reader, writer = await asyncio.open_connection("127.0.0.1", doorstep.port)
        writer.write(_request("Host: a", _LENGTH, "Expect: 100-continue"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(v2())
        assert (await reader.readline()).startswith(b"HTTP/1.1 202")
        writer.close()
