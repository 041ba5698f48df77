"""Wording: the first line says it all, a repeat is marked everywhere, foreign text stays in its place."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.paging.letter import letter_text
from tocsin.domain.paging.message import BundleLine, Message, MessageKind
from tocsin.domain.paging.wording import headline, moment, plain_text, program_text, short

AT = datetime(2026, 11, 24, 2, 12, tzinfo=UTC)
LINES = tuple(
    BundleLine(number=n, title=f"Host {n} is down", service="Edge", urgency="high", url=f"https://tocsin.test/i/{n}")
    for n in (8, 9, 10)
)
PAGE = Message(
    kind="page", sent_at=AT, created_at=AT, incident_id="Q1", number=7, title="Disk full on db1", service="Payments",
    level=2, reason="Level 1 did not answer within 30 minutes.", url="https://tocsin.test/i/7",
    acknowledge_url="https://tocsin.test/answer/a", resolve_url="https://tocsin.test/answer/r",
    time_zone="Asia/Kathmandu", details=(("mount", "/var"), ("free", "1 %")),
)  # fmt: skip # a message reads better in rows
KINDS: tuple[MessageKind, ...] = ("page", "bundle", "digest", "status", "notice", "test")


def _message(kind: MessageKind) -> Message:
    several = kind in {"bundle", "digest"}
    return msgspec.structs.replace(
        PAGE, kind=kind, lines=LINES if several else (), total=7 if several else 0, status="acknowledged"
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("page", "[#7 high] Disk full on db1 · Payments"), ("status", "[#7 acknowledged] Disk full on db1 · Payments"),
        ("bundle", "[Storm] 7 more incidents: Host 8 is down, …"), ("test", "[Test] Tocsin can reach you here"),
        ("digest", "[Late] 7 incidents while the pager was down: Host 8 is down, …"),
        ("notice", "[Notice] Disk full on db1"),
    ],
)  # fmt: skip # a table reads better in rows
def test_the_first_line_says_it_all(kind: MessageKind, said: str) -> None:
    assert headline(_message(kind)) == said


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeat_is_marked_in_every_form(kind: MessageKind) -> None:
    for mark, repeats in ((True, True), (False, False)):
        message = msgspec.structs.replace(_message(kind), may_repeat=mark)
        words = letter_text(message)
        forms = (headline(message), short(message), words.subject, words.plain, words.html)
        assert [("may repeat" in form) for form in forms] == [repeats] * len(forms)
        assert msgspec.json.decode(program_text(message, "k"))["may_repeat"] is repeats


@given(some.text(max_size=2000), some.sampled_from(KINDS), some.booleans())
def test_foreign_text_never_makes_a_second_line(text: str, kind: MessageKind, mark: bool) -> None:  # noqa: FBT001 - hypothesis draws it
    message = msgspec.structs.replace(_message(kind), title=text, service=text, may_repeat=mark)
    line = headline(message)
    assert len(line.splitlines()) == 1
    assert len(line) <= 160
    assert line.startswith("[")
    assert not set(line) & set("\x00\r\n\u202e\u2066\u200f\x1b")
    line.encode()
    letter_text(message).html.encode()


@given(some.text(max_size=500), some.integers(80, 1600))
def test_a_short_text_keeps_its_link_whole(text: str, longest: int) -> None:
    said = short(msgspec.structs.replace(PAGE, title=text, reason=text), longest)
    assert said.endswith("\nAcknowledge: https://tocsin.test/answer/a")
    assert len(said) <= max(longest, 41 + 42)


@given(some.text(max_size=300))
def test_html_shows_foreign_text_as_text(text: str) -> None:
    marked = f"<b onclick=x>{text}</td>\"'&"
    message = msgspec.structs.replace(PAGE, title=marked, reason=marked, details=((marked, marked),))
    page = letter_text(message).html
    assert "<b onclick" not in page
    assert page.count("</td>") == letter_text(PAGE).html.count("</td>") - 2


def test_times_are_the_readers() -> None:
    assert moment(AT, "Europe/Berlin") == "Tue 24 Nov 2026, 03:12 CET"
    assert moment(AT, "Asia/Kathmandu") == "Tue 24 Nov 2026, 07:57 +0545"
    assert moment(AT, "America/Los_Angeles") == "Mon 23 Nov 2026, 18:12 PST"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "\x00"])
def test_an_unknown_zone_is_shown_as_utc(zone: str) -> None:
    assert moment(AT, zone) == "Tue 24 Nov 2026, 02:12 UTC"


def test_a_page_without_a_title_still_says_so() -> None:
    assert headline(msgspec.structs.replace(PAGE, title=" \n ")) == "[#7 high] (no title) · Payments"


def test_one_incident_is_not_incidents() -> None:
    one = msgspec.structs.replace(_message("digest"), total=1, lines=LINES[:1])
    assert headline(one) == "[Late] 1 incident while the pager was down: Host 8 is down"


def test_the_letter_gives_both_answers_and_the_reason() -> None:
    words = letter_text(PAGE)
    links = ("https://tocsin.test/answer/a", "https://tocsin.test/answer/r", "https://tocsin.test/i/7")
    told = (*links, "Level 1 did not answer within 30 minutes.", "level 2", "07:57 +0545", "mount", "1 %")
    for text in (words.plain, words.html):
        missing = [said for said in told if said not in text]
        assert missing == []
    assert words.plain.startswith("Disk full on db1\n\nA high urgency incident on Payments needs you, level 2.\n")


def test_a_program_gets_the_facts_under_stable_names() -> None:
    said = msgspec.json.decode(
        program_text(msgspec.structs.replace(PAGE, body={"service_id": "P1", "id": "no"}), "k-1")
    )
    assert said["delivery"] == "k-1"
    assert said["incident"]["id"] == "Q1"
    assert said["incident"]["service_id"] == "P1"
    assert said["incident"]["created_at"] == "2026-11-24T02:12:00Z"
    assert said["incident"]["details"][0] == {"name": "mount", "value": "/var"}
    assert said["links"] == {"acknowledge": PAGE.acknowledge_url, "resolve": PAGE.resolve_url}


def test_a_notice_asks_for_nothing_and_reaches_programs_under_a_name_of_its_own() -> None:
    notice = Message(
        kind="notice", sent_at=AT, title="You go on call for Edge at noon", reason="Until Monday.", urgency="low",
        url="https://tocsin.test/s/1", body={"kind": "handoff"},
    )  # fmt: skip # a message reads better in rows
    words = letter_text(notice)
    assert words.plain.startswith("You go on call for Edge at noon\n\nUntil Monday.\nThis is a notice")
    assert "Acknowledge" not in words.html
    assert short(notice) == "[Notice] You go on call for Edge at noon\nUntil Monday.\nhttps://tocsin.test/s/1"
    said = msgspec.json.decode(program_text(notice, "k-1"))
    told = {"kind": "handoff", "title": notice.title, "text": notice.reason, "url": notice.url}
    assert (said["incident"], said["notice"]) == (None, told)
    assert "notice" not in msgspec.json.decode(program_text(PAGE, "k-1"))


def test_foreign_text_is_cut_with_a_sign() -> None:
    assert plain_text("abcdef", 4) == "abc…"
