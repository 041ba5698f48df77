"""What people are told about cover: who asks, who took it, who gave it back, and what no longer fits."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from tocsin.domain.oncall.cover import Drift, Given, Piece, hull
from tocsin.domain.oncall.stretches import Stretch
from tocsin.domain.paging.wording import moment
from tocsin.store.covers.people import PersonRow, name_of
from tocsin.store.covers.requests import CoverRow
from tocsin.store.notices import Notice

KIND = "cover"
PAGE = "/app/cover"  # the page of requests and swaps; a request is a place on it
_UTC = "Etc/UTC"
_MOST_NAMED = 3  # people of one sentence; the rest is counted

People = Mapping[str, PersonRow]


def page_of(cover_id: str) -> str:
    """Return the path of the page that shows a request."""
    return f"{PAGE}/{cover_id}"


def asking(row: CoverRow, people: People, now: datetime) -> list[Notice]:
    """Tell everybody who was asked."""
    asker = name_of(people, row.asker_id)
    made = []
    for asked in row.people_asked():
        zone = zone_of(people, asked.user_id)
        text = f"{asker} asks whether you take {_what(row, zone)}."
        if row.return_pieces:
            text += f" In return {asker} takes {_returned(row, zone)}."
        if row.note:
            text += f" {asker} writes: {row.note}"
        if len(row.asked) > 1:
            text += " The first one who accepts has it."
        made.append(_notice(row, asked.user_id, "asked", now, said=(f"{asker} asks for cover", text)))
    return made


def accepted(row: CoverRow, people: People, now: datetime) -> list[Notice]:
    """Tell the asker who took it."""
    taker = name_of(people, row.taker_id)
    zone = zone_of(people, row.asker_id)
    text = f"{taker} is on call in your place: {_what(row, zone)}."
    if row.return_pieces:
        text += f" You take {_returned(row, zone)} in return."
    return [_notice(row, row.asker_id, "accepted", now, said=(f"{taker} covers for you", text))]


def declined(row: CoverRow, people: People, now: datetime) -> list[Notice]:
    """Tell the asker that everybody who was asked has declined."""
    text = f"Nobody takes {_what(row, zone_of(people, row.asker_id))}: you are still on call then."
    return [_notice(row, row.asker_id, "declined", now, said=("Nobody could cover for you", text))]


def withdrawn(row: CoverRow, people: People, now: datetime, *, by: str | None) -> list[Notice]:
    """Tell both sides of an accepted cover that it is over, except whoever ended it."""
    made = []
    for user_id in sides(row):
        if user_id == by:
            continue
        what = _what(row, zone_of(people, user_id))
        text = f"{name_of(people, row.taker_id)} no longer covers for {name_of(people, row.asker_id)}: {what}."
        text += " From now on the schedule says again who is on call."
        made.append(_notice(row, user_id, "withdrawn", now, said=("A cover has ended", text)))
    return made


def conflicting(row: CoverRow, people: People, now: datetime, *, faults: Iterable[str]) -> list[Notice]:
    """Tell both sides that the schedule has moved away under their cover, and what to do."""
    made = []
    for user_id in sides(row):
        what = _what(row, zone_of(people, user_id))
        if row.taker_id is None:
            ending = "Withdraw your request and ask anew."
        else:
            ending = f"{name_of(people, row.taker_id)} stays on call until somebody keeps or withdraws the cover."
        text = f"The schedule was changed under the cover of {what}. {' '.join(faults)} {ending}"
        made.append(_notice(row, user_id, f"conflict {now:%Y%m%d%H%M%S}", now, said=("A cover no longer fits", text)))
    return made


def drift_sentences(drifts: Iterable[Drift], people: People, zones: Mapping[str, str]) -> tuple[str, ...]:
    """Say where people no longer have the turns that a cover is about; `zones` are those of the schedules, by id."""
    found = []
    for drift in drifts:
        zone = zones.get(drift.piece.schedule_id, _UTC)
        others = sorted({name_of(people, shift.user_id) for shift in drift.instead})
        who = _named(others) if others else "nobody"
        found.append(
            f"{name_of(people, drift.piece.user_id)} no longer has this turn"
            f" {span((drift.start, drift.end), zone)}; the schedule has {who} there."
        )
    return tuple(dict.fromkeys(found))


def unheld_sentences(given: Iterable[Given], people: People, zones: Mapping[str, str]) -> tuple[str, ...]:
    """Say which stretches of a cover no override gives any more."""
    return tuple(
        f"The override that gave {name_of(people, each.user_id)} the time"
        f" {span((each.piece.start, each.piece.end), zones.get(each.piece.schedule_id, _UTC))}"
        " was changed or removed."
        for each in given
    )


def sides(row: CoverRow) -> tuple[str, ...]:
    """Return the asker, and the taker when there is one."""
    return (row.asker_id,) if row.taker_id is None else (row.asker_id, row.taker_id)


def span(stretch: Stretch, zone: str) -> str:
    """Return a stretch as a reader's clock shows it."""
    return f"from {moment(stretch[0], zone)} to {moment(stretch[1], zone)}"


def zone_of(people: People, user_id: str) -> str:
    """Return the zone of somebody's clock."""
    person = people.get(user_id)
    return person.time_zone if person is not None else _UTC


def _what(row: CoverRow, zone: str) -> str:
    return _told(row.schedule_name or row.schedule_id, row.given_up(), zone)


def _returned(row: CoverRow, zone: str) -> str:
    return _told(row.return_schedule_name or row.return_schedule_id or "", row.in_return(), zone)


def _told(name: str, pieces: tuple[Piece, ...], zone: str) -> str:
    turns = f" ({len(pieces)} turns)" if len(pieces) > 1 else ""
    return f"{name} {span(hull(pieces), zone)}{turns}"


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown


def _notice(row: CoverRow, user_id: str, what: str, now: datetime, *, said: tuple[str, str]) -> Notice:
    title, text = said
    return Notice(
        user_id=user_id,
        kind=KIND,
        key=f"{KIND} {row.id} {what}",
        due_at=now,
        title=title,
        text=text,
        url_path=page_of(row.id),
        valid_until=row.over_at,
    )
