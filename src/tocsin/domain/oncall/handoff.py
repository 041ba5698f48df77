"""Hand-offs: who is told, and when, that somebody goes on call or off call, and in which words."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from tocsin.domain.paging.wording import moment
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import FIRST_PAGE_LATE

HandoffType = Literal["both", "oncall", "offcall"]
Direction = Literal["on", "off"]

HANDOFF_TYPES: Final[tuple[HandoffType, ...]] = ("both", "oncall", "offcall")
MOST_RULES: Final = 50  # of one user: every contact method with a few advances
LONGEST_ADVANCE: Final = timedelta(days=30)  # who hears of it earlier has forgotten it by then
LATEST: Final = FIRST_PAGE_LATE  # a hand-off longer ago is no news: the new turn is well under way
_MOST_NAMED = 3  # people or places named in one sentence; the rest is counted
_KEY = "handoff"
_KEY_PARTS = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HandoffRule(Struct, frozen=True):
    """By which contact method, and how long before, a person hears of going on or off call."""

    id: str
    user_id: str
    contact_method_id: str
    handoff_type: HandoffType
    advance: timedelta
    active_since: datetime

    def speaks_of(self, direction: Direction) -> bool:
        """Return whether the rule is for people who go this way."""
        return self.handoff_type in ("both", "oncall" if direction == "on" else "offcall")


class Passing(Struct, frozen=True):
    """One person going on call or off call in a schedule at an instant."""

    schedule_id: str
    user_id: str
    direction: Direction
    at: datetime


class Announcement(Struct, frozen=True):
    """A passing that a rule announces: `due_at` is when the person is to hear of it."""

    rule: HandoffRule
    passing: Passing
    due_at: datetime

    @property
    def key(self) -> str:
        """The name under which it is told once: passing and rule."""
        passing = self.passing
        second = (passing.at - _EPOCH) // timedelta(seconds=1)
        return f"{_KEY} {passing.schedule_id} {second} {passing.direction} {self.rule.id}"


class Told(Struct, frozen=True):
    """What an announcement's key says: the passing that was announced, and by which rule."""

    passing: Passing
    rule_id: str


class Handed(Struct, frozen=True):
    """What the words of an announcement need to know; the names are those of the people on call before and after."""

    schedule: str
    zone: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    until: datetime | None
    places: tuple[str, ...]


def checked_advance(minutes: int) -> timedelta:
    """Return how long before a hand-off the person is told; raise `Refused` (invalid) when that makes no sense."""
    most = LONGEST_ADVANCE // timedelta(minutes=1)
    if not 0 <= minutes <= most:
        raise Refused(Why.INVALID, f"Notify advance in minutes is between 0 and {most}.")
    return timedelta(minutes=minutes)


def checked_type(text: str) -> HandoffType:
    """Return the hand-off type; raise `Refused` (invalid) when it is not one."""
    if text not in HANDOFF_TYPES:
        raise Refused(Why.INVALID, "Handoff type is both, oncall or offcall.")
    return text


def passings(schedule_id: str, at: datetime, *, before: Collection[str], after: Collection[str]) -> tuple[Passing, ...]:
    """Return who goes on and who goes off call at an instant; whoever stays on call passes nothing."""
    going_on = (Passing(schedule_id, user_id, "on", at) for user_id in after if user_id not in before)
    going_off = (Passing(schedule_id, user_id, "off", at) for user_id in before if user_id not in after)
    return (*going_on, *going_off)


def announcements(passed: Iterable[Passing], rules: Mapping[str, Sequence[HandoffRule]]) -> tuple[Announcement, ...]:
    """Return what the rules, by user id, announce of these passings.

    What was to be told before its rule was there is left out: a new rule begins with what lies ahead of it.
    """
    found = [
        Announcement(rule, passing, passing.at - rule.advance)
        for passing in passed
        for rule in rules.get(passing.user_id, ())
        if rule.speaks_of(passing.direction) and passing.at - rule.advance >= rule.active_since
    ]
    return tuple(sorted(found, key=lambda each: (each.due_at, each.key)))


def told_by(user_id: str, key: str) -> Told | None:
    """Return what a notice's key told this person, or None when it is not the key of an announcement."""
    parts = key.split(" ")
    if len(parts) != _KEY_PARTS or parts[0] != _KEY or not parts[2].removeprefix("-").isdigit():
        return None
    at = _EPOCH + timedelta(seconds=int(parts[2]))
    direction: Direction = "on" if parts[3] == "on" else "off"
    return Told(Passing(parts[1], user_id, direction, at), parts[4])


def headline_of(passing: Passing, handed: Handed) -> str:
    """Return the sentence that says it all, with the time on the schedule's own clock."""
    return f"You go {passing.direction} call for {handed.schedule} at {_moment(passing.at, handed.zone)}"


def words_of(passing: Passing, handed: Handed, *, reader_zone: str) -> str:
    """Return what follows the headline: until when, for which policies, who was and who will be on call."""
    said = []
    reader = moment(passing.at, reader_zone)
    if reader != moment(passing.at, handed.zone):
        said.append(f"That is {reader} on your clock.")
    if passing.direction == "on":
        said.append(_until(handed))
        if handed.places:
            said.append(f"You are called by {_listed(handed.places)}.")
        leaving = [name for name in handed.before if name not in handed.after]
        if leaving:
            said.append(f"You take over from {_listed(leaving)}.")
    elif handed.after:
        said.append(f"On call then: {_listed(handed.after)}.")
    else:
        said.append("Nobody is on call in this schedule after you.")
    return " ".join(said)


def correction_of(headline: str) -> tuple[str, str]:
    """Return headline and words that take an announcement back."""
    sentence = headline[:1].lower() + headline[1:]
    return f"No longer so: {sentence}", "The schedule was changed after you were told. It shows who is on call now."


def _until(handed: Handed) -> str:
    return "There is no end in sight." if handed.until is None else f"Until {_moment(handed.until, handed.zone)}."


def _moment(at: datetime, zone: str) -> str:
    return f"{moment(at, zone)} ({zone})"


def _listed(names: Sequence[str]) -> str:
    named, further = names[:_MOST_NAMED], len(names) - _MOST_NAMED
    text = ", ".join(named)
    return f"{text} and {further} more" if further > 0 else text
