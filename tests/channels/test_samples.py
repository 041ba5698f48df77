"""Samples: the recorded messages of each kind, as a receiver of webhooks and a reader of mail get them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tocsin.domain.paging.letter import letter_text
from tocsin.domain.paging.message import BundleLine, Message
from tocsin.domain.paging.wording import program_text

FOLDER = Path(__file__).parents[2] / "samples" / "channels"
AT = datetime(2026, 11, 24, 2, 12, tzinfo=UTC)
URL = "https://tocsin.example/incidents"
LINES = tuple(
    BundleLine(number=number, title=title, service="Checkout", urgency="high", url=f"{URL}/{number}")
    for number, title in ((43, "Payment queue is not drained"), (44, "5xx above 2 % on checkout-2"))
)
PAGE = Message(
    kind="page", sent_at=AT, created_at=AT - timedelta(seconds=1), incident_id="Q1E7WQ2MM0AB3C", number=42,
    title="Disk full on db1", service="Checkout", level=1, reason="You are on call for Checkout, level 1.",
    time_zone="Europe/Berlin", url=f"{URL}/Q1E7WQ2MM0AB3C", details=(("mountpoint", "/var"), ("free", "1 %")),
    acknowledge_url="https://tocsin.example/answer/1acknowledge", resolve_url="https://tocsin.example/answer/1resolve",
)  # fmt: skip # a message reads better in rows
SEVERAL = Message(
    kind="bundle", sent_at=AT, time_zone="Europe/Berlin", url=URL, lines=LINES, total=7,
    reason="More than 30 letters a minute would reach you.",
)  # fmt: skip # a message reads better in rows
MESSAGES = {
    "page": PAGE,
    "page_may_repeat": msgspec.structs.replace(PAGE, may_repeat=True),
    "status": msgspec.structs.replace(
        PAGE, kind="status", status="acknowledged", reason="Ada acknowledged it.", acknowledge_url=None
    ),
    "bundle": SEVERAL,
    "digest": msgspec.structs.replace(SEVERAL, kind="digest", total=2, reason="These began between 01:40 and 02:10."),
    "notice": Message(
        kind="notice",
        sent_at=AT,
        time_zone="Europe/Berlin",
        urgency="low",
        url="https://tocsin.example/app/schedules/P1",
        title="You go on call for Platform at Tue 24 Nov 2026, 09:00 CET (Europe/Berlin)",
        body={"kind": "handoff"},
        reason="Until Tue 1 Dec 2026, 09:00 CET (Europe/Berlin). You are called by level 1 of Night.",
    ),
    "test": Message(kind="test", sent_at=AT, time_zone="Europe/Berlin", reason="Ada asked for this test."),
}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_webhook_receives_what_was_recorded(name: str) -> None:
    said = msgspec.json.format(program_text(MESSAGES[name], "0f3c-1"), indent=2).decode() + "\n"
    recorded = FOLDER / "webhook" / f"{name}.json"
    assert said == recorded.read_text(encoding="utf-8"), f"Look at the difference, then record it in {recorded.name}."


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_letter_reads_as_was_recorded(name: str) -> None:
    words = letter_text(MESSAGES[name])
    recorded = FOLDER / "email" / f"{name}.txt"
    said = f"Subject: {words.subject}\n\n{words.plain}"
    assert said == recorded.read_text(encoding="utf-8"), f"Look at the difference, then record it in {recorded.name}."
