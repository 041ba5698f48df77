"""Calendars from elsewhere: each way in which an entry leads to a person, and what leads to nobody."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.oncall.calendar import AHEAD, BEFORE, Entry, Known, Unmatched, match, window

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
PEOPLE = (
    Known(id="PADA", name="Ada Lovelace", email="Ada@acme.example"),
    Known(id="PBO", name="Bo Ek", email="bo@acme.example"),
    Known(id="PBO2", name="bo  ek", email="bo.ek@acme.example"),
    Known(id="PCY", name="Cy", email="cy@acme.example"),
)


def _entry(
    summary: str = "",
    *,
    attendees: tuple[str, ...] = (),
    mentioned: tuple[str, ...] = (),
    organizer: str | None = None,
    key: str = "one@acme",
) -> Entry:
    return Entry(
        key=key,
        start=NINE,
        end=NINE + timedelta(hours=8),
        summary=summary,
        attendees=attendees,
        mentioned=mentioned,
        organizer=organizer,
    )


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (_entry("Night", attendees=("ada@acme.example",)), ["PADA"]),
        (_entry("Night", attendees=("ADA@ACME.example",)), ["PADA"]),
        (_entry("Night", attendees=("ada@acme.example", "bo@acme.example")), ["PADA", "PBO"]),
        (_entry("Night", attendees=("ada@acme.example", "room@acme.example")), ["PADA"]),
        (_entry("Ada Lovelace", attendees=("cy@acme.example",)), ["PCY"]),
        (_entry("ask cy@acme.example", mentioned=("cy@acme.example",)), ["PCY"]),
        (_entry("Primary"), ["PBO"]),
        (_entry("  primary "), ["PBO"]),
        (_entry("Ada Lovelace"), ["PADA"]),
        (_entry("ADA   lovelace"), ["PADA"]),
        (_entry("Ada Lovelace on call"), []),
        (_entry("Bo Ek"), []),
        (_entry("Somebody gone"), []),
        (_entry("Nobody", organizer="ada@acme.example"), ["PADA"]),
        (_entry("Cy", organizer="ada@acme.example"), ["PCY"]),
        (_entry("Primary", organizer="ada@acme.example"), ["PBO"]),
        (_entry("Night", attendees=("room@acme.example",), organizer="cy@acme.example"), ["PCY"]),
    ],
)
def test_each_way_to_a_person(entry: Entry, found: list[str]) -> None:
    """Attendees first, then an address in the text, the map, a name that one person has, and the organizer last."""
    matched = match([entry], PEOPLE, {"Primary": "PBO", "Somebody gone": "PGONE"})
    assert sorted(shift.user_id or "" for shift in matched.told) == found
    assert bool(matched.unmatched) is not bool(found)


def test_what_leads_to_nobody_is_counted() -> None:
    entries = [_entry("Zoe", key=str(n)) for n in range(3)] + [_entry(""), _entry("Bo Ek"), _entry("Cy", key="c")]
    matched = match(entries, PEOPLE, {})
    assert matched.unmatched == (Unmatched("Zoe", 3), Unmatched("(an entry without a text)", 1), Unmatched("Bo Ek", 1))
    assert [shift.user_id for shift in matched.told] == ["PCY"]


def test_people_who_share_an_entry_have_shifts_of_their_own() -> None:
    both = match([_entry(attendees=("bo@acme.example", "ada@acme.example"))], PEOPLE, {}).told
    assert [(shift.key, shift.user_id) for shift in both] == [("one@acme PADA", "PADA"), ("one@acme PBO", "PBO")]
    assert [shift.key for shift in match([_entry("Cy")], PEOPLE, {}).told] == ["one@acme"]


@given(
    st.lists(st.sampled_from([_entry("Cy", key=str(n)) for n in range(5)]), max_size=12),
    st.permutations(PEOPLE),
)
def test_order_and_repetition_change_nothing(entries: list[Entry], people: list[Known]) -> None:
    once = match(sorted(set(entries), key=lambda entry: entry.key), PEOPLE, {})
    again = match(entries, people, {})
    assert again.told == once.told


@given(st.integers(1_577_836_800, 2_208_988_800))
def test_the_window_moves_once_a_week_and_is_never_too_small(second: int) -> None:
    now = datetime.fromtimestamp(second, UTC)
    since, until = window(now)
    assert since <= now - BEFORE
    assert until > now + AHEAD
    assert (since.weekday(), until.weekday()) == (0, 0)
    assert window(now + timedelta(weeks=1)) == (since + timedelta(weeks=1), until + timedelta(weeks=1))
    assert window(since + BEFORE + timedelta(days=6, hours=23))[0] == since
