"""Signatures: made as PagerDuty's receivers expect, checked without a hint, for one secret or two."""

import pytest

from tocsin.wire.signature import genuine, secrets_of, sign


def test_the_form_is_the_documented_one() -> None:
    # RFC 4231 has no one-line case with a short key in this form: this value comes from OpenSSL.
    made = sign(b"The quick brown fox jumps over the lazy dog", [b"key"])
    assert made == "v1=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"


def test_two_secrets_make_two_signatures_and_either_is_enough() -> None:
    header = sign(b"{}", [b"new", b"old"])
    assert header.count("v1=") == 2
    assert genuine(b"{}", header, [b"old"])
    assert genuine(b"{}", header, [b"new"])
    assert not genuine(b"{}", header, [b"other"])
    assert not genuine(b"{ }", header, [b"new", b"old"])


@pytest.mark.parametrize("header", ["", "v1=", "v0=abc", "ünïcödé", "\ud800", ",,,", "v1=" + "0" * 64, "v1," * 1000])
def test_a_header_that_is_none_is_merely_wrong(header: str) -> None:
    assert not genuine(b"{}", header, [b"key"])


def test_no_secret_makes_nothing_genuine() -> None:
    assert not genuine(b"{}", sign(b"{}", []), [])


def test_secrets_are_separated_by_spaces() -> None:
    assert secrets_of(None) == ()
    assert secrets_of("") == ()
    assert secrets_of("new old") == (b"new", b"old")
