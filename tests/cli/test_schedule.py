"""A picture of a schedule shows every gap, every person and every clock change, however narrow it is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.cli.ending import Ended
from tocsin.cli.schedule.axis import axis_of
from tocsin.cli.schedule.drawing import drawn, plain
from tocsin.cli.schedule.lanes import BESIDE, EMPTY, GAP, OFF, lanes_of
from tocsin.cli.schedule.marks import CROWD, marks_of
from tocsin.cli.schedule.moment import day_of, days_after, midnight_of, moment_of, told
from tocsin.cli.schedule.paint import paint
from tocsin.cli.schedule.picture import Person, Picture, Row, Stint, balance
from tocsin.cli.screen import Screen

BERLIN = ZoneInfo("Europe/Berlin")
ADA, BO = Person("P1", "Ada"), Person("P2", "Bo Brandt")
AN_HOUR = timedelta(hours=1)
MONDAY = datetime(2027, 3, 8, tzinfo=BERLIN).astimezone(UTC)


def hours(start: float, end: float, person: Person) -> Stint:
    """Return a stint of a person, in hours after Monday."""
    return Stint(MONDAY + start * AN_HOUR, MONDAY + end * AN_HOUR, person)


def picture(
    *stints: Stint, days: int = 2, since: datetime = MONDAY, now: float = -1, off: tuple[float, ...] = ()
) -> Picture:
    """Return a picture with a final row only; `off` are the two ends of its off-hours."""
    last = since.astimezone(BERLIN).date() + timedelta(days=days)
    return Picture(
        title="Web",
        zone=BERLIN,
        since=since,
        until=midnight_of(last, BERLIN),
        now=MONDAY + now * AN_HOUR,
        rows=(),
        final=Row("Final", stints),
        off_hours=tuple((MONDAY + a * AN_HOUR, MONDAY + b * AN_HOUR) for a, b in zip(off[::2], off[1::2], strict=True)),
    )


def row(of: Picture, name: str, width: int = 80) -> str:
    """Return what a row of a drawing shows."""
    line = next(line for line in map(plain, drawn(of, width)) if line.startswith(f"{name} "))
    return line.removeprefix(name).strip()


def test_people_gaps_and_off_hours_are_drawn_to_scale() -> None:
    week = picture(hours(0, 9, ADA), hours(9, 30, BO), hours(33, 48, ADA), off=(30, 32))
    assert row(week, "Final") == "A" * 9 + "B" * 21 + OFF * 2 + GAP + "A" * 15
    told_lines = "\n".join(map(plain, drawn(week, 80)))
    assert f"A Ada 24 h   B Bo Brandt 21 h   {GAP} nobody 1 h   {OFF} off by design 2 h" in told_lines
    assert f"{GAP} Tue 9 Mar 08:00 CET → Tue 9 Mar 09:00 CET: nobody, 1 h" in told_lines


def test_a_gap_of_a_minute_is_seen_in_a_month() -> None:
    month = picture(hours(0, 100, ADA), hours(100 + 1 / 60, 31 * 24, ADA), days=31)
    assert row(month, "Final").count(GAP) == 1
    assert f"{GAP} nobody 1 min" in "\n".join(map(plain, drawn(month, 80)))


def test_a_short_shift_between_long_ones_is_seen() -> None:
    month = picture(hours(0, 100, ADA), hours(100, 101, BO), hours(101, 31 * 24, ADA), days=31)
    assert row(month, "Final").count("B") == 1


def test_people_who_are_on_call_at_once_have_lines_of_their_own() -> None:
    both = picture(hours(0, 30, ADA), hours(20, 40, BO), hours(30, 48, ADA))
    lines = lanes_of(both.final, axis_of((both.since, both.until), BERLIN, 60))
    assert len(lines) == 2
    assert {cell.person.name if isinstance(cell, Stint) else cell for cell in lines[0]} == {"Ada"}
    assert lines[1].count(BESIDE) == 28


@pytest.mark.parametrize(
    ("day", "columns", "mark"),
    [(date(2027, 3, 27), 47, "»"), (date(2027, 10, 30), 49, "«"), (date(2027, 6, 1), 48, None)],
)
def test_days_are_as_wide_as_they_are_long(day: date, columns: int, mark: str | None) -> None:
    since = midnight_of(day, BERLIN)
    lines = [plain(line) for line in drawn(picture(since=since), 80)]
    assert next(line for line in lines if line.startswith("Final")).count(GAP) == columns
    assert any(mark in line for line in lines) if mark else not any("«" in line or "»" in line for line in lines)


def test_the_present_is_marked_with_who_is_on_call() -> None:
    lines = [plain(line) for line in drawn(picture(hours(0, 9, ADA), hours(9, 60, BO), now=20), 80)]
    assert "now: Bo Brandt until Wed 10 Mar 12:00 CET · one column is 1 h" in lines
    assert any(line.strip() == "▲ now, Mon 20:00" and line.index("▲") == 27 for line in lines)
    assert "now: nobody" in plain(drawn(picture(now=1), 80)[1])
    assert "at least" in plain(drawn(picture(hours(0, 48, ADA), now=47), 80)[1])
    assert any(line.endswith("now, Tue 23:00 ▲") for line in map(plain, drawn(picture(now=47), 80)))


def test_people_have_colours_on_a_terminal_unless_none_are_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of = picture(hours(0, 9, ADA), hours(9, 47, BO))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "70")
    paint(Screen("table"), of)
    assert f"\x1b[36m{'A' * 9}\x1b[0m\x1b[35m{'B' * 38}\x1b[0m\x1b[1;31m{GAP}" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    paint(Screen("table"), of)
    assert f"{'A' * 9}{'B' * 38}" in capsys.readouterr().out


@given(days=some.integers(1, 366), width=some.integers(40, 250), start=some.integers(0, 8_000))
def test_a_picture_is_never_wider_than_there_is_room(days: int, width: int, start: int) -> None:
    since = midnight_of(date(2020, 1, 1) + timedelta(days=start), BERLIN)
    stints = (Stint(since, since + 5 * AN_HOUR, ADA), Stint(since + 9 * AN_HOUR, since + 900 * AN_HOUR, BO))
    of = picture(*stints, days=days, since=since)
    axis = axis_of((of.since, of.until), BERLIN, width)
    assert axis.columns <= width
    assert sum((end - begin for begin, end in map(axis.stretch, range(axis.columns))), timedelta()) == of.until - since
    notes = ("«", "»", GAP)
    assert all(len(line) <= width for line in map(plain, drawn(of, width)) if not line.startswith(notes))


@given(some.lists(some.text(min_size=1, max_size=9), max_size=80, unique=True))
def test_marks_are_one_column_wide_and_not_shared(names: list[str]) -> None:
    marks = marks_of([Person(f"P{number}", name) for number, name in enumerate(names)])
    own = [mark for mark in marks.values() if mark != CROWD]
    assert len(own) == len(set(own)) >= min(len(names), 62)
    assert all(len(mark) == 1 and mark not in {EMPTY, GAP, OFF} for mark in own)


def test_an_initial_is_the_first_choice() -> None:
    people = [Person(str(number), name) for number, name in enumerate(("Ada", "Ann Bell", "Anna", "千尋", "Zoë Å"))]
    assert list(marks_of(people).values()) == ["A", "B", "N", "C", "Z"]


def test_hours_before_and_after_are_compared() -> None:
    before, after = picture(hours(0, 48, ADA)), picture(hours(0, 10, ADA), hours(10, 24, BO), hours(24, 48, ADA))
    assert balance(before, after, (before.since, before.until)) == ((ADA, 48, 34), (BO, 0, 14))


NOON = datetime(2027, 3, 10, 11, tzinfo=UTC)  # a Wednesday, twelve in Berlin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2027-03-10T12:00+01:00"),
        ("today 18:00", "2027-03-10T18:00+01:00"),
        ("tonight 03:00", "2027-03-11T03:00+01:00"),
        ("tomorrow 9:00", "2027-03-11T09:00+01:00"),
        ("Mon 09:00", "2027-03-15T09:00+01:00"),
        ("wednesday 11:00", "2027-03-17T11:00+01:00"),
        ("wed 13:00", "2027-03-10T13:00+01:00"),
        ("2027-03-28T02:30", "2027-03-28T03:00+02:00"),
        ("2027-10-31 02:30", "2027-10-31T02:30+02:00"),
        ("2027-03-28T02:30Z", "2027-03-28T04:30+02:00"),
        ("+90m", "2027-03-10T13:30+01:00"),
    ],
)
def test_instants_are_read_on_the_clocks_of_the_schedule(text: str, expected: str) -> None:
    assert moment_of(text, BERLIN, NOON) == datetime.fromisoformat(expected)


def test_the_end_counts_from_the_beginning() -> None:
    start = moment_of("fri 18:00", BERLIN, NOON)
    assert told(start, BERLIN) == "Fri 12 Mar 2027 18:00 CET"
    assert told(moment_of("mon 09:00", BERLIN, NOON, after=start + 3 * 24 * AN_HOUR), BERLIN)[4:10] == "22 Mar"
    assert moment_of("+14h", BERLIN, NOON, after=start) - start == 14 * AN_HOUR


@pytest.mark.parametrize("text", ["soon", "mon", "today 24:00", "today 9", "month 09:00", "2027-13-01", ""])
def test_what_is_no_instant_is_told(text: str) -> None:
    with pytest.raises(Ended, match="Write"):
        moment_of(text, BERLIN, NOON)


def test_spans_are_days_weeks_and_months_of_the_calendar() -> None:
    first = date(2027, 1, 31)
    assert days_after(first, "3d") == date(2027, 2, 3)
    assert days_after(first, "2w") == date(2027, 2, 14)
    assert days_after(first, "1m") == date(2027, 2, 28)
    assert days_after(date(2027, 11, 30), "3m") == date(2028, 2, 29)
    for wrong in ("0d", "3", "2y", "53w", "13m"):
        with pytest.raises(Ended):
            days_after(first, wrong)
    assert [day_of(text, BERLIN, NOON).day for text in ("today", "tomorrow", "wed", "tue", "2027-03-28")] == [
        10, 11, 10, 16, 28,
    ]  # fmt: skip # one line of days beside one line of words
    for wrong in ("1969-12-31", "today 10:00", "28.3."):
        with pytest.raises(Ended):
            day_of(wrong, BERLIN, NOON)
