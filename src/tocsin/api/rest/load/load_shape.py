"""Load on the wire: hours and pages by kind, weights, and shares, for people, schedules and teams."""

from collections.abc import Mapping

from tocsin.api.kit import Call, Shown
from tocsin.api.rest.load.sheet import Cell
from tocsin.domain.oncall.hours import KINDS
from tocsin.domain.oncall.load import Line, Weights, weighted_hours
from tocsin.store.load.gather import PersonRow

_HOUR_S = 3600
_DECIMALS = 4

COLUMNS = (
    "schedule_id",
    "schedule",
    "user_id",
    "user",
    *(f"hours_{kind}" for kind in KINDS),
    "hours",
    "weighted_hours",
    "shifts",
    "weekends",
    "nights",
    "longest_run_of_nights",
    *(f"pages_{kind}" for kind in KINDS),
    "pages",
    "weighted_pages",
    "load",
    "share",
    "fair_share",
)


def show_line(line: Line, everything: int) -> Shown:
    """Return what came together; `everything` is the load that shares are parts of."""
    return {
        "hours": {kind: _hours(line.seconds[kind]) for kind in KINDS},
        "total_hours": _hours(sum(line.seconds.values())),
        "weighted_hours": weighted_hours(line.weighted_time),
        "pages": {kind: line.pages[kind] for kind in KINDS},
        "total_pages": sum(line.pages.values()),
        "weighted_pages": weighted_hours(line.weighted_pages),
        "shifts": line.shifts,
        "load": weighted_hours(line.load),
        "share": _share(line.load, everything),
    }


def show_person(call: Call, person: PersonRow, line: Line, everything: int) -> Shown:
    """Return the line of one person."""
    return {
        "user": show_user(call, person),
        **show_line(line, everything),
        "weekends": len(line.weekends),
        "nights": len(line.nights),
        "longest_run_of_nights": line.longest_nights,
        "fair_share": _share(line.fair, everything),
    }


def cells(schedule: tuple[str, str], person: PersonRow, line: Line, everything: int) -> tuple[Cell, ...]:
    """Return the line of one person as a row of `COLUMNS`; `schedule` is its id and name."""
    return (
        *schedule,
        person.id,
        person.name,
        *(_hours(line.seconds[kind]) for kind in KINDS),
        _hours(sum(line.seconds.values())),
        weighted_hours(line.weighted_time),
        line.shifts,
        len(line.weekends),
        len(line.nights),
        line.longest_nights,
        *(line.pages[kind] for kind in KINDS),
        sum(line.pages.values()),
        weighted_hours(line.weighted_pages),
        weighted_hours(line.load),
        _share(line.load, everything),
        _share(line.fair, everything),
    )


def show_user(call: Call, person: PersonRow) -> Shown:
    """Return a reference to a person, who may be deleted."""
    return call.links.reference("user", person.id, person.name, deleted=person.deleted_at is not None)


def show_weights(weights: Weights) -> Shown:
    """Return weights as numbers."""
    return {**{kind: float(weights.of(kind)) for kind in KINDS}, "page_minutes": weights.page_minutes}


def by_name(people: Mapping[str, PersonRow], user_id: str) -> tuple[str, str]:
    """Return by what people are put in order."""
    return people[user_id].name.lower(), user_id


def _hours(seconds: int) -> float:
    return round(seconds / _HOUR_S, _DECIMALS)


def _share(load: float, everything: int) -> float:
    return round(load / everything, _DECIMALS) if everything else 0.0
