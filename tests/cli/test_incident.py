"""Incident: an event sent from a shell becomes an incident that is answered from a shell."""

import pytest

from tests.cli.town_hall import Hall

pytestmark = pytest.mark.xdist_group("cli")


def opened(hall: Hall, summary: str) -> int:
    """Send an event and return the number of the incident that it opens."""
    hall.shell.json("send", "trigger", summary, "--detail", "disk=/dev/sda1", "--severity", "error")
    for _ in range(50):
        rows = hall.shell.json("incident", "list")["incidents"]
        for row in rows:
            if row["title"] == summary:
                number: int = row["incident_number"]
                return number
    raise AssertionError(f"no incident {summary}")


def test_an_incident_lives_its_life_from_the_shell(town_hall: Hall) -> None:
    shell = town_hall.shell
    number = opened(town_hall, "disk full on db1")
    listed = shell.run("incident", "list")
    assert listed.code == 0
    assert "disk full on db1" in listed.out
    assert "triggered" in listed.out
    acknowledged = shell.json("incident", "ack", f"#{number}")["incidents"]
    assert [row["status"] for row in acknowledged] == ["acknowledged"]
    shell.json("incident", "note", str(number), "looking at it")
    snoozed = shell.json("incident", "snooze", str(number), "30m")["incidents"][0]
    assert {action["type"] for action in snoozed["pending_actions"]} >= {"unacknowledge"}
    given = shell.json("incident", "reassign", str(number), "ann@example.org")["incidents"][0]
    assert [one["assignee"]["id"] for one in given["assignments"]] == [town_hall.owner_id]
    shell.json("incident", "resolve", str(number))
    seen = shell.json("incident", "show", str(number))
    assert seen["incident"]["status"] == "resolved"
    assert seen["log_entries"][0]["type"] == "trigger_log_entry"
    told = shell.run("incident", "show", seen["incident"]["id"])
    assert "Resolved" in told.out
    assert shell.json("incident", "list", "--all", "--status", "resolved")["incidents"]


def test_many_are_answered_at_once(town_hall: Hall) -> None:
    numbers = [opened(town_hall, f"rack {rack} is hot") for rack in (1, 2)]
    rows = town_hall.shell.json("incident", "resolve", *map(str, numbers))["incidents"]
    assert {row["status"] for row in rows} == {"resolved"}


def test_an_event_is_acknowledged_and_resolved_by_its_dedup_key(town_hall: Hall) -> None:
    shell = town_hall.shell
    number = opened(town_hall, "queue is long")
    key = shell.run("send", "trigger", "queue is long", "--dedup-key", "queue/1").out.strip()
    assert key == "queue/1"
    assert shell.run("send", "acknowledge", key).out.strip() == key
    assert shell.json("send", "resolve", key)["dedup_key"] == key
    assert shell.run("send", "change", "deployed 1.2.3", "--link", "https://ci.example/7").code == 0
    assert shell.json("incident", "resolve", str(number))["incidents"]


def test_exit_codes_tell_what_went_wrong(town_hall: Hall) -> None:
    shell = town_hall.shell
    assert shell.run("incident", "show", "999999").code == 4
    assert shell.run("incident", "ack", "QNOSUCHTHING").code == 4
    assert shell.run("incident", "snooze", "1", "a while").code == 2
    assert shell.run("incident", "list", TOCSIN_TOKEN="wrong").code == 1
    assert shell.run("incident", "list", TOCSIN_TOKEN="").code == 2
    assert shell.run("incident", "list", TOCSIN_URL="http://127.0.0.1:1").code == 3
    done = shell.run("--output", "json", "incident", "show", "999999")
    assert done.json["error"]["code"] == done.code == 4


def test_an_account_token_answers_for_somebody(town_hall: Hall) -> None:
    shell = town_hall.shell
    number = opened(town_hall, "needs a name")
    account = shell.json("token", "create", "ci", "--account")["token"]["token"]
    refused = shell.run("incident", "ack", str(number), TOCSIN_TOKEN=account)
    assert refused.code == 1
    done = shell.run("incident", "ack", str(number), "--as", "ann@example.org", TOCSIN_TOKEN=account)
    assert done.code == 0, done
    shell.json("incident", "resolve", str(number))
