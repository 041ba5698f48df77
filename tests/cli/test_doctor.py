"""Doctor: a healthy installation is well, and each thing that is broken is named with what to do."""

import json
from pathlib import Path

import pytest

from tests.cli.shell import Done, Shell, shell
from tests.cli.town_hall import Hall
from tests.town.mailbox import mailbox

pytestmark = pytest.mark.xdist_group("cli")


def verdicts(done: Done) -> dict[str, str]:
    """Return the verdict of each check."""
    return {finding["check"]: finding["verdict"] for finding in done.json["findings"]}


def mail(port: int) -> dict[str, str]:
    """Return the variables that name a mail server on this machine."""
    server = {"host": "127.0.0.1", "port": port, "security": "plain"}
    return {"TOCSIN_CHANNELS": json.dumps({"email": {"servers": [server]}})}


async def test_a_healthy_house_is_well(town_hall: Hall) -> None:
    import asyncio

    async with mailbox() as box:
        done = await asyncio.to_thread(town_hall.shell.run, "--output", "json", "doctor", **mail(box.port))
    assert done.code == 0, done
    assert set(verdicts(done).values()) <= {"ok", "warn"}
    assert verdicts(done)["promises"] == "ok"
    assert verdicts(done)[f"mail 127.0.0.1:{box.port}"] == "ok"
    assert not box.letters


def test_people_read_a_table(town_hall: Hall) -> None:
    done = town_hall.shell.run("doctor")
    assert done.code == 0, done
    assert "fsync" in done.out


def test_what_is_broken_is_named(town_hall: Hall, tmp_path: Path) -> None:
    done = town_hall.shell.run("--output", "json", "doctor", TOCSIN_KEY_FILE=str(tmp_path / "lost.key"), **mail(1))
    assert done.code == 5
    assert verdicts(done)["key file"] == "fail"
    assert verdicts(done)["mail 127.0.0.1:1"] == "fail"
    away = "host=127.0.0.1 port=1 user=x connect_timeout=2"
    done = town_hall.shell.run("--output", "json", "doctor", TOCSIN_DATABASE_URL=away)
    assert done.code == 5
    assert verdicts(done)["database"] == "fail"


def test_where_nothing_is_nothing_is_made() -> None:
    with shell() as place:
        nowhere = Shell(place.data_dir / "nowhere")
        done = nowhere.run("--output", "json", "doctor")
        assert done.code == 5
        assert not nowhere.data_dir.exists()


def test_the_doctor_looks_ahead(town_hall: Hall) -> None:
    done = town_hall.shell.run("--output", "json", "doctor", "--coverage", "--days", "14")
    assert done.code == 0, done
    assert {finding["check"] for finding in done.json["findings"]} == {"coverage"}
    assert done.json["findings"][-1]["saw"].endswith("somebody can be reached at every instant of 14 days")
