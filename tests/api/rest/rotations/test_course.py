"""What is over of a schedule of rotations is kept, but not for ever: its versions keep the rest."""

from datetime import UTC, datetime, timedelta

from tocsin.api.rest.rotations.course import (
    MOST_OVER,
    fresh_name,
    open_rows,
    present,
    rotations_of,
    standing,
    with_layer,
    with_pattern,
    without_layer,
    without_pattern,
)
from tocsin.domain.oncall.schedule import Everyone, Layer, Pattern, Schedule

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def pattern(key: str, since: datetime, until: datetime | None = None) -> Pattern:
    return Pattern(
        id=key,
        name=key,
        time_zone="Etc/UTC",
        begin_on=NOW.date(),
        begin_time=NOW.time(),
        length_s=3600,
        recurrence=("RRULE:FREQ=DAILY",),
        effective_since=since,
        effective_until=until,
        members=("PANN",),
        turns=Everyone(),
    )


def schedule(*layers: Layer) -> Schedule:
    return Schedule(id="S", name="S", time_zone="Etc/UTC", stacked=False, layers=layers)


def test_an_event_is_over_from_the_instant_at_which_it_ends() -> None:
    event = pattern("A", NOW, NOW + HOUR)
    instants = (NOW - HOUR, NOW, NOW + HOUR - timedelta(seconds=1), NOW + HOUR)
    assert [standing(event, at) for at in instants] == ["coming", "active", "active", "over"]


def test_old_events_make_room_and_present_ones_never() -> None:
    layer = Layer(id="L", name="Layer 1", patterns=(pattern("stays", NOW - HOUR),))
    for number in range(MOST_OVER + 9):
        at = NOW + number * HOUR
        layer = with_pattern(layer, pattern(f"{number}", at - HOUR / 2), at)
        layer = without_pattern(layer, next(one for one in layer.patterns if one.id == f"{number}"), at)
    end = NOW + 999 * HOUR
    assert [one.id for one in present(layer, end)] == ["stays"]
    assert [one.id for one in layer.patterns] == ["stays", *(f"{number}" for number in range(9, MOST_OVER + 9))]


def test_deleted_rotations_keep_what_has_been_and_make_room() -> None:
    kept = schedule(Layer(id="stays", name="Layer 1"), Layer(id="fed", name="Ours", calendar_id="C"))
    for number in range(MOST_OVER + 3):
        layer = Layer(id=f"{number}", name=fresh_name(kept), patterns=(pattern("A", NOW - HOUR), pattern("B", NOW)))
        kept = without_layer(with_layer(kept, layer), layer, NOW)
    assert [layer.id for layer in rotations_of(kept)] == ["stays"]
    assert [layer.id for layer in open_rows(kept)] == ["stays", "fed"]
    past = [layer for layer in kept.layers if layer not in open_rows(kept)]
    assert [layer.id for layer in past] == [f"{number}" for number in range(3, MOST_OVER + 3)]
    assert {one.id for layer in past for one in layer.patterns} == {"A"}, "what would begin now never was"
    assert len({layer.name for layer in kept.layers}) == len(kept.layers)


def test_a_rotation_of_which_nothing_has_been_leaves_nothing() -> None:
    layer = Layer(id="L", name="Layer 1", patterns=(pattern("A", NOW + HOUR),))
    assert without_layer(schedule(layer), layer, NOW).layers == ()
