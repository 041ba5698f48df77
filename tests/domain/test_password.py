"""Passwords: which are refused, and that only the right one fits its hash; throttles count by key and window."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.people import password as passwords
from tocsin.domain.people.throttle import MOST_REMEMBERED, Throttle
from tocsin.ground.errors import Refused

SALT = b"0123456789abcdef"


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "elevenchars", "a" * 1025, "aaaaaaaaaaaaaaa", "password1234", "Password-2026!", "P@ssw0rd12345",
        "qwertyuiop12", "123456789012", "abcdefghijkl", "changeme-1234!", "bo.larsen@example.net", "BoLarsen12345",
        "letmeinplease", "correct horse battery staple", "ababababababab", "PagerDuty2026",
    ],
)  # fmt: skip
def test_what_anybody_would_guess_is_refused(password: str) -> None:
    with pytest.raises(Refused):
        passwords.check(password, email="bo.larsen@example.net", name="Bo Larsen")


@pytest.mark.parametrize(
    "password", ["a quiet night for us", "tromlefisk-9-grå-sko", "xkq7 mz2 fw9p", "rolig vakt i natt"]
)
def test_a_sentence_is_good_enough(password: str) -> None:
    passwords.check(password, email="bo.larsen@example.net", name="Bo Larsen")


def test_only_the_right_password_fits_and_the_string_names_its_parameters() -> None:
    kept = passwords.hashed("a quiet night", SALT)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "quiet" not in kept
    assert passwords.matches("a quiet night", kept)
    assert not passwords.matches("a quiet nigh", kept)
    assert not passwords.matches("a" * 5000, kept)
    assert not passwords.outdated(kept)
    assert passwords.outdated(kept.replace("t=3", "t=2"))


def test_however_a_keyboard_composes_an_umlaut_it_is_the_same_password() -> None:
    assert passwords.matches("grüne Wiese nachts", passwords.hashed("gru\u0308ne Wiese nachts", SALT))


def test_a_damaged_or_unmatchable_hash_fits_nothing() -> None:
    assert not passwords.matches("a quiet night", passwords.unmatchable(SALT, b"x" * 32))
    for damaged in ("", "x", "$argon2id$v=19$m=65536,t=3,p=4$", "$2b$12$abcdefghijklmnopqrstuv"):
        assert not passwords.matches("a quiet night", damaged)


@given(some.lists(some.sampled_from(["a", "b"]), max_size=40))
def test_a_throttle_lets_through_as_many_failures_as_it_says(keys: list[str]) -> None:
    throttle = Throttle(3, 60.0)
    for key in keys:
        if throttle.wait_s(key, 10.0) == 0:
            throttle.failed(key, 10.0)
    for key in ("a", "b"):
        assert (throttle.wait_s(key, 10.0) == 60.0) == (keys.count(key) >= 3)
        assert throttle.wait_s(key, 70.0) == 0


def test_a_throttle_starts_anew_after_its_window_and_can_forget() -> None:
    throttle = Throttle(1, 60.0)
    throttle.failed("a", 0.0)
    assert throttle.wait_s("a", 59.0) == 1.0
    throttle.failed("a", 61.0)
    assert throttle.wait_s("a", 62.0) == 59.0
    throttle.forget("a")
    assert throttle.wait_s("a", 62.0) == 0


def test_a_throttle_cannot_be_made_to_fill_the_memory() -> None:
    throttle = Throttle(1, 60.0)
    for number in range(MOST_REMEMBERED + 10):
        throttle.failed(str(number), 0.0)
    assert throttle.wait_s("0", 1.0) == 0
    assert throttle.wait_s(str(MOST_REMEMBERED + 9), 1.0) > 0
