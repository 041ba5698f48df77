"""The contract check itself: it sees a wrong answer, and it is silent where no specification is present."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.validator import check_answer, folder, is_present

TEAM = {"id": "P1", "type": "team", "name": "Web", "summary": None, "description": None}


def _body(team: dict[str, object]) -> bytes:
    return json.dumps({"team": team}).encode()


def test_a_right_answer_passes_with_null_where_nothing_is_required() -> None:
    check_answer("GET", "/teams/P1", 200, _body(dict(TEAM)))


@pytest.mark.skipif(not is_present(), reason="the official specification is not present")
@pytest.mark.contract
@pytest.mark.parametrize("wrong", [{"name": 5}, {"name": None}, {"type": "group"}])
def test_a_wrong_answer_is_seen(wrong: dict[str, object]) -> None:
    with pytest.raises(AssertionError, match="differs from the contract"):
        check_answer("GET", "/teams/P1", 200, _body({**TEAM, **wrong}))


@pytest.mark.skipif(not is_present(), reason="the official specification is not present")
@pytest.mark.contract
def test_a_missing_key_is_seen() -> None:
    with pytest.raises(AssertionError, match="differs from the contract"):
        check_answer("GET", "/teams/P1", 200, b"{}")


def test_an_error_is_held_to_the_envelope_everywhere() -> None:
    check_answer("GET", "/nowhere", 404, b'{"error":{"message":"Not Found","code":2100,"errors":[]}}')
    with pytest.raises(AssertionError, match="code"):
        check_answer("GET", "/nowhere", 404, b'{"error":{"message":"Not Found","code":"2100","errors":[]}}')


def test_a_path_of_our_own_is_not_compared() -> None:
    check_answer("GET", "/api/tokens", 200, b'{"anything":1}')


def test_the_place_of_the_specification_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_CONTRACT", str(tmp_path))
    assert folder() == tmp_path
    assert not is_present()
