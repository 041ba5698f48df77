"""The door of native webhooks: each tool in its own words, answered when all is on disk, and every request kept."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.api.doorstep import INTEGRATION, KEY, Answer, Doorstep, configure, echo, serving, web
from tocsin.api.events import doors
from tocsin.api.hooks import hooks
from tocsin.api.receivers import SECRET_COLUMN, TABLE, Receivers
from tocsin.api.senders import DOOR
from tocsin.api.shell import Checks, Shell
from tocsin.domain.events import Allowance
from tocsin.engine.accept import Accept
from tocsin.store.keyring import Keyring
from tocsin.store.requests import LONGEST_KEPT, MOST_KEPT, RequestBook
from tocsin.store.turn import Store

PATH = f"{DOOR}{KEY}"
ALERTMANAGER, GRAFANA = "PTALRTM", "PTGRAFA"
SECRET = "correct horse battery staple"

Kept = dict[str, Any]


async def _ready() -> str | None:
    return None


class Hall(Doorstep):
    """A doorstep with the door of webhooks, and what was kept of its requests."""

    async def tell(self, body: object, *, path: str = PATH, **headers: str) -> Answer:
        """Send this as JSON."""
        return await self.post(path, json.dumps(body).encode(), headers)

    async def kept(self, count: int, *, seconds: float = 5) -> list[Kept]:
        """Return the kept requests, newest first, once there are so many."""
        async with asyncio.timeout(seconds):
            while True:
                if len(rows := self._rows()) == count:
                    return rows
                await asyncio.sleep(0.05)

    def _rows(self) -> list[Kept]:
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute("SELECT to_jsonb(r), r.body FROM integration_request r ORDER BY id DESC")
            return [{**row, "body": body} for row, body in found]


@asynccontextmanager
async def open_hall(
    dsn: str,
    key_file: Path,
    *,
    vendor: str | None = ALERTMANAGER,
    secret: str | None = None,
    allowance: Allowance | None = None,
) -> AsyncIterator[Hall]:
    """Open the doors for an integration of this vendor, which signs with this secret."""
    configure(dsn)
    store = Store(dsn)
    await store.open()
    keyring = await Keyring.load(store, key_file)
    sealed = keyring.seal(secret.encode(), table=TABLE, row_id=INTEGRATION, column=SECRET_COLUMN) if secret else None
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE integration SET vendor_id = %s, signing_secret_sealed = %s", (vendor, sealed))
    accept, book = Accept(store, allowance=allowance), RequestBook(store)
    all_doors = doors(accept) | hooks(accept, Receivers(store, keyring), book)
    shell = Shell(doors=all_doors, rest=echo, web=web, checks=Checks(_ready, lambda: b"up 1\n"))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(accept.run())
            group.create_task(book.run())
            try:
                async with serving(shell) as port:
                    yield Hall(port, dsn, accept, store)
            finally:
                accept.close()
                book.close()
    finally:
        await store.close()


def alert(name: str, *, status: str = "firing", **labels: str) -> dict[str, object]:
    """Return an alert as Alertmanager writes it."""
    return {
        "status": status,
        "labels": {"alertname": name, "instance": "db-1", "severity": "critical", **labels},
        "annotations": {"summary": f"{name} on db-1"},
        "startsAt": "2026-11-24T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": "0123456789abcdef",
    }


def group(*alerts: dict[str, object], status: str = "firing") -> dict[str, object]:
    """Return a request of Alertmanager with these alerts; `status` is the envelope's, which nobody must believe."""
    return {
        "version": "4", "receiver": "tocsin", "status": status, "alerts": list(alerts), "groupKey": "{}:{}",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alerts.example",
        "truncatedAlerts": 0,
    }  # fmt: skip


async def test_every_alert_of_a_batch_is_on_disk_before_the_answer(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key") as hall:
        answer = await hall.tell(group(alert("DiskFull"), alert("Watchdog"), alert("CpuHot", status="resolved")))
        assert answer.status == 202
        stored = [(kind, json.loads(body)) for kind, body, _ in hall.stored()]
    keys = answer.json["dedup_keys"]
    assert isinstance(keys, list)
    assert answer.json == {"status": "success", "accepted": 2, "ignored": 1, "dedup_keys": keys}
    assert sorted((kind, event["action"], event["dedup_key"]) for kind, event in stored) == sorted([
        ("event", "trigger", keys[0]), ("event", "resolve", keys[1]),
    ])  # fmt: skip
    assert len(set(keys)) == 2


async def test_the_same_problem_has_the_same_key_whatever_the_envelope_says(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key") as hall:
        first = (await hall.tell(group(alert("DiskFull", replica="a")))).json["dedup_keys"]
        assert (await hall.tell(group(alert("DiskFull", replica="b"), status="resolved"))).json["dedup_keys"] == first
        assert {json.loads(body)["action"] for _, body, _ in hall.stored()} == {"trigger"}


async def test_a_request_is_kept_with_what_became_of_it_and_without_its_secrets(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key", secret=SECRET) as hall:
        body = group(alert("DiskFull", note=f"the key is {KEY}"))
        headers = {"Authorization": f"Bearer {SECRET}", "X-Note": f"see {PATH}", "X-Api-Token": "abc"}
        answer = await hall.post(f"{PATH}?token=abc&team=db", json.dumps(body).encode(), headers)
        assert answer.status == 202
        (row,) = await hall.kept(1)
    assert (row["integration_id"], row["method"], row["status"], row["why"]) == (INTEGRATION, "POST", 202, None)
    assert row["events"] == [
        {"kind": "event", "action": "trigger", "dedup_key": answer.json["dedup_keys"][0], "summary": "DiskFull on db-1"}  # type: ignore[index]  # an answer's list of keys
    ]
    assert row["headers"]["authorization"] == row["headers"]["x-api-token"] == row["query"]["token"] == "***"
    assert row["headers"]["x-note"] == f"see {DOOR}***"
    assert row["query"]["team"] == "db"
    assert b"the key is ***" in row["body"]
    assert KEY not in str(row)
    assert SECRET not in str(row)


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"{", 400, "JSON"),
        (b"", 400, "JSON"),
        (b'{"alerts": "none"}', 400, "missing"),
        (b'{"alerts": [{"status": "firing"}], "pad": "' + b"x" * (1024 * 1024) + b'"}', 413, "larger"),
    ],
)
async def test_what_cannot_be_read_is_refused_and_kept(
    database: str, tmp_path: Path, body: bytes, status: int, why: str
) -> None:
    async with open_hall(database, tmp_path / "key") as hall:
        answer = await hall.post(PATH, body)
        assert (answer.status, answer.json["status"]) == (status, "invalid request")
        (row,) = await hall.kept(1)
        assert hall.stored() == []
    assert row["status"] == status
    assert why in row["why"]
    assert (row["body"], row["events"]) == (b"" if status == 413 else body, [])


