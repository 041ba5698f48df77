"""Whatever an event says, it is read back: from a request, through what is kept, to the answer, and round again."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from tests.api.rest.rotations.rotation_room import user
from tests.api.rest.service_desk import Json, text
from tocsin.api.kit import Links
from tocsin.api.rest.rotations.body import EventBody, coming_event, new_event
from tocsin.api.rest.rotations.shape import show_event
from tocsin.domain.oncall.schedule import Layer, Pattern, Schedule
from tocsin.store.schedules.document import read, written

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LINKS = Links("https://acme.tocsin.example")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Etc/UTC")
RULES = ("RRULE:FREQ=WEEKLY;INTERVAL=3", "rrule:freq=monthly;bymonthday=1", "RRULE:FREQ=YEARLY;COUNT=4")
DATES = ("EXDATE:20300101T000000Z", "RDATE;VALUE=DATE:20300105", "RDATE;TZID=Asia/Tokyo:20300106T090000")
NAMES = some.text("abcdefghijklmnopqrstuvwxyzäß-_0123456789", min_size=1, max_size=255)

SECONDS = some.integers(0, 10 * 366 * 86_400)


@some.composite
def _events(draw: some.DrawFn) -> Json:
    """An event that is to come, written with instants, such as clients write it."""
    zone = draw(some.sampled_from(ZONES))
    start = NOW + timedelta(seconds=draw(SECONDS))
    end = start + timedelta(seconds=draw(some.integers(7_200, 15 * 86_400)))
    since = NOW + timedelta(seconds=draw(SECONDS))
    until = draw(some.none() | some.integers(1, 86_400 * 366).map(lambda seconds: since + timedelta(seconds=seconds)))
    members = draw(some.lists(some.none() | some.sampled_from(("PA", "PB", "PC")), min_size=1, max_size=20))
    strategy: Json = {"type": "every_member_assignment_strategy"}
    if draw(some.booleans()):
        each = draw(some.integers(1, 9))
        strategy = {"type": "rotating_member_assignment_strategy", "shifts_per_member": each}
    return {
        "name": draw(NAMES),
        "start_time": {"date_time": _instant(start), "time_zone": zone},
        "end_time": {"date_time": _instant(end), "time_zone": zone},
        "effective_since": _instant(since),
        "effective_until": None if until is None else _instant(until),
        "recurrence": [draw(some.sampled_from(RULES)), *draw(some.lists(some.sampled_from(DATES), unique=True))],
        "assignment_strategy": {**strategy, "members": [user(member) for member in members]},
    }


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _made(body: Json) -> Pattern:
    return new_event(msgspec.convert(body, EventBody), NOW)


def _kept(pattern: Pattern) -> Pattern:
    """Return an event as it comes back from the database."""
    layer = Layer(id="L", name="Layer 1", patterns=(pattern,))
    schedule = Schedule(id="S", name="S", time_zone="Etc/UTC", stacked=False, layers=(layer,))
    return read(written(schedule)).layers[0].patterns[0]


def _twice_on_the_wall(body: Json) -> bool:
    """Say whether an instant of an event is one whose wall time had come an hour before: the wall cannot tell them."""
    for name in ("start_time", "end_time"):
        place = body[name]
        assert isinstance(place, dict)
        local = datetime.fromisoformat(text(place["date_time"])).astimezone(ZoneInfo(text(place["time_zone"])))
        if local.fold:
            return True
    return False


def _has_no_fault(body: Json) -> bool:
    try:
        _made(body)
    except Exception as refused:  # noqa: BLE001 - whatever it is, the message decides
        return "must take place" not in str(refused) and "before it recurs" not in str(refused)
    return True


@given(_events().filter(lambda body: _has_no_fault(body) and not _twice_on_the_wall(body)))
def test_an_event_is_read_back_as_it_was_written(body: Json) -> None:
    pattern = _made(body)
    kept = _kept(pattern)
    assert kept == pattern
    shown = show_event("S", "L", kept, LINKS)
    assert {name: shown[name] for name in body} == body
    again = coming_event(msgspec.convert(shown, EventBody), kept, NOW)
    assert again == pattern, "what was answered may be sent back"


@given(_events().filter(_has_no_fault))
def test_an_answer_sent_back_is_answered_the_same(body: Json) -> None:
    shown = show_event("S", "L", _kept(_made(body)), LINKS)
    body = {name: shown[name] for name in body}
    assert show_event("S", "L", _made(body), LINKS) | {"id": "", "self": ""} == shown | {"id": "", "self": ""}
