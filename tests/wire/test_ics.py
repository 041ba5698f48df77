"""Calendars as text: what is read of those that tools write, what is refused, and that ours can be read by others."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from tocsin.ground import clock
from tocsin.ground.errors import Refused, Why
from tocsin.wire.ics import LONGEST_CALENDAR, decoded
from tocsin.wire.ics_feed import LONGEST_LINE, FeedEntry, etag, uid, written
from tocsin.wire.ics_reader import MOST_ENTRIES, days, entries
from tocsin.wire.read_apart import PATIENCE_S, Apart

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Acme//Cal//EN\r\n"
TAIL = "END:VCALENDAR\r\n"


def event(*lines: str, name: str = "one@acme") -> str:
    """Return one entry with these lines."""
    inner = [f"UID:{name}", "DTSTAMP:20260101T000000Z", *lines]
    return "".join(f"{line}\r\n" for line in ["BEGIN:VEVENT", *inner, "END:VEVENT"])


def calendar(*events: str) -> str:
    """Return a calendar with these entries."""
    return HEAD + "".join(events) + TAIL


def spans(text: str, zone: str = "Europe/Berlin") -> list[tuple[str, str]]:
    """Return the stretches of a calendar in short."""
    return [(f"{each.start:%d.%m. %H:%M}", f"{each.end:%d.%m. %H:%M}") for each in entries(text, zone, SINCE, UNTIL)]


WEEKLY = event(
    "DTSTART;TZID=Europe/Berlin:20260316T090000",
    "DTEND;TZID=Europe/Berlin:20260323T090000",
    "RRULE:FREQ=WEEKLY;COUNT=3",
    "SUMMARY:Ada Lovelace",
)


def test_a_rotation_keeps_its_hour_when_the_clocks_change() -> None:
    assert spans(calendar(WEEKLY)) == [
        ("16.03. 08:00", "23.03. 08:00"),
        ("23.03. 08:00", "30.03. 07:00"),
        ("30.03. 07:00", "06.04. 07:00"),
    ]


def test_an_exception_and_a_moved_occurrence_hold() -> None:
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000",
        "DTSTART;TZID=Europe/Berlin:20260331T120000",
        "DTEND;TZID=Europe/Berlin:20260401T120000",
        "SUMMARY:Bo",
    )
    without = WEEKLY.replace("SUMMARY:", "EXDATE;TZID=Europe/Berlin:20260323T090000\r\nSUMMARY:")
    read = entries(calendar(without, moved), "Europe/Berlin", SINCE, UNTIL)
    assert [(f"{each.start:%d.%m. %H:%M}", each.summary) for each in read] == [
        ("16.03. 08:00", "Ada Lovelace"),
        ("31.03. 10:00", "Bo"),
    ]
    assert [each.key for each in read] == ["one@acme 20260316T080000Z", "one@acme 20260330T070000Z"]


def test_an_entry_that_stands_alone_keeps_its_name_when_it_moves() -> None:
    first, second = (
        event(f"DTSTART:202603{day}T090000Z", f"DTEND:202603{day}T170000Z", "SUMMARY:Ada") for day in ("02", "03")
    )
    assert [each.key for text in (first, second) for each in entries(calendar(text), "UTC", SINCE, UNTIL)] == [
        "one@acme",
        "one@acme",
    ]


@pytest.mark.parametrize(
    ("lines", "zone", "found"),
    [
        (["DTSTART;VALUE=DATE:20260302"], "Europe/Berlin", [("01.03. 23:00", "02.03. 23:00")]),
        (["DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260304"], "UTC", [("02.03. 00:00", "04.03. 00:00")]),
        # The day on which the clocks go forward has 23 hours.
        (["DTSTART;VALUE=DATE:20260329"], "Europe/Berlin", [("28.03. 23:00", "29.03. 22:00")]),
        # In Cairo the clocks go forward at midnight: the day begins at one.
        (["DTSTART;VALUE=DATE:20260424"], "Africa/Cairo", [("23.04. 22:00", "24.04. 21:00")]),
        (["DTSTART:20260302T090000", "DTEND:20260302T170000"], "America/New_York", [("02.03. 14:00", "02.03. 22:00")]),
        (["DTSTART:20260302T090000Z", "DURATION:PT8H"], "America/New_York", [("02.03. 09:00", "02.03. 17:00")]),
        (["DTSTART:20260302T090000Z", "DTEND:20260302T090000Z"], "UTC", []),
        (["DTSTART:20260302T090000Z", "DTEND:20260302T170000Z", "STATUS:CANCELLED"], "UTC", []),
        (["DTSTART:20250302T090000Z", "DTEND:20250302T170000Z"], "UTC", []),
    ],
)
def test_days_and_hours(lines: list[str], zone: str, found: list[tuple[str, str]]) -> None:
    assert spans(calendar(event(*lines)), zone) == found


def test_a_windows_zone_and_a_zone_of_its_own_are_known() -> None:
    own = (
        "BEGIN:VTIMEZONE\r\nTZID:Ours\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0300\r\n"
        "TZOFFSETTO:+0300\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    ours = event("DTSTART;TZID=Ours:20260302T090000", "DTEND;TZID=Ours:20260302T100000")
    theirs = event(
        "DTSTART;TZID=W. Europe Standard Time:20260302T090000",
        "DTEND;TZID=W. Europe Standard Time:20260302T100000",
        name="two@acme",
    )
    assert spans(HEAD + own + ours + theirs + TAIL, "UTC") == [
        ("02.03. 06:00", "02.03. 07:00"),
        ("02.03. 08:00", "02.03. 09:00"),
    ]


def test_every_hint_at_a_person_is_read() -> None:
    text = calendar(
        event(
            "DTSTART:20260302T090000Z",
            "DTEND:20260302T170000Z",
            "SUMMARY:Night\\, primary",
            "DESCRIPTION:call Bo.Ek@acme.example or\\nbo.ek@ACME.example",
            "ORGANIZER;CN=Boss:MAILTO:boss@acme.example",
            "ATTENDEE;CN=Ada:mailto:Ada@acme.example",
            "ATTENDEE;PARTSTAT=DECLINED:mailto:cy@acme.example",
            "ATTENDEE:https://acme.example/rooms/1",
        )
    )
    (read,) = entries(text, "UTC", SINCE, UNTIL)
    assert (read.summary, read.attendees, read.mentioned, read.organizer) == (
        "Night, primary",
        ("ada@acme.example",),
        ("bo.ek@acme.example",),
        "boss@acme.example",
    )


def test_whole_days_of_a_holiday_calendar() -> None:
    text = calendar(
        event("DTSTART;VALUE=DATE:20251225", "RRULE:FREQ=YEARLY", "SUMMARY:Christmas"),
        event("DTSTART;VALUE=DATE:20260403", "DTEND;VALUE=DATE:20260407", "SUMMARY:Easter", name="two@acme"),
        event("DTSTART:20260501T100000Z", "DTEND:20260501T110000Z", "SUMMARY:Speech", name="three@acme"),
    )
    assert days(text, date(2026, 4, 4), date(2028, 1, 1)) == [
        (date(2026, 4, 4), "Easter"),
        (date(2026, 4, 5), "Easter"),
        (date(2026, 4, 6), "Easter"),
        (date(2026, 12, 25), "Christmas"),
        (date(2027, 12, 25), "Christmas"),
    ]


HOUR = ("DTSTART:20260101T000000Z", "DTEND:20260101T010000Z")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (calendar(event(*HOUR, "RRULE:FREQ=SECONDLY")), "each second"),
        (calendar(event("DTSTART:19700101T000000Z", "RRULE:FREQ=MINUTELY;COUNT=5")), "each second or minute"),
        (calendar(event("DTSTART:00010101T000000Z", "DURATION:PT1H", "RRULE:FREQ=HOURLY")), "too long"),
        (calendar(event(*HOUR, "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31")), "too long"),
        (calendar(event(*HOUR, "RRULE:FREQ=HOURLY;BYMINUTE=0,20,40")), f"more than {MOST_ENTRIES}"),
        (calendar(event(*HOUR, "RRULE:FREQ=DAILY;COUNT=99999999999999999999")), "cannot be read"),
        (calendar(event(*HOUR, "RRULE:FREQ=DAILY;INTERVAL=0")), "by a number"),
        (calendar(event("SUMMARY:x")), "no DTSTART"),
        (calendar(event("DTSTART;TZID=Mars/Base:20260101T000000", "SUMMARY:x")), "time zone 'Mars/Base'"),
        (calendar(event("DTSTART:yesterday", "SUMMARY:x")), "DTSTART"),
        (HEAD + "BEGIN:VEVENT\r\n" * 50_000 + "END:VEVENT\r\n" * 50_000 + TAIL, "deep"),
        (HEAD + "X-A:b\r\n" * 210_000 + TAIL, "lines"),
        (HEAD + "hello\r\n" + TAIL, "cannot be read"),
        (HEAD + "BEGIN:VEVENT\r\n", "cannot be read"),
    ],
)
async def test_a_hostile_calendar_is_refused_in_words_within_seconds(text: str, says: str) -> None:
    began = clock.seconds()
    with pytest.raises(Refused, match=says) as refused:
        await Apart().entries(text, "UTC", SINCE, UNTIL)
    assert refused.value.why is Why.INVALID
    assert clock.seconds() - began < PATIENCE_S + 5


async def test_reading_apart_finds_the_same_and_is_bounded() -> None:
    text, apart = calendar(WEEKLY), Apart(most=1)
    reading = asyncio.create_task(apart.entries(text, "Europe/Berlin", SINCE, UNTIL))
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="try again") as refused:
        await apart.days(text, SINCE.date(), UNTIL.date())
    assert refused.value.why is Why.UNAVAILABLE
    assert await reading == entries(text, "Europe/Berlin", SINCE, UNTIL)
    holiday = calendar(event("DTSTART;VALUE=DATE:20260101", "SUMMARY:New Year"))
    assert list(await apart.days(holiday, SINCE.date(), UNTIL.date())) == [(date(2026, 1, 1), "New Year")]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"x" * (LONGEST_CALENDAR + 1), Why.TOO_LARGE),
        (calendar(event("SUMMARY:\u00e9")).encode("latin-1"), Why.INVALID),
        (calendar().encode("utf-16"), Why.INVALID),
        (b"<!doctype html><title>Log in</title>", Why.INVALID),
        (b"", Why.INVALID),
    ],
)
def test_what_is_no_calendar_is_refused(raw: bytes, why: Why) -> None:
    with pytest.raises(Refused) as refused:
        decoded(raw)
    assert refused.value.why is why


def test_a_mark_at_the_beginning_and_a_null_are_read_over() -> None:
    assert decoded(b"\xef\xbb\xbf" + calendar(event("SUMMARY:a\0b")).encode()).count("\ufffd") == 1


# ---------------------------------------------------------------- what we write

_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)
_SECONDS = st.integers(1_577_836_800, 2_208_988_800).map(lambda second: datetime.fromtimestamp(second, UTC))


@st.composite
def feeds(draw: st.DrawFn) -> list[FeedEntry]:
    """Draw the entries of a feed."""
    starts = draw(st.lists(_SECONDS, max_size=5))
    return [
        FeedEntry(
            uid=uid(str(number)),
            start=start,
            end=start + timedelta(seconds=draw(st.integers(1, 10**7))),
            summary=draw(_TEXTS),
            description=draw(_TEXTS),
            revision=draw(st.integers(0, 10**6)),
            changed_at=draw(_SECONDS),
        )
        for number, start in enumerate(starts)
    ]


def _unescaped(text: str) -> str:
    """Return a text of RFC 5545 as it is meant; the library knows this property from RFC 7986 not yet."""
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], text)


def _plain(texts: Sequence[str]) -> list[str]:
    return [text.replace("\u2028", "\n").replace("\u2029", "\n") for text in texts]


@given(_TEXTS, feeds())
def test_a_feed_reads_back_as_it_was(name: str, told: list[FeedEntry]) -> None:
    raw = written(name, told)
    lines = raw.split(b"\r\n")
    assert lines[-1] == b""
    assert all(len(line) <= LONGEST_LINE and b"\r" not in line and b"\n" not in line for line in lines)
    for line in lines:
        line.decode()
    read = Calendar.from_ical(raw.decode())
    assert isinstance(read, Calendar)
    assert [_unescaped(str(read["NAME"]))] == _plain([name])
    events: list[Any] = read.walk("VEVENT")  # icalendar's union of all value types tells a checker nothing
    assert [(e["DTSTART"].dt, e["DTEND"].dt) for e in events] == [(each.start, each.end) for each in told]
    assert [str(e["SUMMARY"]) for e in events] == _plain([each.summary for each in told])
    assert [str(e["DESCRIPTION"]) for e in events] == _plain([each.description for each in told])
    assert [(e["LAST-MODIFIED"].dt, int(e["SEQUENCE"])) for e in events] == [
        (each.changed_at, each.revision) for each in told
    ]


def test_an_entry_cannot_break_out_of_its_line() -> None:
    ugly = "a\r\nEND:VEVENT\r\nBEGIN:VALARM\x00;,\\"
    entry = FeedEntry(uid=uid("x"), start=SINCE, end=UNTIL, summary=ugly, url="https://a\r\nX:y", changed_at=SINCE)
    raw = written(ugly, [entry])
    assert raw.count(b"END:VEVENT\r\n") == 1
    assert b"BEGIN:VALARM\r\n" not in raw
    assert b"\r\nX:y" not in raw


def test_the_tag_follows_the_bytes() -> None:
    assert etag(b"a") == etag(b"a") != etag(b"b")
    assert etag(b"a").startswith('"')
