"""Backup: an installation is saved while it runs, comes back elsewhere, and pages nobody until somebody says so."""

import psycopg
import pytest

from tests.cli.shell import shell
from tests.cli.town_hall import Hall, hall
from tocsin.cli.database import running_address
from tocsin.config import Config

pytestmark = pytest.mark.xdist_group("cli-backup")


@pytest.mark.slow
def test_an_installation_moves_to_another_machine() -> None:
    with hall() as old, shell() as new:
        old.shell.json("send", "trigger", "saved and restored")
        file = old.shell.data_dir / "saved.zip"
        saved = old.shell.json("backup", str(file))
        assert saved["rows"] > 0
        assert old.shell.run("backup", str(file)).code == 1
        assert old.shell.run("restore", str(file), "--replace").code == 1
        (new.data_dir / "master.key").write_bytes((old.shell.data_dir / "master.key").read_bytes())
        restored = new.json("restore", str(file))
        assert restored["rows"] == saved["rows"]
        assert new.run("restore", str(file)).code == 1
        waits = new.json("release", "--dry-run")
        assert waits["held"]
        assert not waits["released"]
        assert new.json("release", "--yes")["released"]
        assert not new.json("release", "--yes")["held"]
        assert new.json("audit", "verify")["intact"]
        assert new.json("migrate", "--check")["missing"] == []


@pytest.mark.slow
def test_tampering_with_the_audit_shows() -> None:
    with hall() as opened:
        place = opened.shell
        head = _sealed(opened)
        assert place.run("audit", "verify", "--anchor", head).code == 0
        dsn = running_address(Config(data_dir=place.data_dir))
        assert dsn
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                'UPDATE audit SET change = \'{"name": "innocent"}\' WHERE id = (SELECT min(id) FROM audit)'
            )
        done = place.run("audit", "verify")
        assert done.code == 5
        assert "is not what was sealed" in done.err
        assert place.run("audit", "verify", "--anchor", "nonsense").code == 2


def _sealed(opened: Hall) -> str:
    for _ in range(30):
        found = opened.shell.json("audit", "verify")
        if found["sealed"] and not found["waiting"]:
            return str(found["head"])
    raise AssertionError("nothing was sealed")
