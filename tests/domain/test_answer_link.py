"""Answer links: only what we signed, only as signed, only in time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.paging.answer_link import AnswerLink, read, sign
from tocsin.ground.errors import Refused, Why

KEY = bytes(range(32))
NOW = datetime(2026, 11, 24, 2, 12, tzinfo=UTC)
LINK = AnswerLink(
    incident_id="Q0INCIDENT0001",
    user_id="P0USER00000001",
    action="acknowledge",
    valid_until=NOW + timedelta(hours=24),
    round=2,
)

IDS = some.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-abc", min_size=1, max_size=64)


def _why(token: str, *, key: bytes = KEY, now: datetime = NOW) -> Why | None:
    try:
        read(key, token, now)
    except Refused as refused:
        return refused.why
    return None


@given(IDS, IDS, some.sampled_from(["acknowledge", "resolve"]), some.integers(0, 999_999_999))
def test_what_was_signed_is_read_back(incident_id: str, user_id: str, action: str, turn: int) -> None:
    link = AnswerLink(
        incident_id=incident_id,
        user_id=user_id,
        action="resolve" if action == "resolve" else "acknowledge",
        valid_until=NOW + timedelta(seconds=1),
        round=turn,
    )
    assert read(KEY, sign(KEY, link), NOW) == link


def test_a_token_is_short_and_fits_into_an_address_unescaped() -> None:
    token = sign(KEY, LINK)
    assert len(token) <= 72
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert token[-1].isalnum()


def test_every_changed_letter_is_noticed() -> None:
    token = sign(KEY, LINK)
    for place, letter in enumerate(token):
        for other in ("A", "a", "0", "_", ".", "r"):
            if other != letter:
                assert _why(token[:place] + other + token[place + 1 :]) is Why.NOT_FOUND, (place, other)


@pytest.mark.parametrize("length", range(0, 69, 3))
def test_a_cut_token_is_not_ours(length: int) -> None:
    assert _why(sign(KEY, LINK)[:length]) is Why.NOT_FOUND


@pytest.mark.parametrize("token", ["", ".", "1", "ü" * 70, "\x00", "1" + "A" * 22 + ".z.1.1.Q.P", "9" * 5000])
def test_nonsense_is_not_ours(token: str) -> None:
    assert _why(token) is Why.NOT_FOUND


@given(some.text(max_size=200))
def test_any_text_is_refused_politely(token: str) -> None:
    assert _why(token) is Why.NOT_FOUND


def test_another_key_did_not_sign_it() -> None:
    assert _why(sign(KEY, LINK), key=bytes(32)) is Why.NOT_FOUND


def test_its_time_ends_at_the_very_instant() -> None:
    token = sign(KEY, LINK)
    assert _why(token, now=LINK.valid_until - timedelta(seconds=1)) is None
    assert _why(token, now=LINK.valid_until) is Why.STALE


def test_an_answer_stands_for_itself_only() -> None:
    token = sign(KEY, LINK)
    assert _why(token.replace(".a.", ".r.")) is Why.NOT_FOUND


def test_an_id_that_would_blur_the_token_is_not_signed() -> None:
    with pytest.raises(ValueError, match="an id"):
        sign(KEY, AnswerLink(incident_id="Q.1", user_id="P", action="resolve", valid_until=NOW))