async def test_readable_alerts_count_beside_broken_ones(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key") as hall:
        answer = await hall.tell(group(alert("DiskFull"), {"status": "firing", "labels": {}}))
        assert (answer.status, answer.json["accepted"]) == (202, 1)
        assert "Alert 2" in str(answer.json["errors"])
        (row,) = await hall.kept(1)
    assert (row["status"], len(row["events"])) == (202, 1)
    assert "Alert 2" in row["why"]


async def test_a_secret_is_asked_for_once_there_is_one(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key", secret=SECRET) as hall:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": SECRET}):
            assert (await hall.tell(group(alert("DiskFull")), **headers)).status == 401
        assert hall.stored() == []
        rows = await hall.kept(3)
    assert {row["status"] for row in rows} == {401}
    assert "wrong" not in str([row["headers"] for row in rows])


async def test_only_keys_and_tools_that_are_known_get_through(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key", vendor=None) as hall:
        assert (await hall.tell(group(), path=f"{DOOR}{'0' * 32}")).status == 404
        assert (await hall.tell(group(), path=f"{PATH}/more")).status == 404
        answer = await hall.tell(group(alert("DiskFull")))
        assert (answer.status, "vendor" in str(answer.json["message"])) == (400, True)
        (row,) = await hall.kept(1)
    assert row["status"] == 400


async def test_the_method_is_the_one_that_the_tool_uses(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key", vendor=GRAFANA) as hall:
        answer = await hall.raw(f"DELETE {PATH} HTTP/1.1\r\nHost: tocsin.test\r\n\r\n".encode())
        assert answer.status == 405
        assert "POST" in str(answer.json["message"])


async def test_packed_bodies_and_untidy_addresses_are_understood(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key") as hall:
        packed = gzip.compress(json.dumps(group(alert("DiskFull"))).encode())
        assert (await hall.post(f"/{PATH}/", packed, {"Content-Encoding": "gzip"})).status == 202
        (row,) = await hall.kept(1)
    assert row["body"].startswith(b"{")


async def test_overload_is_said_so_that_the_sender_tries_again(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key", allowance=Allowance(per_minute=2)) as hall:
        answer = await hall.tell(group(alert("A"), alert("B"), alert("C")))
        assert (answer.status, answer.json["accepted"]) == (202, 3)
        answer = await hall.tell(group(alert("D")))
        assert (answer.status, answer.json["status"]) == (503, "throttle exceeded")
        assert answer.headers["retry-after"] == "5"
        assert len(hall.stored()) == 3
        await hall.kept(1)


async def test_nothing_is_promised_while_the_program_stops(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key") as hall:
        assert (await hall.tell(group(alert("A")))).status == 202
        hall.accept.close()
        answer = await hall.tell(group(alert("B")))
        assert (answer.status, answer.json["status"]) == (503, "service unavailable")


async def test_only_the_newest_requests_are_kept(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key") as hall:
        for number in range(MOST_KEPT + 5):
            assert (await hall.tell(group(alert(f"A{number}")))).status == 202
            if number == MOST_KEPT // 2:
                await asyncio.sleep(0.6)  # so that the newest come in more than one batch
        rows = await hall.kept(MOST_KEPT)
        await asyncio.sleep(0.6)
        rows = await hall.kept(MOST_KEPT)
        assert rows[0]["events"][0]["summary"] == f"A{MOST_KEPT + 4} on db-1"


async def test_only_the_beginning_of_a_long_body_is_kept(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key") as hall:
        assert (await hall.tell({**group(alert("Long")), "pad": "x" * LONGEST_KEPT})).status == 202
        (row,) = await hall.kept(1)
    assert len(row["body"]) == LONGEST_KEPT < row["size"]


async def test_ugly_characters_harm_neither_the_event_nor_what_is_kept(database: str, tmp_path: Path) -> None:
    async with open_hall(database, tmp_path / "key") as hall:
        body = json.dumps(group(alert("Disk\0Full", pod="\ud800"), alert("Watchdog"))).encode()
        answer = await hall.post(f"{PATH}?q=%00%ff", body, {"X-Note": "cr\u00e8me"})
        assert (answer.status, answer.json["accepted"], answer.json["ignored"]) == (202, 1, 1)
        (row,) = await hall.kept(1)
    assert row["body"] == body
    assert row["events"][0]["summary"] == "Disk\ufffdFull on db-1"
    assert row["query"]["q"].startswith("\ufffd")
