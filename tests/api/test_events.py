"""Events doors: the answers that senders rely on, word for word, and what is stored of each event."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.doorstep import INTEGRATION, KEY, Doorstep, add_key, open_doors
from tests.api.hostile import CHANGE, SEVERITIES, V1, V2, change, payload, v1, v2
from tocsin.api.enqueue import _careful, _plain
from tocsin.domain.events import Action, Allowance, Change, Event, Image, Link, Severity, lane_of
from tocsin.store.hints import Topic

SAMPLES = Path(__file__).parents[2] / "samples" / "events"


def _events(doorstep: Doorstep) -> list[Event]:
    return [msgspec.json.decode(body, type=Event) for kind, body, _ in doorstep.stored() if kind == "event"]


def _samples() -> Iterator[tuple[str, dict[str, object], int]]:
    for path in sorted(SAMPLES.glob("*.json")):
        sample = json.loads(path.read_text(encoding="utf-8"))
        usual = 200 if sample["request"]["path"] == V1 else 202
        yield path.stem, sample["request"], sample.get("expect", {}).get("status", usual)


async def test_recorded_events_of_real_tools_are_accepted(database: str) -> None:
    async with open_doors(database) as doorstep:
        for name, request, status in _samples():
            body = json.dumps(request["body"])
            for foreign in ("DUMMY_SERVICE_KEY", "e93facc04764012d7bfb002500d5d1a6"):
                body = body.replace(foreign, KEY)
            answer = await doorstep.post(str(request["path"]), body.encode())
            assert answer.status == status, (name, answer.body)


async def test_success_is_said_word_for_word(database: str) -> None:
    async with open_doors(database) as doorstep:
        answer = await doorstep.post(V2, v2())
        assert (answer.status, answer.json) == (
            202, {"status": "success", "message": "Event processed", "dedup_key": "disk"},
        )  # fmt: skip
        answer = await doorstep.post(V1, v1())
        assert (answer.status, answer.json) == (
            200, {"status": "success", "message": "Event processed", "incident_key": "disk"},
        )  # fmt: skip
        answer = await doorstep.post(CHANGE, change())
        assert (answer.status, answer.json) == (202, {"status": "success", "message": "Change event processed"})
        made = (await doorstep.post(V2, v2(dedup_key=...))).json["dedup_key"]
        assert isinstance(made, str)
        assert len(made) == 32


async def test_all_faults_are_told_at_once(database: str) -> None:
    async with open_doors(database) as doorstep:
        body = b'{"routing_key": "short!", "payload": {"severity": "page"}, "links": [{}], "images": [{}]}'
        answer = await doorstep.post(V2, body)
        assert answer.json == {
            "status": "invalid event", "message": "Event object is invalid",
            "errors": [
                "Length of 'routing_key' is incorrect (should be 32 characters)",
                "'routing_key' cannot contain non-alphanumeric characters.",
                "'event_action' is missing or blank",
                "'payload.summary' is missing or blank",
                "'payload.source' is missing or blank",
                SEVERITIES,
                "'link href' is missing or blank",
                "'image src' is missing or blank",
            ],
        }  # fmt: skip
        answer = await doorstep.post(V1, v2())
        assert answer.json["errors"] == ["'event_type' is missing or blank", "Service key can't be blank"]
        answer = await doorstep.post(V2, b"{")
        assert answer.json == {
            "status": "unrecognized object", "message": "Event object format is unrecognized",
            "errors": ["JSON parse error"],
        }  # fmt: skip


async def test_the_whole_event_is_stored(database: str) -> None:
    async with open_doors(database) as doorstep:
        body = json.loads(
            payload(component="disk", group="db", timestamp="2026-11-24T10:00:00+00:00Z", custom_details=[1])
        )
        body["payload"]["class"] = "full"
        body |= {
            "client": "Check", "client_url": "https://check.example.org/",
            "links": [{"href": "https://example.org/", "text": "graph"}], "images": [{"src": "https://example.org/a.png"}],
        }  # fmt: skip
        await doorstep.post(V2, json.dumps(body).encode())
        assert _events(doorstep) == [
            Event(
                Action.TRIGGER, "disk", "Disk full", "db-1", Severity.CRITICAL, "disk", "db", "full",
                "2026-11-24T10:00:00+00:00Z", [1], "Check", "https://check.example.org/",
                (Link("https://example.org/", "graph"),), (Image("https://example.org/a.png"),),
            )
        ]  # fmt: skip
        assert doorstep.stored()[0][2] == lane_of(INTEGRATION.encode(), b"disk")


async def test_an_event_of_v1_is_stored(database: str) -> None:
    async with open_doors(database) as doorstep:
        contexts = [{"type": "link", "href": "a"}, {"type": "image", "src": "b"}]
        await doorstep.post(V1, v1(details={"hostname": "db-1"}, client="Nagios", contexts=contexts))
        assert _events(doorstep) == [
            Event(
                Action.TRIGGER, "disk", "Disk full", "db-1", details={"hostname": "db-1"}, client="Nagios",
                links=(Link("a"),), images=(Image("b"),), channel="events_v1",
            )
        ]  # fmt: skip


async def test_a_change_is_stored(database: str) -> None:
    async with open_doors(database) as doorstep:
        await doorstep.post(CHANGE, change(links=[{"href": "a"}]))
        [(kind, body, _)] = doorstep.stored()
        assert kind == "change"
        assert msgspec.json.decode(body, type=Change) == Change("Deployed", "ci", links=(Link("a"),))


async def test_ugly_text_is_repaired_and_long_text_cut(database: str) -> None:
    async with open_doors(database) as doorstep:
        await doorstep.post(
            V2, payload(summary="a\0b" + "x" * 2000, source="db\ud800", custom_details={"k\0": ["\udc00"]})
        )
        [event] = _events(doorstep)
        assert event.summary == "a\ufffdb" + "x" * 1020 + "…"
        assert event.source == "db\ufffd"
        assert event.details == {"k\ufffd": ["\ufffd"]}


async def test_numbers_keep_their_digits(database: str) -> None:
    async with open_doors(database) as doorstep:
        text = b'{"a": ' + b"9" * 300 + b', "b": 1e400, "c": 1.5, "d": ' + b"8" * 5000 + b"}"
        await doorstep.post(V2, payload(custom_details="@").replace(b'"@"', text))
        assert _events(doorstep)[0].details == {"a": int("9" * 300), "b": "1e400", "c": 1.5, "d": "8" * 5000}


async def test_a_key_in_the_header_is_enough(database: str) -> None:
    async with open_doors(database) as doorstep:
        answer = await doorstep.post(V2, v2(routing_key=...), {"X-Routing-Key": KEY})
        assert answer.status == 202


@pytest.mark.parametrize(("path", "body", "status"), [(V2, v2(), 429), (CHANGE, change(), 429), (V1, v1(), 403)])
async def test_too_many_events_are_refused_in_the_door_s_words(
    database: str, path: str, body: bytes, status: int
) -> None:
    async with open_doors(database, allowance=Allowance(per_minute=3)) as doorstep:
        statuses = [(await doorstep.post(path, body)).status for _ in range(3)]
        assert set(statuses) <= {200, 202}
        for headers in ({}, {"X-Routing-Key": KEY}):
            answer = await doorstep.post(path, body, headers)
            assert answer.status == status
            assert answer.json["status"] == "throttle exceeded"
            assert answer.json["message"] == (
                "Requests for this service are arriving too quickly.  Please retry later."
            )
            assert int(answer.headers["retry-after"]) > 0


async def test_guessing_keys_is_throttled_without_slowing_others(database: str) -> None:
    async with open_doors(database) as doorstep:
        assert (await doorstep.post(V2, v2())).status == 202
        guesses = [(await doorstep.post(V2, v2(routing_key=f"{n:032x}"))).status for n in range(310)]
        assert guesses[:300] == [400] * 300
        assert guesses[300:] == [429] * 10
        assert (await doorstep.post(V2, v2())).status == 202


async def test_a_new_key_is_known_within_a_second(database: str) -> None:
    fresh = "abcdefabcdefabcdefabcdefabcdef00"
    async with open_doors(database) as doorstep:
        assert (await doorstep.post(V2, v2(routing_key=fresh))).status == 400
        add_key(database, fresh, "PINTEGRATION02")
        answers = []
        for _ in range(20):
            await asyncio.sleep(0.1)
            answers.append((await doorstep.post(V2, v2(routing_key=fresh))).status)
        assert answers[-1] == 202


async def test_a_deleted_key_is_forgotten_at_the_hint(database: str) -> None:
    async with open_doors(database) as doorstep:
        assert (await doorstep.post(V2, v2())).status == 202
        async with doorstep.store.connection() as connection:
            await connection.execute("DELETE FROM integration")
        doorstep.store.hints.ring(Topic.CONFIG)
        await asyncio.sleep(0.05)
        answer = await doorstep.post(V2, v2())
        assert (answer.status, answer.json["errors"]) == (400, ["Invalid routing key"])


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_MAYBE = st.none() | _TEXT | st.sampled_from(["", " "])
_MOSTLY = st.just("disk") | _TEXT


@given(
    st.fixed_dictionaries(
        {
            "routing_key": st.just(KEY) | _TEXT,
            "event_action": st.sampled_from(["trigger", "acknowledge", "resolve", "explode"]),
            "dedup_key": _MOSTLY,
            "payload": st.fixed_dictionaries(
                {"summary": _MOSTLY, "source": _MOSTLY, "severity": st.sampled_from(["critical", "info", "page"])},
                optional={"component": _MAYBE, "group": _MAYBE, "class": _MAYBE, "timestamp": _MAYBE},
            ),
        },
        optional={"client": _MAYBE, "client_url": _MAYBE, "links": st.just([]), "images": st.none()},
    )
)
def test_the_quick_reading_says_what_the_careful_one_says(event: dict[str, object]) -> None:
    body = json.dumps(event).encode()
    plain = _plain(body, None)
    if plain is not None:
        assert plain == _careful(body, None)
