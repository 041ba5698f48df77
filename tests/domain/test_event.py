"""Events: what a tool said survives storing, and lanes, depth and pace are what they promise."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.events import (
    Action,
    Allowance,
    Bucket,
    Change,
    Event,
    Image,
    Link,
    Severity,
    deeper_than,
    lane_of,
    severity_of,
)
from tocsin.ground.limits import LANES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(['"', "[{", "\\", '\\"[']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def test_an_event_survives_storing() -> None:
    event = Event(
        Action.TRIGGER, "disk", summary="Disk full", source="db-1", severity=Severity.ERROR, class_name="disk",
        details={"used": [91, None, "%"]}, links=(Link("https://example.org/", "graph"),), images=(Image("a.png"),),
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
    assert b"client" not in msgspec.json.encode(event)


def test_a_change_survives_storing() -> None:
    change = Change("Deployed", source="ci", details="v1.2", links=(Link("https://example.org/"),))
    assert msgspec.json.decode(msgspec.json.encode(change), type=Change) == change


@pytest.mark.parametrize(
    ("word", "severity"), [("critical", Severity.CRITICAL), (" Warning ", Severity.WARNING), ("page", None), ("", None)]
)
def test_severity_is_read_whatever_its_case(word: str, severity: Severity | None) -> None:
    assert severity_of(word) is severity


def test_lanes_never_move() -> None:
    assert lane_of(b"PINTEGRATION01", b"disk") == 1
    assert lane_of(b"PINTEGRATION01", b"") == 60


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_every_problem_has_a_lane(integration: bytes, key: bytes) -> None:
    assert 0 <= lane_of(integration, key) < LANES


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(JSON, st.integers(0, 5))
def test_depth_is_found_without_parsing(value: object, deepest: int) -> None:
    for ensure_ascii in (True, False):
        text = json.dumps(value, ensure_ascii=ensure_ascii).encode("utf-8", "replace")
        assert deeper_than(text, deepest) == (_depth(value) > deepest)


@given(st.binary(max_size=50))
def test_depth_of_anything_at_all_is_answered(text: bytes) -> None:
    assert deeper_than(text, 1) in {True, False}


def test_a_sender_has_its_allowance_at_once_and_then_a_steady_rate() -> None:
    bucket = Bucket(Allowance(per_minute=60), at=0.0)
    assert [bucket.take(0.0) for _ in range(61)] == [True] * 60 + [False]
    assert [bucket.take(1.0), bucket.take(1.0)] == [True, False]
    assert [bucket.take(3600.0) for _ in range(61)] == [True] * 60 + [False]


@given(st.lists(st.floats(0, 5), max_size=200))
def test_no_sender_gets_more_than_burst_and_rate(pauses: list[float]) -> None:
    bucket, at, taken = Bucket(Allowance(per_minute=60), at=0.0), 0.0, 0
    for pause in pauses:
        at += pause
        taken += bucket.take(at)
        assert taken <= 60 + at + 1e-6


def test_a_flood_is_noticed_and_forgotten() -> None:
    bucket = Bucket(Allowance(busy_above=10), at=0.0)
    for n in range(10):
        bucket.take(n / 10)
    assert not bucket.busy
    bucket.take(0.95)
    noticed = [bucket.busy]
    for at in (1.5, 2.6):
        bucket.take(at)
        noticed.append(bucket.busy)
    assert noticed == [True, True, False]
