"""Send: an event gets through a receiver that is away for a moment, and a refusal is told at once."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from tests.cli.shell import Json
from tocsin.cli import run

KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Receiver:
    """Another receiver of events: what it answers next, and what it got."""

    answers: deque[int]
    url: str = ""
    got: list[tuple[str, Json]] = field(default_factory=list)


@contextmanager
def receiver(*answers: int) -> Iterator[Receiver]:
    """Run a receiver that gives these answers and accepts everything afterwards."""
    told = Receiver(deque(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.got.append((self.path, msgspec.json.decode(body)))
            status = told.answers.popleft() if told.answers else 202
            answer = {"status": "success", "dedup_key": "k1"} if status == 202 else {"message": "no", "errors": ["why"]}
            content = msgspec.json.encode(answer)
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(told: Receiver, *arguments: str) -> int:
    return run(["send", *arguments, "--key", KEY, "--url", told.url])


def test_it_is_tried_again_while_the_receiver_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    with receiver(503, 429) as told:
        assert send(told, "trigger", "disk full") == 0
    assert len(told.got) == 3
    assert capsys.readouterr().out.strip() == "k1"


def test_time_is_up(capsys: pytest.CaptureFixture[str]) -> None:
    with receiver(503) as told:
        assert send(told, "trigger", "disk full", "--retry-for", "0") == 3
    assert "cannot take the event now" in capsys.readouterr().err


def test_a_refusal_is_final(capsys: pytest.CaptureFixture[str]) -> None:
    with receiver(400) as told:
        assert send(told, "trigger", "disk full") == 1
    assert len(told.got) == 1
    assert "why" in capsys.readouterr().err


def test_details_and_links_arrive(capsys: pytest.CaptureFixture[str], tmp_path: pytest.TempPathFactory) -> None:
    with receiver() as told:
        arguments = ("--detail", "disk=/dev/sda1", "--link", "https://x.example", "--class", "disk", "--dedup-key", "d")
        assert send(told, "trigger", "disk full", *arguments) == 0
        assert send(told, "resolve", "d") == 0
        assert send(told, "change", "deployed") == 0
        assert send(told, "trigger", "disk full", "--detail", "nonsense") == 2
    (path, event), (_, resolve), (change_path, change) = told.got
    assert path == "/v2/enqueue"
    assert event["payload"]["custom_details"] == {"disk": "/dev/sda1"}
    assert event["payload"]["class"] == "disk"
    assert event["links"] == [{"href": "https://x.example"}]
    assert (event["dedup_key"], event["routing_key"], event["event_action"]) == ("d", KEY, "trigger")
    assert resolve == {"routing_key": KEY, "event_action": "resolve", "dedup_key": "d"}
    assert change_path == "/v2/change/enqueue"
    assert change["payload"]["summary"] == "deployed"
