"""MIME: what was written is read back by an independent reader, and nothing breaks out of its header."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.wire.mime import Forms, compose

TEXT = some.text(some.characters(exclude_categories=["Cs"]), max_size=400)
LINE = some.text(some.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=160)


@given(TEXT, TEXT, LINE)
def test_what_was_written_is_read_back(plain: str, html: str, subject: str) -> None:
    subject = " ".join(subject.split())
    raw = compose([("Subject", subject), ("To", "a@b.c")], Forms(plain, html), boundary="=_x")
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail.get_content_type() == "multipart/alternative"
    assert mail["Subject"] == subject
    for kind, text in (("plain", plain), ("html", html)):
        part = mail.get_body((kind,))
        assert part is not None
        assert part.get_content().splitlines() == (text.splitlines() or [""])


@pytest.mark.parametrize(
    "header", [("Subject", "a\r\nBcc: b"), ("Subject", "a\nb"), ("A B", "c"), ("", "c"), ("A", "\0")]
)
def test_no_header_breaks_out(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="break out"):
        compose([header], Forms("", ""), boundary="=_x")


def test_a_boundary_cannot_occur_in_a_body() -> None:
    with pytest.raises(ValueError, match="boundary"):
        compose([], Forms("", ""), boundary="x")
    raw = compose([], Forms("--=_x--\r\n", "--=_x"), boundary="=_x")
    assert raw.count(b"--=_x") == 3
