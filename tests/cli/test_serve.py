"""Serve: a node starts with one command, says where it is, and stops when it is told to."""

import json
import signal
import socket

import httpx2
import pytest

from tests.cli.shell import Shell, serving, shell
from tests.cli.town_hall import claimed
from tocsin.cli.node import trust

pytestmark = pytest.mark.xdist_group("cli-serve")


def test_it_says_where_it_answers_and_stops_in_order() -> None:
    with shell() as place, serving(place) as node:
        assert node.said["setup_token"]
        assert node.said["data_dir"] == str(place.data_dir)
        assert httpx2.get(f"{node.said['http']}/readyz", timeout=20).status_code == 200
        authority = trust(place.data_dir / "tls" / "authority.crt")
        with httpx2.Client(verify=authority, timeout=20) as client:
            assert client.get(f"{node.said['https']}/healthz").text == "ok\n"
        assert claimed(node.said)["api_token"].startswith("u+")
        _second_start_is_refused(place)
        assert node.stop() == 0
        with serving(place, "--duties", "api,accept") as again:
            assert again.said["setup_token"] is None
            assert again.said["duties"] == ["api", "accept"]
            again.process.send_signal(signal.SIGINT)
            assert again.process.wait(30) == 0


def _second_start_is_refused(place: Shell) -> None:
    done = place.run("serve")
    assert done.code == 1
    assert "is in use by process" in done.err
    assert "Traceback" not in done.err


def test_a_taken_port_is_one_clear_sentence() -> None:
    with shell() as place, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = place.run("serve", TOCSIN_HTTP=f"127.0.0.1:{port}")
    assert done.code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        (("--duties", "api,cook"), {}, "There is no duty cook"),
        ((), {"TOCSIN_TLS": "maybe"}, "The configuration is wrong"),
        ((), {"TOCSIN_CHANNELS": "{"}, "TOCSIN_CHANNELS is not JSON"),
        ((), {"TOCSIN_DATABASE_URL": "host=127.0.0.1 port=1 user=x connect_timeout=2"}, "cannot be reached"),
    ],
)
def test_what_cannot_start_says_why(arguments: tuple[str, ...], variables: dict[str, str], sentence: str) -> None:
    with shell() as place:
        done = place.run("serve", *arguments, **variables)
    assert done.code in {1, 3}
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_a_second_interrupt_stops_at_once_and_the_next_start_goes_on() -> None:
    with shell() as place:
        with serving(place) as node:
            owner = claimed(node.said)
            node.process.send_signal(signal.SIGSTOP)  # both signals are there when it looks again
            node.process.send_signal(signal.SIGINT)
            node.process.send_signal(signal.SIGTERM)
            node.process.send_signal(signal.SIGCONT)
            assert node.process.wait(30) in {0, 130}
        with serving(place) as again:
            place.variables |= {"TOCSIN_URL": again.said["http"], "TOCSIN_TOKEN": owner["api_token"]}
            assert place.json("user", "list")["users"]


def test_the_log_is_json_lines_without_secrets() -> None:
    with shell() as place:
        with serving(place) as node:
            token = claimed(node.said)["api_token"]
            assert node.stop() == 0
        lines = (place.data_dir / "serve.log").read_text().splitlines()
    assert lines
    assert all(json.loads(line)["event"] for line in lines)
    assert token not in "".join(lines)
    assert node.said["setup_token"] not in "".join(lines)
