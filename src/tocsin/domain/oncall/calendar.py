"""Calendars from elsewhere: whose shift an entry is, and which entries nobody here answers to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta

from msgspec import Struct

from tocsin.domain.oncall.schedule import ToldShift
from tocsin.ground.text import squash, trim

BEFORE = timedelta(days=31)  # how much of the past is read: what last month's lists and pay look back on
AHEAD = timedelta(days=400)  # how much of the future is read: a year and a month, as far as people plan
LONGEST_KEY = 200  # characters of an entry's key; a UID is a line of text and this is more than tools write
LONGEST_TEXT = 200  # characters of an entry's text in the list of what did not match
MOST_UNMATCHED = 100  # different texts that are listed; more of them say that the whole map is missing


class Entry(Struct, frozen=True, kw_only=True):
    """One occurrence in a calendar: when, and every hint at whose it is.

    `key` names it, the same whenever the calendar is read. Addresses are in lower case and in the calendar's order.
    """

    key: str
    start: datetime
    end: datetime
    summary: str = ""
    attendees: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    organizer: str | None = None


class Known(Struct, frozen=True):
    """A person whom an entry may mean."""

    id: str
    name: str
    email: str


class Unmatched(Struct, frozen=True):
    """A text in a calendar that leads to nobody, and how many entries carry it."""

    text: str
    count: int


class Matched(Struct, frozen=True):
    """The shifts that a calendar tells, and the texts that lead to nobody, the most frequent first."""

    told: tuple[ToldShift, ...]
    unmatched: tuple[Unmatched, ...]


def window(now: datetime) -> tuple[datetime, datetime]:
    """Return the stretch in which a calendar is read at this instant, on whole weeks of UTC.

    It moves once a week, so that a calendar in which nothing changed tells the same shifts for a week.
    """
    return _monday(now - BEFORE), _monday(now + AHEAD) + timedelta(weeks=1)


def match(entries: Sequence[Entry], people: Sequence[Known], by_summary: Mapping[str, str]) -> Matched:
    """Return who is on call by these entries; `by_summary` maps the text of an entry to a user's id.

    An entry belongs to its attendees, else to whoever its text names by e-mail address, else to whom the map says,
    else to the one person whose full name is its summary, else to its organizer. The organizer comes last, because
    calendars name whoever typed the entry. What leads to nobody tells no shift, so that the layers below hold.
    """
    finder = _Finder(people, by_summary)
    told: dict[tuple[str, str], ToldShift] = {}
    missing: Counter[str] = Counter()
    for entry in entries:
        found = finder.whose(entry)
        if not found:
            missing[trim(squash(entry.summary), LONGEST_TEXT) or "(an entry without a text)"] += 1
        for user_id in found:
            key = entry.key if len(found) == 1 else f"{entry.key} {user_id}"
            told[key, user_id] = ToldShift(key=key, start=entry.start, end=entry.end, user_id=user_id)
    shifts = sorted(told.values(), key=lambda shift: (shift.start, shift.end, shift.key))
    most = sorted(missing.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_UNMATCHED]
    return Matched(tuple(shifts), tuple(Unmatched(text, count) for text, count in most))


def addresses(entries: Sequence[Entry]) -> frozenset[str]:
    """Return every e-mail address that the entries hold."""
    found: set[str] = set()
    for entry in entries:
        found.update(entry.attendees, entry.mentioned, (entry.organizer,) if entry.organizer else ())
    return frozenset(found)


def summaries(entries: Sequence[Entry]) -> frozenset[str]:
    """Return every summary that may be somebody's name, in small letters, to look for people by."""
    return frozenset(squash(entry.summary).lower() for entry in entries if entry.summary)


def spelling(text: str) -> str:
    """Return a text as names and summaries are compared: one space between words, and no capitals."""
    return squash(text).casefold()


class _Finder:
    """Knows people by address, by the map, and by a name that only one of them has."""

    def __init__(self, people: Sequence[Known], by_summary: Mapping[str, str]) -> None:
        alive = {person.id for person in people}
        names = Counter(spelling(person.name) for person in people)
        self._by_email = {person.email.lower(): person.id for person in people}
        self._by_map = {spelling(text): user_id for text, user_id in by_summary.items() if user_id in alive}
        self._by_name = {spelling(person.name): person.id for person in people if names[spelling(person.name)] == 1}

    def whose(self, entry: Entry) -> tuple[str, ...]:
        """Return the ids of the people that an entry puts on call, each once."""
        text = spelling(entry.summary)
        organizer = () if entry.organizer is None else (entry.organizer,)
        return (
            self._at(entry.attendees)
            or self._at(entry.mentioned)
            or _one(self._by_map.get(text))
            or _one(self._by_name.get(text))
            or self._at(organizer)
        )

    def _at(self, emails: Sequence[str]) -> tuple[str, ...]:
        found = (self._by_email.get(email.lower()) for email in emails)
        return tuple(dict.fromkeys(user_id for user_id in found if user_id is not None))


def _one(user_id: str | None) -> tuple[str, ...]:
    return () if user_id is None else (user_id,)


def _monday(at: datetime) -> datetime:
    day = at.date() - timedelta(days=at.weekday())
    return datetime.combine(day, time(), at.tzinfo)
