"""Demo: the whole story holds on a fresh machine, within its time, and leaves nothing behind."""

import tempfile
from pathlib import Path

import pytest

from tests.cli.shell import shell

WITHIN_MS = 45_000
RIGHT_AWAY_MS = 3_000  # of a page on a machine that does other things as well


@pytest.mark.slow
def test_the_story_holds() -> None:
    before = set(Path(tempfile.gettempdir()).glob("tocsin-demo-*"))
    with shell() as place:
        done = place.run("--output", "json", "demo")
    assert done.code == 0, done
    facts = done.json
    assert facts["took_ms"] < WITHIN_MS
    assert facts["first_page_ms"] < RIGHT_AWAY_MS
    assert facts["pages"] == 2
    says = [moment["says"] for moment in facts["log"]]
    assert says[0].startswith("Triggered")
    assert any("Escalated" in one for one in says)
    assert any("Acknowledged" in one for one in says)
    assert says[-1].startswith("Resolved")
    assert set(Path(tempfile.gettempdir()).glob("tocsin-demo-*")) <= before
