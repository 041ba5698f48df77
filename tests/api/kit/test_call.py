"""A call: how queries, bodies and dates of clients are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from msgspec import UNSET, Struct, UnsetType

from tocsin.api.kit import Call, House, Links, parse_instant, show_instant
from tocsin.api.kit.body import decoded
from tocsin.api.kit.zones import zone_named
from tocsin.domain.people.actor import SYSTEM
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Stretch


def _call(query: dict[str, list[str]]) -> Call:
    nobody = cast("House", None)
    return Call(nobody, SYSTEM, {}, query, {}, b"", Links("https://tocsin.example"))


def test_paging_has_pagerduty_s_defaults_and_bounds() -> None:
    assert _call({}).stretch() == Stretch(25, 0, total=False)
    assert _call({"limit": ["500"], "offset": ["9900"], "total": ["true"]}).stretch() == Stretch(100, 9900, total=True)
    for bad in ({"limit": ["0"]}, {"limit": ["-1"]}, {"limit": ["x"]}, {"offset": ["9990"]}, {"limit": ["٣"]}):
        with pytest.raises(Refused) as refused:
            _call(bad).stretch()
        assert refused.value.why is Why.INVALID


def test_lists_come_with_and_without_brackets() -> None:
    assert _call({"ids[]": ["a", ""], "ids": ["b"]}).many("ids") == ["a", "b"]


def test_an_include_that_is_not_known_is_refused() -> None:
    assert _call({"include[]": ["teams"]}).includes({"teams"}) == {"teams"}
    with pytest.raises(Refused, match="secrets"):
        _call({"include[]": ["teams", "secrets"]}).includes({"teams"})


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-02 01:00:00 +0000 UTC", datetime(2026, 12, 2, 1, tzinfo=UTC)),
        ("2026-12-02 01:00:00 +0100 CET", datetime(2026, 12, 2, 0, tzinfo=UTC)),
        ("2026-12-02T01:00:00Z", datetime(2026, 12, 2, 1, tzinfo=UTC)),
        ("2026-12-02T01:00-05:00", datetime(2026, 12, 2, 6, tzinfo=UTC)),
        ("2026-12-02T01:00:00 01:00", datetime(2026, 12, 2, 0, tzinfo=UTC)),
        ("2026-12-02T01:00", datetime(2026, 12, 2, 0, tzinfo=UTC)),
        ("2026-12-02", datetime(2026, 12, 1, 23, tzinfo=UTC)),
    ],
)
def test_dates_are_read_as_clients_write_them(text: str, instant: datetime) -> None:
    assert parse_instant(text, ZoneInfo("Europe/Berlin")) == instant


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59Z", "2100-01-01T00:00:01Z", "0001-01-01T00:00:00-00:00"])
def test_a_date_of_another_age_is_told_by_its_name(text: str) -> None:
    with pytest.raises(Refused, match=r"^since is not between the years 1970 and 2100") as refused:
        parse_instant(text, name="since")
    assert refused.value.why is Why.BAD_DATE


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "0001-01-01T00:00:00+23:00", "2026-12-02T25:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_instant(text)
    assert refused.value.why is Why.BAD_DATE


def test_dates_are_written_in_the_zone_that_was_asked_for() -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert show_instant(at) == "2026-07-01T12:00:00Z"
    assert _call({"time_zone": ["Eastern Time (US & Canada)"]}).at(at) == "2026-07-01T08:00:00-04:00"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "a" * 500, "UTC\x00"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        zone_named(name)


class _Thing(Struct):
    name: str | UnsetType | None = UNSET
    size: int = 1


def test_absent_and_null_are_two_things() -> None:
    assert decoded(b'{"thing":{}}', _Thing, wrap="thing").name is UNSET
    assert decoded(b'{"thing":{"name":null,"admin":true}}', _Thing, wrap="thing").name is None


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "thing is missing"),
        (b"{}", "thing is missing"),
        (b"[]", "not an object"),
        (b'{"thing":3}', "thing: expected object"),
        (b'{"thing":{"name":3}}', "thing.name: expected str"),
        (b'{"thing":{"name":"a', "not JSON"),
        (b'{"thing":{"size":1e999}}', "not JSON|size"),
        (b'{"thing":{"name":NaN}}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"thing":{"name":"\\ud800"}}', "not JSON"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_body_that_cannot_be_read_says_where(raw: bytes, fault: str) -> None:
    with pytest.raises(Refused, match=fault):
        decoded(raw, _Thing, wrap="thing")


def test_a_nul_character_is_replaced_and_not_fatal() -> None:
    assert decoded(b'{"thing":{"name":"a\\u0000b"}}', _Thing, wrap="thing").name == "a\ufffdb"
