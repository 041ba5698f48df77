"""Simulate from a shell: who would be paged is told minute by minute, and a night without anybody has its own code."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.cli.town_hall import Hall
from tocsin.cli.ending import Ended
from tocsin.cli.instant import instant_of

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture
def reachable(town_hall: Hall) -> Iterator[Hall]:
    """The town hall with an owner whom its node can reach: nothing carries mail there, but it can call a webhook."""
    headers = {"Authorization": f"Token token={town_hall.shell.variables['TOCSIN_TOKEN']}"}
    path = f"/users/{town_hall.owner_id}/contact_methods"
    method = {"type": "webhook_contact_method", "label": "Hook", "address": "http://127.0.0.1:9/secret"}
    with httpx2.Client(base_url=town_hall.node.said["http"], headers=headers, timeout=20) as client:
        answer = client.post(path, json={"contact_method": method})
        assert answer.status_code == 201, answer.text
        made = answer.json()["contact_method"]
        for urgency in ("high", "low"):
            rule = {"type": "assignment_notification_rule", "start_delay_in_minutes": 0, "urgency": urgency}
            rule |= {"contact_method": {"id": made["id"], "type": made["type"]}}
            answer = client.post(f"/users/{town_hall.owner_id}/notification_rules", json={"notification_rule": rule})
            assert answer.status_code == 201, answer.text
        yield town_hall
        assert client.delete(f"{path}/{made['id']}").status_code == 204


def test_who_would_be_paged_is_told_minute_by_minute(reachable: Hall) -> None:
    done = reachable.shell.run("simulate", "checkout", "--at", "2027-03-02T03:00:00+00:00")
    assert done.code == 0, done
    assert "   +0:00  An incident opens on checkout with high urgency" in done.out
    assert "   +0:00  Level 1 calls Ann Archer: named there." in done.out
    assert "Ann Archer is told by webhook (Hook, http://127.0.0.1/•••)." in done.out
    assert "  +30:00  The policy is spent: it stays with Ann Archer, and nobody else is called." in done.out
    assert "secret" not in done.out
    assert "If the whole policy has nobody:\n          owners and administrators: Ann Archer" in done.out
    assert "!   No provider carries email here, so Ann Archer is not told by it." in done.out


def test_an_answer_is_played_and_programs_read_json(reachable: Hall) -> None:
    shell = reachable.shell
    found = shell.json("simulate", "--policy", "All", "--ack", "Ann Archer +4m", "--urgency", "low")["simulation"]
    assert found["ends"]["kind"] == "acknowledged"
    assert found["ends"]["after_s"] == 240
    assert found["urgency"] == "low"
    by_address = shell.json("simulate", reachable.service_id, "--ack", "ann@example.org +90s")["simulation"]
    assert by_address["ends"]["after_s"] == 90


def test_an_event_is_tried_before_it_is_sent(reachable: Hall, tmp_path: Path) -> None:
    event = {
        "routing_key": reachable.shell.variables["TOCSIN_ROUTING_KEY"],
        "event_action": "trigger",
        "payload": {"summary": "disk full", "source": "db1", "severity": "info"},
    }
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    found = reachable.shell.json("simulate", "--event", str(file))["simulation"]
    assert found["service"]["id"] == reachable.service_id
    file.write_text("not json")
    assert reachable.shell.run("simulate", "--event", str(file)).code == 2


def test_a_night_without_anybody_ends_with_a_code_of_its_own(town_hall: Hall) -> None:
    done = town_hall.shell.run("simulate", "checkout")
    assert done.code == 5, done
    assert "Nobody at all would be told." in done.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "Name one of these"),
        (("checkout", "--policy", "All"), 2, "Name one of these"),
        (("check",), 4, "Did you mean: checkout?"),
        (("nothing-like-it",), 4, "There is no service"),
        (("checkout", "--at", "soon"), 2, "tonight 03:00"),
        (("checkout", "--at", "tonight"), 2, "Write the time too"),
        (("checkout", "--ack", "Ann"), 2, "+4m"),
    ],
)
def test_what_was_typed_wrongly_is_told(town_hall: Hall, words: tuple[str, ...], code: int, said: str) -> None:
    done = town_hall.shell.run("simulate", *words)
    assert done.code == code, done
    assert said in done.err


NOON = datetime(2027, 3, 2, 12, 0, 30).astimezone()


@pytest.mark.parametrize(
    ("text", "days", "hour"),
    [
        ("tonight 03:00", 1, 3),
        ("tonight 23:00", 0, 23),
        ("Tomorrow 3:00", 1, 3),
        ("tomorrow 23:00", 1, 23),
        ("today 03:00", 0, 3),
    ],
)
def test_a_time_is_read_from_the_wall_of_this_machine(text: str, days: int, hour: int) -> None:
    assert instant_of(text, NOON) == datetime(2027, 3, 2 + days, hour).astimezone()


def test_an_instant_is_read_in_iso_and_now_is_now() -> None:
    assert instant_of("2027-03-02T03:00+01:00") == datetime(2027, 3, 2, 2, tzinfo=UTC)
    assert instant_of("now", NOON) == NOON
    assert abs(instant_of("now") - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(Ended):
        instant_of("tonight 25:00")
