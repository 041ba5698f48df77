"""Schedules from a shell: looked at, given away for a night, and given back, by names that are never guessed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import httpx2
import pytest

from tests.cli.shell import Done, Json
from tests.cli.town_hall import Hall
from tocsin.cli.schedule.lanes import GAP, OFF

pytestmark = pytest.mark.xdist_group("cli")

_NUMBERS = count(1)
WEEK_S = 7 * 86_400


class Rota:
    """A schedule of the town hall, its people, and the API that made them."""

    def __init__(self, hall: Hall) -> None:
        """Make two people and a schedule on which the first one is always on call."""
        self.hall = hall
        self.number = next(_NUMBERS)
        token = hall.shell.variables["TOCSIN_TOKEN"]
        headers = {"Authorization": f"Token token={token}"}
        self.client = httpx2.Client(base_url=hall.node.said["http"], headers=headers, timeout=20)
        self.cleo, self.dan = (self._person(name) for name in (f"Cleo {self.number}", f"Dan {self.number}"))
        self.name = f"Rota {self.number}"
        self.id = self.made(self.name)

    def _person(self, name: str) -> Json:
        user = {"type": "user", "name": name, "email": f"{name.lower().replace(' ', '')}@example.org"}
        return self.post("/users", "user", user)

    def post(self, path: str, kind: str, body: Json) -> Json:
        """Create something."""
        answer = self.client.post(path, json={kind: body})
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()[kind]
        return made

    def made(self, name: str, **more: object) -> str:
        """Create a schedule on which the first person is always on call; return its id."""
        start = "2026-01-05T09:00:00+01:00"
        layer = {
            "name": "Week",
            "start": start,
            "rotation_virtual_start": start,
            "rotation_turn_length_seconds": WEEK_S,
            "users": [{"user": {"id": self.cleo["id"], "type": "user_reference"}}],
        }
        body = {"type": "schedule", "name": name, "time_zone": "Europe/Berlin", "schedule_layers": [layer]}
        return str(self.post("/schedules", "schedule", body | more)["id"])

    def run(self, *words: str) -> Done:
        """Run a command."""
        return self.hall.shell.run(*words)


@pytest.fixture(scope="module")
def rota(town_hall: Hall) -> Iterator[Rota]:
    made = Rota(town_hall)
    yield made
    made.client.close()


def test_a_schedule_is_drawn_in_a_pipe_without_colours(rota: Rota) -> None:
    done = rota.run("schedule", "show", rota.name.upper(), "--span", "2d")
    assert done.code == 0, done
    assert "\x1b" not in done.out
    assert f"Rota {rota.number} · Europe/Berlin · " in done.out
    assert f"now: Cleo {rota.number} until" in done.out
    assert f"Final  {'C' * 40}" in done.out
    assert "▲ now, " in done.out
    assert rota.run("schedule", "show", rota.id, "--from", "mon", "--time-zone", "Asia/Tokyo").code == 0


def test_programs_read_rows_gaps_and_hours(rota: Rota) -> None:
    seen = rota.hall.shell.json("schedule", "show", rota.name, "--span", "1w", "--from", "2027-03-22")
    assert seen["schedule"]["id"] == rota.id
    assert [row["name"] for row in seen["rows"]] == ["Week", "Final"]
    assert seen["hours"] == [{"user": {"id": rota.cleo["id"], "name": rota.cleo["name"]}, "hours": 167.0}]
    assert seen["gaps"] == []
    assert [change["by_s"] for change in seen["clock_changes"]] == [3600]
    listed = rota.hall.shell.json("schedule", "list", "--query", rota.name)["schedules"]
    assert [(row["id"], row["on_call_now"][0]["user"]["summary"]) for row in listed] == [(rota.id, rota.cleo["name"])]


def test_a_gap_is_a_finding_only_when_asked(rota: Rota) -> None:
    nights = {"type": "daily_restriction", "start_time_of_day": "20:00:00", "duration_seconds": 43_200}
    off = {"type": "daily_restriction", "start_time_of_day": "08:00:00", "duration_seconds": 36_000}
    start = "2026-01-05T09:00:00+01:00"
    user = {"user": {"id": rota.dan["id"], "type": "user_reference"}}
    layer = {"name": "Nights", "start": start, "rotation_virtual_start": start, "rotation_turn_length_seconds": WEEK_S}
    layer |= {"users": [user], "restrictions": [nights]}
    rota.made("Nights only", schedule_layers=[layer], off_hours=[off])
    done = rota.run("schedule", "show", "Nights only", "--from", "tomorrow", "--span", "2d")
    assert done.code == 0
    assert f"DDDDDDDD{OFF * 10}{GAP * 2}DDDD" in done.out
    assert rota.run("schedule", "show", "Nights only", "--span", "2d", "--check").code == 5
    assert rota.run("schedule", "show", rota.name, "--span", "2d", "--check").code == 0


def test_a_night_is_given_away_and_given_back(rota: Rota) -> None:
    done = rota.run("override", rota.name, rota.dan["email"], "--from", "tomorrow 18:00", "--until", "+14h")
    assert done.code == 0, done
    tomorrow = datetime.now(ZoneInfo("Europe/Berlin")).date() + timedelta(days=1)
    assert f"Rota {rota.number} is given to Dan {rota.number}." in done.out
    assert f" {tomorrow.year} 18:00 CE" in done.out
    assert f"change  Cleo {rota.number} \N{MINUS SIGN}14 h, Dan {rota.number} +14 h" in done.out
    assert "Overrides" in rota.run("schedule", "show", rota.name).out
    shell = rota.hall.shell
    (override,) = shell.json("override", "list", rota.name)["overrides"]
    assert override["user"]["id"] == rota.dan["id"]
    assert override["id"] in shell.run("override", "list", rota.id).out
    back = shell.run("override", "remove", rota.name, override["id"])
    assert back.code == 0, back
    assert f"change  Dan {rota.number} \N{MINUS SIGN}14 h, Cleo {rota.number} +14 h" in back.out
    assert shell.json("override", "list", rota.name)["overrides"] == []
    assert "no override" in rota.run("override", "list", rota.name).out
    assert rota.run("override", "remove", rota.name, override["id"]).code == 4


def test_one_under_way_ends_now(rota: Rota) -> None:
    shell = rota.hall.shell
    made = shell.json("override", "add", rota.name, rota.dan["name"], "--from", "now", "--until", "+2h")
    assert [(row["user"]["id"], round(row["after"])) for row in made["hours"]] == [
        (rota.cleo["id"], 0),
        (rota.dan["id"], 2),
    ]
    ended = shell.run("override", "remove", rota.name, made["override_ids"][0])
    assert "ends now" in ended.out


def test_rotations_are_shown_and_given_away_shift_by_shift(rota: Rota) -> None:
    sun = f"Sun {rota.number}"
    made = rota.post("/v3/schedules", "schedule", {"name": sun, "time_zone": "Europe/Berlin"})
    rotation = rota.client.post(f"/v3/schedules/{made['id']}/rotations").json()["rotation"]
    members = [{"type": "user_member", "user_id": user["id"]} for user in (rota.cleo, rota.dan)]
    event = {
        "name": "Days",
        "effective_since": "2026-01-05T00:00:00Z",
        "recurrence": ["RRULE:FREQ=DAILY"],
        "start_time": {"date_time": "2026-01-05T08:00:00", "time_zone": "Europe/Berlin"},
        "end_time": {"date_time": "2026-01-05T20:00:00", "time_zone": "Europe/Berlin"},
        "assignment_strategy": {
            "type": "rotating_member_assignment_strategy",
            "shifts_per_member": 1,
            "members": members,
        },
    }
    rota.post(f"/v3/schedules/{made['id']}/rotations/{rotation['id']}/events", "event", event)
    shown = rota.run("schedule", "show", sun, "--from", "tomorrow", "--span", "2d")
    assert shown.code == 0, shown
    days = [line for line in shown.out.splitlines() if line.startswith("Days ")]
    assert sorted(days[0].split()[1].replace("·", " ").split()) == ["C" * 12, "D" * 12]
    given = rota.run("override", sun, rota.dan["name"], "--from", "tomorrow 00:00", "--until", "+2d")
    assert given.code == 0, given
    assert "12 h, Dan" in given.out
    again = rota.run("override", sun, rota.dan["name"], "--from", "tomorrow 00:00", "--until", "+2d")
    assert again.code == 1
    rows = rota.hall.shell.json("override", "list", sun)["overrides"]
    assert len(rows) == 1
    assert rota.dan["name"] in rota.run("override", "list", sun).out
    assert rota.run("override", "remove", sun, rows[0]["id"]).code == 0
    assert sun in rota.run("schedule", "list").out


def test_a_name_is_never_guessed(rota: Rota) -> None:
    close = rota.run("schedule", "show", "rota")
    assert close.code == 4
    assert f"Did you mean: {rota.name}" in close.err
    assert rota.run("schedule", "show", "PNOSUCHTHING").code == 4
    unknown = rota.run("override", rota.name, "nobody@example.org", "--from", "now", "--until", "+1h")
    assert unknown.code == 4


def test_two_people_with_one_name_are_told_apart(rota: Rota) -> None:
    for address in ("one", "two"):
        email = f"{address}{rota.number}@example.org"
        rota.post("/users", "user", {"type": "user", "name": f"Twin {rota.number}", "email": email})
    done = rota.run("override", rota.name, f"twin {rota.number}", "--from", "now", "--until", "+1h")
    assert done.code == 2
    assert f"one{rota.number}@example.org" in done.err
    assert f"two{rota.number}@example.org" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "soon", "--until", "+1h"), "today 18:00"),
        (("--from", "tomorrow 18:00", "--until", "tomorrow 09:00"), "not after it begins"),
        (("--from", "now"), "--until"),
        (("--from", "2020-01-01", "--until", "2020-01-02"), "over already"),
    ],
)
def test_what_was_typed_wrongly_is_told(rota: Rota, words: tuple[str, ...], said: str) -> None:
    done = rota.run("override", rota.name, rota.dan["email"], *words)
    assert done.code == 2, done
    assert said in done.err
    assert rota.run("schedule", "show", rota.name, "--span", "long").code == 2
    assert rota.run("schedule", "show", rota.name, "--time-zone", "Mars").code == 2
