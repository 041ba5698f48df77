"""Who is on call, asked from a shell: every level with its people or nobody, until when, by what, and who is next."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.cli.shell import Json
from tests.cli.town_hall import Hall

pytestmark = pytest.mark.xdist_group("cli")

DAY_S = 86_400


class Watch:
    """A policy of the town hall: its owner's schedule on level 1, one with nobody on level 2, its owner on level 3."""

    def __init__(self, hall: Hall) -> None:
        """Make Eve, who takes turns of a day with the owner, and what calls them."""
        self.hall = hall
        headers = {"Authorization": f"Token token={hall.shell.variables['TOCSIN_TOKEN']}"}
        with httpx2.Client(base_url=hall.node.said["http"], headers=headers, timeout=20) as client:
            self.client = client
            eve = self._post("/users", "user", {"type": "user", "name": "Eve", "email": "eve@example.org"})
            noon = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
            self.turn_ends = noon + timedelta(days=1)
            self.turns = self._schedule("Turns", [hall.owner_id, eve["id"]], noon)
            self.void = self._schedule("Void", [eve["id"]], noon, end=noon + timedelta(minutes=1))
            self.spare = self._schedule("Spare", [eve["id"]], noon)
            team = self._post("/teams", "team", {"type": "team", "name": "Watchers"})
            rules = [
                {"escalation_delay_in_minutes": 30, "targets": [{"id": key, "type": kind}]}
                for key, kind in (
                    (self.turns, "schedule_reference"),
                    (self.void, "schedule_reference"),
                    (hall.owner_id, "user_reference"),
                )
            ]
            policy = {"type": "escalation_policy", "name": "Watch", "escalation_rules": rules}
            policy["teams"] = [{"id": team["id"], "type": "team_reference"}]
            self.policy = self._post("/escalation_policies", "escalation_policy", policy)

    def _post(self, path: str, kind: str, body: Json) -> Json:
        answer = self.client.post(path, json={kind: body})
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()[kind]
        return made

    def _schedule(self, name: str, user_ids: list[str], start: datetime, *, end: datetime | None = None) -> str:
        layer = {
            "name": "Days",
            "start": start.isoformat(),
            "end": end.isoformat() if end else None,
            "rotation_virtual_start": start.isoformat(),
            "rotation_turn_length_seconds": DAY_S,
            "users": [{"user": {"id": user_id, "type": "user_reference"}} for user_id in user_ids],
        }
        body = {"type": "schedule", "name": name, "time_zone": "Etc/UTC", "schedule_layers": [layer]}
        return str(self._post("/schedules", "schedule", body)["id"])

    def oncall(self, *words: str) -> list[Json]:
        """Return what a program reads."""
        rows: list[Json] = self.hall.shell.json("oncall", *words)["oncalls"]
        return rows


@pytest.fixture(scope="module")
def watch(town_hall: Hall) -> Watch:
    return Watch(town_hall)


def test_every_level_is_told_with_its_people_or_nobody(watch: Watch) -> None:
    first, second, third = watch.oncall("watch")
    assert (first["level"], first["who"], first["next"]) == (1, "Ann Archer", "Eve")
    assert datetime.fromisoformat(first["end"]) == watch.turn_ends
    assert first["source"] == "Turns: Days"
    assert (second["level"], second["who"], second["source"]) == (2, "nobody", "Void")
    assert (third["level"], third["who"], third["source"], third["end"]) == (3, "Ann Archer", "named there", None)


def test_all_policies_a_team_or_a_schedule_may_be_asked(watch: Watch) -> None:
    assert {row["policy"] for row in watch.oncall()} >= {"All", "Watch"}
    assert len(watch.oncall("Watchers")) == 3
    assert [(row["policy"], row["who"]) for row in watch.oncall("Turns")] == [("Watch", "Ann Archer")]
    assert [(row["policy"], row["who"]) for row in watch.oncall("Spare")] == [("(no policy)", "Eve")]
    out = watch.hall.shell.run("oncall", "Watch").out
    assert "nobody" in out
    assert "Turns: Days" in out


def test_an_override_is_named_as_the_source(watch: Watch) -> None:
    shell = watch.hall.shell
    made = shell.json("override", "Turns", "eve@example.org", "--from", "now", "--until", "+1h")
    try:
        (row,) = watch.oncall("Turns")
        assert (row["who"], row["source"], row["next"]) == ("Eve", "Turns: override", "Ann Archer")
    finally:
        assert shell.run("override", "remove", "Turns", *made["override_ids"]).code == 0


def test_the_future_is_computed_and_the_past_is_remembered(watch: Watch) -> None:
    later = (watch.turn_ends + timedelta(hours=1)).isoformat()
    assert [row["who"] for row in watch.oncall("Turns", "--at", later)] == ["Eve"]
    (before,) = watch.oncall("Turns", "--at", (watch.turn_ends - timedelta(days=3)).isoformat())
    assert (before["version"], before["shifts"]) == (None, [])
    told = watch.hall.shell.run("oncall", "Watch", "--at", (watch.turn_ends - timedelta(days=3)).isoformat())
    assert told.code == 0
    assert "none yet" in told.out


def test_a_person_sees_when_it_is_their_turn(watch: Watch) -> None:
    mine = watch.hall.shell.run("oncall", "me")
    assert mine.code == 0, mine
    assert "always" in mine.out
    rows = watch.oncall("--user", "eve@example.org")
    assert datetime.fromisoformat(rows[0]["start"]) <= watch.turn_ends
    assert {row["user"]["summary"] for row in rows} == {"Eve"}
    assert watch.hall.shell.run("oncall", "Watch", "--user", "eve@example.org").code == 2
    assert watch.hall.shell.run("oncall", "Wat").code == 4
