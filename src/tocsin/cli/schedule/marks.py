"""Marks: the one letter by which a person is drawn, their own initial where it is free."""

from collections.abc import Iterable, Iterator
from string import ascii_lowercase, ascii_uppercase, digits
from unicodedata import east_asian_width

from tocsin.cli.schedule.picture import Person

CROWD = "*"  # more people than there are marks share this one


def marks_of(people: Iterable[Person]) -> dict[str, str]:
    """Return the mark of each person by id; nobody shares one as long as there are enough."""
    marks: dict[str, str] = {}
    for person in people:
        taken = set(marks.values())
        marks[person.id] = next((mark for mark in _wished(person.name) if mark not in taken), CROWD)
    return marks


def _wished(name: str) -> Iterator[str]:
    """Yield the marks for a name, the best first: initials, other letters of it, then whatever is left."""
    words = name.split()
    yield from _letters(word[0] for word in words)
    yield from _letters(letter for word in words for letter in word[1:])
    yield from ascii_uppercase + digits + ascii_lowercase


def _letters(letters: Iterable[str]) -> Iterator[str]:
    """Yield capital letters that are one column wide."""
    for letter in letters:
        capital = letter.upper()
        if len(capital) == 1 and capital.isalpha() and east_asian_width(capital) not in {"W", "F"}:
            yield capital
