"""Shell: health is told, paths find their applications without redirects, and bodies arrive unpacked."""

import gzip

import pytest

from tests.api.doorstep import Doorstep, echo, open_doors, serving, web
from tests.api.hostile import v2
from tocsin.api.body import Unreadable, inflate
from tocsin.api.shell import Checks, Shell, fault_of


async def _get(doorstep: Doorstep, path: str) -> tuple[int, bytes]:
    answer = await doorstep.raw(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return answer.status, answer.body


async def test_health_is_told(database: str) -> None:
    async with open_doors(database) as doorstep:
        assert await _get(doorstep, "/healthz") == (200, b"ok\n")
        assert await _get(doorstep, "/readyz") == (200, b'{"status":"ready"}')
        assert await _get(doorstep, "/metrics") == (200, b"up 1\n")
        refused = await doorstep.post("/healthz", b"")
        assert refused.status == 405


async def test_a_house_that_is_not_ready_says_what_is_missing() -> None:
    async def missing() -> str | None:
        return "the database does not answer"

    shell = Shell(doors={}, rest=echo, web=web, checks=Checks(missing, bytes))
    async with serving(shell) as port:
        status, body = await _get(Doorstep(port, "", None, None), "/readyz")  # type: ignore[arg-type] # no door is used here
    assert (status, body) == (503, b'{"status":"not ready","missing":"the database does not answer"}')


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/incidents", "/incidents"), ("/incidents/", "/incidents"), ("//incidents///P1//", "/incidents/P1"),
        ("/", "/"), ("//", "/"), ("/a%2Fb/", "/a/b"), ("/applications", "/applications"),
    ],
)  # fmt: skip
async def test_slashes_are_squashed_in_place(path: str, seen: str) -> None:
    shell = Shell(doors={}, rest=echo, web=web, checks=Checks(_nothing, bytes))
    async with serving(shell) as port:
        answer = await Doorstep(port, "", None, None).post(path, b"{}")  # type: ignore[arg-type] # no door is used here
    assert (answer.status, answer.json["path"]) == (200, seen)


async def _nothing() -> str | None:
    return None


@pytest.mark.parametrize("path", ["/app", "/app/", "/app/incidents/P1", "/answer/x", "/login", "/setup"])
async def test_pages_are_for_the_web_application(path: str) -> None:
    shell = Shell(doors={}, rest=echo, web=web, checks=Checks(_nothing, bytes))
    async with serving(shell) as port:
        answer = await Doorstep(port, "", None, None).post(path, b"")  # type: ignore[arg-type] # no door is used here
    assert answer.json == {"web": True}


async def test_applications_get_the_body_whole_and_unpacked(database: str) -> None:
    async with open_doors(database) as doorstep:
        packed = gzip.compress(b'{"incident": 1}')
        answer = await doorstep.post("/incidents", packed, {"Content-Encoding": "gzip"})
        assert answer.json["body"] == '{"incident": 1}'
        chunked = b'4\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n'
        answer = await doorstep.post("/incidents", chunked, {"Transfer-Encoding": "chunked"})
        assert answer.json["body"] == '{"a": 1}'
        too_large = await doorstep.post("/incidents", b" " * 3_000_000)
        assert too_large.status == 413
        assert too_large.json["error"] == {
            "code": 2001, "message": "Invalid Input Provided", "errors": ["The body is larger than 2097152 bytes."],
        }  # fmt: skip


async def test_a_door_is_found_however_its_path_is_written(database: str) -> None:
    async with open_doors(database) as doorstep:
        for path in ("/v2/enqueue", "/v2/enqueue/", "//v2//enqueue"):
            assert (await doorstep.post(path, v2())).status == 202


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"host", b"a")], None),
        ([], 400),
        ([(b"host", b"")], 400),
        ([(b"host", b"a"), (b"host", b"a")], 400),
        ([(b"host", b"a"), (b"content-length", b"1"), (b"transfer-encoding", b"chunked")], 400),
        ([(b"host", b"a"), (b"content-encoding", b"gzip"), (b"content-encoding", b"gzip")], 400),
        ([(b"host", b"a"), (b"accept", b"a"), (b"accept", b"b")], None),
        ([(b"host", b"a"), (b"cookie", b"x" * 32_769)], 431),
    ],
)
def test_faults_are_seen_in_the_headers(headers: list[tuple[bytes, bytes]], status: int | None) -> None:
    fault = fault_of({"headers": headers, "http_version": "1.1"})
    assert (fault.status if fault else None) == status


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(Unreadable, match="unpacks to more"):
        inflate(gzip.compress(b"\0" * 10_000_000), 20_000_000)
    assert inflate(gzip.compress(b"{}" * 100), 200) == b"{}" * 100
